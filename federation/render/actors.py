"""Actors: this server, its people, its communities.

A person's document tells nothing but how to reach them: no text of their own, no picture, no
community. What somebody writes about themselves is about their health more often than not.
"""

from __future__ import annotations

from federation.render.document import Document, time_text
from forum.site import Site
from storage.actors import Actor
from storage.communities import Community
from storage.ids import time_of


def instance(site: Site, actor: Actor, public_pem: str) -> Document:
    """The actor that signs this server's own requests."""
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
        "publicKey": _public_key(actor.uri, public_pem),
        "endpoints": {"sharedInbox": site.shared_inbox},
    }


def person(site: Site, actor: Actor, public_pem: str) -> Document:
    return {
        "id": actor.uri,
        "type": "Person",
        "preferredUsername": actor.name,
        "name": actor.display_name or actor.name,
        "inbox": actor.inbox,
        "outbox": f"{actor.uri}/outbox",
        "followers": site.followers_uri(actor.id),
        "url": site.person_url(actor.name),
        "webfinger": f"{actor.name}@{site.host}",
        "published": time_text(time_of(actor.id)),
        "manuallyApprovesFollowers": True,
        "discoverable": False,
        "indexable": False,
        "publicKey": _public_key(actor.uri, public_pem),
        "endpoints": {"sharedInbox": site.shared_inbox},
    }


def group(site: Site, community: Community, public_pem: str) -> Document:
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
        "publicKey": _public_key(community.uri, public_pem),
        "endpoints": {"sharedInbox": site.shared_inbox},
    }
    if community.readers == "members":
        # Only here: Lemmy reads it as "private", so asking before joining must not set it.
        return document | {"manuallyApprovesFollowers": True, "indexable": False}
    document["featured"] = f"{community.uri}/featured"
    if community.description_html:
        document["summary"] = community.description_html
    if community.condition:
        document["dz:condition"] = community.condition
    return document


def _public_key(owner: str, public_pem: str) -> Document:
    return {"id": f"{owner}#main-key", "owner": owner, "publicKeyPem": public_pem}
