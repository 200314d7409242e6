"""A stranger learns nothing of a closed community, at any door.

An unlisted one must answer as an unknown name does: each address is asked twice, once as it is
and once for something that does not exist, and the two answers are compared byte by byte.
"""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from html import unescape
from urllib.parse import quote

import httpx
import pytest
from PIL import Image

from tests.walks.harness import Browser, Server, new_name, wait_until
from tests.walks.peer import ACTIVITY_TYPE, Peer
from tests.walks.people import (
    Placed,
    ask_to_join,
    join,
    leave,
    make_community,
    reply,
    sign_up,
    standing,
    start_thread,
    uri_of_community,
)

Pair = tuple[Server, Server]

STATE_OF = """
select m.state from memberships m join actors p on p.id = m.actor_id where p.uri = $1
"""
FORM_TOKEN = re.compile(r'name="form_token" value="[^"]*"')  # new in every answer
SECRET_TITLE = "Zebra stripes at dusk"
SECRET_WORDS = "only for the herd"
TYPES = (
    "text/html",
    ACTIVITY_TYPE,
    "*/*",
)
PAGES_OF_COMMUNITY = (
    "/c/{name}",
    "/c/{name}/",
    "/c/{name}/new",
    "/c/{name}/join",
    "/c/{name}/leave",
    "/c/{name}/members",
    "/u/{name}",
)
PAGES_OF_POST = (
    "/t/{id}",
    "/t/{id}/reply",
    "/t/{id}/reply?to={id}",
    "/p/{id}",
    "/ap/posts/{id}",
    "/ap/posts/{id}/replies",
    "/ap/posts/{id}/context",
)
PATHS_OF_ACTOR = (
    "",
    "/inbox",
    "/outbox",
    "/outbox?page=true",
    "/followers",
    "/following",
    "/featured",
    "/moderators",
)
ACTS_IN_COMMUNITY = ("join", "leave", "new", "invite", "accept", "refuse", "let", "reports/close")
ACTS_ON_POST = (
    "/t/{id}/reply",
    "/p/{id}/report",
    "/p/{id}/block",
    "/p/{id}/delete",
    "/p/{id}/remove",
    "/p/{id}/stop",
    "/p/{id}/let",
)
GUESSES = {
    "title": "A guess",
    "source": "Words.",
    "answer": "Please.",
    "reason": "None.",
    "uses": "1",
    "days": "7",
    "until": "2030-01-01",
}
RESOURCES = ("acct:{name}@{host}", "{origin}/c/{name}", "{origin}/ap/actors/{id}")


@dataclass(slots=True)
class Hidden:
    """A closed community with one thread and a reply, and what does not exist in its place."""

    server: Server
    name: str
    group_id: int
    post_ids: list[int]
    activity_ids: list[int]

    def addresses(self) -> list[tuple[str, str]]:
        """(what is hidden, what is unknown), shape by shape."""
        unknown = new_name("nobody")
        pairs = [(p.format(name=self.name), p.format(name=unknown)) for p in PAGES_OF_COMMUNITY]
        for post_id in self.post_ids:
            pairs += [(p.format(id=post_id), p.format(id=post_id ^ 1)) for p in PAGES_OF_POST]
        for path in PATHS_OF_ACTOR:
            one, other = self.group_id, self.group_id ^ 1
            pairs.append((f"/ap/actors/{one}{path}", f"/ap/actors/{other}{path}"))
        for activity_id in self.activity_ids:
            pairs.append((f"/ap/activities/{activity_id}", f"/ap/activities/{activity_id ^ 1}"))
        for shape in RESOURCES:
            fields = {"host": self.server.host, "origin": self.server.origin}
            pairs.append(
                (
                    _webfinger(shape.format(name=self.name, id=self.group_id, **fields)),
                    _webfinger(shape.format(name=unknown, id=self.group_id ^ 1, **fields)),
                )
            )
        return pairs


def _webfinger(resource: str) -> str:
    return f"/.well-known/webfinger?resource={quote(resource, safe='')}"


async def hide(server: Server, owner: Browser, **answers: str) -> tuple[Hidden, Placed]:
    name = await make_community(owner, readers="members", **answers)
    thread = await start_thread(owner, name, SECRET_TITLE, f"This is {SECRET_WORDS}.")
    await reply(owner, thread, f"Indeed, {SECRET_WORDS}.")
    told = "select count(*) = 0 from events where state = 'waiting'"
    await wait_until(lambda: server.value(told), "everything published", server)
    group_id = await server.value("select id from actors where name = $1 and is_local", name)
    posts = await server.rows("select id from posts where community_id = $1", group_id)
    ids = [row[0] for row in posts]
    activities = await server.rows("select id from activities where post_id = any($1)", ids)
    for path in (f"/c/{name}", *(f"/p/{id_}" for id_ in ids)):
        assert (await owner.get(path)).status_code == 200
    return Hidden(server, name, group_id, ids, [row[0] for row in activities]), thread


