"""What people agree to: asked once, taken back as easily, kept in a ledger of their own."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from forum import consents
from storage.actors import Actor
from storage.audience import Viewer
from storage.consents import list_own
from storage.db import Connection, Database
from tests.factories import join, make_community, make_person, make_thread, tick
from tests.web.conftest import Browser
from tests.web.html import Page
from web.consent_words import TEXTS, TITLES
from web.i18n import words_for

Open = Callable[..., Browser]

# Whoever changes a text gives it a new version, so that people are asked again.
FINGERPRINTS = {
    ("account", 1): "b75ceb4ff4eb1546",
    ("community", 1): "39eb617277ac914d",
    ("federation", 1): "f13ec278b99a3d76",
    ("federation", 2): "6e6ec857694279aa",
    ("journal", 1): "c0586e6cf6d02094",
    ("aggregation", 1): "a0d24c49c9b5d685",
}


async def newcomer(conn: Connection, name: str | None = None) -> Actor:
    """Somebody who was never asked."""
    person = await make_person(conn, name)
    await conn.execute("delete from consents where account_id = $1", person.id)
    return person


def test_pat04_every_purpose_is_explained_in_at_most_120_words() -> None:
    assert set(TEXTS) == set(TITLES) == set(consents.PURPOSES) == set(consents.VERSIONS)
    assert len(consents.PURPOSES) == 5
    for locale in ("en", "de"):
        for text in TEXTS.values():
            assert len(words_for(locale).gettext(text).split()) <= 120


def test_pat04_changed_words_are_another_version() -> None:
    for purpose, text in TEXTS.items():
        made = hashlib.sha256(text.encode()).hexdigest()[:16]
        assert FINGERPRINTS[purpose, consents.VERSIONS[purpose]] == made, purpose


async def test_pat04_a_consent_is_given_and_taken_back_and_both_stay_in_the_ledger(
    conn: Connection,
) -> None:
    rosa, wanda = await newcomer(conn), await newcomer(conn)
    assert not await consents.has(conn, rosa.id, "federation")
    for _ in range(2):
        await consents.give(conn, rosa.id, "federation", now=tick(), locale="de")
    assert await consents.has(conn, rosa.id, "federation")
    assert not await consents.has(conn, wanda.id, "federation")
    assert await consents.withdraw(conn, rosa.id, "federation", now=tick())
    assert not await consents.withdraw(conn, rosa.id, "federation", now=tick())
    assert not await consents.has(conn, rosa.id, "federation")
    [line] = await list_own(conn, Viewer(rosa.id))
    assert (line.version, line.locale) == (consents.VERSIONS["federation"], "de")
    assert line.withdrawn_at is not None
    assert await list_own(conn, Viewer(wanda.id)) == []


async def test_pat04_consent_to_earlier_words_does_not_stand(conn: Connection) -> None:
    rosa = await newcomer(conn)
    await consents.give(conn, rosa.id, "federation", now=tick())
    await conn.execute("update consents set version = 0 where account_id = $1", rosa.id)
    assert not await consents.has(conn, rosa.id, "federation")
    community = await make_community(conn)
    assert await consents.why_not_send(conn, rosa.id, community) == "ask"
    await consents.give(conn, rosa.id, "federation", now=tick())
    ledger = await list_own(conn, Viewer(rosa.id))
    assert [(one.version, one.withdrawn_at is None) for one in ledger] == [
        (consents.VERSIONS["federation"], True),
        (0, False),
    ]


async def test_pat04_the_first_post_that_travels_asks_once_and_one_that_stays_does_not(
    database: Database, browser: Open
) -> None:
    async with database.write() as conn:
        rosa = await newcomer(conn)
        await make_community(conn, rosa, name="far")
        await make_community(conn, rosa, name="near", travels="nowhere")
    member = await browser().sign_in(rosa)
    words = {"title": "Hello", "source": "Hello."}
    near = await member.send("/c/near/new", "/c/near/new", **words)
    assert near.status_code == 303
    page = await member.page("/c/far/new")
    assert "sent to other servers" in page.text
    asked = await member.post("/c/far/new", {**page.form("/c/far/new").fields, **words})
    assert asked.status_code == 422
    shown = Page(asked.text)
    assert "#f-federation" in shown.links()
    agreed = {**shown.form("/c/far/new").fields, "federation": "yes"}
    assert (await member.post("/c/far/new", agreed)).status_code == 303
    assert "federation" not in (await member.page("/c/far/new")).form("/c/far/new").choices
    async with database.read() as conn:
        assert await consents.has(conn, rosa.id, "federation")


async def test_pat04_who_takes_it_back_can_post_only_where_posts_stay(
    database: Database, browser: Open
) -> None:
    async with database.write() as conn:
        rosa = await make_person(conn)
        far = await make_community(conn, rosa, name="far")
        await make_community(conn, rosa, name="near", travels="nowhere")
        thread = await make_thread(conn, rosa, far)
    member = await browser().sign_in(rosa)
    form = (await member.page("/c/far/new")).form("/c/far/new")
    at = "/settings/consent"
    taken = await member.act(at, purpose="federation", act="withdraw")
    assert taken.headers["location"] == f"{at}?done=taken_back"
    assert "federation" in [f.fields.get("purpose") for f in (await member.page(at)).forms]
    fields = {**form.fields, "title": "Hello", "source": "Kept words.", "federation": "yes"}
    refused = await member.post("/c/far/new", fields)
    assert refused.status_code == 403
    assert "You took back your consent" in refused.text
    assert "Kept words." in refused.text
    assert 'href="/settings/consent"' in (await member.get(f"/t/{thread.id}")).text
    stays = await member.send("/c/near/new", "/c/near/new", title="Hi", source="Hi.")
    assert stays.status_code == 303
    await member.act(at, purpose="federation", act="give")
    assert (await member.post("/c/far/new", fields)).status_code == 303


async def test_pat04_joining_is_noted_and_taking_that_back_is_leaving(
    database: Database, browser: Open
) -> None:
    async with database.write() as conn:
        owner, rosa = await make_person(conn), await newcomer(conn)
        place = await make_community(conn, owner, name="place", title="The place")
        other = await make_community(conn, owner, name="other", readers="members", listed=False)
        await join(conn, place, owner, role="owner")
    member = await browser().sign_in(rosa)
    await member.send("/c/place", "/c/place/join")
    page = await member.page("/settings/consent")
    assert "The place" in page.text
    answer = await member.act(
        "/settings/consent", purpose="community", act="withdraw", community=str(place.id)
    )
    assert answer.status_code == 303
    async with database.read() as conn:
        state = await conn.fetchval("select state from memberships where actor_id = $1", rosa.id)
        assert state == "left"
        assert not await consents.has(conn, rosa.id, "community", place.id)
    hidden = {"purpose": "community", "act": "withdraw", "community": str(other.id)}
    assert (await member.act("/settings/consent", **hidden)).status_code == 404
    for wrong in ({"purpose": "x", "act": "give"}, {"purpose": "account", "act": "withdraw"}):
        assert (await member.act("/settings/consent", **wrong)).status_code == 404
    never = await member.act("/settings/consent", purpose="journal", act="give")
    assert never.status_code == 422
