"""Files and pages that come with a post, and the file that a Video or an Image itself is."""

from __future__ import annotations

import re
from collections.abc import Iterable

from federation.vocabulary.fields import Fields, count, listed, number, text, types_of
from federation.vocabulary.links import Target, first_target, media_type, pixels, targets_of
from storage.parts import Attachment, AttachmentKind

MAX_ATTACHMENTS = 16
MAX_LOOKED_AT = 64
MAX_ALT = 1500
MAX_SECONDS = 10_000_000.0
MOST_LINES = 720  # of several sizes of one video, the best up to this

KINDS: dict[str, AttachmentKind] = {
    "Image": "image",
    "Video": "video",
    "Audio": "audio",
    "Document": "document",
    "Link": "link",
    "Page": "link",
}
BY_MEDIA_TYPE: dict[str, AttachmentKind] = {"image": "image", "video": "video", "audio": "audio"}
IMAGE_ENDING = re.compile(r"\.(?:jpe?g|png|gif|webp|avif)(?:[?#]|$)", re.IGNORECASE)
BLURHASH = re.compile(r"[0-9A-Za-z#$%*+,\-.:;=?@\[\]^_{|}~]{6,100}")
DURATION = re.compile(
    r"P(?:([0-9]{1,4})D)?(?:T(?:([0-9]{1,6})H)?(?:([0-9]{1,6})M)?(?:([0-9]{1,8}(?:\.[0-9]{1,9})?)S)?)?"
)
UNITS = (86_400.0, 3600.0, 60.0, 1.0)


def read_attachments(fields: Fields, post_type: str) -> tuple[Attachment, ...]:
    """What is attached, each URL once."""
    found: dict[str, Attachment] = {}
    for attachment in _all(fields, post_type):
        found.setdefault(attachment.url, attachment)
        if len(found) == MAX_ATTACHMENTS:
            break
    return tuple(found.values())


def _all(fields: Fields, post_type: str) -> Iterable[Attachment]:
    own = _own_file(fields, post_type)
    if own is not None:
        yield own
    for entry in listed(fields.get("attachment"), MAX_LOOKED_AT):
        attachment = _attachment(entry)
        if attachment is not None:
            yield attachment
    # A picture for the whole: WordPress and Lemmy name it apart from the attachments.
    for entry in listed(fields.get("image"), 1):
        attachment = _attachment(entry)
        if attachment is not None and attachment.kind in ("image", "document"):
            yield attachment


def _attachment(entry: object) -> Attachment | None:
    if isinstance(entry, str):
        return next((Attachment("link", target.url) for target in targets_of(entry)), None)
    if not isinstance(entry, dict):
        return None
    kind = next((KINDS[t] for t in types_of(entry) if t in KINDS), None)
    targets = targets_of(entry.get("href", entry.get("url")))
    if kind is None or not targets:
        return None
    return _described(entry, kind, targets[0], _alt(entry))


def _own_file(fields: Fields, post_type: str) -> Attachment | None:
    """The file that a post of a media type is, or the page that a Link leads to."""
    kind = KINDS.get(post_type)
    if kind is None or post_type == "Page":
        return None
    if kind == "link":
        targets = targets_of(fields.get("href", fields.get("url")))
    else:
        targets = [t for t in targets_of(fields.get("url")) if _is_file(t, fields, kind)]
    target = _best(targets, kind)
    if target is None:
        return None
    # Its `summary` is about the post: Funkwhale's are hashtags.
    return _described(fields, kind, target, text(fields.get("name"), MAX_ALT).strip())


def _is_file(target: Target, fields: Fields, kind: AttachmentKind) -> bool:
    """Whether a `url` is the thing and not the page about it."""
    said = target.media_type or media_type(fields.get("mediaType"))
    if kind == "document":
        return said != "text/html"
    return said.startswith(f"{kind}/") or (kind == "image" and not said)


def _best(targets: list[Target], kind: AttachmentKind) -> Target | None:
    if kind != "video":
        return next(iter(targets), None)
    modest = [t for t in targets if (t.height or 0) <= MOST_LINES] or targets
    return max(modest, key=lambda target: target.height or 0, default=None)


def _described(entry: Fields, kind: AttachmentKind, target: Target, alt: str) -> Attachment:
    said = target.media_type or ("" if kind == "link" else media_type(entry.get("mediaType")))
    if said.startswith("text/") and kind in BY_MEDIA_TYPE.values():
        said = ""  # PeerTube's is the description's
    if kind != "link":
        kind = BY_MEDIA_TYPE.get(said.partition("/")[0], kind)
    if kind == "document" and not said and IMAGE_ENDING.search(target.url):
        kind = "image"  # a cover of BookWyrm
    return Attachment(
        kind,
        target.url,
        media_type=said,
        alt=alt,
        width=target.width or pixels(entry.get("width")),
        height=target.height or pixels(entry.get("height")),
        seconds=_seconds(entry.get("duration")),
        focus=_focus(entry.get("focalPoint")),
        blurhash=_blurhash(entry.get("blurhash")),
        preview_url=first_target(entry.get("icon")) or first_target(entry.get("preview")),
        bytes=target.bytes or count(entry.get("size")) or None,
    )


def _alt(entry: Fields) -> str:
    """GoToSocial describes in `summary` and names the file in `name`; others describe in `name`."""
    said = text(entry.get("summary"), MAX_ALT).strip()
    return said or text(entry.get("name"), MAX_ALT).strip()


def _focus(value: object) -> tuple[float, float] | None:
    if not isinstance(value, list) or len(value) != 2:
        return None
    x, y = number(value[0], -1, 1), number(value[1], -1, 1)
    return None if x is None or y is None else (x, y)


def _blurhash(value: object) -> str:
    return value if isinstance(value, str) and BLURHASH.fullmatch(value) else ""


def _seconds(value: object) -> float | None:
    """A length in time, in the notation of ISO 8601 or as a number."""
    if isinstance(value, str):
        match = DURATION.fullmatch(value)
        parts = match.groups() if match is not None else ()
        value = sum(unit * float(part) for unit, part in zip(UNITS, parts, strict=False) if part)
    return number(value, 0.001, MAX_SECONDS)
