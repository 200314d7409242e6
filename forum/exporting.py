"""A copy of all that is one's own, to take along: asked for here, made by a worker."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from storage import exports
from storage.belongings import OwnHost, OwnMembership, OwnPerson, OwnReading
from storage.db import Connection
from storage.sessions import Member

DIRECTORY = "exports"  # below the directory of data
LIFETIME = timedelta(days=7)


async def ask_for_copy(conn: Connection, member: Member, now: datetime) -> None:
    """Have a copy made, unless one is being made. The one before goes when the new one is there."""
    await exports.ask(conn, member.actor_id, now, now + LIFETIME)


def following_csv(memberships: Iterable[OwnMembership], reading: Iterable[OwnReading]) -> str:
    """The communities that somebody is in or reads, as Mastodon writes whom somebody follows."""
    joined = [f"{one.name}@{one.host}" for one in memberships if one.state == "accepted"]
    followed = [*joined, *(f"{one.name}@{one.host}" for one in reading)]
    rows = [(address, "true", "false", "") for address in followed]
    header = ("Account address", "Show boosts", "Notify on new posts", "Languages")
    return _csv([header, *rows])


def blocked_csv(people: Iterable[OwnPerson]) -> str:
    """Mastodon's list of blocked accounts has no header."""
    return _csv((f"{one.name}@{one.host}",) for one in people)


def muted_csv(people: Iterable[OwnPerson]) -> str:
    rows = ((f"{one.name}@{one.host}", "true") for one in people)
    return _csv([("Account address", "Hide notifications"), *rows])


def blocked_hosts_csv(hosts: Iterable[OwnHost]) -> str:
    """Mastodon's list of blocked servers has no header either."""
    return _csv((one.host,) for one in hosts)


def _csv(rows: Iterable[Sequence[str]]) -> str:
    """No cell begins a formula: a spreadsheet would run what somebody else called themselves."""
    out = io.StringIO()
    writer = csv.writer(out)
    for row in rows:
        writer.writerow([f"'{cell}" if cell[:1] in "=+-@\t\r" and cell else cell for cell in row])
    return out.getvalue()
