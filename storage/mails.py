"""Mail that waits to be sent. It goes when it is sent: no copy of it is kept.

A row holds a kind and a link; the words are made when it is sent, in the language of its reader.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from storage.db import Connection, fetch_all, fetch_one
from storage.ids import new_id


@dataclass(frozen=True, slots=True)
class Mail:
    id: int
    account_id: int | None
    address: str
    kind: str
    locale: str
    data: dict[str, Any]
    tries: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class WaitingMail:
    """A mail in the administrator's list; `reason` is why it was not taken the last time."""

    id: int
    address: str
    kind: str
    data: dict[str, Any]
    state: str
    tries: int
    reason: str
    created_at: datetime


INSERT = """
insert into mails (id, account_id, address, kind, locale, data, due_at, created_at, ends_at)
values ($1, $2, $3, $4, $5, $6, $7, $7, $8)
"""


async def insert(
    conn: Connection,
    *,
    account_id: int | None,
    address: str,
    kind: str,
    locale: str,
    data: dict[str, Any],
    now: datetime,
    ends_at: datetime | None = None,
) -> None:
    await conn.execute(INSERT, new_id(now), account_id, address, kind, locale, data, now, ends_at)


CLAIM = """
update mails m set claimed_until = $2, tries = m.tries + 1
from (
  select id from mails
  where state = 'waiting' and due_at <= $1 and (claimed_until is null or claimed_until < $1)
    and (ends_at is null or ends_at > $1)
  order by due_at, id
  limit $3
  for update skip locked) due
where m.id = due.id
returning m.id, m.account_id, m.address, m.kind, m.locale, m.data, m.tries, m.created_at
"""


async def claim(conn: Connection, now: datetime, until: datetime, limit: int) -> list[Mail]:
    """Those that are due and that nobody sends; counted as tried.

    Whose link has ended are left: nobody could do anything with them.
    """
    return await fetch_all(conn, Mail, CLAIM, now, until, limit)


DROP = "delete from mails where id = $1"


async def drop(conn: Connection, mail_id: int) -> None:
    """It was sent, or nobody wants it any more."""
    await conn.execute(DROP, mail_id)


# Whoever was slow and lost the mail to another worker says nothing about it any more: `tries` has
# grown since.
POSTPONE = """
update mails set due_at = $3, claimed_until = null, reason = $4 where id = $1 and tries = $2
"""


async def postpone(conn: Connection, mail: Mail, due_at: datetime, reason: str) -> None:
    await conn.execute(POSTPONE, mail.id, mail.tries, due_at, reason)


GIVE_UP = """
update mails set state = 'dead', claimed_until = null, reason = $3 where id = $1 and tries = $2
"""


async def give_up(conn: Connection, mail: Mail, reason: str) -> None:
    """It can not be sent; the administrator sees it."""
    await conn.execute(GIVE_UP, mail.id, mail.tries, reason)


TRY_AGAIN = """
update mails set state = 'waiting', tries = 0, due_at = $2, reason = ''
where id = $1 and state = 'dead'
"""


async def try_again(conn: Connection, mail_id: int, now: datetime) -> None:
    """What was given up is begun anew."""
    await conn.execute(TRY_AGAIN, mail_id, now)


LIST_UNSENT = """
select id, address, kind, data, state, tries, reason, created_at
from mails
order by id desc
limit $1
"""


async def list_unsent(conn: Connection, limit: int) -> list[WaitingMail]:
    """For the administrator: what waits and what could not be sent, newest first."""
    return await fetch_all(conn, WaitingMail, LIST_UNSENT, limit)


READ_UNSENT = """
select id, address, kind, data, state, tries, reason, created_at
from mails
where id = $1 and (ends_at is null or ends_at > $2)
"""


async def read_unsent(conn: Connection, mail_id: int, now: datetime) -> WaitingMail | None:
    """One of them, unless its link has ended."""
    return await fetch_one(conn, WaitingMail, READ_UNSENT, mail_id, now)


WAS_QUEUED_SINCE = """
select exists (
  select 1 from mails where account_id = $1 and kind = $2 and created_at > $3)
"""


async def was_queued_since(conn: Connection, account_id: int, kind: str, since: datetime) -> bool:
    return bool(await conn.fetchval(WAS_QUEUED_SINCE, account_id, kind, since))


DROP_OF_ACCOUNT = "delete from mails where account_id = $1 and ($2::text is null or kind = $2)"


async def drop_of_account(conn: Connection, account_id: int, kind: str | None = None) -> None:
    await conn.execute(DROP_OF_ACCOUNT, account_id, kind)


DROP_OF_KIND = "delete from mails where kind = $1"


async def drop_of_kind(conn: Connection, kind: str) -> None:
    """What it links to is over."""
    await conn.execute(DROP_OF_KIND, kind)


DROP_OLD = "delete from mails where created_at < $1 or ends_at <= $2"


async def drop_old(conn: Connection, before: datetime, now: datetime) -> None:
    """What has waited too long, and whose link has ended."""
    await conn.execute(DROP_OLD, before, now)
