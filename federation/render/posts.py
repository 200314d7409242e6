"""Posts. A thread is a Note with `name`, a reply a Note without one.

As a Note, Mastodon shows the whole text and honours `summary` as a warning, which it does not
for a Page; Lemmy, PieFed and NodeBB take a Note with a name as a thread. Long pieces are Articles
and events are Events: of those Mastodon shows title, summary and a link.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import escape, unescape

from federation.render import parts as parts_of_post
from federation.render import polls
from federation.render.document import PUBLIC, Document, time_text
from forum.site import Site
from storage.actors import Actor
from storage.communities import Community
from storage.parts import Parts, parts_of
from storage.polls import Poll
from storage.threads import Post

# Their text is shown everywhere, and their name nowhere on a microblog. Their `summary` is a
# content note; that of all others is a teaser, unless they are sensitive.
TEXTS = frozenset({"Note", "Question"})
EXCERPT = 300
MARKUP = re.compile(r"<[^>]*>")


@dataclass(frozen=True, slots=True)
class Written:
    """A post of somebody here, with what must be known to address it. A Question has a poll."""

    post: Post
    author: Actor
    community: Community
    parent_uri: str | None = None
    parent_author: Actor | None = None
    poll: Poll | None = None


def document_of(site: Site, written: Written, *, named: bool = True) -> Document:
    """The object; `named=False` leaves out a thread's `name`, for those who hide such Notes."""
    post, parts = written.post, parts_of(written.post.parts)
    is_titled = post.kind == "thread" and named
    content = _content(post, has_title=post.type in TEXTS or not named)
    document: Document = {
        "id": post.uri,
        "type": post.type,
        "attributedTo": written.author.uri,
        **addressing(written.community, is_public=post.audience == "public"),
        "audience": written.community.uri,
        "content": content,
        "mediaType": "text/html",
        "source": {"content": post.source, "mediaType": "text/markdown"},
        "sensitive": post.sensitive or (bool(post.content_note) and post.type not in TEXTS),
        "url": site.thread_url(post.thread_id, post.id),
        "published": time_text(post.published_at),
        "replies": f"{post.uri}/replies",
    }
    if written.community.is_local:
        document["context"] = context_uri(site, post.thread_id)
    if is_titled:
        document["name"] = post.title
    if written.parent_uri is not None:
        document["inReplyTo"] = written.parent_uri
    if post.content_note:
        document["summary"] = post.content_note
    if post.language:
        document["contentMap"] = {post.language: content}
    if post.edited_at is not None:
        document["updated"] = time_text(post.edited_at)
    document |= _of_its_type(written, parts)
    _add_parts(document, written, parts)
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


def _content(post: Post, *, has_title: bool) -> str:
    """The title stands in the text too where `name` is ignored, as Mastodon does for a Note."""
    if post.kind != "thread" or not has_title:
        return post.html
    return f"<p><strong>{escape(post.title, quote=False)}</strong></p>{post.html}"


def _of_its_type(written: Written, parts: Parts) -> Document:
    post = written.post
    document: Document = {}
    if written.poll is not None:
        document |= polls.answers(written.poll)
    if parts.happening is not None:
        document |= parts_of_post.happening(parts.happening, written.author.uri)
    is_shortened = post.kind == "thread" and post.type not in TEXTS
    if is_shortened and post.audience == "public" and not post.content_note:
        excerpt = _excerpt(post.html)
        document["summary"] = excerpt
        if post.type == "Article":
            document["preview"] = {"type": "Note", "content": f"<p>{excerpt}</p>"}
    return document


def _excerpt(html: str) -> str:
    """How it begins, for those who show no more (FEP-b2b8). Never of what has a content note, nor
    of a closed community: a summary is shown where the text is not."""
    text = " ".join(unescape(MARKUP.sub(" ", html)).split())
    if len(text) > EXCERPT:
        text = text[:EXCERPT].rpartition(" ")[0] + " …"
    return escape(text, quote=False)


def _add_parts(document: Document, written: Written, parts: Parts) -> None:
    is_public = written.post.audience == "public"
    tags = _mentions(document, written) if is_public else []
    if parts.attachments or parts.tags or parts.quote_uri:
        community = written.community
        more = parts_of_post.tags(parts, community.url or community.uri, is_public=is_public)
        known = {tag["href"] for tag in tags}
        added = [tag for tag in more if tag.get("href") not in known or tag["type"] != "Mention"]
        if is_public:
            document["cc"] += [tag["href"] for tag in added if tag["type"] == "Mention"]
        tags += added + parts_of_post.quote_tag(parts)
        document |= parts_of_post.quote(parts)
        if parts.attachments:
            document["attachment"] = parts_of_post.attachments(parts)
    if tags:
        document["tag"] = tags


def _mentions(document: Document, written: Written) -> list[Document]:
    """Name the community, so that an answer from a microblog is addressed to it, and the parent."""
    community, parent = written.community, written.parent_author
    tags = [_mention_of(community.uri, community.name, community.host)]
    if parent is not None and parent.id != written.author.id:
        tags.append(_mention_of(parent.uri, parent.name, parent.host))
        document["cc"].append(parent.uri)
    return tags


def _mention_of(uri: str, name: str, host: str) -> Document:
    return {"type": "Mention", "href": uri, "name": f"@{name}@{host}"}
