"""Erasing with a receipt: who is told, who has confirmed it, and who does not answer.

Other servers are asked, not forced. Between two Dazzles the one that has erased says so
(`Acknowledge`); of all others only that they took what asks them is known.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from forum import access, policy
from forum.errors import Invalid, NotAllowed
from forum.events import CopiesRecalled, DeletionDone
from forum.outbox import record_event
from forum.threads import erase_post
from storage import erasures, instances, modlog, post_copies
from storage.actors import Actor
from storage.db import Connection
from storage.destinations import PATIENCE
from storage.erasures import Told
from storage.ids import new_id
from storage.modlog import Act
from storage.sessions import Member
from storage.threads import Post

RECEIPT_KEPT = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a receipt shows. `is_done`: all servers that have to do with it are known."""

    kind: str
    posts: int
    erased_at: datetime
    is_done: bool
    trying_until: datetime
    expires_at: datetime
    told: list[Told]

    def hosts(self, *states: str) -> list[str]:
        return [one.host for one in self.told if one.state in states]


async def erase_with_receipt(conn: Connection, author: Actor, post: Post, now: datetime) -> str:
    """The author takes a post back; the secret of the receipt, which is told to nobody else."""
    access.require_may_erase(author, post)
    erasure_id, secret = await erasures.begin(conn, "post", author.id, now, RECEIPT_KEPT)
    await erasures.add_posts(conn, erasure_id, [post.id])
    await erase_post(conn, author, post, now=now)
    return secret


async def read_receipt(conn: Connection, secret: str, now: datetime) -> Receipt | None:
    """The receipt that this secret opens; None when there is none, or none any more."""
    erasure = await erasures.read_by_secret(conn, secret, now)
    if erasure is None:
        return None
    return Receipt(
        kind=erasure.kind,
        posts=erasure.posts,
        erased_at=erasure.created_at,
        is_done=erasure.done_at is not None,
        trying_until=erasure.created_at + PATIENCE,
        expires_at=erasure.expires_at,
        told=await erasures.list_told_unfiltered(conn, erasure.id),
    )


async def confirm(
    conn: Connection, actor: Actor, source_uri: str | None, *, author_id: int | None = None
) -> None:
    """Tell the server that asked, by that activity of this actor's, that all of it is erased.

    `author_id` wrote it, if it was here. It is told once the files are gone as well
    (storage.outbox).
    """
    if source_uri is not None and not actor.is_local:
        await record_event(conn, DeletionDone(actor.id, source_uri, author_id))


async def receive_confirmation(
    conn: Connection, actor: Actor, activity_uri: str, now: datetime
) -> None:
    """A server says that it has erased. It is believed of itself only, and if it was told."""
    if not await erasures.confirm(conn, activity_uri, actor.host, now):
        raise NotAllowed("not_told")


async def recall(conn: Connection, admin: Member, host: str, reason: str, now: datetime) -> str:
    """Ask a server to erase everything that it was ever given; the secret of the receipt.

    Here all stays as it is. A server that is blocked can be told nothing, so this comes first.
    """
    access.require_may_administer(admin)
    host = policy.check_host(host)
    if not policy.may_federate(await instances.read_standing(conn, host)):
        raise NotAllowed("recall_first")
    if not await post_copies.count_of_host(conn, host):
        raise Invalid("nothing_sent", field="host")
    erasure_id, secret = await erasures.begin(conn, "received", admin.actor_id, now, RECEIPT_KEPT)
    await erasures.add_copies_of_host(conn, erasure_id, host)
    await record_event(conn, CopiesRecalled(erasure_id, host))
    act = Act(new_id(now), admin.actor_id, "erase_received", now, host=host, reason=reason)
    await modlog.insert(conn, act)
    return secret


async def give_up(conn: Connection, now: datetime) -> None:
    """Servers that were silent for two weeks are asked no more, until they speak again."""
    await erasures.give_up(conn, now, now - PATIENCE)
