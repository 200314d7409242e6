"""Who a signed GET is for the read rule."""

from __future__ import annotations

import pytest
from starlette.requests import Request

from federation.viewer import read_viewer
from forum.errors import NotAllowed
from storage.audience import UNKNOWN_SERVER, Viewer
from storage.instances import set_policy
from tests.federation.conftest import Here
from tests.federation.peer import KEYS, Peer, signed_headers
from tests.federation.witness import message_headers


async def viewer_of(here: Here, headers: dict[str, str], path: str = "/ap/posts/1") -> Viewer:
    scope = {
        "type": "http",
        "method": "GET",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }
    return await read_viewer(here.fed, Request(scope))


def signed(here: Here, key_uri: str, form: str = "cavage", **how: object) -> dict[str, str]:
    sign = signed_headers if form == "cavage" else message_headers
    return sign("get", f"{here.site.origin}/ap/posts/1", None, key_uri, **how)  # type: ignore[operator]


FORMS = pytest.mark.parametrize("form", ["cavage", "rfc9421"])


@FORMS
async def test_a_person_elsewhere_looks_as_that_person(here: Here, peer: Peer, form: str):
    ada = await here.actor(peer.actor("ada"))
    viewer = await viewer_of(here, signed(here, f"{ada.uri}#main-key", form))
    assert viewer == Viewer(ada.id, peer.host)


@FORMS
async def test_a_servers_own_actor_looks_as_the_server(here: Here, peer: Peer, form: str):
    uri = peer.actor("server", kind="Application")
    assert await viewer_of(here, signed(here, f"{uri}#main-key", form)) == Viewer(host=peer.host)


async def test_an_unsigned_look_is_nobodys(here: Here):
    assert await viewer_of(here, {"host": here.site.host}) == UNKNOWN_SERVER


async def test_a_bad_signature_makes_the_viewer_nobody(here: Here, peer: Peer):
    uri = peer.actor("ada")
    wrong_key = signed(here, f"{uri}#main-key", key=KEYS[1])
    wrong_path = signed(here, f"{uri}#main-key", path="/ap/posts/2")
    unknown = signed(here, f"{peer.origin}/actors/nobody#main-key")
    ours = signed(here, f"{here.site.instance_uri}#main-key")
    for headers in (wrong_key, wrong_path, unknown, ours):
        assert await viewer_of(here, headers) == UNKNOWN_SERVER


@FORMS
async def test_r25_a_blocked_server_is_turned_away_and_asked_nothing(
    here: Here, peer: Peer, form: str
):
    async with here.database.write() as conn:
        await set_policy(conn, peer.host, "refused")
    with pytest.raises(NotAllowed):
        await viewer_of(here, signed(here, f"{peer.actor('ada')}#main-key", form))
    assert peer.asked == []


async def test_a_suspended_person_is_nobody(here: Here, peer: Peer):
    ada = await here.actor(peer.actor("ada"))
    await here.fetch("update actors set state = 'suspended' where id = $1", ada.id)
    assert await viewer_of(here, signed(here, f"{ada.uri}#main-key")) == UNKNOWN_SERVER


async def test_a_signed_look_is_a_sign_of_life(here: Here, peer: Peer):
    """A server that was away may have nothing to send, and reads what it missed."""
    ada = await here.actor(peer.actor("ada"))
    async with here.database.write() as conn:
        await conn.execute(
            "insert into destinations (host, parked_at, lost_since) values ($1, now(), now())",
            peer.host,
        )
    await viewer_of(here, signed(here, f"{ada.uri}#main-key", key=KEYS[1]))
    await here.fed.hosts.close()
    parked = "select parked_at is not null, back_at is not null from destinations"
    assert await here.fetch(parked) == [(True, False)]
    await viewer_of(here, signed(here, f"{ada.uri}#main-key"))
    await here.fed.hosts.close()
    assert await here.fetch(parked) == [(False, True)]
