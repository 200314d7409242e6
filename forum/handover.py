"""Handing the account of somebody who cares for another person over to that person.

From then on it is another person's: every way in of before ends, and so does what the one before
said of themselves, asked for, agreed to, read along or wrote privately. Posts and memberships stay,
to be kept or ended; the person agrees to them anew, and to the rules before they write.
"""

from __future__ import annotations

from datetime import datetime

from forum import access, consents, labels, membership, subscriptions
from forum.errors import Invalid, NotAllowed
from forum.site import Site
from forum.text.characters import one_line
from storage import accounts, closings, communities, handovers, media, memberships, modlog, sessions
from storage import site as sites
from storage.actors import Actor
from storage.db import Connection
from storage.ids import new_id
from storage.modlog import Act

SHOWN_NAME_LENGTH = 60


async def hand_over(
    conn: Connection,
    site: Site,
    actor: Actor,
    *,
    shown_name: str,
    password_hash: str,
    locale: str = "",
    now: datetime,
) -> str:
    """Give the account to somebody else; the token of their first session.

    The caller has asked for the password until now. Who runs the server or a community hands that
    on first: it was given to a person.
    """
    account = await accounts.read_account(conn, actor.id)
    access.require_may_act(actor, account)
    if account is None or account.role != "member" or await memberships.has_role(conn, actor.id):
        raise NotAllowed("hand_on_roles_first")
    name = check_shown_name(shown_name)
    await _take_back_requests(conn, site, actor, now)
    await subscriptions.unsubscribe_all(conn, actor, now)
    await handovers.hand_over(conn, actor.id, password_hash=password_hash, display_name=name)
    await labels.forget_all(conn, actor)
    await closings.forget_aliases(conn, actor.id, now)
    await media.drop_waiting_of(conn, actor.id)
    await _agree_anew(conn, actor, locale, now)
    await modlog.insert(conn, Act(new_id(now), actor.id, "hand_over", now, actor_id=actor.id))
    await sites.bump_epoch(conn)
    return await sessions.start(conn, actor.id, now)


async def _take_back_requests(conn: Connection, site: Site, actor: Actor, now: datetime) -> None:
    """Nobody is let in for what somebody else said of themselves."""
    for community_id, is_member in await handovers.list_places(conn, actor.id):
        community = await communities.read_unfiltered(conn, community_id)
        if community is not None and not is_member:
            await membership.leave(conn, site, community, actor, now)


async def _agree_anew(conn: Connection, actor: Actor, locale: str, now: datetime) -> None:
    """To the account and to each membership; to what leaves this server when it first does."""
    await consents.give(conn, actor.id, "account", locale=locale, now=now)
    for community_id, _ in await handovers.list_places(conn, actor.id):
        await consents.give(
            conn, actor.id, "community", community_id=community_id, locale=locale, now=now
        )


def check_shown_name(name: str) -> str:
    """One line to stand beside posts. Raises Invalid."""
    line = one_line(name, SHOWN_NAME_LENGTH + 1)
    if not line:
        raise Invalid("empty", field="shown_name")
    if len(line) > SHOWN_NAME_LENGTH:
        raise Invalid("too_long", field="shown_name")
    return line