def _comparable(response: httpx.Response) -> tuple[object, ...]:
    headers = sorted(
        (name, "" if name in ("date", "set-cookie") else value)
        for name, value in response.headers.multi_items()
    )
    return response.status_code, headers, FORM_TOKEN.sub("", response.text)


@pytest.mark.parametrize("travels", ["nowhere", "named"])
async def test_r58_an_unlisted_closed_community_answers_like_an_unknown_name(
    pair: Pair, travels: str
) -> None:
    a, b = pair
    async with (
        await sign_up(a, "rosa") as rosa,
        await sign_up(a, "nele") as nele,
        Browser(a) as nobody,
        Peer() as peer,
    ):
        wanda = peer.person("wanda")
        hosts = b.host if travels == "named" else ""
        hidden, _ = await hide(a, rosa, travels=travels, listed="no", hosts=hosts)
        assert bool(hidden.activity_ids) == (travels == "named")
        differing = []
        asking = [(nobody, accepted) for accepted in TYPES] + [(nele, "text/html")]
        for addresses in hidden.addresses():
            for viewer, accepted in asking:
                answers = [await viewer.get(path, accept=accepted) for path in addresses]
                if _comparable(answers[0]) != _comparable(answers[1]):
                    differing.append((addresses[0], viewer.name, accepted, answers))
            for signer in (None, wanda):
                answers = [await peer.get(a.origin + path, signer) for path in addresses]
                if _comparable(answers[0]) != _comparable(answers[1]):
                    differing.append((addresses[0], "peer", signer, answers))
        assert differing == []


async def test_what_a_form_or_an_inbox_says_of_it_is_what_it_says_of_nothing(pair: Pair) -> None:
    a, _ = pair
    async with (
        await sign_up(a, "rosa") as rosa,
        await sign_up(a, "nele") as nele,
        Peer() as peer,
    ):
        hidden, _ = await hide(a, rosa, travels="nowhere", listed="no")
        unknown = new_name("nobody")
        forms = [(f"/c/{hidden.name}/{last}", f"/c/{unknown}/{last}") for last in ACTS_IN_COMMUNITY]
        for id_ in hidden.post_ids:
            forms += [(path.format(id=id_), path.format(id=id_ ^ 1)) for path in ACTS_ON_POST]
        for one, other in forms:
            answers = [await nele.post_blindly(path, **GUESSES) for path in (one, other)]
            assert _comparable(answers[0]) == _comparable(answers[1]), one
            assert answers[0].status_code == 404, one
        wanda = peer.person("wanda")
        group = f"{a.origin}/ap/actors/{hidden.group_id}"
        nothing = f"{a.origin}/ap/actors/{hidden.group_id ^ 1}"
        answers = [
            await peer.post(f"{target}/inbox", peer.follow(wanda, target, f"{wanda}/f/{number}"))
            for number, target in enumerate((group, nothing))
        ]
        assert _comparable(answers[0]) == _comparable(answers[1])
        await wait_until(
            lambda: a.value("select count(*) = 0 from inbox where state = 'waiting'"), "quiet", a
        )
        told = "select count(*) from deliveries where host = $1"
        assert await a.value(told, peer.host) == 0
        assert peer.deliveries() == []


async def test_r58_no_list_names_what_is_hidden(pair: Pair) -> None:
    a, _ = pair
    async with (
        await sign_up(a, "rosa") as rosa,
        await sign_up(a, "nele") as nele,
        Browser(a) as nobody,
    ):
        hidden, thread = await hide(a, rosa, travels="nowhere", listed="no")
        for viewer in (nobody, nele):
            for path in ("/", "/communities", "/latest", f"/u/{rosa.name}", "/search?q=zebra"):
                page = (await viewer.get(path)).text
                assert hidden.name not in page, path
                assert SECRET_TITLE not in page, path
                assert thread.path not in page, path


