"""Activities around posts and memberships."""

from __future__ import annotations

from datetime import datetime

from federation.render.document import PUBLIC, Document, time_text
from federation.render.posts import addressing, tombstone
from storage.actors import Actor
from storage.communities import Community
from storage.threads import Post

REACTIONS = {"like": "Like", "dislike": "Dislike", "emoji": "EmojiReact"}


def create(uri: str, community: Community, note: Document) -> Document:
    """The author's Create. `to` and `cc` stand on it and on the object, as Lemmy demands."""
    return {
        "id": uri,
        "type": "Create",
        "actor": note["attributedTo"],
        "to": note["to"],
        "cc": note["cc"],
        "audience": community.uri,
        "published": note["published"],
        "object": note,
    }


def update(uri: str, community: Community, post: Document, now: datetime) -> Document:
    """The author says that a post is another one now."""
    return create(uri, community, post) | {"type": "Update", "published": time_text(now)}


def announce(uri: str, community: Community, now: datetime, *, is_public: bool) -> Document:
    """The community's Announce, still without its `object`."""
    followers = community.followers or f"{community.uri}/followers"
    return {
        "id": uri,
        "type": "Announce",
        "actor": community.uri,
        "to": [PUBLIC] if is_public else [followers],
        "cc": [followers] if is_public else [],
        "audience": community.uri,
        "published": time_text(now),
    }


def delete(
    uri: str, actor: Actor, community: Community, post: Post, now: datetime, *, reason: str = ""
) -> Document:
    """A post is taken back. Forums read a Delete with `summary` as a moderator's removal."""
    document: Document = {
        "id": uri,
        "type": "Delete",
        "actor": actor.uri,
        **addressing(community, is_public=post.audience == "public"),
        "audience": community.uri,
        "published": time_text(now),
        "object": tombstone(post.uri, post.type),
    }
    return document | {"summary": reason} if reason else document


def reaction(
    uri: str, actor: Actor, post_uri: str, target: Actor | Community, kind: str, content: str
) -> Document:
    """A like, a dislike or an emoji (FEP-c0e0), addressed to whoever it is for and to no one else.

    Never Public: Mbin would list it under the person's name.
    """
    document: Document = {
        "id": uri,
        "type": REACTIONS[kind],
        "actor": actor.uri,
        "to": [target.uri],
        "cc": [],
        "object": post_uri,
    }
    if isinstance(target, Community):
        document["audience"] = target.uri
    return document | {"content": content} if content else document


def follow(uri: str, actor: Actor, community: Community) -> Document:
    return {
        "id": uri,
        "type": "Follow",
        "actor": actor.uri,
        "to": [community.uri],
        "object": community.uri,
    }


def undo(uri: str, undone: Document) -> Document:
    """Takes back an activity, which is embedded: Misskey and Lemmy do not look up its id."""
    addressed: Document = {name: undone[name] for name in ("to", "cc") if name in undone}
    return {"id": uri, "type": "Undo", "actor": undone["actor"], **addressed, "object": undone}


def acknowledge(uri: str, server: Actor, asker: Actor, activity_uri: str) -> Document:
    """This server has erased what that activity takes back."""
    return {
        "id": uri,
        "type": "Acknowledge",
        "actor": server.uri,
        "to": [asker.uri],
        "object": activity_uri,
    }


def account_deletion(uri: str, actor: Actor, now: datetime) -> Document:
    """Somebody closed their account. Public, as Mastodon demands; it names nobody else."""
    return {
        "id": uri,
        "type": "Delete",
        "actor": actor.uri,
        "to": [PUBLIC],
        "published": time_text(now),
        "object": actor.uri,
    }


def move(uri: str, actor: Actor, target: Actor, followers: str) -> Document:
    """Somebody is another account from now on (FEP-7628); both accounts say so themselves."""
    return {
        "id": uri,
        "type": "Move",
        "actor": actor.uri,
        "to": [followers],
        "object": actor.uri,
        "target": target.uri,
    }


def actor_update(uri: str, actor: Actor, document: Document, followers: str) -> Document:
    """An actor looks as in the document; Mastodon wants it whole."""
    return {
        "id": uri,
        "type": "Update",
        "actor": actor.uri,
        "to": [followers],
        "object": document,
    }


def answer(uri: str, target: Actor, actor: Actor, *, accepted: bool) -> Document:
    """Accept or Reject, still without the Follow that is its `object`."""
    return {
        "id": uri,
        "type": "Accept" if accepted else "Reject",
        "actor": target.uri,
        "to": [actor.uri],
    }
