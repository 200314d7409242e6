"""Documents speak only for where they were found; communities are found by their address."""

from __future__ import annotations

from typing import Any

import pytest

from federation.errors import FederationError, Gone, Malformed, Unreachable
from federation.fetch import Budget
from federation.negotiation import is_activity_json
from forum.errors import NotAllowed
from storage import communities, instances
from tests.federation.conftest import Here
from tests.federation.peer import PUBLIC, Peer


@pytest.mark.parametrize(
    "content_type",
    [
        "application/activity+json",
        "Application/Activity+JSON; charset=utf-8",
        'application/ld+json; profile="https://www.w3.org/ns/activitystreams"',
        "application/ld+json; profile=https://www.w3.org/ns/activitystreams",
        'application/ld+json;charset=utf-8;PROFILE="https://x.test/ https://www.w3.org/ns/activitystreams"',
    ],
)
def test_the_media_types_of_activitypub_are_known_in_every_spelling(content_type: str):
    assert is_activity_json(content_type)


@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "text/html",
        "application/json",
        "text/plain",
        "application/ld+json",
        'application/ld+json; profile="https://www.w3.org/ns/other"',
        'application/ld+json; profile="https://www.w3.org/ns/activitystreams#x"',
        'text/html; x="application/activity+json"',
    ],
)
async def test_r28_a_document_of_another_type_is_not_read(
    here: Here, peer: Peer, content_type: str
):
    assert not is_activity_json(content_type)
    uri = peer.actor("ada")
    peer.pages["/actors/ada"].content_type = content_type or None
    with pytest.raises(Malformed):
        await here.fed.fetcher.actor(uri, Budget())


async def test_an_actor_is_stored_with_what_it_says(here: Here, peer: Peer):
    uri = peer.actor("ada", summary="<p>I have a rare disease</p>")
    actor = await here.fed.fetcher.actor(uri, Budget())
    assert (actor.uri, actor.kind, actor.host, actor.name) == (uri, "person", peer.host, "ada")
    assert actor.shared_inbox == f"{peer.origin}/inbox"
    assert actor.summary_html == ""
    assert 'keyId="' + here.site.instance_uri in peer.asked[0].headers["signature"]


@pytest.mark.parametrize(
    "changed",
    [
        {"inbox": "https://elsewhere.test/inbox"},
        {"endpoints": {"sharedInbox": "https://elsewhere.test/inbox"}},
        {"followers": "https://elsewhere.test/followers"},
        {"inbox": None},
        {"id": "https://elsewhere.test/ada"},
    ],
)
async def test_an_actor_that_points_to_another_server_is_not_stored(
    here: Here, peer: Peer, changed: dict[str, Any]
):
    uri = peer.actor("ada", **changed)
    with pytest.raises(FederationError):
        await here.fed.fetcher.actor(uri, Budget())
    assert await here.fetch("select 1 from actors where not is_local") == []


async def test_a_key_that_another_owns_is_not_stored(here: Here, peer: Peer, other_peer: Peer):
    victim = other_peer.actor("victim")
    uri = f"{peer.origin}/actors/eve"
    key = {"id": f"{uri}#k", "owner": victim, "publicKeyPem": "x"}
    peer.actor("eve", publicKey=[key, {**key, "id": f"{victim}#main-key", "owner": uri}])
    await here.fed.fetcher.actor(uri, Budget())
    assert await here.fetch("select uri from actor_keys where private_pem is null") == []


async def test_r28_a_document_that_says_to_be_elsewhere_is_asked_for_there_once(
    here: Here, peer: Peer, other_peer: Peer
):
    real = other_peer.actor("bob", summary="real")
    peer.put("/copy", {**_document(other_peer, "bob"), "summary": "forged"})
    actor = await here.fed.fetcher.actor(f"{peer.origin}/copy", Budget())
    assert actor.uri == real
    with pytest.raises(Malformed):
        await here.fed.fetcher.find_actor(f"{peer.origin}/copy", Budget())

    other_peer.put("/actors/bob", {**_document(other_peer, "bob"), "id": f"{peer.origin}/third"})
    with pytest.raises(Malformed):
        await here.fed.fetcher.actor(f"{peer.origin}/copy", Budget())


def _document(peer: Peer, name: str) -> dict[str, Any]:
    uri = f"{peer.origin}/actors/{name}"
    return {"id": uri, "type": "Person", "preferredUsername": name, "inbox": f"{uri}/inbox"}


async def test_a_redirect_to_where_the_document_lives_is_fine(
    here: Here, peer: Peer, other_peer: Peer
):
    real = other_peer.actor("bob")
    peer.put("/old", {}, status=301, headers={"location": real})
    assert (await here.fed.fetcher.actor(f"{peer.origin}/old", Budget())).uri == real
    lying = peer.put("/lying", {}, status=301, headers={"location": f"{other_peer.origin}/x"})
    other_peer.put("/x", _document(peer, "ada"))
    with pytest.raises(FederationError):
        await here.fed.fetcher.actor(lying, Budget())


async def test_this_server_is_never_asked_for_its_own(here: Here, peer: Peer):
    with pytest.raises(FederationError):
        await here.fed.fetcher.document(here.site.instance_uri, Budget())
    copy = peer.put("/copy", {"id": here.site.instance_uri, "type": "Application"})
    with pytest.raises(FederationError):
        await here.fed.fetcher.document(copy, Budget())


