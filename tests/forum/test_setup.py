from __future__ import annotations

import pytest

from forum import keypairs, setup
from forum.errors import Conflict, Invalid, NotAllowed
from forum.site import Site
from storage import accounts, actors, keys
from storage import site as sites
from storage.db import Connection
from tests import factories
from tests.factories import KEYPAIR, PASSWORD_HASH, SITE, tick


async def complete(conn: Connection, token: str, **changes):
    given = {
        "token": token,
        "title": "Marfan Europe",
        "contact": "help@here.test",
        "signup": "approval",
        "federation_mode": "named",
        "name": "ada",
        "password_hash": PASSWORD_HASH,
        "keypair": KEYPAIR,
        "now": tick(),
    }
    return await setup.complete_setup(conn, SITE, **{**given, **changes})


async def test_the_servers_own_actor_is_made_once(conn: Connection) -> None:
    for _ in range(2):
        await setup.ensure_site(conn, SITE, tick(), keypair=KEYPAIR)
    own = await actors.read_by_uri_unfiltered(conn, SITE.instance_uri)
    assert own
    assert (own.kind, own.type, own.name) == ("instance", "Application", "here.test")
    key = await keys.read_instance_key(conn)
    assert key
    assert key.uri == "https://here.test/ap/instance#main-key"
    assert (await sites.read_site(conn)).origin == SITE.origin


async def test_the_origin_may_change_until_somebody_has_an_address(conn: Connection) -> None:
    await setup.ensure_site(conn, Site("http://localhost:8000"), tick(), keypair=KEYPAIR)
    await setup.ensure_site(conn, SITE, tick(), keypair=KEYPAIR)
    key = await keys.read_instance_key(conn)
    assert key
    assert key.uri == f"{SITE.instance_uri}#main-key"
    await factories.make_person(conn)
    with pytest.raises(Conflict, match="origin_changed"):
        await setup.ensure_site(conn, Site("https://other.test"), tick(), keypair=KEYPAIR)


async def test_a_start_gives_proof_keys_to_those_made_before_there_were_any(
    conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keypairs, "BATCH", 2)
    await setup.ensure_site(conn, SITE, tick(), keypair=KEYPAIR)
    people = [await factories.make_person(conn) for _ in range(3)]
    community = await factories.make_community(conn)
    stranger = await factories.make_remote_person(conn)
    await conn.execute(
        "delete from actor_keys where kind = 'ed25519' and actor_id <> $1", people[0].id
    )
    kept = await keys.read_proof_key(conn, people[0].id)
    await setup.ensure_site(conn, SITE, tick())
    made = [await keys.read_proof_key(conn, one.id) for one in (*people, community)]
    assert made[0] == kept
    assert [key.uri for key in made if key] == [
        SITE.proof_key_uri(one.id) for one in (*people, community)
    ]
    assert len({key.private_pem for key in made if key}) == 4
    assert await keys.read_proof_key(conn, stranger.id) is None
    await setup.ensure_site(conn, SITE, tick())
    assert [await keys.read_proof_key(conn, one.id) for one in (*people, community)] == made


async def test_the_first_visit_makes_the_administrator_once(conn: Connection) -> None:
    old = await setup.issue_setup_token(conn)
    token = await setup.issue_setup_token(conn)
    assert old
    assert token
    with pytest.raises(NotAllowed, match="bad_setup_token"):
        await complete(conn, old)
    admin = await complete(conn, token)
    account = await accounts.read_account(conn, admin.id)
    assert account
    assert (account.role, account.state) == ("admin", "open")
    row = await sites.read_site(conn)
    assert (row.title, row.signup, row.federation_mode) == ("Marfan Europe", "approval", "named")
    assert await setup.issue_setup_token(conn) is None
    with pytest.raises(Conflict, match="already_set_up"):
        await complete(conn, token, name="eve")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"title": ""}, "title"),
        ({"contact": " "}, "contact"),
        ({"signup": ""}, "signup"),
        ({"federation_mode": "all"}, "federation_mode"),
        ({"name": "A B"}, "name"),
    ],
)
async def test_each_question_needs_an_answer(changes, field, conn: Connection) -> None:
    token = await setup.issue_setup_token(conn)
    with pytest.raises(Invalid) as refusal:
        await complete(conn, token or "", **changes)
    assert refusal.value.field == field


@pytest.mark.parametrize(
    ("domain", "word"),
    [
        ("marfan-europe.org", "marfan"),
        ("forum.cystic-fibrosis.example", "cystic"),
        ("ehlersdanlos.net", "ehlers"),
        ("hiv.example.org", "hiv"),
        ("archive.org", None),
        ("zebras.example", None),
        ("rarecommunity.org", None),
    ],
)
def test_a_domain_that_names_a_disease_is_noticed(domain: str, word: str | None) -> None:
    assert setup.names_a_disease(domain) == word
