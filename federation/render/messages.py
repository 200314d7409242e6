"""Direct messages as other servers read them: for those who are named, and nobody else."""

from __future__ import annotations

from datetime import datetime

from federation.render import parts as parts_of_post
from federation.render.document import Document, time_text
from federation.render.posts import tombstone
from forum.site import Site
from storage.actors import Actor
from storage.parts import parts_of
from storage.threads import Post


def note(
    site: Site, post: Post, author: Actor, others: list[Actor], thread_uri: str, parent: str | None
) -> Document:
    """A Note in a conversation. Microblogs take it for direct since all in `to` are mentioned."""
    document: Document = {
        "id": post.uri,
        "type": "Note",
        "attributedTo": author.uri,
        **_addressing(others),
        "content": post.html,
        "mediaType": "text/html",
        "source": {"content": post.source, "mediaType": "text/markdown"},
        "sensitive": post.sensitive,
        "published": time_text(post.published_at),
        "tag": [_mention(other) for other in others],
    }
    if site.is_local_uri(thread_uri):
        document["context"] = f"{thread_uri}/context"
    if parent is not None:
        document["inReplyTo"] = parent
    if post.content_note:
        document["summary"] = post.content_note
    if post.language:
        document["contentMap"] = {post.language: post.html}
    parts = parts_of(post.parts)
    if parts.attachments:
        document["attachment"] = parts_of_post.attachments(parts)
    return document


def create(uri: str, document: Document) -> Document:
    return {
        "id": uri,
        "type": "Create",
        "actor": document["attributedTo"],
        "to": document["to"],
        "cc": [],
        "published": document["published"],
        "object": document,
    }


def delete(uri: str, author: Actor, others: list[Actor], post: Post, now: datetime) -> Document:
    return {
        "id": uri,
        "type": "Delete",
        "actor": author.uri,
        **_addressing(others),
        "published": time_text(now),
        "object": tombstone(post.uri, post.type),
    }


def _addressing(others: list[Actor]) -> Document:
    return {"to": [other.uri for other in others], "cc": []}


def _mention(other: Actor) -> Document:
    return {"type": "Mention", "href": other.uri, "name": f"@{other.name}@{other.host}"}
