"""A closed community that nobody finds, everything that can stand in it, and everybody around.

Each object carries a word of its own, its secret. Nothing here goes through the network: other
servers' keys are known, and the whole program answers in this process.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from federation.keys import load_own_key
from federation.signatures import sign_request
from forum import media
from forum.editing import edit_post
from forum.moderation import remove_post
from forum.pictures import Kind, Made
from forum.policy import block_server
from forum.threads import Origin, erase_post, reply
from server.app import Application, create_app
from server.settings import MEDIA_CACHE, Settings
from storage import media_cache, sessions
from storage.actors import Actor
from storage.communities import Community
from storage.db import Connection
from storage.ids import new_id
from storage.media_files import MediaFiles, new_name
from storage.parts import Attachment, Parts
from storage.threads import Post, read_unfiltered
from tests import factories
from tests.factories import KEYPAIR, SITE, join, make_person, make_remote_person, tick
from tests.federation.wire import publish_all
from tests.matrix.rows import PICTURES_ELSEWHERE
from tests.matrix.rule import LEARNS, SERVERS, VIEWERS, WITNESSES
from web import csrf
from web.viewer import form_cookie, session_cookie

FRIEND, BLOCKED, STRANGE = "there.test", "blocked.test", "strange.test"
NAME = "harbour"
# As long as what they stand for, so that the answers can be as long as each other.
UNKNOWN_NAME = "nowhere"
UNKNOWN_ID = "117651958925082903"


def secret_of(thing: str) -> str:
    return f"kanarie{thing.replace(' ', '')}zzq"


SECRETS = {thing: secret_of(thing).encode() for thing in LEARNS}


@dataclass
class World:
    """`ids` are what the parameters of paths can name."""

    app: Application
    client: httpx.AsyncClient
    community: Community
    ids: dict[str, list[str]]
    people: dict[str, Actor]
    sessions: dict[str, str] = field(default_factory=dict)
    asked: int = 0

    async def ask(
        self, viewer: str, method: str, path: str, *, accept: str, form: dict[str, str] | None
    ) -> httpx.Response:
        """The answer that the viewer gets."""
        self.asked += 1
        headers = {"accept": accept} if accept else {}
        url = SITE.origin + path
        if viewer == "unsigned server":
            headers["user-agent"] = "Mastodon/4.5"
        elif viewer in SERVERS:
            key, body = load_own_key(KEYPAIR.private_pem), None if method == "GET" else b""
            headers |= sign_request(
                method.lower(), url, body, f"{self.people[viewer].uri}#main-key", key,
                datetime.now(UTC),
            )  # fmt: skip
        else:
            headers["cookie"] = self._cookies(viewer)
        data = None
        if form is not None:
            headers |= {"origin": SITE.origin, "sec-fetch-site": "same-origin"}
            data = form | {csrf.FIELD: self._token(viewer)}
        return await self.client.request(method, url, headers=headers, data=data)

    def _cookies(self, viewer: str) -> str:
        if viewer in self.sessions:
            return f"{session_cookie(SITE)}={self.sessions[viewer]}"
        return f"{form_cookie(SITE)}=a-key-of-this-browser"

    def _token(self, viewer: str) -> str:
        key = self.sessions.get(viewer, "a-key-of-this-browser")
        return csrf.token_for(self.app.parts.services.secret, key)

    async def begin_sessions(self) -> None:
        """Everybody of this server is signed in, anew."""
        now = datetime.now(UTC)
        async with self.app.parts.services.database.write() as conn:
            for viewer in (*VIEWERS, *WITNESSES):
                if viewer in self.people and self.people[viewer].is_local:
                    self.sessions[viewer] = await sessions.start(conn, self.people[viewer].id, now)


@asynccontextmanager
async def open_world(database_url: str, data_dir: Path) -> AsyncIterator[World]:
    settings = Settings(
        origin=SITE.origin, data_dir=data_dir, database_url=database_url, secret_key="s" * 40
    )
    app = await create_app(settings)
    database = app.parts.services.database
    async with database.write() as conn:
        community, people, ids = await _build(conn, app.parts.services.media)
        cache = MediaFiles(data_dir / MEDIA_CACHE)
        ids |= await _from_elsewhere(conn, cache, people["member elsewhere"], ids["thread"][0])
    await publish_all(app.parts.federation)
    async with database.read() as conn:
        rows = await conn.fetch("select id from activities where post_id is not null")
        ids["activity"] = [str(row["id"]) for row in rows]
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url=SITE.origin) as client:
        world = World(app, client, community, ids, people)
        await world.begin_sessions()
        yield world
    await app.close()


async def _build(
    conn: Connection, files: MediaFiles
) -> tuple[Community, dict[str, Actor], dict[str, list[str]]]:
    await factories.make_site(conn)
    author = await make_person(conn, "author")
    community = await factories.make_community(
        conn, author, name=NAME, title=secret_of("community"), readers="members", travels="named",
        hosts=(FRIEND, BLOCKED), joining="apply",
    )  # fmt: skip
    people = await _people(conn, community, author)
    posts = await _posts(conn, community, author, people)
    await _direct(conn, posts, people)
    pictures = await _pictured(conn, files, author, posts["thread"])
    await _moderated(conn, community, posts, people)
    admin = factories.member_of(people["admin"], role="admin")
    await block_server(conn, admin, BLOCKED, "spam", tick())
    ids = {thing: [str(post.id)] for thing, post in posts.items()}
    instance = await conn.fetchval("select id from actors where kind = 'instance' and is_local")
    ids |= {
        "community": [str(community.id)],
        "author": [str(author.id)],
        "instance": [str(instance)],
    } | pictures
    return community, people, ids


async def _people(conn: Connection, community: Community, author: Actor) -> dict[str, Actor]:
    people = {"author": author, "non-member": await make_person(conn)}
    for viewer, state in (
        ("asking", "asked"),
        ("member", "accepted"),
        ("confidant", "accepted"),
        ("ex-member", "left"),
        ("refused", "refused"),
    ):
        people[viewer] = await make_person(conn)
        await join(conn, community, people[viewer], state=state)
    people["moderator"] = await factories.make_moderator(conn, community)
    people["admin"] = await make_person(conn, role="admin")
    for viewer, host in (
        ("member elsewhere", FRIEND),
        ("member on a blocked server", BLOCKED),
        ("member elsewhere of another community", STRANGE),
    ):
        people[viewer] = await make_remote_person(conn, host=host)
    await join(conn, community, people["member elsewhere"])
    await join(conn, community, people["member on a blocked server"])
    await conn.execute("update instances set software = 'dazzle'")
    other = await factories.make_community(conn)
    await join(conn, other, people["member elsewhere of another community"])
    return people


async def _posts(
    conn: Connection, community: Community, author: Actor, people: dict[str, Actor]
) -> dict[str, Post]:
    def words(thing: str) -> str:
        return f"Words {secret_of(thing)} here."

    title = f"A {secret_of('thread')} title"
    thread = await factories.make_thread(conn, author, community, title=title)
    draft = factories.make_draft(title, words("edited away"))
    await edit_post(conn, author, thread, draft, now=tick())
    await edit_post(conn, author, thread, factories.make_draft(title, words("thread")), now=tick())
    reply = await factories.make_reply(conn, author, thread, text=words("reply"))
    deep = await factories.make_reply(conn, author, reply, text=words("reply to reply"))
    poll = await factories.make_poll(conn, author, community, secret_of("poll"), "Pear")
    held = await factories.make_reply(conn, author, thread, text=words("held"))
    await conn.execute("update posts set state = 'held' where id = $1", held.id)
    deleted = await factories.make_reply(conn, author, thread, text=words("deleted"))
    await erase_post(conn, author, deleted, now=tick())
    removed = await factories.make_reply(conn, author, thread, text=words("removed"))
    moderator = people["moderator"]
    await remove_post(conn, moderator, removed, secret_of("mod note"), tick())
    return {
        "thread": thread, "reply": reply, "reply to reply": deep, "poll": poll, "held": held,
        "deleted": deleted, "removed": removed,
    }  # fmt: skip


async def _pictured(
    conn: Connection, files: MediaFiles, author: Actor, thread: Post
) -> dict[str, list[str]]:
    """A reply with a picture. What its two sizes show is a word each."""
    name, named = new_name(), {}
    for variant, thing in (("full.jpg", "image"), ("small.jpg", "thumbnail")):
        path = files.incoming()
        path.write_text(secret_of(thing))
        files.save(name, {variant: path})
        named[thing] = [f"{name}/{variant}"]
    made = dict.fromkeys(("full.jpg", "small.jpg"), Made(9, 9, 9))
    prepared = media.Prepared(name, Kind("image", "image/jpeg"), made)
    await media.keep(conn, author.id, prepared, now=tick())
    chosen = [media.Chosen(name, f"A {secret_of('image')} described")]
    attachments = await media.attachments_of(conn, SITE, author.id, chosen)
    draft = replace(
        factories.make_draft("", "Look."), parts=Parts(attachments=attachments), files=(name,)
    )
    await reply(conn, SITE, author, thread, draft, now=tick())
    return named


async def _from_elsewhere(
    conn: Connection, cache: MediaFiles, author: Actor, thread_id: str
) -> dict[str, list[str]]:
    """A reply from another server, with a picture that rests here already."""
    thread = await read_unfiltered(conn, int(thread_id))
    assert thread is not None
    url, uri = f"https://{FRIEND}/picture.png", f"https://{FRIEND}/posts/picture"
    parts, origin = Parts(attachments=(Attachment("image", url),)), Origin(uri, uri, tick(), None)
    draft = replace(factories.make_draft("", "Look here."), parts=parts)
    post = await reply(conn, SITE, author, thread, draft, now=tick(), origin=origin)
    name, key, now = new_name(), media_cache.key_of(post.id, url), datetime.now(UTC)
    for variant, thing in zip(("full.jpg", "small.jpg"), PICTURES_ELSEWHERE, strict=True):
        path = cache.incoming()
        path.write_text(secret_of(thing))
        cache.save(name, {variant: path})
    assert await media_cache.claim(conn, key, post.id, now, name)
    assert await media_cache.keep(conn, key, now, 9)
    return {thing: [f"{post.id}/0"] for thing in PICTURES_ELSEWHERE}


async def _direct(conn: Connection, posts: dict[str, Post], people: dict[str, Actor]) -> None:
    """A message from the author to one other member, as a conversation holds it."""
    now, words = tick(), secret_of("direct message")
    identifier = new_id(now)
    await conn.execute(
        """
        insert into posts (id, uri, kind, author_id, thread_id, path, audience, source, html,
          is_local, published_at)
        values ($1, $2, 'thread', $3, $1, array[$1::bigint], 'direct', $4, $5, true, $6)
        """,
        identifier, SITE.post_uri(identifier), people["author"].id, words, f"<p>{words}</p>", now,
    )  # fmt: skip
    await conn.execute("insert into conversations (thread_id) values ($1)", identifier)
    for person in ("author", "confidant"):
        await conn.execute(
            "insert into conversation_people (thread_id, actor_id, state) values ($1, $2, 'open')",
            identifier, people[person].id,
        )  # fmt: skip
    # The same row under the shape that the rest of the world is built of.
    posts["direct message"] = _with_id(posts["thread"], identifier)


def _with_id(post: Post, identifier: int) -> Post:
    return Post(**{name: getattr(post, name) for name in Post.__slots__} | {"id": identifier})


async def _moderated(
    conn: Connection, community: Community, posts: dict[str, Post], people: dict[str, Actor]
) -> None:
    await conn.execute(
        """
        insert into reports (id, reporter_id, post_id, community_id, reason)
        values ($1, $2, $3, $4, $5)
        """,
        new_id(tick()), people["confidant"].id, posts["reply"].id, community.id,
        secret_of("report"),
    )  # fmt: skip
    await conn.execute(
        "update memberships set answers = array[$3] where community_id = $1 and actor_id = $2",
        community.id, people["asking"].id, secret_of("answer"),
    )  # fmt: skip


def without_names(answer: httpx.Response, *names: str) -> tuple[int, bytes, list[tuple[str, str]]]:
    """An answer in which the thing that was asked for has no name any more."""

    def blind(text: str) -> str:
        for name in names:
            text = text.replace(name, "X" * len(name))
        return text

    headers = [(name, blind(value)) for name, value in sorted(answer.headers.items())]
    return answer.status_code, blind(answer.text).encode(), headers


def path_of(url: str) -> str:
    return urlsplit(url).path
