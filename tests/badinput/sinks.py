"""Every place where somebody elsewhere can give us a URL, and what we do when it is a bad one.

`bad` makes the request that carries the URL. `good` makes its nearest twin that is taken: where we
fetch from the sink at all, its URL is of a third server, which is then asked.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any
from urllib.parse import quote

from federation import backfill, synchronization
from federation.sync_header import digest_of
from storage import backfills
from storage.communities import read_unfiltered
from tests.badinput.oracle import QUEUES, Case, Expected
from tests.badinput.world import SITE, Answer, World
from tests.factories import join
from tests.federation.peer import KEYS, pem_of

THIRD = "third.test"
POSTED = frozenset({"posts", "events"})
REFUSED = Expected(202, "refused")
ANY = Expected(202, "done|waiting|refused", lines=-1)
SEARCHED = Expected(404, lines=0)  # what somebody looks for is told to no log


Bad = Callable[[World, str], Case]
Good = Callable[[World], Case]


@dataclass(frozen=True)
class Sink:
    """`fetches` says whether a good URL there makes us ask the third server."""

    bad: Bad
    good: Good
    fetches: bool = False


def _asking(expected: Expected, *uris: str) -> Expected:
    return replace(expected, asks=tuple(_asked(uri) for uri in uris))


def _asked(uri: str) -> str:
    return uri.removeprefix("https://").partition("#")[0]


def _number(world: World) -> str:
    return world.new_uri("x").rpartition("/")[2]


def third_note(world: World) -> str:
    """A note of somebody on the third server, for the group."""
    third = world.net[THIRD]
    note = world.in_group(id=world.new_uri("notes", THIRD), attributedTo=third.actor("iris"))
    return third.put(note["id"].removeprefix(third.origin), note)


def third_group(world: World) -> str:
    third = world.net[THIRD]
    third.nodeinfo("lemmy")
    uri = third.actor(f"g{_number(world)}", kind="Group")
    third.webfinger(uri.rpartition("/")[2], uri)
    return uri


def _sent(world: World, activity: Any, expected: Expected, **how: Any) -> Case:
    return Case(lambda: world.post(activity, **how), expected)


def _with(make: Bad, url: Callable[[World], str], expected: Expected) -> Good:
    """The same request with a URL that is as it should be."""

    def good(world: World) -> Case:
        return Case(make(world, url(world)).act, expected)

    return good


TAKEN = Expected(202, "done", lines=0)
LET_IN = Expected(202, None, lines=0)
FOUND = Expected(200, None, lines=0)


# Read from the request itself, before anything is believed.


def key_id(world: World, url: str) -> Case:
    activity = {**world.create(world.reply()), "actor": url, "id": f"{url}/1"}
    key_uri = url if "#" in url else f"{url}#main-key"
    return _sent(world, activity, Expected(401), by=key_uri, key=KEYS[0])


def key_owner(world: World, url: str) -> Case:
    """A key document of its own, which says whose key it is."""
    uri = _put_key(world, url)
    activity = {**world.create(world.reply()), "actor": url}
    return _sent(world, activity, _asking(Expected(401), uri), by=f"{uri}#", key=KEYS[0])


def _put_key(world: World, owner: str) -> str:
    uri = world.new_uri("keys")
    document = {"id": uri, "type": "Key", "owner": owner, "publicKeyPem": pem_of(KEYS[0])}
    return world.there.put(uri.removeprefix(world.there.origin), document)


def good_owner(world: World) -> Case:
    name = f"k{_number(world)}"
    owner = f"{world.there.origin}/actors/{name}"
    uri = _put_key(world, owner)
    world.there.actor(name, publicKey={"id": uri, "owner": owner, "publicKeyPem": pem_of(KEYS[0])})
    activity = world.create(world.reply(owner), actor=owner)
    return _sent(world, activity, LET_IN, by=uri, key=KEYS[0])


def actor_field(world: World, url: str) -> Case:
    expected = Expected((400, 401))
    return _sent(world, world.create(world.reply(), actor=url), expected, by=world.ada)


def _actor_document(name: str) -> Bad:
    def make(world: World, url: str) -> Case:
        """An unknown actor, whose document has the URL in one of its fields.

        One that is no URL at all may be left out, and the actor be taken without it.
        """
        uri = world.there.actor(f"n{_number(world)}", **ACTOR_FIELDS[name](url))
        activity = world.create(world.reply(uri), actor=uri)
        stored = frozenset({"actors", "actor_keys"})
        expected = Expected((401, 202), None, lines=-1, changes=stored | QUEUES)
        return _sent(world, activity, _asking(expected, uri))

    return make


# Read by the worker.


def create_object(world: World, url: str) -> Case:
    return _sent(world, world.create(url), REFUSED)


def own_note(world: World) -> str:
    """A reply of Ada's that can be fetched from her server."""
    note = world.reply()
    return world.there.put(note["id"].removeprefix(world.there.origin), note)


