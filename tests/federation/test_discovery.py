"""WebFinger, host-meta and NodeInfo."""

from __future__ import annotations

from xml.etree import ElementTree

import httpx
import pytest
from starlette.routing import Router

from federation.negotiation import ACTIVITY
from federation.routes import routes
from federation.vocabulary.discovery import parse_webfinger
from federation.vocabulary.documents import parse_actor
from federation.vocabulary.strict import decode_json
from forum.errors import Conflict
from storage.actors import set_state
from storage.db import Connection, Database
from tests.factories import SITE, far_future, make_community, make_person, make_site
from tests.federation.peer import signed_headers
from tests.federation.sink import open_sink
from tests.federation.wire import open_wire

FINGER = "/.well-known/webfinger"


@pytest.fixture
async def client(database: Database):
    async with open_wire(database) as fed:
        async with database.write() as conn:
            await make_site(conn)
            await make_person(conn, "zebra")
            await make_community(conn, name="marfan")
        transport = httpx.ASGITransport(Router(routes(fed)))
        async with httpx.AsyncClient(transport=transport, base_url=SITE.origin) as opened:
            yield opened


@pytest.mark.parametrize(
    ("resource", "page"),
    [
        ("acct:zebra@here.test", "/u/zebra"),
        ("zebra@here.test", "/u/zebra"),
        ("acct:@zebra@here.test", "/u/zebra"),
        ("acct:ZEBRA@HERE.test", "/u/zebra"),
        ("acct:marfan@here.test", "/c/marfan"),
        ("https://here.test/u/zebra", "/u/zebra"),
        ("https://here.test/c/marfan", "/c/marfan"),
        ("acct:here.test@here.test", "/"),
    ],
)
async def test_r01_people_communities_and_the_server_have_one_self_link(
    client, resource: str, page: str
) -> None:
    response = await client.get(FINGER, params={"resource": resource})
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/jrd+json"
    assert response.headers["access-control-allow-origin"] == "*"
    document = response.json()
    assert document["subject"].startswith("acct:")
    links = {link["rel"]: link for link in document["links"]}
    assert len(links) == len(document["links"])
    assert links["self"]["type"] == "application/activity+json"
    assert links["http://webfinger.net/rel/profile-page"]["href"] == SITE.origin + page
    actor = (await client.get(links["self"]["href"])).json()
    assert f"acct:{actor['webfinger']}" == document["subject"]
    again = await client.get(FINGER, params={"resource": actor["id"]})
    assert again.json() == document


async def test_r06_the_server_is_found_from_its_origin(client) -> None:
    for resource in (SITE.origin, f"{SITE.origin}/"):
        document = (await client.get(FINGER, params={"resource": resource})).json()
        assert document["links"] == [
            {
                "rel": "https://www.w3.org/ns/activitystreams#Service",
                "type": "application/activity+json",
                "href": SITE.instance_uri,
            }
        ]


@pytest.mark.parametrize("query", ["", "?resource=", "?resource=zebra", "?rel=self"])
async def test_r02_a_missing_resource_is_a_bad_request(client, query: str) -> None:
    response = await client.get(FINGER + query)
    assert response.status_code == 400
    assert response.headers["access-control-allow-origin"] == "*"


@pytest.mark.parametrize(
    "resource",
    [
        "acct:nobody@here.test",
        "acct:zebra@there.test",
        "acct:undefined@here.test",
        "acct:@here.test",
        "https://there.test/u/zebra",
        "https://here.test/u/zebra/x",
        "https://here.test/t/zebra",
        "http://here.test/u/zebra",
        "https://[/u/zebra",
        "acct:a\x00b@here.test",
    ],
)
async def test_r02_who_is_not_here_is_not_found(client, resource: str) -> None:
    response = await client.get(FINGER, params={"resource": resource})
    assert response.status_code == 404
    assert response.headers["access-control-allow-origin"] == "*"


async def test_r04_host_meta_points_to_webfinger(client) -> None:
    response = await client.get("/.well-known/host-meta")
    assert response.headers["content-type"].startswith("application/xrd+xml")
    assert response.headers["access-control-allow-origin"] == "*"
    link = ElementTree.fromstring(response.text)[0]
    assert link.get("rel") == "lrdd"
    assert link.get("template") == f"{SITE.origin}{FINGER}?resource={{uri}}"


