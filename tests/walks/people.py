"""What people do, through the pages that they see: sign up, join, write, take back."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from tests.walks.forms import Page
from tests.walks.harness import PASSWORD, Browser, Server, new_name, wait_until

FIND = """
select p.id, p.thread_id from posts p where p.uri = $1 and p.state = 'live'
"""
STANDING = """
select m.state from memberships m
join actors person on person.id = m.actor_id
join actors place on place.id = m.community_id
where person.name = $1 and person.host = $2 and place.name = $3 and place.host = $4
"""
TREE = """
select p.uri, parent.uri, author.uri, p.kind, p.state, p.title, p.html, p.content_note,
  date_trunc('second', p.published_at)
from posts p
join posts thread on thread.id = p.thread_id
join actors author on author.id = p.author_id
left join posts parent on parent.id = p.parent_id
where thread.uri = $1
order by p.uri
"""


@dataclass(frozen=True, slots=True)
class Placed:
    """A post as it stands on one server."""

    server: Server
    uri: str
    id: int
    thread_id: int

    @property
    def path(self) -> str:
        return f"/t/{self.thread_id}"

    async def on(self, server: Server) -> Placed | None:
        """The same post on another server, if it is there."""
        rows = await server.rows(FIND, self.uri)
        return Placed(server, self.uri, *rows[0]) if rows else None

    async def here(self, browser: Browser) -> Placed:
        placed = await self.on(browser.server)
        assert placed is not None, f"{self.uri} is not on {browser.server.name}"
        return placed


async def set_up(server: Server) -> Browser:
    """The first visit of an empty server, by the link that `serve` printed."""

    async def printed() -> list[str]:
        return re.findall(rf"{re.escape(server.origin)}(/setup/\S+)", server.log.read_text())

    links = await wait_until(printed, "the link of the first visit", server)
    browser = Browser(server, new_name("admin"))
    page = await browser.send(
        await browser.open(links[-1]),
        "/setup/",
        title="The house of the walks",
        contact="hello@example.org",
        signup="open",
        federation_mode="open",
        name=browser.name,
        password=PASSWORD,
    )
    assert page.status == 200, page.text
    return browser


async def sign_up(server: Server, word: str) -> Browser:
    """A new person with an account, signed in."""
    browser = Browser(server, new_name(word))
    page = await browser.open("/sign-up")
    page = await browser.send(
        page, "/sign-up", name=browser.name, password=PASSWORD, old_enough="yes"
    )
    assert page.status == 200, page.text
    assert any(form.action == "/sign-out" for form in page.forms), page.text
    return browser


async def sign_in(server: Server, name: str) -> Browser:
    browser = Browser(server, name)
    page = await browser.open("/sign-in")
    page = await browser.send(page, "/sign-in", name=name, password=PASSWORD)
    assert any(form.action == "/sign-out" for form in page.forms), page.text
    return browser


async def make_community(owner: Browser, **answers: str) -> str:
    """A community made with the form: public, and open to everybody unless told otherwise."""
    name = new_name("herd")
    given = {
        "title": "A herd",
        "name": name,
        "description": "For walks in tests.",
        "readers": "anyone",
        "travels": "anywhere",
        "listed": "yes",
        "indexed": "no",
        "joining": "open",
        **answers,
    }
    page = await owner.open("/communities/new")
    page = await owner.send(page, "/communities/new", **given)
    assert page.status == 200, page.text
    assert page.path.startswith(f"/c/{name}"), page.text
    return name


async def ask_to_join(person: Browser, address: str, **answers: str) -> None:
    """Press the button; a community elsewhere is looked up first."""
    if "@" in address:
        page = await person.open("/communities/find")
        page = await person.send(page, "/communities/find", address=address)
    else:
        page = await person.open(f"/c/{address}")
    assert page.status == 200, page.text
    if not any((form.action or "").endswith("/join") for form in page.forms):
        page = await person.open(f"{page.path.partition('?')[0]}/join")  # it asks questions
    page = await person.send(page, "/join", **answers)
    assert page.status == 200, page.text


async def join(person: Browser, address: str, **answers: str) -> None:
    """Become a member, and wait until the person's own server knows."""
    await ask_to_join(person, address, **answers)

    async def accepted() -> bool:
        return await standing(person.server, person, address) == "accepted"

    await wait_until(accepted, f"{person.name} accepted in {address}", person.server)


async def leave(person: Browser, address: str) -> None:
    page = await person.send(await person.open(f"/c/{address}"), "/leave")
    assert page.status == 200, page.text


async def standing(server: Server, person: Browser, address: str) -> str | None:
    """What a server knows of a person's membership."""
    name, _, host = address.partition("@")
    host = host or person.server.host
    state: str | None = await server.value(STANDING, person.name, person.server.host, name, host)
    return state


async def start_thread(person: Browser, address: str, title: str, source: str) -> Placed:
    page = await person.open(f"/c/{address}/new")
    page = await person.send(page, "/new", title=title, source=source, federation="yes")
    return await _placed(person, page.path, page.text)


async def reply(person: Browser, to: Placed, source: str) -> Placed:
    parent = await to.here(person)
    page = await person.open(f"{parent.path}/reply?to={parent.id}")
    page = await person.send(page, "/reply", source=source, federation="yes")
    return await _placed(person, page.path, page.text)


async def erase(person: Browser, post: Placed) -> Page:
    here = await post.here(person)
    page = await person.send(await person.open(f"/p/{here.id}"), "/delete")
    assert page.status == 200, page.text
    return page


async def uri_of_community(server: Server, name: str) -> str:
    uri: str = await server.value("select uri from actors where name = $1 and is_local", name)
    return uri


async def tree(server: Server, uri: str) -> list[tuple[Any, ...]]:
    """A thread with its replies as one server holds it, in words that all servers share.

    The wire tells the time of a post to the second.
    """
    return await server.rows(TREE, uri)


async def _placed(person: Browser, path: str, text: str) -> Placed:
    found = re.search(r"#p(\d+)", path) or re.match(r"/t/(\d+)", path)
    assert found is not None, f"{path}: {text}"
    rows = await person.server.rows(
        "select uri, id, thread_id from posts where id = $1", int(found.group(1))
    )
    return Placed(person.server, *rows[0])
