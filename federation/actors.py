"""Actors and their collections, as other servers may see them."""

from __future__ import annotations

from federation.door import Ask, Shown
from federation.render import actors as render
from federation.render import collections as lists
from federation.render import posts
from federation.render.document import Document, to_bytes
from forum.errors import NotFound
from storage import activities, actors, collections, communities, post_copies
from storage.actors import Actor
from storage.audience import reads_community
from storage.communities import Community
from storage.keys import read_key

OUTBOX_PAGE = 20


async def show_instance(ask: Ask) -> Shown:
    """Readable by everybody, unsigned: others need its key to believe our requests."""
    actor = await actors.read_by_uri_unfiltered(ask.conn, ask.site.instance_uri)
    if actor is None:
        raise NotFound
    document = render.instance(ask.site, actor, await _public_keys(ask, actor))
    return Shown(to_bytes(document), True, f"{ask.site.origin}/")


async def show_instance_outbox(ask: Ask) -> Shown:
    """Empty: what it does is between two servers."""
    return Shown(to_bytes(lists.full(f"{ask.site.instance_uri}/outbox", [])), True)


async def show_actor(ask: Ask) -> Shown:
    if await actors.is_gone_from_here(ask.conn, ask.number()):
        tombstone = posts.tombstone(ask.site.actor_uri(ask.number()), "Person")
        return Shown(to_bytes(tombstone), True, status=410)
    found = await _find(ask)
    keys = await _public_keys(ask, found)
    if isinstance(found, Community):
        return _shown(ask, found, render.group(ask.site, found, keys))
    moved_to = await actors.read_unfiltered(ask.conn, found.moved_to) if found.moved_to else None
    target = None if moved_to is None else moved_to.uri
    return _shown(ask, found, render.person(ask.site, found, keys, moved_to=target))


async def show_outbox(ask: Ask) -> Shown:
    """What a public community announced. A person's is empty: posts belong to their community."""
    found = await _find(ask)
    uri = f"{found.uri}/outbox"
    if not isinstance(found, Community):
        return _shown(ask, found, lists.full(uri, []))
    _require_public(found)
    before = ask.place("before")
    if before is None and "page" not in ask.query:
        return _shown(ask, found, lists.paged(uri, "page=1"))
    items = await activities.list_outbox(
        ask.conn, ask.viewer, found.id, before=before, limit=OUTBOX_PAGE
    )
    await post_copies.note(ask.conn, [item.post_id for item in items], ask.viewer.host)
    place = {"page": 1} if before is None else {"before": before}
    following = {"before": items[-1].post_id} if len(items) == OUTBOX_PAGE else {}
    body = lists.page(uri, place, [item.body for item in items], following)
    return Shown(body, True, _page_url(ask, found))


async def show_followers(ask: Ask) -> Shown:
    """Never who: membership is health data. Of a public community a number, and that roughly."""
    found = await _find(ask)
    uri = ask.site.followers_uri(found.id)
    if not isinstance(found, Community):
        return _shown(ask, found, lists.collection(uri))
    await _require_readable(ask, found)
    if found.readers == "members":
        return _shown(ask, found, lists.collection(uri))
    band = await communities.count_members_band(ask.conn, ask.viewer, found.id)
    return _shown(ask, found, lists.collection(uri, total=band))


async def show_following(ask: Ask) -> Shown:
    """Nothing, not even how many: what a person follows here is what they live with."""
    found = await _find(ask)
    if isinstance(found, Community):
        await _require_readable(ask, found)
    return _shown(ask, found, lists.collection(f"{found.uri}/following"))


async def show_featured(ask: Ask) -> Shown:
    """Pinned threads of a public community; a person pins nothing."""
    found = await _find(ask)
    if isinstance(found, Community):
        _require_public(found)
    return _shown(ask, found, lists.full(f"{found.uri}/featured", []))


async def show_moderators(ask: Ask) -> Shown:
    """Who looks after a community, for those who may read it."""
    found = await _find(ask)
    if not isinstance(found, Community):
        raise NotFound
    await _require_readable(ask, found)
    uris = await collections.list_moderators(ask.conn, ask.viewer, found.id)
    return _shown(ask, found, lists.full(f"{found.uri}/moderators", uris, owner=found.uri))


async def _find(ask: Ask) -> Actor | Community:
    """The local person or community that the path names. Raises NotFound if hidden."""
    actor_id = ask.number()
    community = await communities.read_community_by_id(ask.conn, ask.viewer, actor_id)
    if community is not None and community.is_local:
        return community
    person = await actors.read_person_by_id(ask.conn, ask.viewer, actor_id)
    if person is None or not person.is_local:
        raise NotFound
    opened = await actors.read_person(ask.conn, ask.viewer, person.name)
    if opened is None:
        raise NotFound
    return opened


async def _public_keys(ask: Ask, found: Actor | Community) -> render.PublicKeys:
    key = await read_key(ask.conn, f"{found.uri}#main-key")
    if key is None:
        raise NotFound
    proof = await read_key(ask.conn, ask.site.proof_key_uri(found.id))
    if proof is None:
        return render.PublicKeys(key.public_pem)
    return render.PublicKeys(key.public_pem, proof.uri, proof.public_pem)


def _require_public(community: Community) -> None:
    if community.readers != "anyone":
        raise NotFound


async def _require_readable(ask: Ask, community: Community) -> None:
    if not await reads_community(ask.conn, ask.viewer, community.id):
        raise NotFound


def _shown(ask: Ask, found: Actor | Community, document: Document) -> Shown:
    is_public = not isinstance(found, Community) or found.readers == "anyone"
    return Shown(to_bytes(document), is_public, _page_url(ask, found))


def _page_url(ask: Ask, found: Actor | Community) -> str:
    if isinstance(found, Community):
        return ask.site.community_url(found.name)
    return ask.site.person_url(found.name)
