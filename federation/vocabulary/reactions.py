"""Likes, dislikes, emoji (FEP-c0e0), and PieFed's votes in polls."""

from __future__ import annotations

import re
import unicodedata

from federation.errors import Malformed
from federation.vocabulary.envelope import activity_actor, id_or_nothing, object_id
from federation.vocabulary.fields import Fields, text, types_of
from federation.vocabulary.polls import MAX_OPTION
from federation.vocabulary.types import PollVote, Reaction

REACTION_TYPES = frozenset({"Like", "Dislike", "EmojiReact"})
MAX_EMOJI = 32
MAX_EMOJI_BYTES = 200
SHORTCODE = re.compile(r":[A-Za-z0-9_+-]{1,64}(@[A-Za-z0-9.:-]{1,100})?:")
SYMBOLS = frozenset({"So", "Sk", "Sm", "Po", "Mn", "Me", "Cf", "Cn"})
IN_KEYCAPS = "0123456789#*"
KEYCAP = "\u20e3"
UNREADABLE = "\ufffd"  # stands for what could not be stored


def read_reaction(fields: Fields) -> Reaction:
    """A Like with an emoji is one of that emoji, as Misskey sends them; with other words a Like."""
    types = types_of(fields)
    kind, content = "like", ""
    if "Dislike" in types:
        kind = "dislike"
    else:
        content = _emoji(fields)
        if content:
            kind = "emoji"
        elif "EmojiReact" in types:
            raise Malformed("emoji")
    return Reaction(id_or_nothing(fields), activity_actor(fields), object_id(fields), kind, content)


def read_poll_vote(fields: Fields) -> PollVote:
    choice = " ".join(text(fields.get("choice_text"), MAX_OPTION).split())
    if not choice:
        raise Malformed("choice")
    return PollVote(id_or_nothing(fields), activity_actor(fields), object_id(fields), choice)


def _emoji(fields: Fields) -> str:
    said = fields.get("content", fields.get("_misskey_reaction"))
    found = text(said, MAX_EMOJI_BYTES).strip()
    if len(found.encode()) > MAX_EMOJI_BYTES:
        return ""
    return found if SHORTCODE.fullmatch(found) or _is_pictured(found) else ""


def _is_pictured(said: str) -> bool:
    """Whether a text is signs only, not words: one picture may be made of a dozen characters."""
    if not 0 < len(said) <= MAX_EMOJI or said.isascii() or UNREADABLE in said:
        return False
    return all(
        (not sign.isascii() and unicodedata.category(sign) in SYMBOLS)
        or (sign in IN_KEYCAPS and KEYCAP in said)
        for sign in said
    )
