"""ORG: nobody speaks for somebody else, and a document only for the place it was found at."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from time import perf_counter
from typing import Any

import pytest

from storage.instances import set_policy
from tests.badinput.cases import LET_IN, REFUSED, Bad, Good, Make
from tests.badinput.oracle import TAKEN, Expected, Oracle, in_one_loop
from tests.badinput.world import SITE, Answer, World
from tests.federation.peer import ACTIVITY, KEYS, PUBLIC, pem_of

pytestmark = [in_one_loop(), pytest.mark.usefixtures("settled")]

LD = "application/ld+json"
PROFILE = "https://www.w3.org/ns/activitystreams"
POSTED = frozenset({"posts", "events"})


def asking(*asks: str, expected: Expected = REFUSED) -> Expected:
    return replace(expected, asks=asks)


def put(world: World, uri: str, document: Any, **page: Any) -> str:
    """Let a server answer so at a URI of its own, or at another's."""
    host, _, path = uri.removeprefix("https://").partition("/")
    return world.net[host].put(f"/{path}", document, **page)


def found_at(uri: str, document: Callable[[World], dict[str, Any]], **page: Any) -> Make:
    """The group announces a URI, and this is what is found there."""

    async def make(world: World):
        put(world, uri, document(world), **page)
        return await world.post(world.announce(uri))

    return make


def thread(uri: str, **changed: Any) -> Callable[[World], dict[str, Any]]:
    """A thread of Ada's for the group, with an id of its own."""
    return lambda world: world.in_group(id=uri, **changed)


THERE = "https://there.test"
OTHER = "https://other.test"


def moved_on(*uris: str) -> Make:
    """Each document says that it is the next one, and the last says so of the first."""

    async def make(world: World):
        for uri, following in zip(uris, (*uris[1:], uris[0]), strict=True):
            put(world, uri, world.in_group(id=following))
        return await world.post(world.announce(uris[0]))

    return make


def served_as(content_type: str | None) -> Make:
    async def make(world: World):
        note = world.in_group(id=world.new_uri("typed"))
        put(world, note["id"], note, content_type=content_type)
        return await world.post(world.announce(note["id"]))

    return make


def asked_once(make: Make) -> Make:
    """Whatever number the note got."""

    async def called(world: World):
        answer = await make(world)
        await world.work()
        world.net.seen.asks[:] = [ask.rpartition("/")[0] for ask in world.net.seen.asks]
        return answer

    return called


def actor_with(**changed: Any) -> Make:
    """An unknown actor on `there` with such a document sends something."""

    async def make(world: World):
        name = f"o{world.new_uri('x').rpartition('/')[2]}"
        uri = f"{THERE}/actors/{name}"
        fields = {key: value(uri) if callable(value) else value for key, value in changed.items()}
        world.there.actor(name, **fields)
        activity = world.create(world.reply(uri), actor=uri)
        answer = await world.post(activity)
        world.net.seen.asks[:] = [ask.replace(name, "x") for ask in world.net.seen.asks]
        return answer

    return make


UNKNOWN = asking("there.test/actors/x", expected=Expected(401))
KNOWN_NOW = Expected(202, None, lines=0)


def created(**changed: Any) -> Make:
    async def make(world: World):
        return await world.post(world.create(world.reply(**changed)))

    return make


def by(actor: str, kind: str, target: Callable[[World], Any]) -> Make:
    """Somebody does something to what is somebody else's."""

    async def make(world: World):
        uri = getattr(world, actor)
        return await world.post(world.activity(kind, target(world), actor=uri))

    return make


def of_ada(change: Callable[[dict[str, Any]], Any]) -> Callable[[World], Any]:
    """Made of the reply of Ada's that is stored."""

    def target(world: World) -> Any:
        return change(json.loads(json.dumps(world.known)))

    return target


def edited(note: dict[str, Any]) -> dict[str, Any]:
    return note | {"content": "<p>Never said</p>", "updated": "2026-06-01T00:00:00Z"}