def announce_object(world: World, url: str) -> Case:
    return _sent(world, world.announce(url), REFUSED)


def announced_id(world: World, url: str) -> Case:
    """A post told along with the announce: it is asked for where its id says."""
    told = world.create(world.in_group(id=url), id=world.new_uri("creates"))
    return _sent(world, world.announce(told), REFUSED)


def announced_author(world: World, url: str) -> Case:
    return _sent(world, world.announce(world.create(world.in_group(attributedTo=url))), REFUSED)


def announced_parent(world: World, url: str) -> Case:
    return _sent(world, world.announce(world.create(world.in_group(inReplyTo=url))), REFUSED)


def announced_deletion(world: World, url: str) -> Case:
    """Of a post that is not here: only remembered."""
    expected = replace(ANY, changes=frozenset({"tombstones", "events"}))  # it is confirmed
    return _sent(world, world.announce(world.activity("Delete", url)), expected)


def create_parent(world: World, url: str) -> Case:
    """An answer to what is not here waits for it; nobody is asked."""
    return _sent(world, world.create(world.reply(inReplyTo=url)), ANY)


def _about(kind: str) -> Bad:
    def make(world: World, url: str) -> Case:
        """The id of something that an activity is about, which must be known or of its sender."""
        return _sent(world, world.activity(kind, url), REFUSED)

    return make


def _liked(kind: str) -> Bad:
    def make(world: World, url: str) -> Case:
        """What is liked may come after its like, if it comes; nobody is asked for it."""
        return _sent(world, world.activity(kind, url), ANY)

    return make


def _follow_of_grace(world: World) -> dict[str, Any]:
    return world.activity("Follow", world.community.uri, actor=world.grace)


def good_undo(world: World) -> Case:
    follow = _follow_of_grace(world)

    async def act() -> Answer:
        await world.post(follow)
        return await world.post(world.activity("Undo", follow["id"], actor=world.grace))

    return Case(act, TAKEN)


def _good_answer(kind: str) -> Good:
    def make(world: World) -> Case:
        """A group that somebody here has asked answers."""
        name = f"a{_number(world)}"
        group = world.there.actor(name, kind="Group")

        async def act() -> Answer:
            actor = await world.actor(group)
            async with world.database.write() as conn:
                community = await read_unfiltered(conn, actor.id)
                assert community is not None
                follow = SITE.follow_uri(world.person.id, community.id)
                await join(conn, community, world.person, state="asked", follow_uri=follow)
            return await world.post(world.activity(kind, follow, actor=group))

        return Case(act, TAKEN)

    return make


def _post_field(name: str) -> Bad:
    def make(world: World, url: str) -> Case:
        """A field of a post that is shown, or dropped, and never fetched."""
        note = world.reply(**POST_FIELDS[name](url))
        return _sent(world, world.create(note), replace(ANY, changes=POSTED))

    return make


