"""PAT-10: whatever page is open, the browser speaks to nobody but the server that one visits."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.browser.test_first_day import CHROMIUM, PHONE, Pair, chromium
from tests.walks.people import make_community, reply, sign_up, start_thread

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: Debian package chromium")

TEMPTING = """\
![a picture](https://tracker.example/pixel.png) and a [link](https://elsewhere.example/page).

<img src="https://tracker.example/raw.png"><iframe src="https://tracker.example/"></iframe>

https://video.example/watch?v=1
"""
OF_EVERYBODY = ("/", "/communities", "/about", "/privacy", "/help", "/sign-in", "/sign-up",
                "/nothing-there")  # fmt: skip
OF_MEMBERS = ("/", "/communities", "/communities/new", "/communities/find", "/settings",
              "/settings/consent", "/settings/noticing", "/settings/export", "/settings/mail",
              "/settings/close")  # fmt: skip


async def visit(page: Any, address: str) -> None:
    answer = await page.goto(address, wait_until="load")
    assert answer is not None
    assert answer.headers["referrer-policy"] == "same-origin", address
    assert "default-src 'none'" in answer.headers["content-security-policy"], address


async def test_pat10_a_browser_that_opens_twenty_pages_speaks_to_our_host_alone(pair: Pair) -> None:
    a, _ = pair
    async with await sign_up(a, "rosa") as rosa, chromium(javascript=True, viewport=PHONE) as page:
        herd = await make_community(rosa, description=TEMPTING)
        thread = await start_thread(rosa, herd, "Look at this", TEMPTING)
        answer = await reply(rosa, thread, TEMPTING)
        asked: list[tuple[str, str | None]] = []
        page.on("request", lambda one: asked.append((one.url, one.headers.get("referer"))))
        opened = [*OF_EVERYBODY, f"/c/{herd}", f"/t/{thread.id}", f"/p/{answer.id}"]
        for path in opened:
            await visit(page, a.origin + path)
        await page.context.add_cookies(
            [
                {"name": name, "value": value, "url": a.origin}
                for name, value in rosa.cookies.items()
            ]
        )
        of_hers = [
            f"/c/{herd}{part}" for part in ("", "/new", "/moderation", "/members", "/invite")
        ]
        of_hers += [f"/t/{thread.id}", f"/p/{answer.id}", f"/t/{thread.id}/reply?to={answer.id}"]
        of_hers += [f"/u/{rosa.name}"]
        for path in (*OF_MEMBERS, *of_hers):
            await visit(page, a.origin + path)
            opened.append(path)
        assert len(set(opened)) >= 20
        host = urlsplit(a.origin).netloc
        assert {urlsplit(url).netloc for url, _ in asked} == {host}
        assert {urlsplit(referer).netloc for _, referer in asked if referer} <= {host}
        assert len(asked) > len(opened)
