"""When and where an Event is (FEP-8a8e; Mobilizon and Gancio say it in their own ways)."""

from __future__ import annotations

import re
from collections.abc import Iterable

from federation.vocabulary.fields import Fields, listed, moment, optional_uri, text, types_of
from federation.vocabulary.links import first_target
from storage.parts import Happening

MAX_PLACE = 200
MAX_ADDRESS = 500
TIMEZONE = re.compile(r"[A-Za-z][A-Za-z0-9_+-]{0,30}(/[A-Za-z0-9_+-]{1,30}){0,2}")
ADDRESS_LINES = (
    "streetAddress",
    "postalCode",
    "addressLocality",
    "addressRegion",
    "addressCountry",
)


def read_happening(fields: Fields) -> Happening | None:
    """None for an event of which it is not known when it begins."""
    starts_at = moment(fields.get("startTime"))
    if starts_at is None:
        return None
    # An end that is given only because there must be one says so (FEP-8a8e).
    is_told = fields.get("displayEndTime") is not False
    ends_at = moment(fields.get("endTime")) if is_told else None
    places = [p for p in listed(fields.get("location"), 10) if isinstance(p, dict | str)]
    return Happening(
        starts_at,
        ends_at=ends_at if ends_at is not None and ends_at >= starts_at else None,
        timezone=_timezone(fields.get("timezone")),
        place=_first(map(_name, places)),
        address=_first(map(_address, places)),
        url=_page(fields, places),
    )


def _first(texts: Iterable[str]) -> str:
    return next((found for found in texts if found), "")


def _name(place: object) -> str:
    said = place.get("name") if isinstance(place, dict) else place
    return text(said, MAX_PLACE).strip()


def _address(place: object) -> str:
    """One line, from a text or from the parts of schema.org's PostalAddress."""
    said = place.get("address") if isinstance(place, dict) else None
    if isinstance(said, dict):
        parts = (text(said.get(name), MAX_PLACE).strip() for name in ADDRESS_LINES)
        said = ", ".join(part for part in parts if part)
    return text(said, MAX_ADDRESS).strip()


def _page(fields: Fields, places: list[dict[str, object] | str]) -> str | None:
    """Where it happens online, or where one says that one comes."""
    for place in places:
        if isinstance(place, dict) and "VirtualLocation" in types_of(place):
            found = first_target(place.get("url"))
            if found is not None:
                return found
    return optional_uri(fields.get("externalParticipationUrl"))


def _timezone(value: object) -> str:
    return value if isinstance(value, str) and TIMEZONE.fullmatch(value) else ""