def _hop(number: int) -> Bad:
    def make(world: World, url: str) -> Case:
        """The URL is where the redirect of that number leads."""
        there = world.there
        start = world.new_uri("hops")
        path = start.removeprefix(there.origin)
        asked = [f"{start}/{step}" for step in range(number)]
        for step in range(number):
            following = url if step == number - 1 else f"{path}/{step + 1}"
            status = (301, 302, 307, 308)[(step + number) % 4]
            headers = {"location": _in_header(following)}
            there.put(f"{path}/{step}", b"", status=status, headers=headers)
        return _sent(world, world.announce(asked[0]), _asking(REFUSED, *asked))

    return make


def _in_header(url: str) -> str:
    """As it can stand in a header, whatever is in it."""
    return re.sub(r"[\t\x80-\U0010ffff]", lambda found: quote(found[0]), url)


def announced_like(world: World, url: str) -> Case:
    """Who likes something is read before it is told that they proved it."""
    like = world.activity("Like", world.thread.uri, actor=url)
    return _sent(world, world.announce(like), REFUSED)


def good_like(world: World) -> Case:
    """Of somebody of the community's own server, about a post in it."""
    thread = world.in_group()

    async def act() -> Answer:
        await world.post(world.announce(world.create(thread)))
        await world.work()
        return await world.post(world.announce(world.activity("Like", thread["id"])))

    return Case(act, TAKEN)


def announced_actor(world: World, url: str) -> Case:
    """An actor who is said to look different now is read at their own server."""
    document = {"id": url, "type": "Person", "inbox": f"{url}/inbox"}
    update = world.activity("Update", document, actor=url)
    return _sent(world, world.announce(update), REFUSED)


def announced_moderator(world: World, url: str) -> Case:
    """Who removed a post; where they cannot be found it was the community itself."""
    thread = world.in_group()

    async def act() -> Answer:
        await world.post(world.announce(world.create(thread)))
        await world.work()
        delete = world.activity("Delete", thread["id"], actor=url)
        return await world.post(world.announce(delete))

    removed = frozenset({"posts", "events", "modlog", "tombstones", "actors"})
    return Case(act, replace(ANY, changes=removed))


def announced_proof(world: World, url: str) -> Case:
    """A post of a third server with a proof, whose key is asked for there, and then the post."""
    return _sent(world, world.announce(_proved(world, url, url)), REFUSED)


def good_proof(world: World) -> Case:
    """One that does not hold: the post is read where it was written."""
    author = f"https://{THIRD}/actors/iris"
    return _sent(world, world.announce(_proved(world, third_note(world), author)), TAKEN)


def _proved(world: World, uri: str, author: str) -> dict[str, Any]:
    proof = {
        "type": "DataIntegrityProof",
        "cryptosuite": "eddsa-jcs-2022",
        "verificationMethod": f"{author}#ed25519-key",
        "proofPurpose": "assertionMethod",
        "created": world.clock.now().isoformat(),
        "proofValue": "z" + "2" * 87,
    }
    return world.in_group(id=uri, attributedTo=author, proof=proof)


def move_target(world: World, url: str) -> Case:
    """Both say so: the old account in its document, which is read again for it."""
    uri = world.there.actor(f"m{_number(world)}", movedTo=url)

    async def act() -> Answer:
        await world.actor(uri)
        return await world.post(world.activity("Move", uri, actor=uri, target=url))

    known = frozenset({"actors", "actor_keys"})
    return Case(act, replace(REFUSED, may_ask=(_asked(uri),), changes=known))


def good_move(world: World) -> Case:
    """The new account says that it is the old one, which then moves to it."""
    third, name = world.net[THIRD], f"m{_number(world)}"
    third.nodeinfo("mastodon")
    case = move_target(world, f"{third.origin}/actors/{name}")
    old = f"{world.there.origin}/actors/m{int(_number(world)) - 1}"
    third.actor(name, alsoKnownAs=[old])
    return Case(case.act, TAKEN)