async def test_a_refused_server_is_not_asked_nor_reached_by_a_redirect(
    here: Here, peer: Peer, other_peer: Peer
):
    async with here.database.write() as conn:
        await instances.set_policy(conn, other_peer.host, "refused")
    with pytest.raises(NotAllowed):
        await here.fed.fetcher.actor(other_peer.actor("bob"), Budget())
    assert other_peer.asked == []
    moved = peer.put("/old", {}, status=301, headers={"location": other_peer.actor("bob")})
    with pytest.raises(NotAllowed):
        await here.fed.fetcher.actor(moved, Budget())


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (404, Gone),
        (410, Gone),
        (500, Unreachable),
        (429, Unreachable),
        (401, Unreachable),
        (400, Malformed),
        (204, Malformed),
    ],
)
async def test_an_answer_tells_whether_asking_again_helps(
    here: Here, peer: Peer, status: int, error: type[Exception]
):
    uri = peer.put("/x", b"", status=status)
    with pytest.raises(error):
        await here.fed.fetcher.document(uri, Budget())


def note(peer: Peer, **changed: Any) -> dict[str, Any]:
    return {
        "id": f"{peer.origin}/notes/1",
        "type": "Note",
        "attributedTo": f"{peer.origin}/actors/ada",
        "content": "x",
        "to": [PUBLIC],
        **changed,
    }


async def test_a_post_comes_from_its_authors_server_or_not_at_all(
    here: Here, peer: Peer, other_peer: Peer
):
    peer.put("/notes/1", note(peer))
    uri = f"{peer.origin}/notes/1"
    assert (await here.fed.fetcher.post(uri, Budget())).id == uri
    peer.put("/notes/1", note(peer, attributedTo=f"{other_peer.origin}/actors/bob"))
    with pytest.raises(Malformed):
        await here.fed.fetcher.post(uri, Budget())
    peer.put("/notes/1", {"id": uri, "type": "Tombstone"})
    with pytest.raises(Gone):
        await here.fed.fetcher.post(uri, Budget())


async def test_r28_a_budget_ends(here: Here, peer: Peer):
    uri = peer.actor("ada")
    budget = Budget(2)
    await here.fed.fetcher.actor(uri, budget)
    await here.fed.fetcher.actor(uri, budget)
    with pytest.raises(Malformed):
        await here.fed.fetcher.actor(uri, budget)


async def find(here: Here, address: str) -> str | None:
    """The URI of the community that is found."""
    found = await here.fed.resolver.find_community(address)
    if found is None:
        return None
    async with here.database.read() as conn:
        community = await communities.read_unfiltered(conn, found)
    assert community is not None
    return community.uri


async def test_a_community_is_found_by_its_address_and_by_its_url(here: Here, peer: Peer):
    uri = peer.actor("marfan", kind="Group", summary="<p>For us<script>x</script></p>")
    peer.webfinger("marfan", uri)
    peer.nodeinfo("Dazzle")
    for address in (f"marfan@{peer.host}", f"!marfan@{peer.host}", f" @marfan@{peer.host} ", uri):
        assert await find(here, address) == uri
    rows = await here.fetch("select readers, travels, description_html from communities")
    assert rows == [("anyone", "anywhere", "<p>For us</p>")]
    assert await here.fetch("select software, version from instances") == [("dazzle", "0.1.0")]


async def test_what_is_no_community_or_not_there_is_not_found(here: Here, peer: Peer):
    peer.webfinger("ada", peer.actor("ada"))
    for address in (
        f"ada@{peer.host}",
        f"nobody@{peer.host}",
        "marfan@there.invalid",
        "marfan@127.0.0.1:9",
        "marfan@",
        "@",
        "",
        "x" * 5000,
        f"marfan@{here.site.host}",
        here.site.instance_uri,
        "file:///etc/passwd",
        "marfan@10.0.0.1",
        "marfan@a\x00b",
    ):
        assert await find(here, address) is None


async def test_a_handle_of_a_third_server_is_not_believed(here: Here, peer: Peer, other_peer: Peer):
    uri = other_peer.actor("marfan", kind="Group")
    peer.webfinger("marfan", uri)
    assert await find(here, f"marfan@{peer.host}") is None
    other_peer.webfinger("marfan", uri)
    assert await find(here, f"marfan@{peer.host}") == uri
    peer.webfinger("marfan", uri, subject="acct:marfan@victim.test")
    assert await find(here, f"marfan@{peer.host}") is None


async def test_software_is_asked_for_once_a_week_and_silence_is_remembered(here: Here, peer: Peer):
    assert await here.fed.resolver.software_of(peer.host) is None
    peer.nodeinfo("lemmy")
    assert await here.fed.resolver.software_of(peer.host) is None
    await here.fetch("update instances set software_checked_at = now() - interval '2 hours'")
    assert await here.fed.resolver.software_of(peer.host) == "lemmy"
    peer.nodeinfo("other")
    assert await here.fed.resolver.software_of(peer.host) == "lemmy"
    assert peer.fetches("/.well-known/nodeinfo") == 2


async def test_nodeinfo_of_another_server_is_not_read(here: Here, peer: Peer, other_peer: Peer):
    other_peer.nodeinfo("dazzle")
    links = {
        "links": [
            {
                "rel": "http://nodeinfo.diaspora.software/ns/schema/2.1",
                "href": f"{other_peer.origin}/nodeinfo/2.1",
            }
        ]
    }
    peer.put("/.well-known/nodeinfo", links, content_type="application/json")
    assert await here.fed.resolver.software_of(peer.host) is None
    assert other_peer.asked == []
