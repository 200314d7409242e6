"""Likes, dislikes and emojis: given by whoever may answer, taken back by whoever gave them.

They stay on this server unless the person wants them told: that somebody likes a post about a
disease says something about them. What others see are numbers in bands.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import datetime

from forum.errors import Invalid, NotAllowed, NotFound
from forum.events import Reacted, ReactionTakenBack
from forum.outbox import record_event
from forum.standing import require_participant
from storage import communities, posts, reactions
from storage.actors import Actor
from storage.db import Connection
from storage.reactions import Reaction
from storage.threads import Post

KINDS = ("like", "dislike", "emoji")
OPPOSITE = {"like": "dislike", "dislike": "like"}
MOST_EMOJIS = 10  # by one person to one post
MOST_CODE_POINTS = 16

# A custom emoji, perhaps with the server that has it, as Misskey and Pleroma write it.
SHORTCODE = re.compile(r":[A-Za-z0-9_+-]{1,64}(?:@[A-Za-z0-9.:-]{1,100})?:")
LETTERLIKE = "\N{INFORMATION SOURCE}"
INVISIBLE = ("Cc", "Cs", "Co", "Cn", "Zs", "Zl", "Zp")


async def react(
    conn: Connection,
    actor: Actor,
    post: Post,
    kind: str,
    content: str = "",
    *,
    now: datetime,
    is_shared: bool = False,
    uri: str | None = None,
    source_uri: str | None = None,
) -> bool:
    """Like, dislike, or answer with an emoji; False when it was there already.

    A like ends a dislike and the other way round, as forums elsewhere have it. `is_shared`: the
    person here wants it told. What comes from elsewhere is told on by a community here.
    """
    content = _check(kind, content)
    community = await require_participant(conn, actor, post, now)
    await _hold_live(conn, post)
    given = await reactions.list_of_person_unfiltered(conn, post.id, actor.id)
    if any((one.kind, one.content) == (kind, content) for one in given):
        return False
    if sum(one.kind == "emoji" for one in given) >= MOST_EMOJIS and kind == "emoji":
        raise NotAllowed("too_many_reactions")
    if any(one.kind == OPPOSITE.get(kind) for one in given):
        taken = await _take(conn, post, actor, OPPOSITE[kind], "")
        if taken is not None and taken.uri is not None and actor.is_local:
            await record_event(conn, _taken_back(taken, None))
    band = await reactions.band_unfiltered(conn, post.id, kind)
    await reactions.insert(conn, Reaction(post.id, actor.id, kind, content, uri, now))
    await _show(conn, post, kind, band)
    if is_shared if actor.is_local else community.is_local:
        await record_event(conn, Reacted(post.id, actor.id, kind, content, source_uri))
    return True


async def take_back(
    conn: Connection,
    actor: Actor,
    post: Post,
    kind: str,
    content: str = "",
    *,
    now: datetime,
    is_shared: bool = False,
    source_uri: str | None = None,
) -> bool:
    """Undo it: anybody may at any time, also after leaving. False when there was nothing.

    What was told is told to be undone, whatever `is_shared` says.
    """
    del now
    await posts.hold(conn, post.id, post.thread_id)
    taken = await _take(conn, post, actor, kind, content.strip())
    if taken is None:
        return False
    is_told = is_shared or taken.uri is not None
    if not actor.is_local:
        community = await communities.read_unfiltered(conn, post.community_id or 0)
        is_told = community is not None and community.is_local
    if is_told:
        await record_event(conn, _taken_back(taken, source_uri))
    return True


async def _hold_live(conn: Connection, post: Post) -> None:
    """Nobody erases the post until the transaction ends. Raises NotFound when it is gone."""
    held = await posts.hold(conn, post.id, post.thread_id)
    if held is None or held.state != "live":
        raise NotFound


async def _take(
    conn: Connection, post: Post, actor: Actor, kind: str, content: str
) -> Reaction | None:
    band = await reactions.band_unfiltered(conn, post.id, kind)
    taken = await reactions.delete(conn, post.id, actor.id, kind, content)
    await _show(conn, post, kind, band)
    return taken


async def _show(conn: Connection, post: Post, kind: str, before: int) -> None:
    """Pages that are kept show a band: they change only when that does."""
    if await reactions.band_unfiltered(conn, post.id, kind) != before:
        await posts.touch(conn, post.id, post.thread_id)


def _taken_back(taken: Reaction, source_uri: str | None) -> ReactionTakenBack:
    return ReactionTakenBack(
        taken.post_id, taken.actor_id, taken.kind, taken.content, source_uri, taken.uri
    )


def _check(kind: str, content: str) -> str:
    """The content as it is kept. Raises Invalid: an emoji is no place for words."""
    if kind not in KINDS:
        raise Invalid("choose", field="kind")
    content = content.strip()
    if kind != "emoji":
        if content:
            raise Invalid("bad_emoji", field="content")
        return ""
    if SHORTCODE.fullmatch(content) is None and not _is_emoji(content):
        raise Invalid("bad_emoji", field="content")
    return content


def _is_emoji(text: str) -> bool:
    """One or a few symbols of Unicode: no letter, nothing invisible, not plain ASCII."""
    return (
        0 < len(text) <= MOST_CODE_POINTS
        and not text.isascii()
        and not any(
            (letter.isalpha() and letter != LETTERLIKE) or unicodedata.category(letter) in INVISIBLE
            for letter in text
        )
    )
