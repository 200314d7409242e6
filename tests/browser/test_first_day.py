"""The first day of a member, in Chromium: sign up, join, post, reply, report."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.walks.harness import PASSWORD, Server, new_name
from tests.walks.people import make_community, sign_up, start_thread

playwright_api = pytest.importorskip(
    "playwright.async_api", reason="needs playwright: pip install playwright"
)

CHROMIUM = os.environ.get("DAZZLE_CHROMIUM") or shutil.which("chromium")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PHONE = {"width": 360, "height": 740}
DESKTOP = {"width": 1280, "height": 900}
Pair = tuple[Server, Server]

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: Debian package chromium")


@asynccontextmanager
async def chromium(*, javascript: bool, viewport: dict[str, int]) -> AsyncIterator[Any]:
    """A page in a fresh browser, in English, with an address of its own."""
    async with playwright_api.async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        try:
            context = await browser.new_context(
                java_script_enabled=javascript, viewport=viewport, locale="en-GB"
            )
            context.set_default_timeout(15_000)
            yield await context.new_page()
        finally:
            await browser.close()


async def fits(page: Any) -> None:
    """Nothing sticks out at the side."""
    wide, shown = await page.evaluate(
        "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
    )
    assert wide <= shown, f"{page.url} is {wide} wide on a screen of {shown}"


@pytest.mark.parametrize(
    ("javascript", "viewport"),
    [
        pytest.param(True, DESKTOP, id="desktop"),
        pytest.param(False, PHONE, id="phone-without-javascript"),
    ],
)
async def test_somebody_signs_up_joins_posts_replies_and_reports(
    pair: Pair, javascript: bool, viewport: dict[str, int]
) -> None:
    a, _ = pair
    async with (
        await sign_up(a, "rosa") as rosa,
        chromium(javascript=javascript, viewport=viewport) as page,
    ):
        community = await make_community(rosa, title="Living with long words: Schluckbeschwerden")
        welcome = await start_thread(rosa, community, "Welcome", "Tell us who you are. " + "x" * 90)
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        name = new_name("ina")

        await page.goto(a.origin)
        await fits(page)
        await page.get_by_role("link", name="Sign up").first.click()
        await page.get_by_label("Choose a name").fill(name)
        await page.get_by_label("Choose a password").fill(PASSWORD)
        await page.get_by_label("I am at least").check()
        await fits(page)
        await page.get_by_role("button", name="Make my account").click()
        await page.get_by_role("button", name="Sign out").wait_for()
        await fits(page)

        await page.goto(f"{a.origin}/c/{community}")
        await fits(page)
        await page.get_by_role("button", name="Join").click()
        await page.get_by_text("You are a member of this community now").wait_for()
        await fits(page)

        await page.get_by_role("link", name="Write something new").first.click()
        await page.get_by_label("Title", exact=True).fill("My first question")
        text = page.get_by_role("textbox", name="Text (not needed")
        await text.fill("How do you sleep?\n\n- badly\n- well")
        await fits(page)
        await page.get_by_label("I agree that what I write is sent to other servers").check()
        await page.get_by_role("button", name="Publish").click()
        await page.get_by_role("heading", name="My first question").wait_for()
        await fits(page)

        await page.goto(f"{a.origin}{welcome.path}")
        await page.get_by_label("Your reply").fill("Hello, I am new here.")
        await fits(page)
        await page.get_by_role("button", name="Send reply").click()
        await page.get_by_text("Hello, I am new here.").wait_for()
        await fits(page)

        await page.get_by_role("link", name="More").first.click()
        await page.get_by_text("Report it").click()
        await page.get_by_label("What is wrong with it?").fill("Please look at this.")
        await fits(page)
        await page.get_by_role("button", name="Send the report").click()
        await page.get_by_text("A moderator will look at it").wait_for()
        await fits(page)

        reports = "select count(*) from reports where post_id = $1 and reason = $2"
        assert await a.value(reports, welcome.id, "Please look at this.") == 1
        assert {urlsplit(url).netloc for url in asked} == {a.host}