async def test_r58_a_listed_closed_community_shows_its_card_and_nothing_else(pair: Pair) -> None:
    a, _ = pair
    async with await sign_up(a, "rosa") as rosa, Browser(a) as nobody, Peer() as peer:
        wanda = peer.person("wanda")
        hidden, _ = await hide(a, rosa, travels="nowhere", listed="yes", title="The quiet herd")
        card = await nobody.open(f"/c/{hidden.name}")
        assert card.status == 200
        assert "The quiet herd" in card.text
        for told in (SECRET_TITLE, SECRET_WORDS, "1 member", "1 thread"):
            assert told not in card.html
        closed = [
            pair_
            for pair_ in hidden.addresses()
            if "/t/" in pair_[0] or "/p/" in pair_[0] or "/ap/" in pair_[0]
        ]
        for one, other in closed:
            for accepted in TYPES:
                answers = [await nobody.get(path, accept=accepted) for path in (one, other)]
                assert _comparable(answers[0]) == _comparable(answers[1]), one
            answers = [await peer.get(a.origin + path, wanda) for path in (one, other)]
            assert _comparable(answers[0]) == _comparable(answers[1]), one


async def test_r58_a_closed_thread_is_read_by_the_member_on_a_named_server_and_nobody_else_there(
    pair: Pair,
) -> None:
    a, b = pair
    async with (
        await sign_up(a, "rosa") as rosa,
        await sign_up(b, "timo") as timo,
        await sign_up(b, "ute") as ute,
        Browser(b) as nobody,
        Peer(software="dazzle") as peer,
    ):
        wanda = peer.person("wanda")
        community = await make_community(
            rosa, readers="members", travels="named", listed="yes", hosts=b.host
        )
        await join(timo, f"{community}@{a.host}")
        thread = await start_thread(rosa, community, SECRET_TITLE, f"This is {SECRET_WORDS}.")
        there = await wait_until(lambda: thread.on(b), "the closed thread on b", a, b)
        assert SECRET_WORDS in (await timo.open(there.path)).text
        answer = await reply(timo, thread, f"Yes, {SECRET_WORDS}.")
        await wait_until(lambda: answer.on(a), "the reply of b on a", a, b)
        for viewer in (ute, nobody):
            answers = [await viewer.get(path) for path in (there.path, f"{there.path}1")]
            assert _comparable(answers[0]) == _comparable(answers[1])

        group = await uri_of_community(a, community)
        assert (await peer.post(f"{group}/inbox", peer.follow(wanda, group))).status_code == 202
        await wait_until(
            lambda: a.value("select count(*) = 0 from inbox where state = 'waiting'"), "quiet", a
        )
        assert await a.value(STATE_OF, wanda) != "accepted"
        for uri in (thread.uri, f"{group}/outbox", answer.uri):
            for signer in (None, wanda):
                response = await peer.get(uri, signer)
                assert SECRET_WORDS not in response.text
                assert SECRET_TITLE not in response.text
        assert (await peer.get(thread.uri, wanda)).status_code == 404
        assert not [d for d in peer.deliveries() if d.json["type"] != "Reject"]


def _photo() -> bytes:
    made = io.BytesIO()
    Image.new("RGB", (900, 600), "teal").save(made, "JPEG")
    return made.getvalue()


async def test_prv_06_a_closed_picture_is_for_the_member_on_a_named_server_until_it_is_erased(
    pair: Pair,
) -> None:
    a, b = pair
    async with (
        await sign_up(a, "rosa") as rosa,
        await sign_up(b, "timo") as timo,
        await sign_up(b, "ute") as ute,
        Browser(a) as nobody,
    ):
        community = await make_community(
            rosa, readers="members", travels="named", listed="yes", hosts=b.host
        )
        await join(timo, f"{community}@{a.host}")
        page = await rosa.open(f"/c/{community}/new")
        page = await rosa.send(
            page, "/new", files=(_photo(),), title="A brace", source="See.", federation="yes"
        )
        page = await rosa.send(page, "/new", alt1="A brace on a knee")
        own = re.search(r"/media/[a-z2-7]{26}/small\.jpg", page.html)
        assert own is not None, page.text
        assert (await rosa.get(own.group())).status_code == 200
        assert (await nobody.get(own.group())).status_code == 404
        uri = await a.value("select uri from posts where title = 'A brace'")
        find = "select id from posts where uri = $1 and state = 'live'"
        there = await wait_until(lambda: b.value(find, uri), "the picture's post on b", a, b)
        page = await timo.open(f"/t/{there}")
        assert 'alt="A brace on a knee"' in page.html
        shown = re.search(rf'src="(/media/remote/{there}/0[^"]*)"', page.html)
        assert shown is not None, page.html
        seen = await timo.get(unescape(shown.group(1)))
        assert seen.headers["content-type"].startswith("image/")
        assert "no-store" in seen.headers["cache-control"]
        assert (await ute.get(unescape(shown.group(1)))).status_code == 404
        here = await a.value("select id from posts where uri = $1", uri)
        await rosa.send(await rosa.open(f"/p/{here}"), "/delete")
        erased = "select state = 'erased' from posts where uri = $1"
        await wait_until(lambda: b.value(erased, uri), "the post erased on b", a, b)
        for who, path in ((rosa, own.group()), (timo, unescape(shown.group(1)))):
            assert (await who.get(path)).status_code == 404


