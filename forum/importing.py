"""Lists from another server: whom somebody follows, blocks and mutes, as Mastodon writes them.

The list is taken at once; a worker goes through its lines. Every line goes through the same use
case as the button for it, and its outcome is shown to the person alone.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

from forum import membership, moderation, mutes, subscriptions
from forum.errors import ForumError, Invalid, NotFound
from forum.site import Site
from forum.text import one_line
from storage import actors, communities, imports
from storage import subscriptions as subscribed
from storage.actors import Actor
from storage.audience import Viewer
from storage.communities import Community
from storage.db import Connection
from storage.ids import new_id
from storage.imports import Import
from storage.memberships import read_membership

KINDS = ("follows", "blocks", "mutes", "servers")
LIFETIME = timedelta(days=7)
MOST_LINES = 10_000
MOST_CHARACTERS = 1_000_000
MOST_WAITING = 4  # one of each kind
MOST_ENTERED = 500  # communities of one list
ADDRESS_LENGTH = 300

# What a column of Mastodon's lists says about the list.
COLUMNS = {
    "show boosts": "follows",
    "notify on new posts": "follows",
    "hide notifications": "mutes",
    "#domain": "servers",
    "domain": "servers",
    "#uri": "bookmarks",
    "list name": "lists",
}
ADDRESS_COLUMNS = ("account address", "address", "#domain", "domain")

# Outcomes of a line.
DONE = "done"
SUBSCRIBED = "subscribed"
JOINED = "joined"
ALREADY = "already"
ASK = "ask_there"
PERSON = "person"
NOT_FOUND = "not_found"
NO_ANSWER = "no_answer"
LATER = "later"
BAD_LINE = "bad_line"
TOO_MANY = "too_many"
REFUSED = "refused"
OUTCOMES = (
    DONE, SUBSCRIBED, JOINED, ALREADY, ASK, PERSON, NOT_FOUND, NO_ANSWER, LATER, BAD_LINE,
    TOO_MANY, REFUSED,
)  # fmt: skip
OF_CODES = {
    "too_many_wishes": TOO_MANY,
    "bad_host": BAD_LINE,
    "own_server": BAD_LINE,
    "yourself": BAD_LINE,
    "not_found": NOT_FOUND,
    "accept_rules": ASK,
    "not_accepted": ASK,
    "invitation_needed": ASK,
    "join_to_read": ASK,
}


@dataclass(frozen=True, slots=True)
class Address:
    """Somebody's address as a line gives it; `uri` where it is a link."""

    name: str
    host: str
    uri: str = ""


def read_list(text: str, kind: str) -> list[str]:
    """The first column of a list, or the one with addresses; each once. Raises Invalid.

    Mastodon writes a header above follows and mutes, and none above blocks and servers.
    """
    if len(text) > MOST_CHARACTERS:
        raise Invalid("too_long", field="list")
    filled = (
        row
        for row in csv.reader(io.StringIO(text.lstrip("\ufeff")))
        if any(cell.strip() for cell in row)
    )
    try:
        rows = list(islice(filled, MOST_LINES + 2))  # a header, and one line too many
    except csv.Error as error:
        raise Invalid("bad_list", field="list") from error
    column = 0
    if rows and (header := [cell.strip().lower() for cell in rows[0]]):
        _require_kind(header, kind)
        named = [name for name in ADDRESS_COLUMNS if name in header]
        if named:
            column, rows = header.index(named[0]), rows[1:]
    if len(rows) > MOST_LINES:
        raise Invalid("too_many_lines", field="list")
    cells = (row[column] for row in rows if len(row) > column)
    found = list(dict.fromkeys(one_line(cell, ADDRESS_LENGTH) for cell in cells if cell.strip()))
    if not found:
        raise Invalid("missing", field="list")
    return found


def read_address(line: str) -> Address | None:
    """`name@host`, with or without an @ before it, or a link; None for anything else."""
    line = line.strip().removeprefix("'").removeprefix("acct:").lstrip("@!")
    if line.startswith(("https://", "http://")) and " " not in line:
        return Address("", "", line)
    name, at, host = line.partition("@")
    if not name or not at or not host or "@" in host or " " in line:
        return None
    return Address(name, host.lower())


