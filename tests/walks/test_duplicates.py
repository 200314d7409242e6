"""Duplicates and disorder change nothing."""

from __future__ import annotations

from tests.walks.harness import Server, wait_until
from tests.walks.peer import Peer
from tests.walks.people import make_community, sign_up, uri_of_community

Pair = tuple[Server, Server]
QUIET = "select count(*) = 0 from inbox where state = 'waiting'"


async def joined(a: Server, peer: Peer, group: str, name: str) -> str:
    person = peer.person(name)
    assert (await peer.post(f"{group}/inbox", peer.follow(person, group))).status_code == 202

    async def accepted() -> bool:
        return bool(peer.deliveries("Accept"))

    await wait_until(accepted, "the Accept", a)
    return person


async def settled(a: Server) -> None:
    await wait_until(lambda: a.value(QUIET), "an empty inbox queue", a)


async def test_r43_an_activity_that_comes_again_is_processed_once(pair: Pair) -> None:
    a, _ = pair
    async with await sign_up(a, "rosa") as rosa, Peer() as peer:
        group = await uri_of_community(a, await make_community(rosa))
        wanda = await joined(a, peer, group, "wanda")
        create = peer.create(wanda, group, "twice", title="Said twice")
        for inbox in (f"{group}/inbox", f"{a.origin}/inbox", f"{group}/inbox"):
            assert (await peer.post(inbox, create)).status_code == 202
        await settled(a)
        note = create["object"]["id"]
        assert await a.value("select count(*) from posts where uri = $1", note) == 1

        async def announced() -> bool:
            return bool(peer.deliveries("Announce"))

        await wait_until(announced, "the Announce", a)
        wrapped = [
            p.json for p in peer.deliveries("Announce") if isinstance(p.json["object"], dict)
        ]
        creates = [one for one in wrapped if one["object"].get("type") == "Create"]
        assert [one["object"] for one in creates] == [create]
        assert len({one["id"] for one in wrapped}) == len(wrapped)


async def test_r44_a_deletion_that_comes_before_its_thread_wins(pair: Pair) -> None:
    a, _ = pair
    async with await sign_up(a, "rosa") as rosa, Peer() as peer:
        group = await uri_of_community(a, await make_community(rosa))
        wanda = await joined(a, peer, group, "wanda")
        create = peer.create(wanda, group, "late", title="Comes too late")
        assert (await peer.post(f"{a.origin}/inbox", peer.delete(create))).status_code == 202
        await settled(a)
        assert (await peer.post(f"{a.origin}/inbox", create)).status_code == 202
        await settled(a)
        live = "select count(*) from posts where uri = $1 and state = 'live'"
        assert await a.value(live, create["object"]["id"]) == 0


async def test_a_reply_that_comes_before_its_parent_finds_its_place(pair: Pair) -> None:
    a, _ = pair
    async with await sign_up(a, "rosa") as rosa, Peer() as peer:
        group = await uri_of_community(a, await make_community(rosa))
        wanda = await joined(a, peer, group, "wanda")
        thread = peer.create(wanda, group, "parent", title="The beginning")
        reply = peer.create(wanda, group, "child", reply_to=thread["object"]["id"])
        assert (await peer.post(f"{a.origin}/inbox", reply)).status_code == 202
        assert (await peer.post(f"{a.origin}/inbox", thread)).status_code == 202
        placed = (
            "select true from posts r join posts t on t.id = r.parent_id"
            " where r.uri = $1 and t.uri = $2"
        )
        uris = (reply["object"]["id"], thread["object"]["id"])
        await wait_until(lambda: a.value(placed, *uris), "the reply under its thread", a)
        await settled(a)
        assert await a.value("select count(*) from posts where uri = any($1)", list(uris)) == 2


async def test_a_forged_or_altered_activity_is_refused_at_the_door(pair: Pair) -> None:
    a, _ = pair
    async with await sign_up(a, "rosa") as rosa, Peer() as peer:
        group = await uri_of_community(a, await make_community(rosa))
        wanda = await joined(a, peer, group, "wanda")
        mallory = peer.person("mallory")
        create = peer.create(wanda, group, "forged", title="Not by wanda")
        forged = peer.create(mallory, group, "forged", title="Not by wanda")
        forged["object"]["attributedTo"] = wanda
        assert (await peer.post(f"{a.origin}/inbox", forged)).status_code in (202, 401, 403)
        response = await peer.post(f"{a.origin}/inbox", create, tampered=True)
        assert response.status_code == 401
        await settled(a)
        assert (
            await a.value("select count(*) from posts where uri = $1", create["object"]["id"]) == 0
        )