async def test_r05_nodeinfo_tells_the_software_and_only_bands_of_numbers(
    client, database: Database
) -> None:
    async with database.write() as conn:
        for _ in range(13):
            await make_person(conn)
    links = (await client.get("/.well-known/nodeinfo")).json()["links"]
    application = links.pop()
    assert application["rel"] == "https://www.w3.org/ns/activitystreams#Application"
    assert application["href"] == SITE.instance_uri
    for link, version in zip(links, ("2.1", "2.0"), strict=True):
        response = await client.get(link["href"])
        document = response.json()
        assert response.headers["access-control-allow-origin"] == "*"
        assert link["rel"] == f"http://nodeinfo.diaspora.software/ns/schema/{version}"
        assert document["version"] == version
        assert document["software"]["name"] == "dazzle"
        assert document["protocols"] == ["activitypub"]
        assert document["openRegistrations"] is True
        assert document["usage"] == {"users": {"total": 10}}


async def test_r06_the_servers_own_actor_is_fetched_without_a_signature(client) -> None:
    """Whoever has to check its signature first would ask us, and be asked, without end."""
    document = (await client.get(FINGER, params={"resource": SITE.origin})).json()
    nodeinfo = (await client.get("/.well-known/nodeinfo")).json()
    assert {document["links"][0]["href"], nodeinfo["links"][-1]["href"]} == {SITE.instance_uri}
    response = await client.get(SITE.instance_uri, headers={"accept": ACTIVITY})
    assert response.headers["content-type"].startswith(ACTIVITY)
    actor = parse_actor(response.json())
    assert (actor.id, actor.kind) == (SITE.instance_uri, "instance")
    assert [key.owner for key in actor.keys] == [actor.id]


@pytest.mark.parametrize(
    ("resource", "asks"),
    [
        (f"acct:{SITE.host}@{SITE.host}", 0),
        (SITE.instance_uri, 0),
        (SITE.origin, 0),
        ("acct:zebra@here.test", 1),
    ],
)
async def test_r06_who_signs_a_question_about_the_server_is_not_asked_for_a_key(
    client, resource: str, asks: int
) -> None:
    """GoToSocial asks it before it hands out a key, and we would wait for each other."""
    async with open_sink() as silent:
        silent.answer = lambda _: (404, {})
        url = str(client.base_url.join(FINGER).copy_merge_params({"resource": resource}))
        key_uri = f"http://{silent.host}/users/gina/main-key"
        headers = signed_headers("get", url, None, key_uri, date=far_future())
        assert (await client.get(url, headers=headers)).status_code == 200
        assert len(silent.requests) == asks


async def test_r01_what_we_say_of_a_name_is_what_our_own_reader_finds(client) -> None:
    for name in ("zebra", "marfan", SITE.host):
        response = await client.get(FINGER, params={"resource": f"acct:{name}@{SITE.host}"})
        found = parse_webfinger(decode_json(response.content))
        assert found.subject == f"acct:{name}@{SITE.host}"
        assert len(found.actors) == 1


async def take(conn: Connection, kind: str, name: str) -> int:
    if kind == "person":
        return (await make_person(conn, name)).id
    return (await make_community(conn, name=name)).id


@pytest.mark.parametrize("first", ["person", "community"])
@pytest.mark.parametrize("second", ["person", "community"])
async def test_r03_a_name_is_given_once_and_never_again(
    first: str, second: str, conn: Connection
) -> None:
    """Mastodon and Misskey know one account by a name; who is gone would be taken for another."""
    await set_state(conn, await take(conn, first, "stripes"), "gone")
    with pytest.raises(Conflict, match="name_taken"):
        await take(conn, second, "Stripes")


@pytest.mark.parametrize("resource", ["acct:zebra@there.test", "https://there.test/u/zebra"])
async def test_r02_a_name_of_another_host_is_not_answered_for(client, resource: str) -> None:
    assert (await client.get(FINGER, params={"resource": resource})).status_code == 404