# Read by what reads things again.


READ = frozenset({"backfills", "posts", "events", "actors", "actor_keys"})
READING = Expected(200, lines=-2, changes=READ)


def _reading(world: World, uri: str, kind: str, *asked: str) -> Case:
    async def act() -> Answer:
        start = perf_counter()
        now = world.clock.now()
        await world.observer.execute("delete from backfills")
        async with world.database.write() as conn:
            await backfills.add(conn, uri, kind, world.group.id, "there.test", now)
        while await backfill.step(world.fed):
            pass
        return Answer(200, perf_counter() - start)

    return Case(act, _asking(READING, *asked))


def _put(world: World, document: dict[str, Any]) -> str:
    uri = document["id"]
    return world.there.put(uri.removeprefix(world.there.origin), document)


def _page(world: World, **changed: Any) -> str:
    return _put(world, {"id": world.new_uri("pages"), "type": "OrderedCollection", **changed})


def outbox(world: World, url: str) -> Case:
    world.there.actor("group", kind="Group", outbox=url)
    return _reading(world, world.group.uri, "community", world.group.uri)


def next_page(world: World, url: str) -> Case:
    first = _page(world, orderedItems=[], next=url)
    world.there.actor("group", kind="Group", outbox=first)
    return _reading(world, world.group.uri, "community", world.group.uri, first)


def listed_item(world: World, url: str) -> Case:
    context = _page(world, orderedItems=[url])
    return _reading(world, context, "thread", context, context)


def listed_context(world: World, url: str) -> Case:
    """The conversation that a post says to be in, which must be of the community's own server."""
    note = world.in_group(context=url)
    return _reading(world, _put(world, note), "thread", note["id"])


def listed_replies(world: World, url: str) -> Case:
    note = world.in_group(replies=url)
    return _reading(world, _put(world, note), "thread", note["id"])


def good_page(make: Bad) -> Good:
    """A page of the community's own server."""

    def good(world: World) -> Case:
        return Case(make(world, _page(world, orderedItems=[])).act, replace(FOUND, changes=READ))

    return good


def members_header(world: World, url: str) -> Case:
    """The list of members that the header of a delivery names."""
    return _compared(world, url)


def members_page(world: World, url: str) -> Case:
    page = _page(world, orderedItems=[], next=url)
    return _compared(world, page, page)


def _compared(world: World, url: str, *asked: str) -> Case:
    body, headers = world.sign(world.announce(world.thread.uri))
    headers["collection-synchronization"] = (
        f'collectionId="{world.group.uri}/followers", url="{_in_header(url)}", '
        f'digest="{digest_of(_members(world))}"'
    )

    async def act() -> Answer:
        await world.observer.execute("delete from follower_checks")
        world.fed.notes._noted.clear()
        answer = await world.send(body, headers)
        await world.fed.notes.close()
        while await synchronization.step(world.fed):
            pass
        return answer

    told = Expected(202, "done|refused", lines=-2, changes=frozenset({"follower_checks"}))
    return Case(act, _asking(told, *asked))


def _members(world: World) -> list[str]:
    """Another list than stands here: with somebody more."""
    return [world.person.uri, SITE.actor_uri(99)]


def good_members(world: World) -> Case:
    """A list of the community's own server."""
    page = _page(world, orderedItems=_members(world))
    return Case(_compared(world, page).act, Expected(202, "done|refused", lines=1))


# Asked for by somebody here.


def _find(world: World, address: str, *asked: str) -> Case:
    async def act() -> Answer:
        start = perf_counter()
        found = await world.fed.resolver.find_community(address)
        return Answer(404 if found is None else 200, perf_counter() - start)

    return Case(act, _asking(SEARCHED, *asked))


def search_url(world: World, url: str) -> Case:
    return _find(world, url)


def search_host(world: World, url: str) -> Case:
    return _find(world, f"group@{url.removeprefix('https://').rpartition('/')[0]}")


