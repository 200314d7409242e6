"""Copies of their own things that people ask for: waiting, made, thrown away after a week."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from storage.audience import Viewer
from storage.db import Connection, fetch_all, fetch_one
from storage.ids import new_id


@dataclass(frozen=True, slots=True)
class Export:
    """`done` of `total` things are in it; `file` is its name in the directory of exports."""

    id: int
    account_id: int
    state: str
    done: int
    total: int
    file: str | None
    created_at: datetime
    expires_at: datetime


INSERT = """
insert into exports (id, account_id, created_at, expires_at)
select $1, $2, $3, $4
where not exists (select 1 from exports where account_id = $2 and state = 'waiting')
"""


async def ask(conn: Connection, account_id: int, now: datetime, expires_at: datetime) -> None:
    """One more, unless one is being made already."""
    await conn.execute(INSERT, new_id(now), account_id, now, expires_at)


READ_LATEST = """
select id, account_id, state, done, total, file, created_at, expires_at
from exports
where account_id = $1 and expires_at > $2
order by id desc
limit 1
"""


async def read_latest(conn: Connection, viewer: Viewer, now: datetime) -> Export | None:
    """The viewer's own last one."""
    return await fetch_one(conn, Export, READ_LATEST, viewer.actor_id, now)


CLAIM = """
update exports set claimed_until = $2
where id = (
  select id from exports
  where state = 'waiting' and (claimed_until is null or claimed_until < $1)
  order by id
  limit 1
  for update skip locked)
returning id, account_id, state, done, total, file, created_at, expires_at
"""


async def claim(conn: Connection, now: datetime, until: datetime) -> Export | None:
    """The oldest that nobody makes; whoever claimed it and died loses it after `until`."""
    return await fetch_one(conn, Export, CLAIM, now, until)


NOTE_PROGRESS = """
update exports set done = $2, total = $3, claimed_until = $4
where id = $1 and state = 'waiting'
returning id
"""


async def note_progress(
    conn: Connection, export_id: int, done: int, total: int, until: datetime
) -> bool:
    """False when nobody wants it any more: the account is gone."""
    return await conn.fetchval(NOTE_PROGRESS, export_id, done, total, until) is not None


FINISH = """
update exports set state = 'ready', file = $2, done = total, claimed_until = null
where id = $1 and state = 'waiting'
returning id
"""


async def finish(conn: Connection, export_id: int, file: str) -> bool:
    """It can be fetched. False when nobody wants it any more."""
    return await conn.fetchval(FINISH, export_id, file) is not None


FAIL = (
    "update exports set state = 'failed', claimed_until = null where id = $1 and state = 'waiting'"
)


async def fail(conn: Connection, export_id: int) -> None:
    await conn.execute(FAIL, export_id)


DROP_OLD = """
delete from exports
where expires_at <= $1
  or (state <> 'waiting' and exists (
    select 1 from exports later
    where later.account_id = exports.account_id and later.id > exports.id
      and later.state = 'ready'))
"""


async def drop_old(conn: Connection, now: datetime) -> None:
    """Those whose time is over, and those that a newer one replaces."""
    await conn.execute(DROP_OLD, now)


DROP_OF_ACCOUNT = "delete from exports where account_id = $1"


async def drop_of_account(conn: Connection, account_id: int) -> None:
    """The rows; the worker throws away every file that no row names."""
    await conn.execute(DROP_OF_ACCOUNT, account_id)


@dataclass(frozen=True, slots=True)
class ExportFile:
    file: str


LIST_FILES = "select file from exports where file is not null"


async def list_files_unfiltered(conn: Connection) -> list[ExportFile]:
    """The files that are still somebody's."""
    return await fetch_all(conn, ExportFile, LIST_FILES)
