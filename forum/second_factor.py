"""Two-step sign-in, and codes on paper for whoever lost the rest.

A code of the generator (RFC 6238) works once. A recovery code stands for either half: instead of
the generator beside a password, or instead of a forgotten password; never for both at once.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

import pyotp

from forum.errors import Invalid, NotAllowed, NotFound
from forum.sealing import BadSeal, seal, unseal
from storage import accounts, passkeys, second_factor, sessions, tokens
from storage.db import Connection
from storage.sessions import Member

PURPOSE = "totp"
HALFWAY = "second_step"
HALFWAY_LIFETIME = timedelta(minutes=10)
STEP_SECONDS = 30
CODES = 10
ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"  # no letter that looks like another one on paper
CODE_LENGTH = 12


@dataclass(frozen=True, slots=True)
class Entrance:
    """How far somebody came who proved the first half: in, or to the second step."""

    session: str | None
    half: str | None


async def enter(
    conn: Connection, account_id: int, now: datetime, *, password_hash: str | None = None
) -> Entrance:
    """Start a session, or ask for the second step where somebody has set one up.

    `password_hash` is a new password of somebody who came in by a link or a recovery code. It
    counts once the second step is proved as well, and then only the generator proves it.
    """
    generator = await second_factor.read(conn, account_id)
    if generator is None or generator.since is None:
        if password_hash is not None:
            await replace_password(conn, account_id, password_hash)
        return Entrance(await sessions.start(conn, account_id, now), None)
    data = {} if password_hash is None else {"password_hash": password_hash}
    half = await tokens.make(
        conn, HALFWAY, account_id=account_id, data=data, expires_at=now + HALFWAY_LIFETIME
    )
    return Entrance(None, half)


async def account_of_half(conn: Connection, half: str, now: datetime) -> int | None:
    """Whose second step this is; None when it is over."""
    found = await tokens.read(conn, HALFWAY, half, now)
    return None if found is None else found.account_id


async def finish(conn: Connection, secret: bytes, half: str, code: str, now: datetime) -> str:
    """The second step; the token of the session.

    Raises NotFound when the first half is too old, NotAllowed for a wrong code. Count the attempt
    before, in a transaction of its own.
    """
    found = await tokens.use(conn, HALFWAY, half, now)  # a wrong code brings it back
    account_id = None if found is None else found.account_id
    account = None if account_id is None else await accounts.read_account(conn, account_id)
    if found is None or account is None or account.state not in ("open", "waiting"):
        raise NotFound
    password_hash = found.data.get("password_hash")
    if not await _is_right(
        conn, secret, account.actor_id, code, now, is_recovery=password_hash is not None
    ):
        raise NotAllowed("wrong_code")
    if password_hash is not None:
        await replace_password(conn, account.actor_id, password_hash)
    return await sessions.start(conn, account.actor_id, now)


async def recover(
    conn: Connection, name: str, code: str, password_hash: str, now: datetime
) -> Entrance:
    """A recovery code instead of the password: a new password, and every session ends.

    The same answer for an unknown name and a wrong code. Count the attempt before.
    """
    account = await accounts.read_by_name(conn, name.strip())
    account_id = account.actor_id if account is not None else 0
    is_right = await second_factor.use_code(conn, account_id, _hash(code))
    if account is None or not is_right or account.state not in ("open", "waiting"):
        raise NotAllowed("wrong_recovery")
    return await enter(conn, account_id, now, password_hash=password_hash)


async def replace_password(conn: Connection, account_id: int, password_hash: str) -> None:
    """A new password for somebody who lost the old one: every other way in ends.

    Sessions, links that are open, and passkeys: one of them may be somebody else's.
    """
    await accounts.set_password(conn, account_id, password_hash)
    await sessions.end_all(conn, account_id)
    await tokens.drop_of_account(conn, account_id)
    await passkeys.drop_all(conn, account_id)


async def begin(conn: Connection, secret: bytes, member: Member) -> str:
    """A new generator's secret in base32, to be shown once; it counts after `confirm`."""
    generator = await second_factor.read(conn, member.actor_id)
    if generator is not None and generator.since is not None:
        raise NotAllowed("second_step_is_on")
    plain = pyotp.random_base32()
    await second_factor.keep(conn, member.actor_id, seal(secret, PURPOSE, plain.encode()))
    return plain


async def confirm(
    conn: Connection, secret: bytes, member: Member, code: str, now: datetime
) -> list[str]:
    """The generator shows the right code: from now on it is asked for. New recovery codes."""
    generator = await second_factor.read(conn, member.actor_id)
    if generator is None or generator.secret_sealed is None or generator.since is not None:
        raise NotFound
    step = _step_of(_open(secret, generator.secret_sealed), code, now)
    if step is None or not await second_factor.use_step(conn, member.actor_id, step):
        raise Invalid("wrong_code", field="code")
    await second_factor.turn_on(conn, member.actor_id, now)
    await sessions.end_others(conn, member.actor_id, member.session_id)
    return await new_codes(conn, member)


async def waiting_secret(conn: Connection, secret: bytes, member: Member) -> str | None:
    """The secret of a generator that was begun and not confirmed, to be shown again."""
    generator = await second_factor.read(conn, member.actor_id)
    if generator is None or generator.secret_sealed is None or generator.since is not None:
        return None
    return _open(secret, generator.secret_sealed)


async def turn_off(conn: Connection, member: Member) -> None:
    """Sign in with the password alone again. The caller has asked for it."""
    await second_factor.keep(conn, member.actor_id, None)


async def new_codes(conn: Connection, member: Member) -> list[str]:
    """Recovery codes, shown once; those before end."""
    codes = ["".join(secrets.choice(ALPHABET) for _ in range(CODE_LENGTH)) for _ in range(CODES)]
    await second_factor.replace_codes(conn, member.actor_id, [_hash(code) for code in codes])
    return ["-".join((code[:4], code[4:8], code[8:])) for code in codes]


def address_of(plain: str, name: str, host: str) -> str:
    """What a generator reads from the picture. The server's name stands in it, and nothing else."""
    return pyotp.TOTP(plain).provisioning_uri(name=name, issuer_name=host)


async def _is_right(
    conn: Connection,
    secret: bytes,
    account_id: int,
    code: str,
    now: datetime,
    *,
    is_recovery: bool,
) -> bool:
    generator = await second_factor.read(conn, account_id)
    if generator is None or generator.secret_sealed is None:
        return False
    step = _step_of(_open(secret, generator.secret_sealed), code, now)
    if step is not None:
        return await second_factor.use_step(conn, account_id, step)
    if is_recovery:
        return False  # one code from paper has been used already: two stand for nothing more
    return await second_factor.use_code(conn, account_id, _hash(code))


def _open(secret: bytes, sealed: bytes) -> str:
    try:
        return unseal(secret, PURPOSE, sealed).decode()
    except BadSeal as error:
        raise NotAllowed("second_step_broken") from error


def _step_of(plain: str, code: str, now: datetime) -> int | None:
    """The step whose code this is: now, the one before, or the next, since clocks differ."""
    digits = "".join(character for character in code if not character.isspace())
    current = int(now.timestamp()) // STEP_SECONDS
    generator = pyotp.TOTP(plain)
    for step in (current, current - 1, current + 1):
        if secrets.compare_digest(generator.generate_otp(step).encode(), digits.encode()):
            return step
    return None


def _hash(code: str) -> bytes:
    plain = "".join(character for character in code.lower() if character.isalnum())
    return hashlib.sha256(plain.encode()).digest()
