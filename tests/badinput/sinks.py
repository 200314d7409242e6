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

from storage.communities import read_unfiltered
from tests.badinput.oracle import QUEUES, Act, Expected
from tests.badinput.world import SITE, Answer, World
from tests.factories import join
from tests.federation.peer import KEYS, pem_of

THIRD = "third.test"
POSTED = frozenset({"posts", "events"})
REFUSED = Expected(202, "refused")
ANY = Expected(202, "done|waiting|refused", lines=-1)
SEARCHED = Expected(404, lines=0)  # what somebody looks for is told to no log


@dataclass(frozen=True)
class Case:
    """One request. Of the good ones `asks` may be empty: what they ask is told by `fetches`."""

    act: Act
    expected: Expected


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
    expected = replace(ANY, changes=frozenset({"tombstones"}))
    return _sent(world, world.announce(world.activity("Delete", url)), expected)


def create_parent(world: World, url: str) -> Case:
    """An answer to what is not here waits for it; nobody is asked."""
    return _sent(world, world.create(world.reply(inReplyTo=url)), ANY)


def _about(kind: str) -> Bad:
    def make(world: World, url: str) -> Case:
        """The id of something that an activity is about, which must be known or of its sender."""
        return _sent(world, world.activity(kind, url), REFUSED)

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
    **{f"{name} of a post": _post_sink(name) for name in POST_FIELDS},
}
