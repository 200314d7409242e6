"""Mail that waits to be sent. It goes when it is sent: no copy of it is kept.

A row holds a kind and a link; the words are made when it is sent, in the language of its reader.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from storage.db import Connection, fetch_all
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
insert into mails (id, account_id, address, kind, locale, data, due_at, created_at)
values ($1, $2, $3, $4, $5, $6, $7, $7)
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
) -> None:
    await conn.execute(INSERT, new_id(now), account_id, address, kind, locale, data, now)


CLAIM = """
update mails m set claimed_until = $2, tries = m.tries + 1
from (
  select id from mails
  where state = 'waiting' and due_at <= $1 and (claimed_until is null or claimed_until < $1)
  order by due_at, id
  limit $3
  for update skip locked) due
where m.id = due.id
returning m.id, m.account_id, m.address, m.kind, m.locale, m.data, m.tries, m.created_at
"""


async def claim(conn: Connection, now: datetime, until: datetime, limit: int) -> list[Mail]:
    """Those that are due and that nobody sends; counted as tried."""
    return await fetch_all(conn, Mail, CLAIM, now, until, limit)


DROP = "delete from mails where id = $1"


async def drop(conn: Connection, mail_id: int) -> None:
    """It was sent, or nobody wants it any more."""
    await conn.execute(DROP, mail_id)


POSTPONE = """
update mails set due_at = $2, claimed_until = null, reason = $3 where id = $1
"""


async def postpone(conn: Connection, mail_id: int, due_at: datetime, reason: str) -> None:
    await conn.execute(POSTPONE, mail_id, due_at, reason)


GIVE_UP = """
update mails set state = 'dead', claimed_until = null, reason = $2 where id = $1
"""


async def give_up(conn: Connection, mail_id: int, reason: str) -> None:
    """It can not be sent; the administrator sees it."""
    await conn.execute(GIVE_UP, mail_id, reason)


LIST_UNSENT = """
select id, address, kind, data, state, tries, reason, created_at
from mails
order by id desc
limit $1
"""


async def list_unsent(conn: Connection, limit: int) -> list[WaitingMail]:
    """For the administrator: what waits and what could not be sent, newest first."""
    return await fetch_all(conn, WaitingMail, LIST_UNSENT, limit)


WAS_QUEUED_SINCE = """
select exists (
  select 1 from mails where account_id = $1 and kind = $2 and created_at > $3)
"""


async def was_queued_since(conn: Connection, account_id: int, kind: str, since: datetime) -> bool:
    return bool(await conn.fetchval(WAS_QUEUED_SINCE, account_id, kind, since))


DROP_OF_ACCOUNT = "delete from mails where account_id = $1 and ($2::text is null or kind = $2)"


async def drop_of_account(conn: Connection, account_id: int, kind: str | None = None) -> None:
    await conn.execute(DROP_OF_ACCOUNT, account_id, kind)


DROP_OLD = """
delete from mails
where created_at < $1 or (kind = any($3::text[]) and created_at < $2)
"""


async def drop_old(
    conn: Connection, before: datetime, short_before: datetime, short_lived: list[str]
) -> None:
    """What has waited too long; of the short-lived kinds the link has ended sooner."""
    await conn.execute(DROP_OLD, before, short_before, short_lived)
