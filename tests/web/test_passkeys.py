"""Passkeys in the browser, with a device that really signs."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import cbor2
import httpx
import pytest

from storage.actors import Actor
from storage.db import Database
from tests.factories import PASSWORD, make_person
from tests.web.authenticator import ATTESTED, Authenticator
from tests.web.conftest import Browser
from tests.web.html import Page

Open = Callable[..., Browser]
KEYS = "/settings/passkeys"
ANSWER = "/sign-in/passkey/answer"


def asked(answer: httpx.Response) -> tuple[dict[str, Any], dict[str, str]]:
    """What the page wants from the device, and the fields of its form."""
    page = Page(answer.text)
    (found,) = [e for e in page.elements if "data-passkey" in e.attributes]
    (form,) = [form for form in page.forms if "proof" in form.fields]
    return json.loads(found.attributes["data-passkey"]), form.fields


@pytest.fixture
async def ada(database: Database) -> Actor:
    async with database.write() as conn:
        return await make_person(conn, "ada")


async def add(member: Browser, device: Authenticator) -> httpx.Response:
    page = await member.send(KEYS, f"{KEYS}/begin", password=PASSWORD)
    options, fields = asked(page)
    return await member.post(KEYS, fields | {"answer": device.make(options), "name": "my phone"})


async def enter(visitor: Browser, device: Authenticator, onward: str = "/") -> httpx.Response:
    page = await visitor.send("/sign-in", "/sign-in/passkey", next=onward)
    options, fields = asked(page)
    return await visitor.post(ANSWER, fields | {"answer": device.sign(options)})


async def test_a_device_signs_in_without_a_name_or_a_password(ada: Actor, browser: Open) -> None:
    device = Authenticator()
    answer = await add(await browser().sign_in(ada), device)
    assert answer.headers["location"] == f"{KEYS}?done=saved"
    visitor = browser()
    answer = await enter(visitor, device, "/settings/security")
    assert answer.headers["location"] == "/settings/security"
    assert "my phone" in (await visitor.page(KEYS)).text


async def test_aut_02_a_passkey_begins_a_new_session_and_ends_the_old_one(
    ada: Actor, browser: Open, database: Database
) -> None:
    device, member = Authenticator(), await browser().sign_in(ada)
    await add(member, device)
    before = member.client.cookies["__Host-dazzle"]
    options, fields = asked(await member.act("/sign-in/passkey"))
    await member.post(ANSWER, fields | {"answer": device.sign(options)})
    values = {c.value for c in member.client.cookies.jar if c.name == "__Host-dazzle"}
    assert values != {before}
    async with database.read() as conn:
        assert await conn.fetchval("select count(*) from sessions") == 1


async def test_a_key_that_is_asked_for_needs_the_password(ada: Actor, browser: Open) -> None:
    member = await browser().sign_in(ada)
    page = await member.send(KEYS, f"{KEYS}/begin", password="not the password")
    assert page.status_code == 422
    assert "data-passkey" not in page.text


async def test_an_answer_works_once(ada: Actor, browser: Open) -> None:
    device, visitor = Authenticator(), browser()
    await add(await browser().sign_in(ada), device)
    options, fields = asked(await visitor.send("/sign-in", "/sign-in/passkey"))
    sent = fields | {"answer": device.sign(options)}
    assert (await visitor.post(ANSWER, sent)).status_code == 303
    thief = browser()
    token = await thief.token()
    again = await thief.post(ANSWER, sent | {"form_token": token})
    assert again.status_code == 422
    assert not thief.is_signed_in


def another_site(device: Authenticator) -> None:
    device.origin = "https://here.test.evil.test"


def another_domain(device: Authenticator) -> None:
    device.domain = "evil.test"


def nobody_touched(device: Authenticator) -> None:
    device.is_verified = False


def another_key(device: Authenticator) -> None:
    device.key = Authenticator().key


def an_unknown_one(device: Authenticator) -> None:
    device.id = b"nobody has this one"


@pytest.mark.parametrize(
    "change", [another_site, another_domain, nobody_touched, another_key, an_unknown_one]
)
async def test_a_device_that_is_not_theirs_gets_one_and_the_same_answer(
    change: Callable[[Authenticator], None], ada: Actor, browser: Open
) -> None:
    device, visitor = Authenticator(), browser()
    await add(await browser().sign_in(ada), device)
    change(device)
    answer = await enter(visitor, device)
    assert answer.status_code == 422
    assert "This key did not work" in answer.text
    assert not visitor.is_signed_in


async def test_a_copied_key_is_noticed_by_its_counter(ada: Actor, browser: Open) -> None:
    device = Authenticator()
    await add(await browser().sign_in(ada), device)
    assert (await enter(browser(), device)).status_code == 303
    device.counter = 0
    assert (await enter(browser(), device)).status_code == 422


@pytest.mark.parametrize(
    "answer", ["", "{}", "[]", "null", "\x00", '{"id": 1}', "x" * 20_000, "[" * 9_000]
)
async def test_what_no_device_says_is_refused(answer: str, ada: Actor, browser: Open) -> None:
    visitor = browser()
    _, fields = asked(await visitor.send("/sign-in", "/sign-in/passkey"))
    assert (await visitor.post(ANSWER, fields | {"answer": answer})).status_code == 422
    member = await browser().sign_in(ada)
    _, fields = asked(await member.send(KEYS, f"{KEYS}/begin", password=PASSWORD))
    sent = fields | {"answer": answer, "name": "phone"}
    assert (await member.post(KEYS, sent)).status_code == 422


async def test_a_key_whose_name_is_longer_than_any_real_one_is_refused(
    ada: Actor, browser: Open
) -> None:
    device = Authenticator()
    device.id = bytes(2000)
    assert (await add(await browser().sign_in(ada), device)).status_code == 422


class OddAuthenticator(Authenticator):
    """Says something else about its key than a key."""

    def __init__(self, key: bytes) -> None:
        super().__init__()
        self.odd = key

    def make(self, options: dict[str, Any]) -> str:
        attested = bytes(16) + len(self.id).to_bytes(2) + self.id + self.odd
        made = {"fmt": "packed", "attStmt": {"alg": -7, "sig": b"x"}}
        data = self._data(ATTESTED) + attested
        return self._answer(
            clientDataJSON=self._client("webauthn.create", options),
            attestationObject=cbor2.dumps(made | {"authData": data}),
        )


# Found by sending made-up keys: empty, nested, a text where a map is due.
ODD_KEYS = ("", "00", "60", "a0", "a1010203", "a401020326200121582000", "81" * 3000, "f97c00")


async def test_a_made_up_key_is_refused_and_breaks_nothing(ada: Actor, browser: Open) -> None:
    member = await browser().sign_in(ada)
    for key in ODD_KEYS:
        answer = await add(member, OddAuthenticator(bytes.fromhex(key)))
        assert answer.status_code == 422, key


async def test_who_lost_the_password_loses_the_passkeys_with_it(ada: Actor, browser: Open) -> None:
    device, member = Authenticator(), await browser().sign_in(ada)
    await add(member, device)
    page = await member.send("/settings/security", "/settings/security/codes", password=PASSWORD)
    code = re.findall(r"<code>([a-z0-9-]{14})</code>", page.text)[0]
    visitor = browser()
    done = await visitor.send(
        "/sign-in/recovery", "/sign-in/recovery", name="ada", code=code,
        password="a wholly new password",
    )  # fmt: skip
    assert done.status_code == 303
    assert (await enter(browser(), device)).status_code == 422
    assert "You have none so far" in (await visitor.get(KEYS)).text


async def test_a_key_is_added_by_whoever_began_it(
    ada: Actor, browser: Open, database: Database
) -> None:
    async with database.write() as conn:
        eve = await make_person(conn, "eve")
    member, other = await browser().sign_in(ada), await browser().sign_in(eve)
    options, fields = asked(await member.send(KEYS, f"{KEYS}/begin", password=PASSWORD))
    sent = fields | {"answer": Authenticator().make(options), "name": "phone"}
    sent["form_token"] = await other.token("/settings")
    assert (await other.post(KEYS, sent)).status_code == 422
    async with database.read() as conn:
        assert await conn.fetchval("select count(*) from passkeys") == 0


async def test_a_key_that_is_removed_opens_nothing_and_only_its_owner_removes_it(
    ada: Actor, browser: Open, database: Database
) -> None:
    async with database.write() as conn:
        eve = await make_person(conn, "eve")
    device, member = Authenticator(), await browser().sign_in(ada)
    await add(member, device)
    await (await browser().sign_in(eve)).act(f"{KEYS}/drop", key=device.id.hex())
    elsewhere = browser()
    assert (await enter(elsewhere, device)).status_code == 303
    await member.send(KEYS, f"{KEYS}/drop")
    assert (await enter(browser(), device)).status_code == 422
    assert (await elsewhere.get("/settings")).status_code == 303  # who was in with it is out


async def test_a_suspended_person_does_not_get_in_with_a_key(
    ada: Actor, browser: Open, database: Database
) -> None:
    device = Authenticator()
    await add(await browser().sign_in(ada), device)
    async with database.write() as conn:
        await conn.execute("update accounts set state = 'suspended' where actor_id = $1", ada.id)
    assert (await enter(browser(), device)).status_code == 422


async def test_aut_03_keys_are_tried_a_few_times_for_an_address(browser: Open) -> None:
    visitor = browser()
    token = await visitor.token()
    statuses = [
        (await visitor.post("/sign-in/passkey", {"form_token": token})).status_code
        for _ in range(26)
    ]
    assert statuses == [200] * 25 + [429]


async def test_aut_05_whoever_stands_at_the_door_the_question_is_the_same(
    ada: Actor, browser: Open
) -> None:
    await add(await browser().sign_in(ada), Authenticator())
    options, fields = asked(await browser().send("/sign-in", "/sign-in/passkey"))
    assert options.pop("challenge")
    assert set(options) == {"timeout", "rpId", "allowCredentials", "userVerification"}
    assert (options["rpId"], options["allowCredentials"]) == ("here.test", [])
    assert set(fields) == {"form_token", "next", "proof", "answer"}


async def test_only_the_pages_that_ask_a_device_run_a_script(browser: Open) -> None:
    visitor = browser()
    page = await visitor.send("/sign-in", "/sign-in/passkey")
    assert page.headers["content-security-policy"].endswith("; script-src 'self'")
    assert "script-src" not in (await visitor.get("/sign-in")).headers["content-security-policy"]
    (script,) = [e for e in Page(page.text).elements if e.tag == "script"]
    file = await visitor.get(script.attributes["src"])
    assert file.headers["content-type"] == "text/javascript; charset=utf-8"
