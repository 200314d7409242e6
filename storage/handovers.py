"""What goes when somebody else has an account from now on."""

from __future__ import annotations

from storage.db import Connection

FORGET_PERSON = """
update accounts
set password_hash = $2, email = null, email_confirmed_at = null, totp_secret = null,
  totp_since = null, totp_step = 0, signup_answer = '', idle_minutes = null
where actor_id = $1
"""

DROP_PROOFS = """
with sessions as (delete from sessions where account_id = $1),
tokens as (delete from one_time_tokens where account_id = $1),
codes as (delete from recovery_codes where account_id = $1),
passkeys as (delete from passkeys where account_id = $1),
mails as (delete from mails where account_id = $1),
consents as (delete from consents where account_id = $1),
answers as (update memberships set answers = '{}', rules_version = 0 where actor_id = $1),
blocked as (delete from blocks where blocker_id = $1),
hosts as (delete from host_blocks where blocker_id = $1),
muted as (delete from mutes where owner_id = $1),
people as (
  update conversation_people set state = 'left' where actor_id = $1 and state <> 'left'),
imports as (delete from imports where account_id = $1)
delete from exports where account_id = $1
"""

LIST_PLACES = """
select community_id, state from memberships
where actor_id = $1 and state in ('asked', 'accepted')
order by community_id
"""


async def list_places(conn: Connection, actor_id: int) -> list[tuple[int, bool]]:
    """Communities that somebody is in, or asks to be in; whether they are in."""
    rows = await conn.fetch(LIST_PLACES, actor_id)
    return [(row["community_id"], row["state"] == "accepted") for row in rows]


SHOW_AS = "update actors set display_name = $2, also_known_as = '{}' where id = $1 and is_local"


async def hand_over(
    conn: Connection, actor_id: int, *, password_hash: str, display_name: str
) -> None:
    """Another password and another name shown; no way in of before is left, no conversation."""
    await conn.execute(FORGET_PERSON, actor_id, password_hash)
    await conn.execute(DROP_PROOFS, actor_id)
    await conn.execute(SHOW_AS, actor_id, display_name)
