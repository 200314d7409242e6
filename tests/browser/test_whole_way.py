"""The whole way of somebody who is invited, in Chromium without JavaScript: an account, joining,
a post with a photo for members only, a copy of it all, erasing, and the receipt.
"""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.browser.test_first_day import CHROMIUM, PHONE, Pair, chromium, fits
from tests.walks.harness import PASSWORD, Browser, Server, new_name, wait_until
from tests.walks.people import ask_to_join, make_community, sign_up, standing

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: Debian package chromium")

WHERE = "taken at home"  # what the camera wrote into the photo
SECRET = "The stripes of my knee"
PUT_IN = """
select p.id from posts p join actors a on a.id = p.author_id
where a.name = $1 and p.state = 'live' limit 1
"""


def photo(path: Path) -> Path:
    picture, exif = Image.new("RGB", (1600, 1200), "teal"), Image.Exif()
    exif[0x010E] = WHERE
    picture.save(path, "JPEG", exif=exif)
    return path


async def test_pat03_pat04_pat05_from_the_invitation_to_the_receipt(
    pair: Pair, tmp_path: Path
) -> None:
    a, b = pair
    async with (
        await sign_up(a, "rosa") as rosa,
        await sign_up(b, "timo") as timo,
        chromium(javascript=False, viewport=PHONE) as page,
    ):
        community = await make_community(
            rosa, title="Behind the door", readers="members", travels="named", hosts=b.host,
            joining="apply", questions="What brings you here?",
        )  # fmt: skip
        await ask_to_join(timo, f"{community}@{a.host}")
        ina = new_name("ina")
        await _is_invited(a, rosa, page, ina)
        await _asks(a, page, community)
        for person in (ina, timo.name):
            await _is_let_in(a, rosa, community, person)
        address = f"{community}@{a.host}"
        await wait_until(lambda: _is_member(b, timo, address), "timo is a member", a, b)
        thread = await _shows_a_photo(page, a, community, photo(tmp_path / "knee.jpg"))
        source = await _picture_of(page)
        async with Browser(a) as stranger:
            assert (await stranger.get(thread)).status_code == 404
            assert (await stranger.get(source)).status_code == 404
        await wait_until(lambda: b.value(PUT_IN, ina), "the thread on the other server", a, b)
        await _takes_a_copy(page, a)
        await _erases(page, a, b, thread)
        assert await b.value(PUT_IN, ina) is None
        assert (await rosa.get(source)).status_code == 404


async def _is_invited(a: Server, rosa: Browser, page: Any, name: str) -> None:
    """Sign-up is closed for a moment to all but those who have the link."""
    await a.value("update accounts set role = 'admin' where actor_id ="
                  " (select id from actors where name = $1) returning 1", rosa.name)  # fmt: skip
    made = await rosa.send(await rosa.open("/admin/sign-up"), "/admin/invite", uses="1", days="1")
    link = next(word for word in made.text.split() if "/sign-up/" in word)
    await page.goto(link)
    await fits(page)
    await page.get_by_label("Choose a name").fill(name)
    await page.get_by_label("Choose a password").fill(PASSWORD)
    await page.get_by_label("I am at least").check()
    await page.get_by_role("button", name="Make my account").click()
    await page.get_by_role("button", name="Sign out").wait_for()


async def _asks(a: Server, page: Any, community: str) -> None:
    await page.goto(f"{a.origin}/c/{community}")
    await fits(page)
    assert SECRET not in await page.content()
    await page.get_by_role("link", name="Ask to join").click()
    await page.get_by_label("What brings you here?").fill("My knee has stripes.")
    await fits(page)
    await page.get_by_role("button", name="Ask to join").click()
    await page.get_by_role("heading", name="Behind the door").wait_for()
    await fits(page)


async def _is_let_in(a: Server, rosa: Browser, community: str, name: str) -> None:
    find = "select id from actors where name = $1 order by is_local desc limit 1"
    person = str(await a.value(find, name))

    async def can_be() -> bool:
        answer = await rosa.get(f"/c/{community}/moderation")
        return f'name="person" value="{person}"' in answer.text

    await wait_until(can_be, f"{name} asks", a)
    await rosa.post_blindly(f"/c/{community}/accept", person=person)


async def _is_member(server: Server, person: Browser, address: str) -> bool:
    return await standing(server, person, address) == "accepted"


async def _shows_a_photo(page: Any, a: Server, community: str, path: Path) -> str:
    """Sent without a description first: the page asks for one, once, and keeps the photo."""
    await page.goto(f"{a.origin}/c/{community}/new")
    await page.get_by_label("Title", exact=True).fill("Look")
    await page.get_by_role("textbox", name="Text (not needed").fill(f"{SECRET}.")
    await page.get_by_text("Add pictures, sound or video").click()
    await page.get_by_label("Choose up to four files").set_input_files(path)
    await page.get_by_label("I agree that what I write is sent to other servers").check()
    await fits(page)
    await page.get_by_role("button", name="Publish").click()
    await page.get_by_label("What is to be seen in picture 1").fill("A knee with stripes")
    await fits(page)
    await page.get_by_role("button", name="Publish").click()
    await page.get_by_role("heading", name="Look").wait_for()
    await fits(page)
    return str(page.url).removeprefix(a.origin).partition("?")[0].partition("#")[0]


async def _picture_of(page: Any) -> str:
    picture = page.get_by_alt_text("A knee with stripes")
    await picture.scroll_into_view_if_needed()
    await picture.wait_for()
    source: str = await picture.get_attribute("src")
    answer = await page.request.get(f"{page.url.split('/t/')[0]}{source}")
    assert answer.status == 200
    assert answer.headers["cache-control"] == "private, no-store"
    body = await answer.body()
    with Image.open(io.BytesIO(body)) as shown:
        assert max(shown.size) == 640
    assert WHERE.encode() not in body
    return source


async def _takes_a_copy(page: Any, a: Server) -> None:
    await page.goto(f"{a.origin}/settings/export")
    await fits(page)
    await page.get_by_role("button", name="Make a copy").click()

    async def ready() -> bool:
        await page.goto(f"{a.origin}/settings/export")
        return await page.get_by_text("Your copy is ready").count() == 1

    await wait_until(ready, "the copy", a)
    await fits(page)
    async with page.expect_download() as waiting:
        await page.get_by_role("link", name="Fetch the file").click()
    made = await (await waiting.value).path()
    with zipfile.ZipFile(made) as copy:
        assert SECRET in copy.read("index.html").decode()
        pictures = [name for name in copy.namelist() if name.startswith("media/")]
        assert len(pictures) == 1
        assert copy.read(pictures[0]).startswith(b"\xff\xd8\xff")


async def _erases(page: Any, a: Server, b: Server, thread: str) -> None:
    await page.goto(f"{a.origin}{thread.replace('/t/', '/p/')}")
    await page.get_by_text("Delete my post").click()
    await fits(page)
    await page.get_by_role("button", name="Yes, delete it for good").click()
    await page.get_by_role("heading", name="Receipt of an erasure").wait_for()
    await fits(page)

    async def is_confirmed() -> bool:
        await page.reload()
        return await page.get_by_role("heading", name="Confirmed erased: 1").count() == 1

    await wait_until(is_confirmed, "the receipt", a, b)
    assert b.host in await page.inner_text("main")
    await page.goto(f"{a.origin}{thread}")
    assert SECRET not in await page.content()
