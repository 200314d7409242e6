"""How often somebody may try. Counts are kept under a key that changes daily and names nobody."""

from __future__ import annotations

import hashlib
import hmac
from datetime import datetime, timedelta
from ipaddress import IPv6Address, IPv6Network, ip_address

from forum.errors import TooMany
from storage import limits
from storage.db import Connection

SIGN_IN_PER_ADDRESS = (25, timedelta(minutes=5))
SIGN_IN_PER_ACCOUNT = (25, timedelta(hours=1))
CODES_PER_ACCOUNT = (10, timedelta(minutes=15))
LINKS_PER_ADDRESS = (10, timedelta(hours=1))
LINKS_PER_MAIL = (4, timedelta(hours=1))
SIGN_UP_PER_ADDRESS = (5, timedelta(hours=1))


async def require_below(
    conn: Connection,
    secret: bytes,
    kind: str,
    subject: str,
    *,
    most: int,
    per: timedelta,
    now: datetime,
) -> None:
    """Count one attempt. Raises TooMany above `most` in a window of `per`.

    Call it in a transaction of its own: an attempt that fails afterwards must stay counted.
    """
    key = _key(secret, kind, subject, now)
    counted = await limits.count(conn, key, now + per, now)
    if counted.count > most:
        seconds = (counted.resets_at - now).total_seconds()
        raise TooMany("too_many", retry_after=max(1, round(seconds)))


async def count_address(conn: Connection, secret: bytes, *, address: str, now: datetime) -> None:
    """Count an attempt to sign in without a name, for the address."""
    subject = address_subject(address)
    most, per = SIGN_IN_PER_ADDRESS
    await require_below(conn, secret, "sign_in_address", subject, most=most, per=per, now=now)


async def count_sign_in(
    conn: Connection, secret: bytes, *, name: str, address: str, now: datetime
) -> None:
    """Count an attempt to sign in, for the address and for the account, existing or not."""
    subject = address_subject(address)
    most, per = SIGN_IN_PER_ADDRESS
    await require_below(conn, secret, "sign_in_address", subject, most=most, per=per, now=now)
    most, per = SIGN_IN_PER_ACCOUNT
    account = name.strip().lower()
    await require_below(conn, secret, "sign_in_account", account, most=most, per=per, now=now)


async def count_sign_up(conn: Connection, secret: bytes, *, address: str, now: datetime) -> None:
    """Count an account that is asked for."""
    most, per = SIGN_UP_PER_ADDRESS
    subject = address_subject(address)
    await require_below(conn, secret, "sign_up_address", subject, most=most, per=per, now=now)


async def count_link(
    conn: Connection, secret: bytes, *, mail: str, address: str, now: datetime
) -> None:
    """Count a link that is asked for by mail, whether anybody has this mail address or not."""
    most, per = LINKS_PER_ADDRESS
    subject = address_subject(address)
    await require_below(conn, secret, "link_address", subject, most=most, per=per, now=now)
    most, per = LINKS_PER_MAIL
    await require_below(conn, secret, "link_mail", mail.lower(), most=most, per=per, now=now)


async def count_code(
    conn: Connection, secret: bytes, *, account_id: int | None, address: str, now: datetime
) -> None:
    """Count a code that is tried in the second step; without an account, the first half is over.

    Apart from first steps, so that signing in with a code counts once and not twice.
    """
    most, per = SIGN_IN_PER_ADDRESS
    subject = address_subject(address)
    await require_below(conn, secret, "code_address", subject, most=most, per=per, now=now)
    if account_id is None:
        return
    most, per = CODES_PER_ACCOUNT
    await require_below(conn, secret, "code", str(account_id), most=most, per=per, now=now)


def address_subject(address: str) -> str:
    """What one address holder has: an IPv4 address, or a /64 of IPv6."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(IPv6Network((parsed, 64), strict=False))
    return str(parsed)


def _key(secret: bytes, kind: str, subject: str, now: datetime) -> bytes:
    day = hmac.digest(secret, f"limits {now.date().isoformat()}".encode(), "sha256")
    return hmac.new(day, f"{kind}\0{subject}".encode(), hashlib.sha256).digest()[:16]
