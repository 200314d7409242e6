"""Makes real rows, through the use cases where that is cheap. Time moves with every call."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count

from forum import consents
from forum.accounts import create_account
from forum.communities import Answers, create_community, store_remote_community
from forum.keypairs import make_keypair
from forum.setup import ensure_site
from forum.site import Site
from forum.text import Draft, PollDraft, Rendered
from forum.threads import Origin, reply, start_thread
from storage import actors, communities, keys, memberships
from storage import site as sites
from storage.actors import Actor
from storage.communities import Community
from storage.db import Connection
from storage.ids import new_id
from storage.memberships import Membership
from storage.sessions import Member
from storage.threads import Post

SITE = Site("https://here.test")
START = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)

# One pair for everybody: making one takes longer than most tests.
KEYPAIR = make_keypair()

PASSWORD = "a long enough one"
# The hash of PASSWORD, made with the parameters of forum/passwords.py.
PASSWORD_HASH = (
    "$argon2id$v=19$m=19456,t=2,p=1$"
    "jxif5OhcCFfAjJ7xSxRhUA$PFgg+rQsrXnrgaJbD/TdLNZ0W0bvDk9URa1y37l+G9c"
)

_numbers = count(1)


def tick() -> datetime:
    """A moment after every one handed out before."""
    return START + timedelta(milliseconds=20 * next(_numbers))


def far_future() -> datetime:
    return START + timedelta(days=3650)


async def make_site(
    conn: Connection, *, site: Site = SITE, mode: str = "open", signup: str = "open"
) -> None:
    """This server with its own actor, set up."""
    await ensure_site(conn, site, tick(), keypair=KEYPAIR)
    await sites.set_up(
        conn,
        title="Here",
        contact="help@here.test",
        signup=signup,
        federation_mode=mode,
        now=tick(),
    )


async def make_person(
    conn: Connection,
    name: str | None = None,
    *,
    site: Site = SITE,
    role: str = "member",
    state: str = "open",
) -> Actor:
    """A person of this server who can sign in with PASSWORD, and agreed that posts travel."""
    person = await create_account(
        conn,
        site,
        name=name or f"person_{next(_numbers)}",
        password_hash=PASSWORD_HASH,
        keypair=KEYPAIR,
        role=role,
        state=state,
        now=tick(),
    )
    await consents.give(conn, person.id, "federation", now=tick())
    return person


def member_of(actor: Actor, *, role: str = "member", state: str = "open") -> Member:
    """The person as somebody who is signed in."""
    return Member(actor.id, actor.name, actor.display_name, role, "en", state)


async def make_admin(conn: Connection, *, site: Site = SITE) -> Member:
    return member_of(await make_person(conn, site=site, role="admin"), role="admin")


async def make_remote_person(
    conn: Connection, *, host: str = "there.test", name: str | None = None
) -> Actor:
    """A person of another server, with a known key."""
    return await _remote_actor(conn, host, name or f"remote_{next(_numbers)}", "person", "Person")


async def make_community(
    conn: Connection,
    owner: Actor | None = None,
    *,
    site: Site = SITE,
    name: str | None = None,
    title: str = "Marfan together",
    readers: str = "anyone",
    travels: str | None = None,
    listed: bool = False,
    indexed: bool = False,
    joining: str = "open",
    hosts: tuple[str, ...] = (),
    condition: str | None = None,
) -> Community:
    """A community of this server: public and travelling anywhere, unless told otherwise."""
    if travels is None:
        travels = "named" if hosts else "anywhere" if readers == "anyone" else "nowhere"
    return await create_community(
        conn,
        site,
        owner,
        name=name or f"community_{next(_numbers)}",
        title=title,
        description=Rendered("For us.", "<p>For us.</p>"),
        questions=["What brings you here?"] if joining == "apply" else [],
        answers=Answers(readers, travels, listed, indexed, joining, hosts),
        condition=condition,
        keypair=KEYPAIR,
        now=tick(),
    )


async def make_remote_community(
    conn: Connection,
    *,
    host: str = "there.test",
    name: str | None = None,
    readers: str = "anyone",
    listed: bool = True,
    joining: str = "open",
) -> Community:
    """A community of another server, as it is known here."""
    actor = await _remote_actor(
        conn, host, name or f"community_{next(_numbers)}", "community", "Group"
    )
    return await store_remote_community(
        conn,
        actor,
        readers=readers,
        listed=listed,
        joining=joining,
        description_html="<p>For them.</p>",
        condition=None,
        now=tick(),
    )


async def join(
    conn: Connection,
    community: Community,
    actor: Actor,
    *,
    state: str = "accepted",
    role: str = "member",
    follow_uri: str | None = None,
    follow_body: str | None = None,
) -> Membership:
    """A standing, whatever the community would say to it."""
    wanted = Membership(community.id, actor.id, state, role, [], follow_uri, follow_body, None, "")
    entered = await memberships.enter(conn, wanted, tick(), unless=())
    assert entered is not None
    return entered


async def make_moderator(
    conn: Connection, community: Community, actor: Actor | None = None, *, site: Site = SITE
) -> Actor:
    actor = actor or await make_person(conn, site=site)
    await join(conn, community, actor, role="moderator")
    return actor


def make_draft(title: str = "", text: str = "Hello everybody.") -> Draft:
    return Draft(title, text, f"<p>{text}</p>")


async def make_thread(
    conn: Connection,
    author: Actor,
    community: Community,
    *,
    site: Site = SITE,
    title: str = "How was your day?",
    text: str = "Mine was good.",
    uri: str | None = None,
) -> Post:
    """A thread by a member, or by somebody elsewhere as it comes in."""
    now = tick()
    origin = None if author.is_local else _origin(author, uri, now)
    return await start_thread(
        conn, site, author, community, make_draft(title, text), now=now, origin=origin
    )


async def make_poll(
    conn: Connection,
    author: Actor,
    community: Community,
    *options: str,
    is_many: bool = False,
    ends_at: datetime | None = None,
    votes: tuple[int, ...] = (),
    voters: int | None = None,
) -> Post:
    """A thread that asks something; `votes` and `voters` are for one of another server."""
    now = tick()
    poll = PollDraft(
        options or ("Apple", "Pear", "Plum"),
        is_many=is_many,
        ends_at=ends_at or far_future(),
        votes=votes,
        voters=voters,
    )
    draft = replace(make_draft("Which one?"), poll=poll)
    origin = None if author.is_local else _origin(author, None, now)
    return await start_thread(conn, SITE, author, community, draft, now=now, origin=origin)


async def make_reply(
    conn: Connection,
    author: Actor,
    parent: Post,
    *,
    site: Site = SITE,
    text: str = "Thank you for asking.",
    uri: str | None = None,
) -> Post:
    now = tick()
    origin = None if author.is_local else _origin(author, uri, now)
    return await reply(conn, site, author, parent, make_draft("", text), now=now, origin=origin)


def _origin(author: Actor, uri: str | None, now: datetime) -> Origin:
    uri = uri or f"https://{author.host}/posts/{next(_numbers)}"
    return Origin(uri, uri, now, f"{uri}/activity")


async def _remote_actor(conn: Connection, host: str, name: str, kind: str, type_: str) -> Actor:
    now = tick()
    uri = f"https://{host}/actors/{name}"
    actor = Actor(
        id=new_id(now),
        uri=uri,
        kind=kind,
        type=type_,
        host=host,
        is_local=False,
        name=name,
        display_name=name,
        summary_html="",
        url=f"https://{host}/@{name}",
        inbox=f"{uri}/inbox",
        shared_inbox=f"https://{host}/inbox",
        followers=f"{uri}/followers",
        state="live",
    )
    stored = await actors.upsert_remote(conn, actor, now)
    await keys.save_key(conn, f"{uri}#main-key", stored.id, KEYPAIR.public_pem)
    return stored


async def reread(conn: Connection, community: Community) -> Community:
    """The community as it is stored now."""
    row = await communities.read_unfiltered(conn, community.id)
    assert row is not None
    return row
