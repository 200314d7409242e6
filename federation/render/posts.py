"""Posts. A thread is a Note with `name`, a reply a Note without one.

As a Note, Mastodon shows the whole text and honours `summary` as a warning, which it does not
for a Page; Lemmy, PieFed and NodeBB take a Note with a name as a thread.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

from federation.render.document import PUBLIC, Document, time_text
from forum.site import Site
from storage.actors import Actor
from storage.communities import Community
from storage.threads import Post


@dataclass(frozen=True, slots=True)
class Written:
    """A post of somebody here, with what must be known to address it."""

    post: Post
    author: Actor
    community: Community
    parent_uri: str | None = None
    parent_author: Actor | None = None


def note(site: Site, written: Written, *, named: bool = True) -> Document:
    """The object; `named=False` leaves out a thread's `name`, for those who hide such Notes."""
    post = written.post
    content = _content(post)
    document: Document = {
        "id": post.uri,
        "type": "Note",
        "attributedTo": written.author.uri,
        **addressing(written.community, is_public=post.audience == "public"),
        "audience": written.community.uri,
        "content": content,
        "mediaType": "text/html",
        "source": {"content": post.source, "mediaType": "text/markdown"},
        "sensitive": post.sensitive,
        "url": site.thread_url(post.thread_id, post.id),
        "published": time_text(post.published_at),
        "replies": f"{post.uri}/replies",
    }
    if written.community.is_local:
        document["context"] = context_uri(site, post.thread_id)
    if post.kind == "thread" and named:
        document["name"] = post.title
    if written.parent_uri is not None:
        document["inReplyTo"] = written.parent_uri
    if post.content_note:
        document["summary"] = post.content_note
    if post.language:
        document["contentMap"] = {post.language: content}
    if post.edited_at is not None:
        document["updated"] = time_text(post.edited_at)
    if post.audience == "public":
        _mention(document, written)
    return document


def tombstone(post_uri: str, former_type: str) -> Document:
    """What is left of a post: that it was one."""
    return {"id": post_uri, "type": "Tombstone", "formerType": former_type}


def addressing(community: Community, *, is_public: bool) -> Document:
    """`to` and `cc` of what is written in a community, the same on an activity and its object.

    Never Public for a closed one. `cc` is always there: Lemmy refuses a Create without it.
    """
    followers = community.followers or f"{community.uri}/followers"
    if is_public:
        return {"to": [PUBLIC, community.uri], "cc": [followers]}
    return {"to": [community.uri, followers], "cc": []}


def context_uri(site: Site, thread_id: int) -> str:
    """The conversation, owned by the community (FEP-7888)."""
    return f"{site.post_uri(thread_id)}/context"


def _content(post: Post) -> str:
    """The title stands in the text too: Mastodon ignores `name`."""
    if post.kind != "thread":
        return post.html
    return f"<p><strong>{escape(post.title, quote=False)}</strong></p>{post.html}"


def _mention(document: Document, written: Written) -> None:
    """Name the community, so that an answer from a microblog is addressed to it, and the parent."""
    community, parent = written.community, written.parent_author
    document["tag"] = [_mention_of(community.uri, community.name, community.host)]
    if parent is not None and parent.id != written.author.id:
        document["tag"].append(_mention_of(parent.uri, parent.name, parent.host))
        document["cc"].append(parent.uri)


def _mention_of(uri: str, name: str, host: str) -> Document:
    return {"type": "Mention", "href": uri, "name": f"@{name}@{host}"}
