"""Actors: this server, its people, its communities.

A person's document tells nothing but how to reach them: no text of their own, no picture, no
community. What somebody writes about themselves is about their health more often than not. A
closed community makes no proofs, and so shows no key for them.
"""

from __future__ import annotations

from dataclasses import dataclass

from federation.multikey import to_multikey
from federation.render.document import Document, time_text
from forum.aliases import is_alias_name
from forum.site import Site
from storage.actors import Actor
from storage.communities import Community
from storage.ids import time_of

NAME_FOR_A_THREAD = "<p>A name that a member uses in one thread only.</p>"


@dataclass(frozen=True, slots=True)
class PublicKeys:
    """The key for requests, and the Ed25519 one for proofs if there is one."""

    rsa_pem: str
    proof_uri: str = ""
    proof_pem: str | None = None


def instance(site: Site, actor: Actor, keys: PublicKeys) -> Document:
    """The actor that signs this server's own requests. `webfinger` is on every actor (FEP-2c59)."""
    return {
        "id": actor.uri,
        "type": "Application",
        "preferredUsername": actor.name,
        "name": site.host,
        "inbox": site.shared_inbox,
        "outbox": f"{actor.uri}/outbox",
        "url": f"{site.origin}/",
        "webfinger": f"{actor.name}@{site.host}",
        "manuallyApprovesFollowers": True,
        "discoverable": False,
        "indexable": False,
        "publicKey": _public_key(actor.uri, keys),
        "endpoints": {"sharedInbox": site.shared_inbox},
    }


def person(site: Site, actor: Actor, keys: PublicKeys, *, moved_to: str | None = None) -> Document:
    """`moved_to` is the URI of who they are now."""
    document: Document = {
        "id": actor.uri,
        "type": "Service" if actor.type == "Service" else "Person",
        "preferredUsername": actor.name,
        "name": actor.display_name or actor.name,
        "summary": NAME_FOR_A_THREAD if is_alias_name(actor.name) else "",
        "inbox": actor.inbox,
        "outbox": f"{actor.uri}/outbox",
        "followers": site.followers_uri(actor.id),
        "url": site.person_url(actor.name),
        "webfinger": f"{actor.name}@{site.host}",
        "published": time_text(time_of(actor.id)),
        "manuallyApprovesFollowers": True,
        "discoverable": False,
        "indexable": False,
        "publicKey": _public_key(actor.uri, keys),
        "endpoints": {"sharedInbox": site.shared_inbox},
        **_proof_key(actor.uri, keys),
    }
    if actor.also_known_as:
        document["alsoKnownAs"] = actor.also_known_as
    return document | {"movedTo": moved_to} if moved_to else document


def group(site: Site, community: Community, keys: PublicKeys) -> Document:
    """A community. Of a closed one nothing but the name card's title and how to join."""
    document: Document = {
        "id": community.uri,
        "type": "Group",
        "preferredUsername": community.name,
        "name": community.title,
        "inbox": community.inbox,
        "outbox": f"{community.uri}/outbox",
        "followers": site.followers_uri(community.id),
        "url": site.community_url(community.name),
        "webfinger": f"{community.name}@{site.host}",
        "published": time_text(time_of(community.id)),
        "attributedTo": f"{community.uri}/moderators",
        "moderators": f"{community.uri}/moderators",
        "postingRestrictedToMods": False,
        "discoverable": community.readers == "anyone" or community.listed,
        "indexable": community.indexed,
        "dz:readers": community.readers,
        "dz:listed": community.listed,
        "dz:joining": community.joining,
        "publicKey": _public_key(community.uri, keys),
        "endpoints": {"sharedInbox": site.shared_inbox},
    }
    if community.readers == "members":
        # Only here: Lemmy reads it as "private", so asking before joining must not set it.
        return document | {"manuallyApprovesFollowers": True, "indexable": False}
    document["featured"] = f"{community.uri}/featured"
    document["summary"] = community.description_html
    document |= _proof_key(community.uri, keys)
    if community.condition:
        document["dz:condition"] = community.condition
    return document


def _public_key(owner: str, keys: PublicKeys) -> Document:
    return {"id": f"{owner}#main-key", "owner": owner, "publicKeyPem": keys.rsa_pem}


def _proof_key(owner: str, keys: PublicKeys) -> Document:
    """The key that proves what they wrote, whoever passes it on (FEP-521a)."""
    if keys.proof_pem is None:
        return {}
    key = {
        "id": keys.proof_uri,
        "type": "Multikey",
        "controller": owner,
        "publicKeyMultibase": to_multikey(keys.proof_pem),
    }
    return {"assertionMethod": [key]}
