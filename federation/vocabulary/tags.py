"""Hashtags, mentions and emoji in `tag`, and what a post quotes. Other tags are skipped."""

from __future__ import annotations

import re
from urllib.parse import unquote

from federation.address import parse_url
from federation.errors import Malformed
from federation.vocabulary.fields import Fields, listed, optional_uri, text, types_of, uri
from federation.vocabulary.links import first_target
from storage.parts import Tag, TagKind

MAX_OF_KIND: dict[TagKind, int] = {"hashtag": 50, "mention": 50, "emoji": 50}
MAX_LOOKED_AT = 1000
MAX_NAME = 100
HASHTAG = re.compile(r"[^\s#<>&\"']{1,100}")
SHORTCODE = re.compile(r"[A-Za-z0-9_+.@-]{1,100}")
ACCOUNT = re.compile(r"[^\s@/<>\"']{1,100}")

# FEP-044f, ActivityStreams as Misskey and Fedibird extend it; Mastodon reads them in this order.
QUOTE_FIELDS = ("quote", "quoteUrl", "quoteUri", "_misskey_quote")
QUOTE_RELATIONS = frozenset(
    {
        "https://misskey-hub.net/ns#_misskey_quote",
        "http://fedibird.com/ns#quoteUri",
        "https://www.w3.org/ns/activitystreams#quoteUrl",
        "https://w3id.org/fep/044f#quote",
    }
)


def read_tags(fields: Fields) -> tuple[Tag, ...]:
    """The tags that mean something here, each once, at most fifty of a kind."""
    found: dict[Tag, None] = {}
    left = dict(MAX_OF_KIND)
    for entry in listed(fields.get("tag"), MAX_LOOKED_AT):
        tag = _tag(entry) if isinstance(entry, dict) else None
        if tag is not None and tag not in found and left[tag.kind] > 0:
            found[tag] = None
            left[tag.kind] -= 1
    return tuple(found)


def read_quote(fields: Fields) -> str | None:
    """The post that is quoted, by one of four fields or by a Link among the tags (FEP-e232)."""
    for name in QUOTE_FIELDS:
        found = optional_uri(fields.get(name))
        if found is not None:
            return found
    for entry in listed(fields.get("tag"), MAX_LOOKED_AT):
        if not isinstance(entry, dict) or "rel" not in entry:
            continue
        relations = listed(entry["rel"], 10)
        if any(isinstance(rel, str) and rel in QUOTE_RELATIONS for rel in relations):
            return optional_uri(entry.get("href"))
    return None


def _tag(entry: Fields) -> Tag | None:
    types = types_of(entry)
    if "Hashtag" in types:
        return _hashtag(entry)
    if "Mention" in types:
        return _mention(entry)
    if "Emoji" in types:
        return _emoji(entry)
    return None


def _hashtag(entry: Fields) -> Tag | None:
    name = text(entry.get("name"), MAX_NAME + 1).strip().removeprefix("#")
    if not HASHTAG.fullmatch(name):
        return None
    return Tag("hashtag", name, optional_uri(entry.get("href")) or "")


def _mention(entry: Fields) -> Tag | None:
    """Who is named. Without a name, or without a host in it, the actor's address says them."""
    try:
        target = uri(entry.get("href"))
    except Malformed:
        return None
    said = text(entry.get("name"), 2 * MAX_NAME).strip().lstrip("@!")
    name, _, host = said.partition("@")
    if not ACCOUNT.fullmatch(name):
        last = parse_url(target).path.rstrip("/").rpartition("/")[2]
        name, host = text(unquote(last), MAX_NAME).lstrip("@"), ""
    if not ACCOUNT.fullmatch(name):
        return None
    if not ACCOUNT.fullmatch(host):
        host = parse_url(target).host
    return Tag("mention", f"{name}@{host}", target)


def _emoji(entry: Fields) -> Tag | None:
    name = text(entry.get("name"), MAX_NAME + 2).strip().strip(":")
    image = first_target(entry.get("icon"))
    if image is None or not SHORTCODE.fullmatch(name):
        return None
    return Tag("emoji", name, image)