def good_host(world: World) -> Case:
    name = third_group(world).rpartition("/")[2]
    return replace(_find(world, f"{name}@{THIRD}"), expected=FOUND)


def webfinger_link(world: World, url: str) -> Case:
    name = f"w{_number(world)}"
    world.there.webfinger(name, url)
    asked = f"https://there.test/.well-known/webfinger?resource=acct:{name}@there.test"
    return _find(world, f"{name}@there.test", asked)


def good_link(world: World) -> Case:
    """There, a handle for a group of the third server, which gives it the same handle."""
    name = (uri := third_group(world)).rpartition("/")[2]
    world.there.webfinger(name, uri)
    return replace(_find(world, f"{name}@there.test"), expected=FOUND)


def nodeinfo_link(world: World, url: str) -> Case:
    """A server nobody knows yet says that its NodeInfo is at the URL."""
    return _software(world, f"n{_number(world)}.wide.test", url)


def good_nodeinfo(world: World) -> Case:
    host = f"n{_number(world)}.wide.test"
    found = _software(world, host, f"https://{host}/nodeinfo/2.1")
    world.net["wide.test"].put(
        "/nodeinfo/2.1", {"software": {"name": "lemmy"}}, content_type="application/json"
    )
    return replace(found, expected=FOUND)


def _software(world: World, host: str, url: str) -> Case:
    schema = "http://nodeinfo.diaspora.software/ns/schema/2.1"
    links = {"links": [{"rel": schema, "href": url}]}
    world.net["wide.test"].put("/.well-known/nodeinfo", links, content_type="application/json")

    async def act() -> Answer:
        start = perf_counter()
        software = await world.fed.resolver.software_of(host)
        return Answer(404 if software is None else 200, perf_counter() - start)

    expected = replace(SEARCHED, changes=frozenset({"instances"}))
    return Case(act, _asking(expected, f"https://{host}/.well-known/nodeinfo"))


def _media(url: str) -> dict[str, str]:
    return {"type": "Image", "mediaType": "image/png", "url": url}


Field = Callable[[str], dict[str, Any]]

ACTOR_FIELDS: dict[str, Field] = {
    "inbox": lambda url: {"inbox": url},
    "sharedInbox": lambda url: {"endpoints": {"sharedInbox": url}},
    "followers": lambda url: {"followers": url},
}
POST_FIELDS: dict[str, Field] = {
    "attachment": lambda url: {"attachment": [{**_media(url), "type": "Document"}]},
    "icon": lambda url: {"icon": _media(url)},
    "image": lambda url: {"image": [_media(url)]},
    "url": lambda url: {"url": url},
    "hashtag": lambda url: {"tag": [{"type": "Hashtag", "name": "#x", "href": url}]},
    "mention": lambda url: {"tag": {"type": "Mention", "name": "@x@y", "href": url}},
    "emoji": lambda url: {"tag": [{"type": "Emoji", "name": ":x:", "icon": _media(url)}]},
    "audience": lambda url: {"audience": url},
    "cc": lambda url: {"cc": [url]},
    "generator": lambda url: {"generator": {"type": "Application", "id": url, "url": url}},
    "preview": lambda url: {"preview": {"type": "Note", "id": url, "url": url}},
    "context": lambda url: {"context": url, "conversation": url},
    "replies": lambda url: {"replies": {"id": url, "type": "Collection", "first": url}},
    "likes": lambda url: {"likes": url, "shares": {"id": url, "type": "Collection"}},
    "quote": lambda url: {"quoteUrl": url, "quote": url, "_misskey_quote": url},
    "source": lambda url: {"source": {"mediaType": "text/markdown", "content": f"![]({url})"}},
    "content": lambda url: {"content": f'<p>x<img src="{url}"><a href="{url}">x</a></p>'},
    "location": lambda url: {"location": {"type": "Place", "id": url, "url": url}},
    "JSON-LD context": lambda url: {"@context": [url, {"x": url}]},
}


