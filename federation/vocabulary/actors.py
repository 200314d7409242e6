"""Actors: people, communities and servers."""

from __future__ import annotations

import re

from federation.address import parse_url
from federation.errors import Malformed, Unsupported
from federation.vocabulary.fields import (
    Fields,
    boolean,
    id_of,
    listed,
    mapped_text,
    optional_uri,
    page_url,
    reference,
    text,
    types_of,
    uri,
)
from federation.vocabulary.keys import keys_of
from federation.vocabulary.types import ActorDocument

ACTOR_KINDS = {
    "Person": "person",
    "Organization": "person",
    "Service": "person",
    "Application": "instance",
    "Group": "community",
}
INSTANCE_PATHS = frozenset({"/", "/actor", "/i/actor"})  # GoToSocial and Mbin call it a Service
MAX_NAME = 200
MAX_SUMMARY = 10_000
MAX_OTHER_NAMES = 20
READERS = frozenset({"members", "anyone"})
JOINING = frozenset({"open", "apply", "invite"})
CONDITION = re.compile(r"ORPHA:[0-9]{1,7}")


def parse_actor(fields: Fields) -> ActorDocument:
    """An actor. Raises Malformed, or Unsupported if it is something else, or no more."""
    types = types_of(fields)
    kind_name = next((t for t in types if t in ACTOR_KINDS), None)
    if kind_name is None or "Tombstone" in types:
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
        inbox=reference(fields.get("inbox"), "inbox"),
        shared_inbox=optional_uri(shared),
        followers=optional_uri(fields.get("followers")),
        keys=keys_of(fields),
        readers=_readers(fields),
        listed=_listed(fields),
        joining=_joining(fields),
        condition=_condition(fields.get("dz:condition")),
        moved_to=optional_uri(fields.get("movedTo")),
        also_known_as=_other_names(fields.get("alsoKnownAs")),
    )


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


def _other_names(value: object) -> tuple[str, ...]:
    """The accounts that it says to be as well; some list names of other networks among them."""
    found: dict[str, None] = {}
    for entry in listed(value, MAX_OTHER_NAMES):
        try:
            found[uri(entry)] = None
        except Malformed:
            continue
    return tuple(found)
