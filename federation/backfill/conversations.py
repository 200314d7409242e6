"""A whole conversation: its `context`, or else the `replies` of its posts (FEP-7888, FEP-f228).

Where the context was read to its end, it also tells what stands in the community no more.
"""

from __future__ import annotations

from federation.address import is_same_origin
from federation.backfill.reading import MAX_ITEMS, Reading
from federation.errors import FederationError, Gone, Malformed
from federation.fetch import require_own_author
from federation.vocabulary.collections import COLLECTION_TYPES
from federation.vocabulary.documents import parse_post
from federation.vocabulary.fields import types_of
from federation.vocabulary.types import Post
from forum import threads as use_cases
from forum.errors import ForumError
from storage import actors, backfills, threads
from storage.backfills import Standing

MAX_LEVELS = 50
MAX_MISSING = 50


async def read_conversation(reading: Reading, uri: str) -> None:
    """`uri` is of the conversation, or of a post in it."""
    try:
        fields = await reading.fed.fetcher.document(uri, reading.budget)
    except Gone as error:
        if error.is_final:
            for one in await _standing(reading, [uri]):
                if one.uri == uri:
                    await _take_out(reading, one, is_erased=True)
        raise
    if any(t in COLLECTION_TYPES for t in types_of(fields)):
        await _read_context(reading, uri)
        return
    post = require_own_author(parse_post(fields))
    if await reading.unknown([post.id]):
        await reading.store(post)
    context = post.context
    if context is not None and is_same_origin(context, reading.community.uri):
        await _read_context(reading, context)
    else:
        await _read_replies(reading, post)


async def _read_context(reading: Reading, url: str) -> None:
    listed: set[str] = set()
    standing: list[Standing] = []
    async for items in reading.pages(url):
        uris = [item.uri for item in items]
        if not listed:
            standing = await _standing(reading, uris)
        listed.update(uris)
        for uri in await reading.unknown(uris):
            await reading.go_into(uris)
            await reading.take(uri)
    if not reading.is_cut:
        missing = [one for one in standing if one.uri not in listed]
        for one in missing[:MAX_MISSING]:
            await _look_again(reading, one)


async def _read_replies(reading: Reading, root: Post) -> None:
    """Level by level, each post once."""
    seen, level = {root.id}, [root]
    for _ in range(MAX_LEVELS):
        below = []
        for post in level:
            for uri in await _replies_of(reading, post):
                if uri not in seen:
                    seen.add(uri)
                    child = await _child(reading, uri)
                    if child is not None:
                        below.append(child)
        if not below:
            return
        level = below
    reading.is_cut = True


async def _replies_of(reading: Reading, post: Post) -> list[str]:
    """What answers a post, as far as the community's own server says so."""
    if post.replies is None or not is_same_origin(post.replies, reading.community.uri):
        return []
    found: list[str] = []
    try:
        async for items in reading.pages(post.replies):
            found += [item.uri for item in items]
    except (Gone, Malformed):
        pass
    return found


async def _child(reading: Reading, uri: str) -> Post | None:
    """An answer, stored if it was unknown. None where nothing can be below it."""
    if reading.fed.site.is_local_uri(uri):
        return None
    if await reading.unknown([uri]):
        return await reading.take(uri)
    if not is_same_origin(uri, reading.community.uri):
        return None
    try:
        return await reading.fed.fetcher.post(uri, reading.budget)
    except (Gone, Malformed):
        return None


async def _standing(reading: Reading, uris: list[str]) -> list[Standing]:
    """What stands here of the conversation that these posts are in."""
    async with reading.fed.database.read() as conn:
        return await backfills.list_standing_unfiltered(conn, reading.community.id, uris, MAX_ITEMS)


async def _look_again(reading: Reading, one: Standing) -> None:
    """A post that its community does not list any more: its own server knows why."""
    try:
        await reading.fed.fetcher.post(one.uri, reading.budget)
    except Gone as error:
        await _take_out(reading, one, is_erased=error.is_final)
    except (FederationError, ForumError):
        return


async def _take_out(reading: Reading, one: Standing, *, is_erased: bool) -> None:
    """Erased, when its author's server says that (410); hidden, when the community's own has it
    no more. A community may hide what others still have; it does not say so by leaving it out."""
    now, community = reading.fed.clock.now(), reading.community
    async with reading.fed.database.write() as conn:
        post = await threads.read_unfiltered(conn, one.id)
        author = await actors.read_unfiltered(conn, one.author_id)
        if post is None or author is None or post.state != "live":
            return
        if is_erased:
            await use_cases.erase_post(conn, author, post, now=now)
        elif is_same_origin(one.uri, community.uri):
            await use_cases.receive_removal(
                conn,
                community,
                post,
                moderator=reading.actor,
                reason="",
                now=now,
                source_uri=None,
            )
