"""Actors and posts: JSON fields to frozen values."""

from __future__ import annotations

import html
import re

from federation.address import parse_url
from federation.errors import Malformed
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
from federation.vocabulary.types import ActorDocument, Post, PublicKey

ACTOR_KINDS = {
    "Person": "person",
    "Organization": "person",
    "Service": "person",
    "Application": "instance",
    "Group": "community",
}
POST_TYPES = frozenset({"Note", "Page", "Article"})
INSTANCE_PATHS = frozenset({"/", "/actor", "/i/actor"})  # GoToSocial and Mbin call it a Service
MAX_KEYS = 10
MAX_NAME = 200
MAX_TITLE = 500
MAX_SUMMARY = 10_000
MAX_CONTENT = 100_000
READERS = frozenset({"members", "anyone"})
JOINING = frozenset({"open", "apply", "invite"})
CONDITION = re.compile(r"ORPHA:[0-9]{1,7}")


class Unsupported(Malformed):
    """Well formed, but of a type that has no meaning here."""

    code = "unsupported"


def parse_actor(fields: Fields) -> ActorDocument:
    """An actor. Raises Malformed, or Unsupported if it is something else."""
    kind_name = next((t for t in types_of(fields) if t in ACTOR_KINDS), None)
    if kind_name is None:
        raise Unsupported("actor_type")
    identifier = id_of(fields)
    endpoints = fields.get("endpoints")
    shared = endpoints.get("sharedInbox") if isinstance(endpoints, dict) else None
    name = text(fields.get("preferredUsername"), MAX_NAME) or parse_url(identifier).host
    return ActorDocument(
        id=identifier,
        type=kind_name,
        kind=_kind(kind_name, identifier, name),
        name=name,
        display_name=mapped_text(fields, "name", MAX_NAME),
        summary_html=mapped_text(fields, "summary", MAX_SUMMARY),
        url=page_url(fields.get("url"), identifier),
        inbox=reference(fields.get("inbox")),
        shared_inbox=optional_uri(shared),
        followers=optional_uri(fields.get("followers")),
        keys=_keys(fields.get("publicKey")),
        readers=_readers(fields),
        listed=_listed(fields),
        joining=_joining(fields),
        condition=_condition(fields.get("dz:condition")),
    )


def parse_post(fields: Fields) -> Post:
    """A thread or a reply. Raises Malformed, or Unsupported if it is something else."""
    post_type = next((t for t in types_of(fields) if t in POST_TYPES), None)
    if post_type is None:
        raise Unsupported("object_type")
    identifier = id_of(fields)
    sensitive = boolean(fields.get("sensitive"))
    summary = mapped_text(fields, "summary", MAX_TITLE)
    return Post(
        id=identifier,
        type=post_type,
        author=reference(fields.get("attributedTo", fields.get("actor"))),
        in_reply_to=optional_reference(fields.get("inReplyTo")),
        title=mapped_text(fields, "name", MAX_TITLE).strip(),
        html=_content(fields),
        source=_markdown(fields.get("source")),
        content_note=summary if post_type == "Note" or sensitive else "",
        sensitive=sensitive,
        language=language(fields),
        url=page_url(fields.get("url"), identifier),
        published=moment(fields.get("published")),
        addressed=addressed(fields),
    )


def parse_key(fields: Fields) -> PublicKey:
    """A key document, or the key inside an actor. Raises Malformed."""
    pem = fields.get("publicKeyPem")
    if not isinstance(pem, str):
        raise Malformed("key")
    return PublicKey(id_of(fields), reference(fields.get("owner", fields.get("controller"))), pem)


def _keys(value: object) -> tuple[PublicKey, ...]:
    found = []
    for entry in (value if isinstance(value, list) else [value])[:MAX_KEYS]:
        if isinstance(entry, dict):
            try:
                found.append(parse_key(entry))
            except Malformed:
                continue
    return tuple(found)


def _kind(actor_type: str, identifier: str, name: str) -> str:
    target = parse_url(identifier)
    if actor_type == "Service" and (target.path in INSTANCE_PATHS or name == target.host):
        return "instance"
    return ACTOR_KINDS[actor_type]


def _readers(fields: Fields) -> str:
    """Who reads. Lemmy's private communities are known by manuallyApprovesFollowers."""
    said = fields.get("dz:readers")
    if isinstance(said, str) and said in READERS:
        return said
    return "members" if boolean(fields.get("manuallyApprovesFollowers")) else "anyone"


def _listed(fields: Fields) -> bool:
    said = fields.get("dz:listed")
    return said if isinstance(said, bool) else fields.get("discoverable") is not False


def _joining(fields: Fields) -> str:
    said = fields.get("dz:joining")
    if isinstance(said, str) and said in JOINING:
        return said
    return "apply" if boolean(fields.get("manuallyApprovesFollowers")) else "open"


def _condition(value: object) -> str | None:
    return value if isinstance(value, str) and CONDITION.fullmatch(value) else None


def _content(fields: Fields) -> str:
    """HTML, not yet cleaned. Text of another media type is shown as it was typed."""
    content = mapped_text(fields, "content", MAX_CONTENT + 1)
    if len(content) > MAX_CONTENT:
        raise Malformed("too_long")
    if fields.get("mediaType") in ("text/plain", "text/markdown"):
        return "".join(
            f"<p>{html.escape(part)}</p>" for part in re.split(r"\n\s*\n", content) if part.strip()
        ).replace("\n", "<br>")
    return content


def _markdown(value: object) -> str | None:
    if isinstance(value, dict) and value.get("mediaType") == "text/markdown":
        content = text(value.get("content"), MAX_CONTENT)
        return content or None
    return None
