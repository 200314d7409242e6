"""The first start and the first visit: this server's own actor, and its administrator."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from datetime import datetime

from forum import access, accounts
from forum.errors import Conflict, Invalid, NotAllowed
from forum.keypairs import Keypair, add_proof_keys, new_keypair
from forum.policy import MODES
from forum.site import Site
from forum.text import Rendered
from storage import actors, keys
from storage import site as sites
from storage.actors import Actor
from storage.db import Connection
from storage.ids import new_id
from storage.keys import NewKey
from storage.sessions import Member

SIGNUPS = ("open", "approval", "invitation", "closed")
AGES = range(13, 22)
QUESTION_LENGTH = 500

# Parts of words: whoever sees a handle or a link of such a domain learns what its owner has.
DISEASE_WORDS = (
    "addison", "alzheimer", "amyloid", "aneurysm", "arthritis", "asthma", "ataxia", "autism",
    "autoimmun", "bipolar", "cancer", "carcinom", "celiac", "coeliac", "colitis",
    "crohn", "cushing", "cystic", "dementia", "depression", "diabet", "disease", "disorder",
    "duchenne", "dystonia", "dystroph", "eczema", "ehlers", "endometrio", "epilep", "fabry",
    "fibromyalgia", "fibrosis", "gaucher", "glaucoma", "glioma", "haemo", "hemophil", "hepatit",
    "herpes", "huntington", "hypoplasia", "illness", "ichthyosis", "krankheit", "krebs",
    "leukaemia", "leukemia", "lupus", "lymphom", "maladie", "marfan", "melanom", "migraine",
    "multiplesclerosis", "myalgi", "myasthenia", "myelom", "myopath", "narcolep", "neurofibrom",
    "neuropath", "oncolog", "osteogenesis", "parkinson", "phenylketonuria", "pompe", "porphyria",
    "psoriasis", "retinitis", "sarcoid", "sarcom", "schizo", "sclerose", "sclerosis", "sicklecell",
    "spinabifida", "stroke", "syndrom", "thalass", "tourette", "tuberous", "tumor", "tumour",
    "vasculit",
)  # fmt: skip

# Too short to look for inside other words ("archive").
DISEASE_LABELS = frozenset({"aids", "als", "copd", "hiv", "ibd", "mcas", "mecfs", "pots"})


async def ensure_site(
    conn: Connection, site: Site, now: datetime, *, keypair: Keypair | None = None
) -> None:
    """Store the origin, make this server's own actor, and keys that somebody lacks. Every start
    may call it.

    Raises Conflict when people already have addresses under another origin: other servers know
    them by those, and nothing can tell the world that they moved.
    """
    row = await sites.lock_site(conn)
    own = await actors.read_by_uri_unfiltered(conn, site.instance_uri)
    if row.origin == site.origin and own is not None:
        await add_proof_keys(conn, site)
        return
    if row.origin is not None and row.origin != site.origin:
        if await actors.has_local(conn):
            raise Conflict("origin_changed")
        await actors.move_instance_actor(
            conn,
            uri=site.instance_uri,
            host=site.host,
            url=site.origin,
            inbox=site.shared_inbox,
            key_uri=f"{site.instance_uri}#main-key",
        )
    elif own is None:
        await _make_instance_actor(conn, site, keypair or await new_keypair(), now)
    await sites.set_origin(conn, site.origin)


async def issue_setup_token(conn: Connection) -> str | None:
    """A new one-time token for the first visit, which ends earlier ones; None once set up."""
    row = await sites.lock_site(conn)
    if row.set_up_at is not None:
        return None
    token = secrets.token_urlsafe(24)
    await sites.set_setup_token_hash(conn, _hash(token))
    return token


async def is_setup_token(conn: Connection, token: str) -> bool:
    """Whether the token opens the first visit."""
    stored = await sites.read_setup_token_hash(conn)
    return stored is not None and hmac.compare_digest(stored, _hash(token))


async def complete_setup(
    conn: Connection,
    site: Site,
    *,
    token: str,
    title: str,
    contact: str,
    signup: str,
    federation_mode: str,
    name: str,
    password_hash: str,
    keypair: Keypair,
    now: datetime,
) -> Actor:
    """Answer the questions of the first visit and make the administrator, once."""
    row = await sites.lock_site(conn)
    if row.set_up_at is not None:
        raise Conflict("already_set_up")
    if not await is_setup_token(conn, token):
        raise NotAllowed("bad_setup_token")
    check_site_facts(title=title, contact=contact, signup=signup, federation_mode=federation_mode)
    await sites.set_up(
        conn,
        title=title.strip(),
        contact=contact.strip(),
        signup=signup,
        federation_mode=federation_mode,
        now=now,
    )
    return await accounts.create_account(
        conn,
        site,
        name=name,
        password_hash=password_hash,
        keypair=keypair,
        role="admin",
        now=now,
    )


async def change_signup(
    conn: Connection, admin: Member, *, question: str, minimum_age: int
) -> None:
    """What whoever makes an account is asked, and how old they must be at least."""
    access.require_may_administer(admin)
    if len(question.strip()) > QUESTION_LENGTH:
        raise Invalid("too_long", field="question")
    if minimum_age not in AGES:
        raise Invalid("number_range", field="minimum_age")
    await sites.set_signup(conn, question.strip(), minimum_age)


async def change_facts(
    conn: Connection, admin: Member, *, title: str, contact: str, signup: str, about: Rendered
) -> None:
    """Change what the server says of itself, and who can make an account."""
    access.require_may_administer(admin)
    check_site_facts(title=title, contact=contact, signup=signup, federation_mode=MODES[0])
    await sites.set_facts(conn, title=title.strip(), contact=contact.strip(), signup=signup)
    await sites.set_about(conn, about.source, about.html)


def check_site_facts(*, title: str, contact: str, signup: str, federation_mode: str) -> None:
    """Raises Invalid for the first answer that is none."""
    if not 1 <= len(title.strip()) <= 100:
        raise Invalid("bad_title", field="title")
    if not 1 <= len(contact.strip()) <= 200:
        raise Invalid("bad_contact", field="contact")
    if signup not in SIGNUPS:
        raise Invalid("choose", field="signup")
    if federation_mode not in MODES:
        raise Invalid("choose", field="federation_mode")


def names_a_disease(domain: str) -> str | None:
    """The word in a domain that tells what the people there have, or None."""
    domain = domain.lower()
    plain = domain.replace("-", "")
    labels = re.split(r"[-.:]", domain)
    inside = (word for word in DISEASE_WORDS if word in plain)
    return next(inside, None) or next((word for word in labels if word in DISEASE_LABELS), None)


async def _make_instance_actor(
    conn: Connection, site: Site, keypair: Keypair, now: datetime
) -> None:
    actor = Actor(
        id=new_id(now),
        uri=site.instance_uri,
        kind="instance",
        type="Application",
        host=site.host,
        is_local=True,
        name=site.host,
        display_name="",
        summary_html="",
        url=site.origin,
        inbox=site.shared_inbox,
        shared_inbox=site.shared_inbox,
        followers=None,
        state="live",
    )
    if not await actors.insert(conn, actor):
        raise Conflict("name_taken")
    uri = f"{site.instance_uri}#main-key"
    own = NewKey(uri, actor.id, keypair.public_pem, keypair.private_pem, "rsa")
    await keys.add_own(conn, [own])


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
