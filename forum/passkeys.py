"""Signing in with the key of a device (Web Authentication, levels 2 and 3).

The device asks for a finger, a face or a PIN, so a passkey is both steps at once. The challenge is
a one-time token: it works once, and is bound to the account that adds a key. Nobody says who they
are before the key does, so that the question tells nothing about who has an account.
"""

from __future__ import annotations

import hmac
import struct
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from cryptography.exceptions import UnsupportedAlgorithm
from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    options_to_json,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.authentication.verify_authentication_response import VerifiedAuthentication
from webauthn.helpers import parse_authentication_credential_json
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from forum.errors import Invalid, NotAllowed
from forum.site import Site
from storage import accounts, passkeys, sessions, tokens
from storage.audience import Viewer
from storage.db import Connection
from storage.passkeys import Passkey
from storage.sessions import Member

ADDING = "passkey_add"
ENTERING = "passkey_enter"
LIFETIME = timedelta(minutes=10)
MOST = 20
LARGEST_ANSWER = 16_000  # characters
REQUIRED = UserVerificationRequirement.REQUIRED
LONGEST_ID = 1023  # bytes (Web Authentication, level 3, section 5.1)
# Whatever a made-up answer sets off in the library that reads it.
BROKEN = (
    *(WebAuthnException, ValueError, TypeError, LookupError, AttributeError, ArithmeticError),
    *(EOFError, RecursionError, struct.error, UnsupportedAlgorithm),
)


async def begin_adding(
    conn: Connection, site: Site, secret: bytes, member: Member, now: datetime
) -> tuple[str, str]:
    """What the device is asked, as JSON, and the proof to bring back. Raises Invalid."""
    known = await passkeys.list_own(conn, Viewer(actor_id=member.actor_id))
    if len(known) >= MOST:
        raise Invalid("too_many_keys", field="password")
    proof = await tokens.make(conn, ADDING, account_id=member.actor_id, expires_at=now + LIFETIME)
    options = generate_registration_options(
        rp_id=_domain(site),
        rp_name=site.host,
        user_name=member.name,
        user_id=_handle(secret, member.actor_id),
        challenge=proof.encode(),
        exclude_credentials=[PublicKeyCredentialDescriptor(id=key.id) for key in known],
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED, user_verification=REQUIRED
        ),
    )
    return options_to_json(options), proof


async def add(
    conn: Connection, site: Site, member: Member, *, proof: str, answer: str, name: str,
    now: datetime,
) -> None:  # fmt: skip
    """Keep the key that a device has made. Raises Invalid."""
    token = await tokens.use(conn, ADDING, proof, now)
    if token is None or token.account_id != member.actor_id or len(answer) > LARGEST_ANSWER:
        raise Invalid("passkey_failed")
    try:
        made = verify_registration_response(
            credential=answer,
            expected_challenge=proof.encode(),
            expected_rp_id=_domain(site),
            expected_origin=site.origin,
            require_user_verification=True,
        )
    except BROKEN as error:
        raise Invalid("passkey_failed") from error
    if not 0 < len(made.credential_id) <= LONGEST_ID:
        raise Invalid("passkey_failed")
    key = Passkey(
        made.credential_id, member.actor_id, made.credential_public_key, made.sign_count, name, now
    )
    if not await passkeys.insert(conn, key):
        raise Invalid("passkey_failed")


async def begin_entering(conn: Connection, site: Site, now: datetime) -> tuple[str, str]:
    """What a device is asked at the door, the same for everybody, and the proof to bring back."""
    proof = await tokens.make(conn, ENTERING, expires_at=now + LIFETIME)
    options = generate_authentication_options(
        rp_id=_domain(site), challenge=proof.encode(), user_verification=REQUIRED
    )
    return options_to_json(options), proof


async def use_proof(conn: Connection, proof: str, now: datetime) -> bool:
    """Whether it was open. Call it in a transaction of its own: a failed answer uses it up too."""
    return await tokens.use(conn, ENTERING, proof, now) is not None


async def enter(conn: Connection, site: Site, *, proof: str, answer: str, now: datetime) -> str:
    """A session for whose key this is, once `use_proof` said yes. Raises NotAllowed."""
    key = await _find(conn, answer)
    account = None if key is None else await accounts.read_account(conn, key.account_id)
    if key is None or account is None or account.state not in ("open", "waiting"):
        raise NotAllowed("passkey_failed")
    verified = _verify(site, key, proof, answer)
    await passkeys.count_use(conn, key.id, verified.new_sign_count)
    return await sessions.start(conn, account.actor_id, now)


async def drop(conn: Connection, member: Member, passkey_id: bytes) -> None:
    """A device was lost or sold: its key opens nothing any more, and all other places are out."""
    await passkeys.drop(conn, member.actor_id, passkey_id)
    await sessions.end_others(conn, member.actor_id, member.session_id)


async def _find(conn: Connection, answer: str) -> Passkey | None:
    if len(answer) > LARGEST_ANSWER:
        return None
    try:
        claimed = parse_authentication_credential_json(answer)
    except BROKEN:
        return None
    return await passkeys.find(conn, claimed.raw_id)


def _verify(site: Site, key: Passkey, proof: str, answer: str) -> VerifiedAuthentication:
    try:
        return verify_authentication_response(
            credential=answer,
            expected_challenge=proof.encode(),
            expected_rp_id=_domain(site),
            expected_origin=site.origin,
            credential_public_key=key.public_key,
            credential_current_sign_count=key.sign_count,
            require_user_verification=True,
        )
    except BROKEN as error:
        raise NotAllowed("passkey_failed") from error


def _domain(site: Site) -> str:
    """What keys are bound to: the server's name without a port."""
    return urlsplit(site.origin).hostname or site.host


def _handle(secret: bytes, account_id: int) -> bytes:
    """What a device files the account under. It leads nobody to the person."""
    return hmac.digest(secret, f"passkey of {account_id}".encode(), "sha256")
