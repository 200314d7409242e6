"""What a post carries beside its text: attachments, tags, what it quotes, when and where it is."""

from __future__ import annotations

from datetime import timedelta

from federation.render.document import Document, time_text
from storage.parts import Attachment, Happening, Parts, Tag

# A picture that is a Video or Audio makes Lemmy refuse the whole post: it knows these three, and
# everybody else tells moving pictures and sounds by their media type, as Mastodon sends them.
ATTACHMENT_TYPES = {"image": "Image", "link": "Link"}
OTHER_ATTACHMENT = "Document"

QUOTES = "https://misskey-hub.net/ns#_misskey_quote"
AS2_LINK = 'application/ld+json; profile="https://www.w3.org/ns/activitystreams"'
OPEN_END = timedelta(days=1)


def attachments(parts: Parts) -> list[Document]:
    return [_attachment(attached) for attached in parts.attachments]


def tags(parts: Parts, community_page: str, *, is_public: bool) -> list[Document]:
    """Hashtags, mentions and emoji. In a closed community a hashtag is only a word: as a tag it
    would stand in lists beside what everybody may read."""
    return [
        _tag(tag, community_page)
        for tag in parts.tags
        if is_public or tag.kind in {"mention", "emoji"}
    ]


def quote(parts: Parts) -> Document:
    """The quoted post under each of the names by which it is looked for (FEP-044f and before)."""
    if parts.quote_uri is None:
        return {}
    names = ("quote", "quoteUrl", "quoteUri", "_misskey_quote")
    return dict.fromkeys(names, parts.quote_uri)


def quote_tag(parts: Parts) -> list[Document]:
    """The same as a link in the text (FEP-e232)."""
    if parts.quote_uri is None:
        return []
    return [
        {
            "type": "Link",
            "mediaType": AS2_LINK,
            "href": parts.quote_uri,
            "rel": QUOTES,
            "name": f"RE: {parts.quote_uri}",
        }
    ]


def happening(event: Happening, organizer: str) -> Document:
    """When and where, and that one can not sign up from elsewhere (FEP-8a8e).

    An end is demanded even of an event without one; it is then marked as not to be shown.
    """
    document: Document = {
        "startTime": time_text(event.starts_at),
        "endTime": time_text(event.ends_at or event.starts_at + OPEN_END),
        "displayEndTime": event.ends_at is not None,
        "joinMode": "none",
        "organizers": {"type": "OrderedCollection", "totalItems": 1, "orderedItems": [organizer]},
    }
    if event.timezone:
        document["timezone"] = event.timezone
    if places := _places(event):
        document["location"] = places if len(places) > 1 else places[0]
    return document


def _attachment(attached: Attachment) -> Document:
    document: Document = {"type": ATTACHMENT_TYPES.get(attached.kind, OTHER_ATTACHMENT)}
    document["href" if attached.kind == "link" else "url"] = attached.url
    document |= {
        name: value
        for name, value in (
            ("mediaType", attached.media_type),
            ("name", attached.alt),
            ("width", attached.width),
            ("height", attached.height),
            ("duration", _duration(attached.seconds)),
            ("focalPoint", attached.focus),
            ("blurhash", attached.blurhash),
        )
        if value
    }
    if attached.preview_url is not None:
        document["icon"] = {"type": "Image", "url": attached.preview_url}
    return document


def _duration(seconds: float | None) -> str:
    """As xsd:duration."""
    return f"PT{seconds:.10g}S" if seconds else ""


def _tag(tag: Tag, community_page: str) -> Document:
    if tag.kind == "hashtag":
        # There is no page of a hashtag here, and Lemmy demands an address.
        return {"type": "Hashtag", "href": tag.url or community_page, "name": f"#{tag.name}"}
    if tag.kind == "mention":
        return {"type": "Mention", "href": tag.url, "name": f"@{tag.name}"}
    icon = {"type": "Image", "url": tag.url}
    return {"type": "Emoji", "name": f":{tag.name}:", "icon": icon}


def _places(event: Happening) -> list[Document]:
    """A place that one goes to, and one that one calls up."""
    places: list[Document] = []
    if event.place or event.address:
        place: Document = {"type": "Place", "name": event.place or event.address}
        places.append(place | {"address": event.address} if event.address else place)
    if event.url is not None:
        places.append({"type": "VirtualLocation", "name": event.url, "url": event.url})
    return places
