"""Software that is not ours agrees with us: a server on Fedify, and PeerTube's signature check."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.walks.harness import Server, wait_until
from tests.walks.peer import Peer
from tests.walks.people import (
    make_community,
    reply,
    sign_up,
    start_thread,
    uri_of_community,
)

PEERS = Path(__file__).resolve().parents[1] / "peers"
NODE = shutil.which("node")
Pair = tuple[Server, Server]


def _has_node() -> bool:
    if NODE is None:
        return False
    version = subprocess.run([NODE, "--version"], capture_output=True, text=True, check=False)
    major = version.stdout.removeprefix("v").partition(".")[0]
    return major.isdecimal() and int(major) >= 20


pytestmark = [
    pytest.mark.skipif(
        not _has_node(), reason="needs Node 20 or newer: Debian packages nodejs and npm"
    ),
    pytest.mark.skipif(
        not (PEERS / "node_modules").is_dir(),
        reason="needs @fedify/fedify and @peertube/http-signature: npm ci --prefix tests/peers",
    ),
]


class FedifyPeer:
    """The Node server of tests/peers, told what to do line by line."""

    def __init__(self, process: asyncio.subprocess.Process, hello: dict[str, Any]) -> None:
        self._process = process
        self.person: str = hello["person"]

    async def ask(self, command: str, **options: str) -> Any:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"command": command, **options}).encode() + b"\n")
        answer = await _read_line(self._process, 20)
        assert answer["ok"], answer.get("error")
        return answer["result"]


async def _read_line(process: asyncio.subprocess.Process, seconds: float) -> Any:
    assert process.stdout is not None
    return json.loads(await asyncio.wait_for(process.stdout.readline(), seconds))


@asynccontextmanager
async def fedify_peer() -> AsyncIterator[FedifyPeer]:
    process = await asyncio.create_subprocess_exec(
        NODE or "node",
        str(PEERS / "fedify_peer.mjs"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=2**20,
    )
    try:
        yield FedifyPeer(process, await _read_line(process, 30))
    finally:
        process.kill()
        await process.wait()


async def test_a_fedify_server_follows_reads_and_replies(pair: Pair) -> None:
    a, _ = pair
    async with fedify_peer() as peer, await sign_up(a, "rosa") as rosa:
        community = await make_community(rosa)
        address = f"{community}@{a.host}"

        group = await peer.ask("lookup", address=address)
        assert group["type"] == "Group"
        assert group["id"] == await uri_of_community(a, community)
        assert group["preferredUsername"] == community
        assert group["followers"] == f"{group['id']}/followers"
        assert group["publicKey"] == f"{group['id']}#main-key"

        follow = await peer.ask("follow", address=address)
        await _arrived(peer, a, "Accept", lambda one: one["object"]["id"] == follow["id"])

        thread = await start_thread(rosa, community, "From our house", "Can you read this?")
        await _arrived(peer, a, "Announce", lambda one: _tells(one, thread.uri, "From our house"))

        note = await peer.ask(
            "reply", address=address, to=thread.uri, content="<p>Loud and clear.</p>"
        )
        page = await thread.on(a)

        async def is_shown() -> bool:
            return "Loud and clear." in (await rosa.open(page.path)).text

        await wait_until(is_shown, "the reply of the peer on our page", a)
        await reply(rosa, thread, "Good.")
        assert note["id"] in [row[0] for row in await a.rows("select uri from posts")]

        await peer.ask("unfollow", address=address)
        left = (
            "select true from memberships m join actors p on p.id = m.actor_id"
            " where p.uri = $1 and m.state = 'left'"
        )
        await wait_until(lambda: a.value(left, peer.person), "the peer has left", a)


async def _arrived(peer: FedifyPeer, a: Server, kind: str, fits: Any) -> dict[str, Any]:
    async def look() -> dict[str, Any] | None:
        received = await peer.ask("received")
        return next((one for one in received if one["type"] == kind and fits(one)), None)

    found = await wait_until(look, f"the {kind} at the Fedify server", a)
    assert found is not None
    return found


def _tells(announce: dict[str, Any], uri: str, title: str) -> bool:
    """An Announce of the thread, bare or wrapped in its Create."""
    return any(
        part is not None and part.get("id") == uri and part.get("name") == title
        for part in (announce["object"], announce["inner"])
    )


async def test_our_signatures_verify_with_the_library_of_peertube(pair: Pair) -> None:
    a, _ = pair
    async with await sign_up(a, "rosa") as rosa, Peer() as peer:
        group = await uri_of_community(a, await make_community(rosa))
        wanda = peer.person("wanda")
        assert (await peer.post(f"{group}/inbox", peer.follow(wanda, group))).status_code == 202

        async def accepted() -> bool:
            return bool(peer.deliveries("Accept"))

        await wait_until(accepted, "the Accept", a)
        fetch = next(
            request
            for request in peer.requests
            if request.method == "GET" and request.path == "/people/wanda"
        )
        for request in (peer.deliveries("Accept")[0], fetch):
            key_id = request.headers["signature"].split('keyId="')[1].split('"')[0]
            owner = (await peer.get(key_id.split("#")[0])).json()
            verdict = await _verify(
                method=request.method,
                path=request.path,
                headers=request.headers,
                publicKeyPem=owner["publicKey"]["publicKeyPem"],
            )
            assert verdict["verified"] is True
            assert verdict["keyId"] == key_id == owner["publicKey"]["id"]
            covered = {"(request-target)", "host", "date"}
            if request.method == "POST":
                covered |= {"digest", "content-type"}
            assert covered <= set(verdict["headers"])


async def _verify(**captured: Any) -> dict[str, Any]:
    process = await asyncio.create_subprocess_exec(
        NODE or "node",
        str(PEERS / "verify_signature.mjs"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await asyncio.wait_for(process.communicate(json.dumps(captured).encode()), 20)
    assert process.returncode == 0
    return json.loads(out)