def _fetching(make: Bad, expected: Expected = TAKEN) -> Sink:
    return Sink(make, _with(make, third_note, expected), fetches=True)


def _post_sink(name: str) -> Sink:
    make = _post_field(name)
    return Sink(make, _with(make, lambda world: world.new_uri("pages"), TAKEN))


def _actor_sink(name: str) -> Sink:
    make = _actor_document(name)
    return Sink(make, _with(make, lambda world: world.there.origin + "/inbox", LET_IN))


def _own(make: Bad, url: Callable[[World], str]) -> Sink:
    return Sink(make, _with(make, url, TAKEN))


FETCHED: dict[str, Sink] = {
    "keyId": Sink(
        key_id,
        _with(key_id, lambda world: world.net[THIRD].actor(f"a{_number(world)}"), LET_IN),
        fetches=True,
    ),
    "object of Announce": _fetching(announce_object),
    "id of an announced post": _fetching(announced_id),
    "inReplyTo of an announced post": _fetching(announced_parent),
    "first redirect": _fetching(_hop(1)),
    "second redirect": _fetching(_hop(2)),
    "third redirect": _fetching(_hop(3)),
    "URL that somebody looks for": Sink(
        search_url, _with(search_url, third_group, FOUND), fetches=True
    ),
    "host that somebody looks for": Sink(search_host, good_host, fetches=True),
    "link of WebFinger": Sink(webfinger_link, good_link, fetches=True),
    "actor of an announced Update": Sink(
        announced_actor,
        _with(announced_actor, lambda world: world.net[THIRD].actor(f"u{_number(world)}"), TAKEN),
        fetches=True,
    ),
    "moderator of an announced Delete": Sink(
        announced_moderator,
        _with(
            announced_moderator, lambda world: world.net[THIRD].actor(f"d{_number(world)}"), TAKEN
        ),
        fetches=True,
    ),
    "target of Move": Sink(move_target, good_move, fetches=True),
    "key of a proof": Sink(announced_proof, good_proof, fetches=True),
    "item of a conversation": Sink(listed_item, _with(listed_item, third_note, FOUND), True),
}

NEVER_FETCHED: dict[str, Sink] = {
    "owner of a key": Sink(key_owner, good_owner),
    "actor": _own(actor_field, lambda world: world.ada),
    **{f"{name} of an actor": _actor_sink(name) for name in ACTOR_FIELDS},
    "object of Create": _own(create_object, own_note),
    "author of an announced post": _own(announced_author, lambda world: world.ada),
    "object of an announced Delete": _own(announced_deletion, lambda world: world.new_uri("notes")),
    "inReplyTo of a Create": _own(create_parent, lambda world: world.thread.uri),
    "object of Delete": _own(_about("Delete"), lambda world: world.new_uri("notes")),
    "object of Follow": _own(_about("Follow"), lambda world: world.community.uri),
    "object of Undo": Sink(_about("Undo"), good_undo),
    "object of Accept": Sink(_about("Accept"), _good_answer("Accept")),
    "object of Reject": Sink(_about("Reject"), _good_answer("Reject")),
    "link of NodeInfo": Sink(nodeinfo_link, good_nodeinfo),
    "actor of an announced Like": Sink(announced_like, good_like),
    **{
        f"object of {kind}": _own(_liked(kind), lambda world: world.thread.uri)
        for kind in ("Like", "Dislike")
    },
    "object of Update": _own(_about("Update"), lambda world: world.ada),
    "outbox of a community": Sink(outbox, good_page(outbox)),
    "next page of an outbox": Sink(next_page, good_page(next_page)),
    "context of a conversation": Sink(listed_context, good_page(listed_context)),
    "replies of a conversation": Sink(listed_replies, good_page(listed_replies)),
    "list of members": Sink(members_header, good_members),
    "next page of a list of members": Sink(members_page, good_members),
    **{f"{name} of a post": _post_sink(name) for name in POST_FIELDS},
}