async def begin(conn: Connection, owner: Actor, kind: str, text: str, now: datetime) -> int:
    """Take a list in; the id of it, or of the same one that waits already. Raises Invalid."""
    if kind not in KINDS:
        raise Invalid("choose_one", field="kind")
    addresses = read_list(text, kind)
    await imports.hold_owner(conn, owner.id)
    same = await imports.find_same_unfiltered(conn, owner.id, kind, addresses)
    if same is not None:
        return same
    if await imports.count_waiting(conn, owner.id) >= MOST_WAITING:
        raise Invalid("import_runs", field="list")
    import_id = new_id(now)
    await imports.insert(
        conn, import_id, owner.id, kind, addresses, now=now, expires_at=now + LIFETIME
    )
    return import_id


async def find_known(conn: Connection, site: Site, address: Address) -> int | None:
    """Who has this address, as far as this server knows; `is_here` says whether it could know."""
    if address.uri:
        known = await actors.read_by_uri_unfiltered(conn, address.uri)
    elif is_here(site, address):
        known = await actors.find_local_unfiltered(conn, address.name)
    else:
        return await imports.find_elsewhere_unfiltered(conn, address.name, address.host)
    return None if known is None else known.id


def is_here(site: Site, address: Address) -> bool:
    return address.host == site.host or bool(address.uri and site.is_local_uri(address.uri))


async def apply_server(conn: Connection, owner: Actor, line: str, now: datetime) -> str:
    """Block a whole server; what became of it."""
    try:
        async with conn.transaction():
            await mutes.block_server(conn, owner, line.removeprefix("'"), now=now)
    except ForumError as refusal:
        return OF_CODES.get(refusal.code, REFUSED)
    return DONE


async def apply(
    conn: Connection,
    site: Site,
    owner: Actor,
    list_: Import,
    actor_id: int,
    *,
    reader: Actor | None,
    now: datetime,
) -> str:
    """Do what one line asks for, about the actor that was found for it; what became of it.

    `reader` is this server's own reader, where there is one.
    """
    try:
        async with conn.transaction():
            if list_.kind == "follows":
                return await _follow(conn, site, owner, list_, actor_id, reader, now)
            other = await actors.read_person_by_id(conn, Viewer(owner.id), actor_id)
            if other is None:
                raise NotFound
            if list_.kind == "blocks":
                await moderation.block_person(conn, owner, other, now)
            else:
                await mutes.mute_person(conn, owner, other, now=now)
            return DONE
    except ForumError as refusal:
        return OF_CODES.get(refusal.code, REFUSED)


async def _follow(
    conn: Connection,
    site: Site,
    owner: Actor,
    list_: Import,
    actor_id: int,
    reader: Actor | None,
    now: datetime,
) -> str:
    """A community is read along or joined, where nobody has to be asked; a person is not."""
    viewer = Viewer(owner.id)
    community = await communities.read_community_by_id(conn, viewer, actor_id)
    if community is None:
        known = await actors.read_person_by_id(conn, viewer, actor_id)
        return NOT_FOUND if known is None else PERSON
    if await _is_in(conn, viewer, community):
        return ALREADY
    if await imports.count_done(conn, list_.id, [SUBSCRIBED, JOINED]) >= MOST_ENTERED:
        return TOO_MANY
    if community.is_local:
        if community.readers != "anyone" or community.joining != "open":
            return ASK
        await membership.ask_to_join(conn, site, community, owner, now=now)
        return JOINED
    if reader is None or not subscriptions.may_subscribe(community):
        return ASK
    await subscriptions.subscribe(conn, site, community, owner, reader, now)
    return SUBSCRIBED


async def _is_in(conn: Connection, viewer: Viewer, community: Community) -> bool:
    if await subscribed.is_subscribed(conn, viewer, community.id):
        return True
    known = await read_membership(conn, community.id, viewer.actor_id or 0)
    return known is not None and known.state in ("asked", "accepted")


def _require_kind(header: Sequence[str], kind: str) -> None:
    """Raises Invalid when the columns are those of another list than was chosen."""
    said = {COLUMNS[name] for name in header if name in COLUMNS}
    if said and kind not in said:
        raise Invalid("other_list", field="kind")