def claimed_by(name: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda note: edited(note) | {"attributedTo": f"{THERE}/actors/{name}"}


def tombstone_by(name: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    author = f"{THERE}/actors/{name}"
    return lambda note: {"id": note["id"], "type": "Tombstone", "attributedTo": author}


def announced(inner: Callable[[World], Any], **how: Any) -> Make:
    async def make(world: World):
        return await world.post(world.announce(inner(world), **how))

    return make


def wrapped(kind: str, inner: Callable[[World], Any], actor: str = "eve") -> Make:
    """An activity of somebody of the other server, as the group tells of it."""

    def whole(world: World) -> dict[str, Any]:
        uri = getattr(world, actor)
        return world.activity(kind, inner(world), actor=uri)

    return announced(whole)


def of_eve(number: str, **changed: Any) -> Callable[[World], dict[str, Any]]:
    """A thread that Eve is said to have written, which her server does not have."""
    return lambda world: world.note(
        world.eve, id=f"{OTHER}/notes/{number}", to=[PUBLIC, world.group.uri], **changed
    )


def ours(kind: str) -> Callable[[World], str]:
    uris = {
        "community": lambda world: world.community.uri,
        "person": lambda world: world.person.uri,
        "thread": lambda world: world.thread.uri,
        "instance": lambda _: SITE.instance_uri,
        "unknown": lambda _: SITE.post_uri(77),
        "in capitals": lambda world: world.thread.uri.replace("here.test", "HERE.test"),
        "with the port": lambda world: world.thread.uri.replace("here.test", "here.test:443"),
        "with a dot": lambda world: world.thread.uri.replace("here.test", "here.test."),
    }
    return uris[kind]


def by_id(uri: Callable[[World], str]) -> Make:
    async def make(world: World):
        return await world.post(world.create(world.reply(), id=uri(world)))

    return make


def by_actor(uri: Callable[[World], str]) -> Make:
    async def make(world: World):
        answer = await world.post(world.create(world.reply(), actor=uri(world)), by=world.ada)
        return replace(answer, status=403 if answer.status == 401 else answer.status)

    return make


AUTHORS: dict[str, Any] = {
    "two": lambda world: [world.ada, world.eve],
    "two of one server": lambda world: [world.ada, world.grace],
    "two the other way round": lambda world: [world.eve, world.ada],
    "one in a list of lists": lambda world: [[world.ada]],
    "none": lambda _: [],
    "null in a list": lambda _: [None],
    "a name of ours": lambda _: "rosa",
    "a person of ours": lambda world: world.person.uri,
    "a community of ours": lambda world: world.community.uri,
    "a number": lambda _: 1,
    "a number as text": lambda _: "1",
    "true": lambda _: True,
    "an object without id": lambda _: {"type": "Person", "name": "Ada"},
    "an object with two ids": lambda world: {"id": world.eve, "@id": world.ada},
    "an object of somebody else": lambda world: {"type": "Person", "id": world.eve},
    "nothing": lambda _: "",
    "an account": lambda _: "acct:ada@there.test",
    "Ada in capitals": lambda world: world.ada.replace("there", "THERE"),
    "Ada with a fragment": lambda world: world.ada + "#x",
    "Ada with a slash": lambda world: world.ada + "/",
    "Eve": lambda world: world.eve,
    "Grace": lambda world: world.grace,
}


def attributed(value: Callable[[World], Any]) -> Make:
    async def make(world: World):
        return await world.post(world.create(world.reply(attributedTo=value(world))))

    return make


CONTENT_TYPES = (
    "text/html", "application/json", "text/plain", None, "", "image/png", "application/xml",
    "application/octet-stream", "multipart/form-data; boundary=x", "application/activity+jsonx",
    "application/activity", "activity+json", "text/html; application/activity+json",
    "text/html, application/activity+json", f'text/html; profile="{PROFILE}"', "*/*",
    f'application/json; profile="{PROFILE}"', "application/jrd+json", "application/activity+json/x",
    "x" * 5000,
)  # fmt: skip
BAD_PROFILES = (
    LD, f'{LD}; profile=""', f'{LD}; profile="https://www.w3.org/ns/activitystreamsx"',
    f'{LD}; profile="http://www.w3.org/ns/activitystreams"', f'{LD}; x="{PROFILE}"',
    f'{LD}; profile="https://other.test/{PROFILE}"', f"{LD}; profil={PROFILE}",
    f'{LD}; profile="{PROFILE}#"', f'{LD}x; profile="{PROFILE}"', f"{LD}; profile*=x",
)  # fmt: skip
GOOD_TYPES = (
    ACTIVITY, f"{ACTIVITY}; charset=utf-8", ACTIVITY.upper(), f" {ACTIVITY} ", f"{ACTIVITY};",
    f'{LD}; profile="{PROFILE}"', f"{LD};profile={PROFILE}", f'{LD}; PROFILE="{PROFILE}"',
    f'{LD}; charset=utf-8; profile="{PROFILE}"', f'{LD}; profile="https://x.test/y {PROFILE}"',
    f'APPLICATION/LD+JSON ; profile = "{PROFILE}"',
)  # fmt: skip

BAD = [
    Bad(
        "ORG-01 an id on another server, which has it not",
        found_at(f"{THERE}/o1", thread(f"{OTHER}/o1")),
        Expected(202, "waiting", lines=0, asks=("there.test/o1", "other.test/o1")),
    ),
    Bad(
        "ORG-01 an id on another server, which names a third",
        moved_on(f"{THERE}/o3", f"{OTHER}/o3", "https://third.test/o3"),
        asking("there.test/o3", "other.test/o3"),
    ),
    Bad(
        "ORG-01 an id on another server, which names the first",
        moved_on(f"{THERE}/o4", f"{OTHER}/o4"),
        asking("there.test/o4", "other.test/o4"),
    ),
    Bad(
        "ORG-01 an id on a server inside",
        found_at(f"{THERE}/o5", thread("https://10.0.0.1/o5")),
        asking("there.test/o5"),
    ),
    Bad(
        "ORG-01 an id of ours",
        found_at(f"{THERE}/o6", thread(f"{SITE.origin}/ap/posts/1")),
        asking("there.test/o6"),
    ),
    Bad(
        "ORG-01 no id",
        found_at(f"{THERE}/o7", lambda world: world.in_group(id=...)),
        asking("there.test/o7"),
    ),
    Bad(
        "ORG-02 another path, which names a third",
        moved_on(f"{THERE}/p1", f"{THERE}/p2", f"{THERE}/p3"),
        asking("there.test/p1", "there.test/p2"),
    ),
    Bad(
        "ORG-02 another path, which names the first",
        moved_on(f"{THERE}/p4", f"{THERE}/p5"),
        asking("there.test/p4", "there.test/p5"),
    ),
    Bad(
        "ORG-02 another query, which names a third",
        moved_on(f"{THERE}/p6", f"{THERE}/p6?a=1", f"{THERE}/p6?a=2"),
        asking("there.test/p6", "there.test/p6?a=1"),
    ),
    Bad("ORG-03 an inbox on another server", actor_with(inbox=f"{OTHER}/inbox"), UNKNOWN),
    Bad(
        "ORG-03 an inbox on another port",
        actor_with(inbox="https://there.test:8443/inbox"),
        UNKNOWN,
    ),
    Bad("ORG-03 an inbox of plain http", actor_with(inbox="http://there.test/inbox"), UNKNOWN),
    Bad("ORG-03 an inbox of ours", actor_with(inbox=f"{SITE.origin}/inbox"), UNKNOWN),
    Bad("ORG-03 no inbox", actor_with(inbox=None), UNKNOWN),
    Bad("ORG-03 two inboxes", actor_with(inbox=[f"{THERE}/a", f"{OTHER}/b"]), UNKNOWN),
    Bad(
        "ORG-03 a shared inbox on another server",
        actor_with(endpoints={"sharedInbox": f"{OTHER}/inbox"}),
        UNKNOWN,
    ),
    Bad("ORG-03 followers on another server", actor_with(followers=f"{OTHER}/followers"), UNKNOWN),
    Bad(
        "ORG-03 a key that is Eve's",
        actor_with(
            publicKey=lambda uri: {
                "id": f"{uri}#main-key",
                "owner": f"{OTHER}/actors/eve",
                "publicKeyPem": pem_of(KEYS[0]),
            }
        ),
        UNKNOWN,
    ),
    Bad(
        "ORG-03 a key that is Ada's",
        actor_with(
            publicKey=lambda uri: {
                "id": f"{uri}#main-key",
                "owner": f"{THERE}/actors/ada",
                "publicKeyPem": pem_of(KEYS[0]),
            }
        ),
        UNKNOWN,
    ),
    Bad(
        "ORG-03 a key without owner",
        actor_with(
            publicKey=lambda uri: {"id": f"{uri}#main-key", "publicKeyPem": pem_of(KEYS[0])}
        ),
        UNKNOWN,
    ),
    Bad(
        "ORG-03 a key of another id",
        actor_with(
            publicKey=lambda uri: {
                "id": f"{uri}#other",
                "owner": uri,
                "publicKeyPem": pem_of(KEYS[0]),
            }
        ),
        UNKNOWN,
    ),
    Bad("ORG-03 an actor that is none", actor_with(type="Note"), UNKNOWN),
    Bad("ORG-03 an actor of another type", actor_with(type="Robot"), UNKNOWN),
    *[Bad(f"ORG-04 {name}", attributed(value), REFUSED) for name, value in AUTHORS.items()],
    *[
        Bad(f"ORG-05 {str(kind)[:60]!r}", asked_once(served_as(kind)), asking("there.test/typed"))
        for kind in CONTENT_TYPES
    ],
    *[
        Bad(f"ORG-06 {kind!r}", asked_once(served_as(kind)), asking("there.test/typed"))
        for kind in BAD_PROFILES
    ],
    *[
        Bad(f"ORG-07 {name} {what}", by(name, "Update", target), REFUSED)
        for name in ("grace", "eve")
        for what, target in {
            "changes Ada's post": of_ada(edited),
            "changes it as her own": of_ada(claimed_by(name)),
            "changes Ada": lambda world: {
                "id": world.ada,
                "type": "Person",
                "inbox": f"{world.ada}/inbox",
                "name": "Mallory",
            },
            "changes a thread of ours": lambda world: world.note(id=world.thread.uri),
            "changes a person of ours": lambda world: {
                "id": world.person.uri,
                "type": "Person",
                "inbox": f"{world.person.uri}/inbox",
            },
            "changes a community of ours": lambda world: {
                "id": world.community.uri,
                "type": "Group",
                "inbox": f"{world.community.uri}/inbox",
            },
        }.items()
    ],
    Bad(
        "ORG-07 grace changes Ada's post by its id",
        by("grace", "Update", of_ada(lambda note: note["id"])),
        asking("there.test/notes/known"),
    ),
    Bad(
        "ORG-07 eve changes Ada's post by its id",
        by("eve", "Update", of_ada(lambda note: note["id"])),
        REFUSED,
    ),
    *[
        Bad(f"ORG-08 {name} {what}", by(name, "Delete", target), REFUSED)
        for name in ("grace", "eve")
        for what, target in {
            "deletes Ada's post": of_ada(lambda note: note["id"]),
            "deletes it as a tombstone": of_ada(tombstone_by(name)),
            "deletes Ada": lambda world: world.ada,
            "deletes a person of ours": lambda world: world.person.uri,
            "deletes a thread of ours": lambda world: world.thread.uri,
            "deletes a community of ours": lambda world: world.community.uri,
            "deletes a server": lambda _: "https://third.test/",
        }.items()
        if (name, what) != ("grace", "deletes Ada")
    ],
    Bad(
        "ORG-08 Eve deletes what never came from there",
        by("eve", "Delete", lambda world: world.new_uri("notes")),
        REFUSED,
    ),
    *[
        Bad(f"ORG-08 {name} undoes {what}", by(name, "Undo", target), REFUSED)
        for name in ("grace", "eve")
        for what, target in {
            "Ada's Follow": lambda world: world.activity("Follow", world.community.uri),
            "Ada's Like": lambda world: world.activity("Like", world.thread.uri),
            "a Follow of ours": lambda world: SITE.follow_uri(world.person.id, world.group.id),
        }.items()
    ],
    Bad("ORG-09 an author of another server", created(attributedTo=f"{OTHER}/actors/eve"), REFUSED),
    Bad(
        "ORG-09 an author of the same server",
        created(attributedTo=f"{THERE}/actors/grace"),
        REFUSED,
    ),
    Bad("ORG-09 an id on another server", created(id=f"{OTHER}/notes/1"), REFUSED),
    Bad("ORG-09 an id on another port", created(id="https://there.test:8443/notes/1"), REFUSED),
    Bad("ORG-09 an id of plain http", created(id="http://there.test/notes/1"), REFUSED),
    Bad("ORG-09 an id on a name below", created(id="https://x.there.test/notes/1"), REFUSED),
    Bad("ORG-09 an id on a name above", created(id="https://test/notes/1"), REFUSED),
    Bad("ORG-09 an id of ours", created(id=f"{SITE.origin}/ap/posts/1"), REFUSED),
    Bad(
        "ORG-10 a thread of Eve's that she has not",
        wrapped("Create", of_eve("none")),
        Expected(202, "waiting", lines=0, asks=("other.test/notes/none",)),
    ),
    Bad(
        "ORG-10 a bare thread of Eve's that she has not",
        announced(of_eve("nor")),
        Expected(202, "waiting", lines=0, asks=("other.test/notes/nor",)),
    ),
    Bad(
        "ORG-10 an edit of Eve's that she has not made",
        wrapped("Update", of_eve("neither")),
        Expected(202, "waiting", lines=0, asks=("other.test/notes/neither",)),
    ),
    Bad(
        "ORG-10 a thread of Eve's on the group's server",
        announced(lambda world: world.in_group(attributedTo=world.eve)),
        REFUSED,
    ),
    Bad(
        "ORG-10 a thread of the group's server in Eve's name",
        wrapped("Create", lambda world: world.in_group(attributedTo=world.eve)),
        REFUSED,
    ),
    Bad("ORG-10 a like of Eve's", wrapped("Like", lambda world: world.known_in_group), REFUSED),
    Bad(
        "ORG-10 a like of ours",
        announced(
            lambda world: world.activity("Like", world.known_in_group, actor=world.person.uri)
        ),
        REFUSED,
    ),
    Bad(
        "ORG-10 a like taken back for Eve",
        wrapped(
            "Undo", lambda world: world.activity("Like", world.known_in_group, actor=world.eve)
        ),
        REFUSED,
    ),
    Bad("ORG-10 a Follow of Eve's", wrapped("Follow", lambda world: world.community.uri), REFUSED),
    Bad("ORG-10 an Accept", wrapped("Accept", lambda world: world.community.uri), REFUSED),
    Bad(
        "ORG-10 a person who announces",
        by("ada", "Announce", lambda world: world.create(world.in_group())),
        REFUSED,
    ),
    Bad(
        "ORG-10 a group that nobody here joined",
        by("alone", "Announce", lambda world: world.create(world.in_group())),
        REFUSED,
    ),
    *[
        Bad(f"ORG-13 {kind} {what}", make(ours(what)), Expected((400, 403, 202), "refused|nothing"))
        for kind, make in {
            "an id of an activity of ours": by_id,
            "an actor of ours": by_actor,
            "an announced": announced,
            "an announced, told,": lambda uri: announced(
                lambda world: world.in_group(id=uri(world))
            ),
            "an Accept of": lambda uri: by(
                "eve", "Accept", lambda world: SITE.follow_uri(world.person.id, world.group.id)
            ),
            "a Reject of": lambda uri: by(
                "eve",
                "Reject",
                lambda world: {
                    "type": "Follow",
                    "id": SITE.follow_uri(world.person.id, world.group.id),
                    "actor": world.person.uri,
                    "object": world.group.uri,
                },
            ),
            "a Move to": lambda uri: by("eve", "Move", uri),
            "a Delete of": lambda uri: by("eve", "Delete", uri),
        }.items()
        for what in (
            "community",
            "person",
            "instance",
            "unknown",
            "in capitals",
            "with the port",
            "with a dot",
        )
    ],
]


GOOD = [
    Good("ORG-01 an id on another server, which has it", moved_on(f"{THERE}/q1", f"{THERE}/q1")),
    Good("ORG-02 another path, which is the one", found_at(f"{THERE}/q2", thread(f"{THERE}/q2"))),
    Good("ORG-03 all in its place", actor_with(), LET_IN),
    Good("ORG-04 Ada in a list", attributed(lambda world: [world.ada])),
    Good("ORG-04 Ada as an object", attributed(lambda world: {"type": "Person", "id": world.ada})),
    Good("ORG-04 left out", attributed(lambda _: ...)),
    *[Good(f"ORG-06 {kind!r}", served_as(kind)) for kind in GOOD_TYPES],
    Good("ORG-07 Ada changes her post", by("ada", "Update", of_ada(edited))),
    Good(
        "ORG-07 Ada tells of herself",
        by(
            "ada",
            "Update",
            lambda world: {"id": world.ada, "type": "Person", "inbox": f"{world.ada}/inbox"},
        ),
    ),
    Good(
        "ORG-08 Ada deletes what never came",
        by("ada", "Delete", lambda world: world.new_uri("notes")),
    ),
    Good("ORG-09 Ada's own", created()),
    Good(
        "ORG-10 a thread of the group's server",
        wrapped("Create", lambda world: world.in_group(), "ada"),
    ),
    Good(
        "ORG-10 a like from the group's server",
        wrapped("Like", lambda world: world.known_in_group, "ada"),
    ),
    Good("ORG-13 a Like of ours", by("ada", "Like", lambda world: world.thread.uri)),
]


@pytest.mark.parametrize("bad", BAD, ids=str)
async def test_nobody_speaks_for_another(world: World, oracle: Oracle, bad: Bad):
    await oracle.judge(lambda: bad.make(world), bad.expected)


@pytest.mark.parametrize("good", GOOD, ids=str)
async def test_its_good_twin_is_believed(world: World, oracle: Oracle, good: Good):
    await oracle.accept(lambda: good.make(world), good.expected)


async def test_org_08_what_eve_deleted_in_advance_comes_from_there_all_the_same(
    world: World, oracle: Oracle
):
    note = world.reply()
    delete = world.activity("Delete", note["id"], actor=world.eve)
    await oracle.judge(lambda: world.post(delete), REFUSED)
    await oracle.accept(lambda: world.post(world.create(note)))


async def test_org_08_what_ada_deleted_in_advance_stays_away(world: World, oracle: Oracle):
    note = world.reply()
    await oracle.accept(lambda: world.post(world.activity("Delete", note["id"])))
    await oracle.judge(lambda: world.post(world.create(note)), REFUSED)


async def test_org_09_a_page_on_another_server_is_left_out(world: World, oracle: Oracle):
    note = world.reply(url=f"{OTHER}/@ada/1")
    await oracle.accept(lambda: world.post(world.create(note)))
    assert await world.observer.fetchval("select url from posts where uri = $1", note["id"]) is None


async def test_org_10_an_inline_post_of_another_server_is_read_there(world: World, oracle: Oracle):
    said = of_eve("said", content="<p>As Eve wrote it</p>")(world)
    put(world, said["id"], said)
    told = said | {"content": "<p>As the group has it</p>"}
    announce = world.announce(world.activity("Create", told, actor=world.eve))
    verdict = await oracle.accept(lambda: world.post(announce))
    assert verdict.net.asks == ["other.test/notes/said"]
    html = await world.observer.fetchval("select html from posts where uri = $1", said["id"])
    assert html == "<p>As Eve wrote it</p>"
    again = world.announce(world.activity("Update", edited(told), actor=world.eve))
    await oracle.accept(lambda: world.post(again))
    assert html == await world.observer.fetchval(
        "select html from posts where uri = $1", said["id"]
    )


BOOKS = "xn--bcher-kva.test"
SPELLINGS = {
    "as it is stored": BOOKS,
    "in capitals": BOOKS.upper(),
    "with a dot": f"{BOOKS}.",
    "with the port": f"{BOOKS}:443",
    "in Unicode": "bücher.test",
    "in capitals of Unicode": "BÜCHER.TEST",
    "in wide letters": "ｂücher．test",
    "decomposed": "bu\u0308cher.test",
    "with a soft hyphen": "bü\u00adcher.test",
    "below it": f"x.{BOOKS}",
}


@pytest.mark.parametrize("host", SPELLINGS.values(), ids=[f"ORG-11 {name}" for name in SPELLINGS])
async def test_org_11_a_refused_server_is_refused_in_every_spelling(
    world: World, oracle: Oracle, host: str
):
    async with world.database.write() as conn:
        await set_policy(conn, BOOKS, "refused")
    expected = replace(REFUSED, reason="host_refused")
    await oracle.judge(lambda: world.post(world.announce(f"https://{host}/1")), expected)
    if host.isascii():
        key_uri = f"https://{host}/actors/x#main-key"
        activity = world.create(world.reply())
        await oracle.judge(lambda: world.post(activity, by=key_uri, key=KEYS[0]), Expected(403))


@pytest.mark.parametrize("user", ["x", "x:y", "there.test", ":", "%40"])
async def test_org_11_a_user_in_front_of_a_server_is_refused(
    world: World, oracle: Oracle, user: str
):
    uri = f"https://{user}@there.test/actors/ada"
    await oracle.judge(lambda: world.post(world.announce(uri)), REFUSED)
    activity = world.create(world.reply())
    await oracle.judge(
        lambda: world.post(activity, by=f"{uri}#main-key", key=KEYS[0]), Expected(401)
    )


async def _search(world: World, address: str) -> Answer:
    start = perf_counter()
    found = await world.fed.resolver.find_community(address)
    return Answer(404 if found is None else 200, perf_counter() - start)


FINGER = "/.well-known/webfinger?resource=acct:"
GROUP = f"{OTHER}/actors/choir"
NO_LINK_BACK = ("other.test/actors/choir", f"other.test{FINGER}choir@other.test")


@pytest.mark.parametrize(
    ("subject", "links", "asks"),
    [
        ("acct:choir@third.test", None, ()),
        ("acct:choir@here.test", None, ()),
        ("acct:choir@there.test", [{"rel": "self", "type": "text/html", "href": GROUP}], ()),
        ("acct:choir@there.test", [{"rel": "other", "type": ACTIVITY, "href": GROUP}], ()),
        ("acct:choir@there.test", [{"rel": "self", "type": ACTIVITY, "href": 1}], ()),
        ("acct:choir@there.test", [{"rel": "self", "type": ACTIVITY}], ()),
        ("acct:choir@there.test", [[], None, "x", 1], ()),
        ("acct:choir@there.test", {"rel": "self", "type": ACTIVITY, "href": GROUP}, ()),
        ("acct:choir@there.test", [], ()),
        ("acct:choir@there.test", None, NO_LINK_BACK),
        (None, None, NO_LINK_BACK),
        ("choir", None, NO_LINK_BACK),
    ],
)  # fmt: skip
async def test_org_12_a_handle_that_its_actor_does_not_give_is_not_believed(
    world: World, oracle: Oracle, subject: Any, links: Any, asks: tuple[str, ...]
):
    """Seven kinds of answers that are none, and three for an actor who does not link back."""
    world.other.actor("choir", kind="Group")
    links = links if links is not None else [{"rel": "self", "type": ACTIVITY, "href": GROUP}]
    path = f"{FINGER}choir@there.test"
    world.there.put(path, {"subject": subject, "links": links}, content_type="application/jrd+json")
    expected = Expected(
        404, lines=0, asks=(f"there.test{path}", *asks),
        changes=frozenset({"actors", "actor_keys", "communities"}),
    )  # fmt: skip
    await oracle.judge(lambda: _search(world, "choir@there.test"), expected)


async def test_org_12_a_handle_that_its_actor_gives_is_believed(world: World, oracle: Oracle):
    world.there.webfinger("duet", world.other.actor("duet", kind="Group"))
    world.other.webfinger("duet", f"{OTHER}/actors/duet")
    found = replace(TAKEN, status=200, outcome=None)
    await oracle.accept(lambda: _search(world, "duet@there.test"), found)
