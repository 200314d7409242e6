"""What somebody chose about being noticed: on their own screen, and by other servers."""

from __future__ import annotations

from dataclasses import dataclass

from storage.audience import Viewer
from storage.db import Connection, fetch_one


@dataclass(frozen=True, slots=True)
class Choices:
    tells_likes: bool
    is_neutral: bool


NONE = Choices(tells_likes=False, is_neutral=False)

READ = "select s.tells_likes, s.is_neutral from accounts s where s.actor_id = $1"


async def read_choices(conn: Connection, viewer: Viewer) -> Choices:
    """The viewer's own; whoever has no account chose nothing."""
    return await fetch_one(conn, Choices, READ, viewer.actor_id) or NONE


SET = "update accounts set tells_likes = $2, is_neutral = $3 where actor_id = $1"


async def set_choices(conn: Connection, account_id: int, choices: Choices) -> None:
    await conn.execute(SET, account_id, choices.tells_likes, choices.is_neutral)