async def test_a_person_elsewhere_who_was_not_accepted_does_not_read_along(pair: Pair) -> None:
    a, b = pair
    async with (
        await sign_up(a, "rosa") as rosa,
        await sign_up(b, "timo") as timo,
        await sign_up(b, "ute") as ute,
    ):
        community = await make_community(
            rosa, readers="members", travels="named", listed="yes", hosts=b.host, joining="apply"
        )
        address = f"{community}@{a.host}"
        await ask_to_join(timo, address, answer1="I live with it.")

        async def is_asked() -> bool:
            return await standing(a, timo, address) == "asked"

        await wait_until(is_asked, "a knows that timo asked", a, b)
        thread = await start_thread(rosa, community, SECRET_TITLE, f"This is {SECRET_WORDS}.")
        await wait_until(
            lambda: a.value("select count(*) = 0 from events where state = 'waiting'"), "told", a
        )
        assert await b.value("select count(*) from posts where uri = $1", thread.uri) == 0
        for viewer in (timo, ute):
            page = await viewer.open(f"/c/{address}")
            assert SECRET_TITLE not in page.html


async def test_r59_whoever_leaves_a_closed_community_reads_no_longer_and_is_sent_nothing(
    pair: Pair,
) -> None:
    a, b = pair
    async with await sign_up(a, "rosa") as rosa, await sign_up(b, "timo") as timo:
        community = await make_community(
            rosa, readers="members", travels="named", listed="yes", hosts=b.host, joining="apply"
        )
        address = f"{community}@{a.host}"
        await ask_to_join(timo, address, answer1="I live with it.")

        async def is_asked() -> bool:
            return await standing(a, timo, address) == "asked"

        await wait_until(is_asked, "a knows that timo asked", a, b)
        await rosa.send(await rosa.open(f"/c/{community}/moderation"), "/accept")

        async def is_member() -> bool:
            return await standing(b, timo, address) == "accepted"

        await wait_until(is_member, "b knows that timo was let in", a, b)
        first = await start_thread(rosa, community, SECRET_TITLE, f"This is {SECRET_WORDS}.")
        there = await wait_until(lambda: first.on(b), "the first thread on b", a, b)
        assert (await timo.get(there.path)).status_code == 200

        await leave(timo, address)

        async def has_left() -> bool:
            return await standing(a, timo, address) == "left"

        await wait_until(has_left, "a knows that timo left", a, b)
        assert (await timo.get(there.path)).status_code == 404
        second = await start_thread(rosa, community, SECRET_TITLE, f"Still {SECRET_WORDS}.")
        told = "select count(*) = 0 from events where state = 'waiting'"
        await wait_until(lambda: a.value(told), "everything published", a)
        await wait_until(
            lambda: a.value("select count(*) = 0 from deliveries where host = $1", b.host),
            "everything delivered",
            a,
        )
        assert await second.on(b) is None


async def test_an_invitation_link_opens_what_is_hidden_for_as_many_as_it_says(pair: Pair) -> None:
    a, _ = pair
    async with (
        await sign_up(a, "rosa") as rosa,
        await sign_up(a, "nele") as nele,
        await sign_up(a, "ute") as ute,
    ):
        hidden, thread = await hide(a, rosa, travels="nowhere", listed="no", joining="invite")
        page = await rosa.open(f"/c/{hidden.name}/invite")
        page = await rosa.send(page, "/invite", uses="1", days="7")
        link = re.search(rf"{re.escape(a.origin)}(/i/\S+)", page.text)
        assert link is not None, page.text
        card = await nele.open(link.group(1))
        assert SECRET_TITLE not in card.html
        await nele.send(card, "/i/")
        assert SECRET_WORDS in (await nele.open(thread.path)).text
        answers = [await ute.get(path) for path in (link.group(1), f"/i/{'x' * 32}")]
        assert _comparable(answers[0]) == _comparable(answers[1])
        assert (await ute.get(f"/c/{hidden.name}")).status_code == 404
