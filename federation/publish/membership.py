"""Follows: ours of communities elsewhere, and our answers to those of others."""

from __future__ import annotations

from federation.publish.press import Press
from federation.render import activities as render
from federation.render.document import to_bytes, to_bytes_around
from forum.events import FollowAnswered, MembershipAsked, MembershipLeft
from storage.actors import Actor
from storage.audience import Recipient, Viewer
from storage.communities import read_community_by_id


async def publish_asking(press: Press, event: MembershipAsked) -> None:
    """The Follow of a member here. Its id is the same each time that this person asks."""
    await _send_follow(press, event, is_undone=False)


async def publish_leaving(press: Press, event: MembershipLeft) -> None:
    """Undo of that same Follow."""
    await _send_follow(press, event, is_undone=True)


async def publish_answer(press: Press, event: FollowAnswered) -> None:
    """Accept or Reject, with the Follow in it byte for byte: some servers compare its id."""
    target, actor = await press.actor(event.target_id), await press.actor(event.actor_id)
    if target is None or actor is None or actor.is_local:
        return
    if not await _may_know(press, target, actor):
        return
    answer = press.keep(
        target.id,
        "Accept" if event.accepted else "Reject",
        None,
        lambda uri: to_bytes_around(
            render.answer(uri, target, actor, accepted=event.accepted), event.follow_body.encode()
        ),
    )
    press.send(answer, actor.id, [Recipient(actor.inbox, actor.host, None)])


async def _send_follow(
    press: Press, event: MembershipAsked | MembershipLeft, *, is_undone: bool
) -> None:
    actor = await press.actor(event.actor_id)
    community = await press.community(event.community_id)
    if actor is None or community is None or community.is_local:
        return
    follow = render.follow(event.follow_uri, actor, community)
    activity = press.keep(
        actor.id,
        "Undo Follow" if is_undone else "Follow",
        None,
        lambda uri: to_bytes(render.undo(uri, follow) if is_undone else follow),
    )
    press.send(activity, actor.id, [Recipient(community.inbox, community.host, None)])


async def _may_know(press: Press, target: Actor, actor: Actor) -> bool:
    """Whether that server may know of the target: to one that may not, even a Reject would tell."""
    if target.kind != "community":
        return True
    viewer = Viewer(host=actor.host)
    return await read_community_by_id(press.conn, viewer, target.id) is not None
