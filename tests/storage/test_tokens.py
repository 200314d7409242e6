from __future__ import annotations

from datetime import timedelta

from storage import tokens
from tests.factories import START


async def test_a_secret_is_used_once_and_only_for_its_kind(conn):
    later = START + timedelta(hours=1)
    secret = await tokens.make(conn, "sign_in", data={"to": "/"}, expires_at=later)
    assert await tokens.use(conn, "confirm", secret, START) is None
    read = await tokens.read(conn, "sign_in", secret, START)
    assert read is not None
    assert read.data == {"to": "/"}
    assert await tokens.use(conn, "sign_in", secret, START) == read
    assert await tokens.use(conn, "sign_in", secret, START) is None


async def test_a_secret_ends_with_its_time(conn):
    secret = await tokens.make(conn, "sign_in", expires_at=START)
    assert await tokens.use(conn, "sign_in", secret, START) is None
    await tokens.tidy(conn, START)
    assert await conn.fetchval("select count(*) from one_time_tokens") == 0


async def test_the_secret_itself_is_stored_nowhere(conn):
    secret = await tokens.make(conn, "sign_in", expires_at=START)
    assert secret not in str(await conn.fetch("select * from one_time_tokens"))
    for nonsense in ("", "x" * 101, "ü"):
        assert await tokens.read(conn, "sign_in", nonsense, START) is None
