"""Polls: a question's answers, who chose what, and the numbers.

Of a poll whose author is here the numbers are those of `poll_votes`, kept beside them; of one
elsewhere they are what its author's server says, and `poll_votes` holds the people here. Who chose
what is read by nobody but the person. Whoever writes here holds the thread (`posts.hold`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from storage.audience import Viewer
from storage.db import Connection, fetch_all, fetch_one

COLUMNS = """q.post_id, q.is_many, q.ends_at, q.closed_at, q.voters,
  array(select o.name from poll_options o where o.post_id = q.post_id order by o.position) as names,
  array(select o.votes from poll_options o where o.post_id = q.post_id order by o.position) as votes
"""


@dataclass(frozen=True, slots=True)
class Option:
    position: int
    name: str
    votes: int


@dataclass(frozen=True, slots=True)
class Poll:
    """`voters` counts people, the options count choices."""

    post_id: int
    is_many: bool
    ends_at: datetime | None
    closed_at: datetime | None
    voters: int
    options: list[Option]

    def is_over(self, now: datetime) -> bool:
        return self.closed_at is not None or (self.ends_at is not None and self.ends_at <= now)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(option.name for option in self.options)


@dataclass(frozen=True, slots=True)
class PollRow:
    post_id: int
    is_many: bool
    ends_at: datetime | None
    closed_at: datetime | None
    voters: int
    names: list[str]
    votes: list[int]


@dataclass(frozen=True, slots=True)
class Tally:
    """A poll that was closed, or whose numbers are to be told. `is_told`: by this server."""

    post_id: int
    thread_id: int
    has_ended: bool
    is_told: bool


@dataclass(frozen=True, slots=True)
class VotedIn:
    """A poll in which somebody voted."""

    post_id: int
    thread_id: int
    is_local: bool


READ = f"""
select {COLUMNS}
from visible_posts($1::bigint, $2::text) p
join polls q on q.post_id = p.id
where p.id = $3
"""


async def read_poll(conn: Connection, viewer: Viewer, post_id: int) -> Poll | None:
    """The poll of a post that the viewer may see."""
    return _poll(await fetch_one(conn, PollRow, READ, viewer.actor_id, viewer.host, post_id))


READ_UNFILTERED = f"select {COLUMNS} from polls q where q.post_id = $1"


async def read_poll_unfiltered(conn: Connection, post_id: int) -> Poll | None:
    return _poll(await fetch_one(conn, PollRow, READ_UNFILTERED, post_id))


READ_CHOICES = """
select v.position
from visible_posts($1::bigint, $2::text) p
join poll_votes v on v.post_id = p.id and v.actor_id = $1
where p.id = $3
order by v.position
"""


async def read_choices(conn: Connection, viewer: Viewer, post_id: int) -> list[int]:
    """What the viewer chose. What others chose is read by nobody."""
    rows = await conn.fetch(READ_CHOICES, viewer.actor_id, viewer.host, post_id)
    return [row["position"] for row in rows]


READ_CHOICES_UNFILTERED = """
select v.position from poll_votes v where v.post_id = $1 and v.actor_id = $2 order by v.position
"""


async def read_choices_unfiltered(conn: Connection, post_id: int, actor_id: int) -> list[int]:
    """What this person chose, for the rule that one votes once."""
    rows = await conn.fetch(READ_CHOICES_UNFILTERED, post_id, actor_id)
    return [row["position"] for row in rows]


INSERT = """
insert into polls (post_id, is_many, ends_at, closed_at, voters) values ($1, $2, $3, $4, $5)
"""

INSERT_OPTIONS = """
insert into poll_options (post_id, position, name, votes)
select $1, r.place - 1, r.name, r.votes
from unnest($2::text[], $3::integer[]) with ordinality as r (name, votes, place)
"""


async def insert(conn: Connection, poll: Poll) -> None:
    await conn.execute(
        INSERT, poll.post_id, poll.is_many, poll.ends_at, poll.closed_at, poll.voters
    )
    votes = [option.votes for option in poll.options]
    await conn.execute(INSERT_OPTIONS, poll.post_id, list(poll.names), votes)


ADD_VOTES = """
insert into poll_votes (post_id, position, actor_id, uri, at)
select $1, choice, $3, $4, $5 from unnest($2::smallint[]) as choice
"""

COUNT_VOTES = """
update poll_options set votes = votes + 1 where post_id = $1 and position = any($2::smallint[])
"""

COUNT_VOTER = """
update polls
set voters = voters + $2, changed_at = coalesce(changed_at, $3)
where post_id = $1
"""


async def add_votes(
    conn: Connection,
    post_id: int,
    actor_id: int,
    choices: list[int],
    uri: str | None,
    now: datetime,
) -> None:
    """Somebody chose what they had not chosen before. Counts nothing."""
    await conn.execute(ADD_VOTES, post_id, choices, actor_id, uri, now)


async def count_votes(
    conn: Connection, post_id: int, choices: list[int], *, new_voters: int, now: datetime
) -> None:
    """The numbers of a poll here, after votes were added; they are to be told."""
    await conn.execute(COUNT_VOTES, post_id, choices)
    await conn.execute(COUNT_VOTER, post_id, new_voters, now)


SET_TOTALS = """
update poll_options o
set votes = r.votes
from unnest($2::text[], $3::integer[]) as r (name, votes)
where o.post_id = $1 and o.name = r.name and o.votes <> r.votes
"""

SET_VOTERS = """
update polls set voters = $2, ends_at = $3, closed_at = $4
where post_id = $1
  and (voters, ends_at, closed_at) is distinct from ($2, $3::timestamptz, $4::timestamptz)
