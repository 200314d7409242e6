"""Posts of any type: what stands as a thread or a reply, with the parts that it carries."""

from __future__ import annotations

import html
import re

from federation.errors import Malformed, Unsupported
from federation.vocabulary.attachments import read_attachments
from federation.vocabulary.fields import (
    Fields,
    addressed,
    boolean,
    id_of,
    language,
    mapped_text,
    moment,
    optional_reference,
    optional_uri,
    page_url,
    reference,
    text,
    types_of,
)
from federation.vocabulary.happenings import read_happening
from federation.vocabulary.polls import read_poll
from federation.vocabulary.tags import read_quote, read_tags
from federation.vocabulary.types import Post
from storage.parts import Parts

POST_TYPES = frozenset(
    {
        "Note",
        "Page",
        "Article",
        "Question",
        "Event",
        "Video",
        "Audio",
        "Image",
        "Document",
        "Link",
        "ChatMessage",
    }
)
NOTED_TYPES = frozenset({"Note", "Question", "ChatMessage"})  # of others `summary` is a teaser
TYPED = ("text/plain", "text/markdown")
MAX_TITLE = 500
MAX_CONTENT = 100_000


def parse_post(fields: Fields) -> Post:
    """A thread or a reply. Raises Malformed, or Unsupported if it is something else."""
    post_type = next((t for t in types_of(fields) if t in POST_TYPES), None)
    if post_type is None:
        raise Unsupported("object_type")
    identifier = id_of(fields)
    sensitive = boolean(fields.get("sensitive"))
    summary = mapped_text(fields, "summary", MAX_TITLE)
    source = _markdown(fields.get("source"))
    return Post(
        id=identifier,
        type=post_type,
        author=author_of(fields),
        in_reply_to=optional_reference(fields.get("inReplyTo")),
        title=mapped_text(fields, "name", MAX_TITLE).strip(),
        html=_content(fields) or _as_typed(source or ""),
        source=source,
        content_note=summary if post_type in NOTED_TYPES or sensitive else "",
        sensitive=sensitive,
        language=language(fields),
        url=page_url(fields.get("url"), identifier),
        published=moment(fields.get("published")),
        addressed=addressed(fields),
        updated=moment(fields.get("updated")),
        parts=_parts(fields, post_type),
        poll=read_poll(fields) if post_type == "Question" else None,
        context=optional_uri(fields.get("context")) or optional_uri(fields.get("conversation")),
        replies=_replies(fields.get("replies")),
        has_audience=bool(fields.get("audience")),
    )


def author_of(fields: Fields) -> str:
    """Who wrote it. PeerTube names a person and their channel: the person. Raises Malformed."""
    value = fields.get("attributedTo")
    if isinstance(value, list) and len(value) > 1:
        people = [e for e in value[:20] if isinstance(e, dict) and "Person" in types_of(e)]
        value = people if len(people) == 1 else value
    return reference(fields.get("actor") if value is None else value, "author")


def _parts(fields: Fields, post_type: str) -> Parts:
    return Parts(
        attachments=read_attachments(fields, post_type),
        tags=read_tags(fields),
        happening=read_happening(fields) if post_type == "Event" else None,
        quote_uri=read_quote(fields),
    )


def _replies(value: object) -> str | None:
    """The collection of answers: by its id, or else the first page of one that has none."""
    if isinstance(value, dict) and value.get("id") is None:
        value = value.get("first")
    if isinstance(value, dict) and value.get("id") is None:
        value = value.get("next")
    return optional_uri(value)


def _content(fields: Fields) -> str:
    """HTML, not yet cleaned. Text of another media type is shown as it was typed."""
    content = mapped_text(fields, "content", MAX_CONTENT + 1)
    if len(content) > MAX_CONTENT:
        raise Malformed("too_long")
    return _as_typed(content) if fields.get("mediaType") in TYPED else content


def _as_typed(content: str) -> str:
    return "".join(
        f"<p>{html.escape(part)}</p>" for part in re.split(r"\n\s*\n", content) if part.strip()
    ).replace("\n", "<br>")


def _markdown(value: object) -> str | None:
    if isinstance(value, dict) and value.get("mediaType") == "text/markdown":
        content = text(value.get("content"), MAX_CONTENT)
        return content or None
    return None
