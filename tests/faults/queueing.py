"""Queues for these tests: many activities for many servers, in few statements."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import count

from storage import activities, deliveries
from storage.activities import Activity
from storage.actors import Actor
from storage.audience import Recipient
from storage.db import Connection
from storage.deliveries import Sending
from storage.ids import first_id

_numbers = count(1)


@dataclass(frozen=True)
class Word:
    """What one activity says, and the object that it is about."""

    text: str
    key: int


def words_about(objects: int, each: int) -> list[Word]:
    """Activities about some objects by turns: `each` times each of them."""
    return [Word(f"{key}:{number}", key) for number in range(each) for key in range(1, objects + 1)]


async def queue(
    conn: Connection, author: Actor, words: Iterable[Word], inboxes: Iterable[str], now: datetime
) -> None:
    """Every word to every inbox, in this order."""
    takers = [Recipient(inbox, inbox.split("/")[2], None) for inbox in inboxes]
    made = []
    for word in words:
        identifier = first_id(now) + next(_numbers)
        uri = f"https://here.test/ap/activities/{identifier}"
        body = word.text.encode()
        made.append((Activity(identifier, uri, author.id, "Follow", None, body), word.key))
    await activities.insert_all(conn, [activity for activity, _ in made])
    sendings = [Sending(activity.id, key, takers) for activity, key in made]
    await deliveries.queue_all(conn, sendings, now)


async def left(conn: Connection) -> int:
    return int(await conn.fetchval("select count(*) from deliveries") or 0)


def in_order(bodies: Iterable[bytes]) -> bool:
    """Whether the words about each object came one after the other, leaving out repetitions."""
    heard: dict[str, list[int]] = {}
    for body in bodies:
        key, _, number = body.decode().partition(":")
        numbers = heard.setdefault(key, [])
        if int(number) not in numbers:
            numbers.append(int(number))
    return all(numbers == sorted(numbers) for numbers in heard.values())