"""


async def set_totals(conn: Connection, poll: Poll) -> bool:
    """What its author's server counted; False when that is known."""
    votes = [option.votes for option in poll.options]
    counted = await conn.execute(SET_TOTALS, poll.post_id, list(poll.names), votes)
    voters = await conn.execute(SET_VOTERS, poll.post_id, poll.voters, poll.ends_at, poll.closed_at)
    return (counted, voters) != ("UPDATE 0", "UPDATE 0")


SET_END = "update polls set ends_at = $2, closed_at = null where post_id = $1"


async def set_end(conn: Connection, post_id: int, ends_at: datetime | None) -> None:
    """It ends at another time."""
    await conn.execute(SET_END, post_id, ends_at)


DROP_VOTES = "delete from poll_votes where post_id = $1 and actor_id = $2"

RECOUNT_OPTIONS = """
update poll_options o
set votes = (
  select count(*) from poll_votes v where v.post_id = o.post_id and v.position = o.position)
where o.post_id = $1
"""

RECOUNT_VOTERS = """
update polls q
set voters = (select count(distinct v.actor_id) from poll_votes v where v.post_id = q.post_id),
  changed_at = coalesce(q.changed_at, $2)
where q.post_id = $1
"""


async def drop_votes(conn: Connection, post_id: int, actor_id: int) -> None:
    """Forget what one person chose. Counts nothing."""
    await conn.execute(DROP_VOTES, post_id, actor_id)


async def recount(conn: Connection, post_id: int, now: datetime) -> None:
    """Count the votes of a poll here again; the numbers are to be told."""
    await conn.execute(RECOUNT_OPTIONS, post_id)
    await conn.execute(RECOUNT_VOTERS, post_id, now)


LIST_VOTED_IN = """
select p.id as post_id, p.thread_id, p.is_local
from (
  select distinct v.post_id from poll_votes v where v.actor_id = $1 order by v.post_id limit $2) v
join posts p on p.id = v.post_id
order by p.thread_id, p.id
"""


async def list_voted_in_unfiltered(conn: Connection, actor_id: int, limit: int) -> list[VotedIn]:
    """Polls in which somebody voted who leaves for good."""
    return await fetch_all(conn, VotedIn, LIST_VOTED_IN, actor_id, limit)


# The threads are held, so that a vote waits; one that somebody else holds is for the next time. The
# array is for the planner: it takes what is due for a third of all polls, and would read all posts.
HOLD_DUE = """
select p.id as post_id
from posts p
join posts t on t.id = p.thread_id
where p.id = any(array(
  select q.post_id from polls q
  where (q.closed_at is null and q.ends_at <= $1) or q.changed_at <= $2
  limit $3))
order by t.id
for no key update of t skip locked
"""

SETTLE = """
with due as (
  select q.post_id, q.closed_at is null and coalesce(q.ends_at <= $2, false) as has_ended
  from polls q
  where q.post_id = any($1::bigint[])
    and ((q.closed_at is null and q.ends_at <= $2) or q.changed_at <= $3))
update polls q
set closed_at = case when d.has_ended then q.ends_at else q.closed_at end,
  told_at = $2, changed_at = null
from due d
join posts p on p.id = d.post_id
where q.post_id = d.post_id
returning q.post_id, p.thread_id, d.has_ended, p.is_local and p.state = 'live' as is_told
"""


async def settle_due(
    conn: Connection, now: datetime, patience: timedelta, limit: int
) -> list[Tally]:
    """Close what has ended, and mark as told what changed longer ago than `patience`.

    Two statements on purpose: the second sees what whoever held the thread before committed.
    """
    before = now - patience
    rows = await conn.fetch(HOLD_DUE, now, before, limit)
    post_ids = [row["post_id"] for row in rows]
    return await fetch_all(conn, Tally, SETTLE, post_ids, now, before) if post_ids else []


DROP = "delete from polls where post_id = $1"


async def drop_of_post(conn: Connection, post_id: int) -> None:
    """The poll with its options and votes."""
    await conn.execute(DROP, post_id)


def _poll(row: PollRow | None) -> Poll | None:
    if row is None:
        return None
    options = [
        Option(position, name, votes)
        for position, (name, votes) in enumerate(zip(row.names, row.votes, strict=True))
    ]
    return Poll(row.post_id, row.is_many, row.ends_at, row.closed_at, row.voters, options)
