"""Passwords: argon2id, computed in a few threads so that a rush of sign-ins stalls nothing else."""

from __future__ import annotations

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

# 19 MiB and two passes; two at a time keep a rush below 40 MiB.
_HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)

# The hash of a password that nobody has: an unknown name costs as much time as a wrong password.
NOBODYS = (
    "$argon2id$v=19$m=19456,t=2,p=1"
    "$Yi6BXYRKmTsZ6kDQ4+cXUw$ju+FsCvBzJ/n207anfEoFGo3aLFrXHUbCPNNvefgOQ4"
)


async def hash_password(password: str) -> str:
    return await asyncio.get_running_loop().run_in_executor(
        _threads(os.getpid()), _HASHER.hash, password
    )


async def verify_password(password_hash: str, password: str) -> bool:
    """Whether the password is the one that was hashed."""
    return await asyncio.get_running_loop().run_in_executor(
        _threads(os.getpid()), _verify, password_hash, password
    )


def is_dated(password_hash: str) -> bool:
    """Whether it was made with less work, or more, than today's; to be made again at a sign-in."""
    return _HASHER.check_needs_rehash(password_hash)


def _verify(password_hash: str, password: str) -> bool:
    try:
        return _HASHER.verify(password_hash, password)
    except (VerificationError, InvalidHashError):
        return False


@lru_cache(maxsize=1)
def _threads(process: int) -> ThreadPoolExecutor:  # noqa: ARG001 - threads do not survive a fork
    return ThreadPoolExecutor(max_workers=2, thread_name_prefix="password")
