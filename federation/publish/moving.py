"""Somebody here is an account elsewhere from now on, or not after all (FEP-7628)."""

from __future__ import annotations

from federation.publish.press import Press
from federation.render import activities as render
from federation.render import actors as render_actors
from federation.render.actors import PublicKeys
from federation.render.document import to_bytes
from forum.events import AccountMoved, MoveTakenBack
from storage import closings, moves
from storage.actors import Actor
from storage.audience import Recipient
from storage.keys import read_key


async def publish_move(press: Press, event: AccountMoved) -> None:
    """Move, by the old account, to every server that knows it."""
    actor, target = await press.actor(event.actor_id), await press.actor(event.target_id)
    if actor is None or target is None or actor.state != "live" or actor.moved_to != target.id:
        return
    followers = press.site.followers_uri(actor.id)
    move = press.keep(
        actor.id, "Move", None, lambda uri: to_bytes(render.move(uri, actor, target, followers))
    )
    press.send(move, actor.id, await _who_know(press, actor, event.target_id))


async def publish_return(press: Press, event: MoveTakenBack) -> None:
    """Update of the account by itself: there is no `movedTo` in it any more.

    An Undo of the Move is understood by nobody.
    """
    actor = await press.actor(event.actor_id)
    key = None if actor is None else await read_key(press.conn, f"{actor.uri}#main-key")
    if actor is None or key is None or actor.state != "live" or actor.moved_to is not None:
        return
    followers = press.site.followers_uri(actor.id)
    proof = await read_key(press.conn, press.site.proof_key_uri(actor.id))
    keys = PublicKeys(
        key.public_pem,
        "" if proof is None else proof.uri,
        None if proof is None else proof.public_pem,
    )
    document = render_actors.person(press.site, actor, keys)
    update = press.keep(
        actor.id,
        "Update Person",
        None,
        lambda uri: to_bytes(render.actor_update(uri, actor, document, followers)),
    )
    press.send(update, actor.id, await _who_know(press, actor, event.target_id))


async def _who_know(press: Press, actor: Actor, target_id: int) -> list[Recipient]:
    hosts = await moves.list_hosts_unfiltered(press.conn, actor.id, target_id)
    await moves.note_hosts(press.conn, actor.id, hosts)
    return await closings.recipients_on(press.conn, hosts)
