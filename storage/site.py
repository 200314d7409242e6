"""The facts about this server that its administrator decides, in one row."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from storage.db import Connection, fetch_one

COLUMNS = """s.origin, s.title, s.contact, s.about_source, s.about_html, s.signup,
  s.federation_mode, s.set_up_at, s.is_seeded, s.epoch, s.requires_signed_fetch, s.signup_question,
  s.minimum_age"""


@dataclass(frozen=True, slots=True)
class SiteRow:
    origin: str | None
    title: str
    contact: str
    about_source: str
    about_html: str
    signup: str
    federation_mode: str | None
    set_up_at: datetime | None
    is_seeded: bool
    epoch: int
    requires_signed_fetch: bool
    signup_question: str = ""
    minimum_age: int = 16


READ = f"select {COLUMNS} from site s"


async def read_site(conn: Connection) -> SiteRow:
    row = await fetch_one(conn, SiteRow, READ)
    if row is None:
        raise LookupError("the site row is missing: the database is not migrated")
    return row


READ_ORIGIN = "select origin from site"


async def read_origin(conn: Connection) -> str | None:
    """The origin alone: it is there in every version of the schema."""
    origin: str | None = await conn.fetchval(READ_ORIGIN)
    return origin


LOCK = f"select {COLUMNS} from site s for update"


async def lock_site(conn: Connection) -> SiteRow:
    """The row, which nobody else changes until the transaction ends."""
    row = await fetch_one(conn, SiteRow, LOCK)
    if row is None:
        raise LookupError("the site row is missing: the database is not migrated")
    return row


@dataclass(frozen=True, slots=True)
class MediaLimits:
    """How many megabytes of files one person may have here, and all together."""

    person_quota_mb: int
    media_quota_mb: int


READ_MEDIA_LIMITS = "select s.person_quota_mb, s.media_quota_mb from site s"


async def read_media_limits(conn: Connection) -> MediaLimits:
    row = await fetch_one(conn, MediaLimits, READ_MEDIA_LIMITS)
    if row is None:
        raise LookupError("the site row is missing: the database is not migrated")
    return row


SET_MEDIA_LIMITS = "update site set person_quota_mb = $1, media_quota_mb = $2"


async def set_media_limits(conn: Connection, limits: MediaLimits) -> None:
    await conn.execute(SET_MEDIA_LIMITS, limits.person_quota_mb, limits.media_quota_mb)


SET_ORIGIN = "update site set origin = $1"


async def set_origin(conn: Connection, origin: str) -> None:
    await conn.execute(SET_ORIGIN, origin)


SET_UP = """
update site
set title = $1, contact = $2, signup = $3, federation_mode = $4, set_up_at = $5,
  setup_token_hash = null, epoch = epoch + 1
"""


async def set_up(
    conn: Connection, *, title: str, contact: str, signup: str, federation_mode: str, now: datetime
) -> None:
    await conn.execute(SET_UP, title, contact, signup, federation_mode, now)


SET_FACTS = """
update site set title = $1, contact = $2, signup = $3, epoch = epoch + 1
"""


async def set_facts(conn: Connection, *, title: str, contact: str, signup: str) -> None:
    await conn.execute(SET_FACTS, title, contact, signup)


SET_SIGNUP = "update site set signup_question = $1, minimum_age = $2, epoch = epoch + 1"


async def set_signup(conn: Connection, question: str, minimum_age: int) -> None:
    """What somebody is asked who makes an account."""
    await conn.execute(SET_SIGNUP, question, minimum_age)


SET_ABOUT = "update site set about_source = $1, about_html = $2, epoch = epoch + 1"


async def set_about(conn: Connection, source: str, html: str) -> None:
    await conn.execute(SET_ABOUT, source, html)


SET_MODE = "update site set federation_mode = $1, epoch = epoch + 1"


async def set_federation_mode(conn: Connection, mode: str) -> None:
    await conn.execute(SET_MODE, mode)


READ_SIGNED_FETCH = "select requires_signed_fetch from site"


async def requires_signed_fetch(conn: Connection) -> bool:
    """Whether other servers are shown nothing but keys and discovery unless they sign."""
    return bool(await conn.fetchval(READ_SIGNED_FETCH))


SET_SIGNED_FETCH = """
update site set requires_signed_fetch = $1
where requires_signed_fetch <> $1
returning true
"""


async def set_requires_signed_fetch(conn: Connection, is_required: bool) -> bool:
    """False when it was so before."""
    return bool(await conn.fetchval(SET_SIGNED_FETCH, is_required))


SET_SETUP_TOKEN = "update site set setup_token_hash = $1 where set_up_at is null"  # noqa: S105


async def set_setup_token_hash(conn: Connection, token_hash: bytes) -> None:
    await conn.execute(SET_SETUP_TOKEN, token_hash)


READ_SETUP_TOKEN = "select setup_token_hash from site"  # noqa: S105


async def read_setup_token_hash(conn: Connection) -> bytes | None:
    token_hash: bytes | None = await conn.fetchval(READ_SETUP_TOKEN)
    return token_hash


MARK_SEEDED = "update site set is_seeded = true"


async def mark_seeded(conn: Connection) -> None:
    """This database holds a demo: it never serves a public address."""
    await conn.execute(MARK_SEEDED)


BUMP_EPOCH = "update site set epoch = epoch + 1"


async def bump_epoch(conn: Connection) -> None:
    """Every cached page is built anew."""
    await conn.execute(BUMP_EPOCH)
