"""Lists that people bring from another server: the lines, and what became of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from storage.audience import Viewer
from storage.db import Connection, fetch_all, fetch_one


@dataclass(frozen=True, slots=True)
class Import:
    """A list that is worked on, or was. `done` of `total` lines have an outcome."""

    id: int
    account_id: int
    kind: str
    done: int
    total: int
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Line:
    """`outcome` is empty while the line waits."""

    number: int
    address: str
    outcome: str


@dataclass(frozen=True, slots=True)
class OutcomeCount:
    outcome: str
    count: int


INSERT = """
insert into imports (id, account_id, kind, total, created_at, expires_at)
values ($1, $2, $3, $4, $5, $6)
"""

INSERT_LINES = """
insert into import_lines (import_id, number, address)
select $1, l.number, l.address
from unnest($2::text[]) with ordinality as l (address, number)
"""


async def insert(
    conn: Connection,
    import_id: int,
    account_id: int,
    kind: str,
    addresses: Sequence[str],
    *,
    now: datetime,
    expires_at: datetime,
) -> None:
    await conn.execute(INSERT, import_id, account_id, kind, len(addresses), now, expires_at)
    await conn.execute(INSERT_LINES, import_id, list(addresses))


HOLD_OWNER = "select actor_id from accounts where actor_id = $1 for no key update"


async def hold_owner(conn: Connection, account_id: int) -> None:
    """Until the transaction ends, nobody else brings a list to this account."""
    await conn.execute(HOLD_OWNER, account_id)


FIND_SAME = """
select i.id from imports i
where i.account_id = $1 and i.kind = $2 and i.total = $3 and i.done < i.total
  and (select array_agg(l.address order by l.number) from import_lines l where l.import_id = i.id)
    = $4::text[]
order by i.id desc
limit 1
"""


async def find_same_unfiltered(
    conn: Connection, account_id: int, kind: str, addresses: Sequence[str]
) -> int | None:
    """A list of this person that waits, with these lines in this order."""
    found: int | None = await conn.fetchval(
        FIND_SAME, account_id, kind, len(addresses), list(addresses)
    )
    return found


COUNT_WAITING = "select count(*) from imports where account_id = $1 and done < total"


async def count_waiting(conn: Connection, account_id: int) -> int:
    """Lists of this person that are not worked through."""
    return int(await conn.fetchval(COUNT_WAITING, account_id) or 0)


LIST_OWN = """
select id, account_id, kind, done, total, created_at, expires_at
from imports
where account_id = $1
order by id desc
limit 50
"""


async def list_own(conn: Connection, viewer: Viewer) -> list[Import]:
    """The viewer's own lists, the newest first."""
    return await fetch_all(conn, Import, LIST_OWN, viewer.actor_id)


READ_OWN = """
select id, account_id, kind, done, total, created_at, expires_at
from imports
where account_id = $1 and id = $2
"""


async def read_own(conn: Connection, viewer: Viewer, import_id: int) -> Import | None:
    """One of the viewer's own lists."""
    return await fetch_one(conn, Import, READ_OWN, viewer.actor_id, import_id)


LIST_LINES = """
select l.number, l.address, l.outcome
from imports i
join import_lines l on l.import_id = i.id
where i.account_id = $1 and i.id = $2 and l.number > $3
  and ($4::text is null or l.outcome = $4)
order by l.number
limit $5
"""


async def list_lines(
    conn: Connection,
    viewer: Viewer,
    import_id: int,
    *,
    after: int,
    outcome: str | None,
    limit: int,
) -> list[Line]:
    """What became of the lines of one of the viewer's lists, in their order."""
    return await fetch_all(
        conn, Line, LIST_LINES, viewer.actor_id, import_id, after, outcome, limit
    )


COUNT_OUTCOMES = """
select l.outcome, count(*) as count
from imports i
join import_lines l on l.import_id = i.id
where i.account_id = $1 and i.id = $2
group by l.outcome
order by count(*) desc, l.outcome
"""


async def count_outcomes(conn: Connection, viewer: Viewer, import_id: int) -> list[OutcomeCount]:
    """How many lines of one of the viewer's lists had which outcome."""
    return await fetch_all(conn, OutcomeCount, COUNT_OUTCOMES, viewer.actor_id, import_id)


DELETE_OWN = "delete from imports where account_id = $1 and id = $2"


async def delete_own(conn: Connection, viewer: Viewer, import_id: int) -> None:
    """Forget one of the viewer's lists; what still waited in it is not done."""
    await conn.execute(DELETE_OWN, viewer.actor_id, import_id)


# Whoever waited longest, so that one long list does not keep the others waiting.
CLAIM = """
update imports set claimed_until = $2
where id = (
  select i.id from imports i
  where i.done < i.total and (i.claimed_until is null or i.claimed_until < $1)
  order by i.claimed_until nulls first, i.id
  limit 1
  for update skip locked)
returning id, account_id, kind, done, total, created_at, expires_at
"""


async def claim(conn: Connection, now: datetime, until: datetime) -> Import | None:
    """A list with lines to do; whoever claimed it and died loses it after `until`."""
    return await fetch_one(conn, Import, CLAIM, now, until)


RELEASE = "update imports set claimed_until = $2 where id = $1"


async def release(conn: Connection, import_id: int, now: datetime) -> None:
    """Let it be taken up again, after all others that wait."""
    await conn.execute(RELEASE, import_id, now)


LIST_WAITING = """
select l.number, l.address, l.outcome
from import_lines l
where l.import_id = $1 and l.outcome = ''
order by l.number
limit $2
"""


async def list_waiting_unfiltered(conn: Connection, import_id: int, limit: int) -> list[Line]:
    """The next lines to do."""
    return await fetch_all(conn, Line, LIST_WAITING, import_id, limit)


SETTLE = """
with settled as (
  update import_lines l set outcome = o.outcome
  from unnest($2::integer[], $3::text[]) as o (number, outcome)
  where l.import_id = $1 and l.number = o.number and l.outcome = ''
  returning l.number)
update imports set done = done + (select count(*) from settled)
where id = $1
"""


async def settle(conn: Connection, import_id: int, outcomes: dict[int, str]) -> None:
    """Write down what became of these lines."""
    await conn.execute(SETTLE, import_id, list(outcomes), list(outcomes.values()))


HOLD = "select id from imports where id = $1 for update"


async def hold(conn: Connection, import_id: int) -> bool:
    """Nobody forgets it until the transaction ends; False when somebody has."""
    return await conn.fetchval(HOLD, import_id) is not None


COUNT_DONE = """
select count(*) from import_lines l where l.import_id = $1 and l.outcome = any($2::text[])
"""


async def count_done(conn: Connection, import_id: int, outcomes: Sequence[str]) -> int:
    """How many lines of a list came out like this."""
    return int(await conn.fetchval(COUNT_DONE, import_id, list(outcomes)) or 0)


# A few accounts of one server and name: programs may take a name anew.
FIND_ELSEWHERE = """
select a.id from actors a
where a.host = lower($2) and lower(a.name) = lower($1) and not a.is_local
  and a.kind in ('person', 'community') and a.state = 'live'
order by a.id desc
limit 1
"""


async def find_elsewhere_unfiltered(conn: Connection, name: str, host: str) -> int | None:
    """The actor of another server that is known by this name, if any is."""
    found: int | None = await conn.fetchval(FIND_ELSEWHERE, name, host)
    return found


TIDY = "delete from imports where expires_at <= $1"


async def tidy(conn: Connection, now: datetime) -> None:
    """Forget lists whose time is over."""
    await conn.execute(TIDY, now)
