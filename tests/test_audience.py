"""Who sees what: every viewer, every kind of community, every read, against the rule in words.

The rule is said a second time here, as plainly as it can be, and compared with what each read of
the program returns. A door that is not in READS is found by the list of unfiltered callers.
"""

from __future__ import annotations

import ast
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from forum import editing, moderation, policy
from forum import polls as forum_polls
from forum import threads as forum_threads
from forum.text import PollDraft
from storage import (
    actors,
    communities,
    edits,
    home,
    memberships,
    modlog,
    polls,
    reactions,
    reports,
    threads,
)
from storage.actors import Actor
from storage.audience import (
    NOBODY,
    UNKNOWN_SERVER,
    Viewer,
    reads_community,
    recipients_of_community,
)
from storage.communities import Community
from storage.db import Connection
from storage.threads import Post
from tests import factories
from tests.factories import join, make_community, make_person, make_remote_person, tick

ROOT = Path(__file__).parent.parent
FRIEND = "there.test"
NAMED = "named.test"
STRANGE = "strange.test"
BLOCKED = "blocked.test"


@dataclass(frozen=True)
class Kind:
    readers: str
    travels: str
    listed: bool = False

    def __str__(self) -> str:
        return f"{self.readers}-{self.travels}-{'listed' if self.listed else 'unlisted'}"


KINDS = [
    Kind("anyone", "anywhere", listed=True),
    Kind("anyone", "named", listed=True),
    Kind("anyone", "nowhere", listed=True),
    Kind("members", "named", listed=True),
    Kind("members", "named"),
    Kind("members", "nowhere", listed=True),
    Kind("members", "nowhere"),
]

# The viewers, and what each is to the community. A server is a viewer without a person.
PEOPLE_HERE = (
    "nobody",
    "stranger",
    "asking",
    "member",
    "left",
    "refused",
    "moderator",
    "admin",
    "stopped",
)
ELSEWHERE = (
    "unknown server",
    "member elsewhere",
    "stranger elsewhere",
    "server of a member",
    "named server without members",
    "server of strangers",
    "follower of another community",
    "blocked server",
    "member on a blocked server",
    "part of a blocked server",
)


@dataclass
class World:
    """One community with everybody around it, a thread, a reply, and posts that are gone."""

    kind: Kind
    community: Community
    author: Actor
    thread: Post
    reply: Post
    gone: list[Post]
    viewers: dict[str, Viewer] = field(default_factory=dict)


def may_read(kind: Kind, name: str) -> bool:
    """The rule for content, in words."""
    if name in PEOPLE_HERE:
        return kind.readers == "anyone" or name in ("member", "moderator", "stopped")
    if "blocked" in name or kind.travels == "nowhere":
        return False
    if kind.readers == "members":
        return name in ("member elsewhere", "server of a member")
    if kind.travels == "named":
        return name in (
            "member elsewhere",
            "stranger elsewhere",
            "server of a member",
            "named server without members",
        )
    return True


def may_know(kind: Kind, name: str) -> bool:
    """The rule for name cards, in words."""
    if name in PEOPLE_HERE:
        is_involved = name in ("asking", "member", "moderator", "stopped")
        return kind.readers == "anyone" or kind.listed or is_involved
    if "blocked" in name or kind.travels == "nowhere":
        return False
    if kind.travels == "anywhere" or kind.listed:
        return True
    return name in (
        "member elsewhere",
        "stranger elsewhere",
        "server of a member",
        "named server without members",
    )


async def build(conn: Connection, kind: Kind) -> World:
    await factories.make_site(conn)
    admin = await factories.make_admin(conn)
    author = await make_person(conn)
    hosts = (FRIEND, NAMED, BLOCKED) if kind.travels == "named" else ()
    community = await make_community(
        conn, author, readers=kind.readers, travels=kind.travels, listed=kind.listed, hosts=hosts
    )
    thread = await factories.make_thread(conn, author, community)
    reply = await factories.make_reply(conn, author, thread)
    gone = [await factories.make_thread(conn, author, community) for _ in range(2)]
    gone += [await factories.make_reply(conn, author, thread) for _ in range(2)]
    for post in (thread, reply, *gone):
        await forum_polls.attach(conn, post, PollDraft(("Yes", "No"), votes=(0, 0)))
        await editing.edit_post(conn, author, post, factories.make_draft("Edited"), now=tick())
    for post in gone[::2]:
        await forum_threads.erase_post(conn, author, post, now=tick())
    for post in gone[1::2]:
        await moderation.remove_post(conn, author, post, "not kind", tick())
    world = World(kind, community, author, thread, reply, gone)
    world.viewers = await people_here(conn, community, admin.actor_id)
    world.viewers |= await elsewhere(conn, community)
    await policy.block_server(conn, admin, BLOCKED, "spam", tick())
    return world


async def people_here(conn: Connection, community: Community, admin_id: int) -> dict[str, Viewer]:
    viewers = {"nobody": NOBODY, "admin": Viewer(admin_id)}
    for name, state in (
        ("asking", "asked"),
        ("member", "accepted"),
        ("left", "left"),
        ("refused", "refused"),
        ("stopped", "accepted"),
    ):
        person = await make_person(conn)
        await join(conn, community, person, state=state)
        viewers[name] = Viewer(person.id)
    stopped = viewers["stopped"].actor_id or 0
    await memberships.set_stop(conn, community.id, stopped, factories.far_future(), "rude")
    viewers["stranger"] = Viewer((await make_person(conn)).id)
    viewers["moderator"] = Viewer((await factories.make_moderator(conn, community)).id)
    return viewers


async def elsewhere(conn: Connection, community: Community) -> dict[str, Viewer]:
    member = await make_remote_person(conn, host=FRIEND)
    stranger = await make_remote_person(conn, host=FRIEND)
    follower = await make_remote_person(conn, host=STRANGE)
    outcast = await make_remote_person(conn, host=BLOCKED)
    if community.travels != "nowhere":
        await join(conn, community, member)
        await join(conn, community, outcast)
    other = await make_community(conn)
    await join(conn, other, follower)
    return {
        "unknown server": UNKNOWN_SERVER,
        "member elsewhere": Viewer(member.id, FRIEND),
        "stranger elsewhere": Viewer(stranger.id, FRIEND),
        "server of a member": Viewer(host=FRIEND),
        "named server without members": Viewer(host=NAMED),
        "server of strangers": Viewer(host=STRANGE),
        "follower of another community": Viewer(follower.id, STRANGE),
        "blocked server": Viewer(host=BLOCKED),
        "member on a blocked server": Viewer(outcast.id, BLOCKED),
        "part of a blocked server": Viewer(host=f"forum.{BLOCKED}"),
    }


Found = Callable[[Connection, Viewer, World], Awaitable[set[int]]]


async def _read_posts(conn: Connection, viewer: Viewer, world: World) -> set[int]:
    posts = [world.thread, world.reply, *world.gone]
    found = [await threads.read_post(conn, viewer, post.id) for post in posts]
    return {post.id for post in found if post}


async def _read_by_uri(conn: Connection, viewer: Viewer, world: World) -> set[int]:
    posts = [world.thread, world.reply, *world.gone]
    found = [await threads.read_post_by_uri(conn, viewer, post.uri) for post in posts]
    return {post.id for post in found if post}


async def _read_thread(conn: Connection, viewer: Viewer, world: World) -> set[int]:
    found = await threads.read_thread(conn, viewer, world.thread.id, limit=100)
    return {post.id for post in found}


async def _list_threads(conn: Connection, viewer: Viewer, world: World) -> set[int]:
    found = await threads.list_threads(conn, viewer, world.community.id, limit=100)
    return {line.id for line in found}


async def _list_by_author(conn: Connection, viewer: Viewer, world: World) -> set[int]:
    found = await threads.list_by_author(conn, viewer, world.author.id, limit=100)
    return {line.id for line in found}


async def _list_outbox(conn: Connection, viewer: Viewer, world: World) -> set[int]:
    found = await threads.list_outbox(conn, viewer, world.community.id, limit=100)
    return {post.id for post in found}


async def _list_latest(conn: Connection, viewer: Viewer, world: World) -> set[int]:
    found = await threads.list_latest(conn, viewer, limit=100)
    return {line.id for line in found}


async def _list_home(conn: Connection, viewer: Viewer, world: World) -> set[int]:
    found = await home.list_home(conn, viewer, limit=100)
    return {line.id for line in found}


async def _read_poll(conn: Connection, viewer: Viewer, world: World) -> set[int]:
    posts = [world.thread, world.reply, *world.gone]
    found = [await polls.read_poll(conn, viewer, post.id) for post in posts]
    return {poll.post_id for poll in found if poll}


async def _list_edits(conn: Connection, viewer: Viewer, world: World) -> set[int]:
    posts = [world.thread, world.reply, *world.gone]
    found = [await edits.list_edits(conn, viewer, post.id, 10) for post in posts]
    return {edit.post_id for history in found for edit in history}


async def _count_bands(conn: Connection, viewer: Viewer, world: World) -> set[int]:
    posts = [world.thread, world.reply, *world.gone]
    return {post.id for post in posts if await reactions.count_bands(conn, viewer, post.id)}


# Each read, and whether it gives the thread, the reply or both when the viewer may read.
READS: dict[str, tuple[Found, bool, bool]] = {
    "read_post": (_read_posts, True, True),
    "read_post_by_uri": (_read_by_uri, True, True),
    "read_thread": (_read_thread, True, True),
    "list_threads": (_list_threads, True, False),
    "list_by_author": (_list_by_author, True, False),
    "list_outbox": (_list_outbox, True, False),
    "list_latest": (_list_latest, True, False),
    "list_home": (_list_home, True, False),
    "read_poll": (_read_poll, True, True),
    "list_edits": (_list_edits, True, True),
    "count_bands": (_count_bands, True, True),
}


def expected(world: World, name: str, read: str) -> set[int]:
    _, gives_thread, gives_reply = READS[read]
    sees = may_read(world.kind, name)
    if read == "list_latest":
        sees = sees and world.kind.readers == "anyone"
    if read == "list_home":
        sees = sees and name in ("member", "moderator", "stopped")
    given = {world.thread.id} if gives_thread else set()
    given |= {world.reply.id} if gives_reply else set()
    return given if sees else set()


@pytest.mark.parametrize("kind", KINDS, ids=str)
async def test_each_read_gives_what_the_rule_says(kind: Kind, conn: Connection) -> None:
    world = await build(conn, kind)
    assert set(world.viewers) == {*PEOPLE_HERE, *ELSEWHERE}
    wrong = []
    for name, viewer in world.viewers.items():
        for read, (find, _, _) in READS.items():
            if await find(conn, viewer, world) != expected(world, name, read):
                wrong.append((name, read))
        if await reads_community(conn, viewer, world.community.id) != may_read(kind, name):
            wrong.append((name, "reads_community"))
    assert not wrong


@pytest.mark.parametrize("kind", KINDS, ids=str)
async def test_each_name_card_is_known_to_whom_the_rule_says(kind: Kind, conn: Connection) -> None:
    world = await build(conn, kind)
    community = world.community
    wrong = []
    for name, viewer in world.viewers.items():
        known = may_know(kind, name)
        listed = await communities.list_communities(conn, viewer, limit=100)
        cards = {
            "read_community": await communities.read_community(conn, viewer, community.name),
            "read_community_by_id": await communities.read_community_by_id(
                conn, viewer, community.id
            ),
            "read_view": await communities.read_view(conn, viewer, community.id),
            "list_communities": community.id in [row.id for row in listed] or None,
        }
        wrong += [(name, read) for read, card in cards.items() if (card is not None) != known]
    assert not wrong


@pytest.mark.parametrize("kind", KINDS, ids=str)
async def test_a_card_shows_numbers_only_to_readers(kind: Kind, conn: Connection) -> None:
    world = await build(conn, kind)
    for _ in range(10):
        await join(conn, world.community, await make_person(conn))
    wrong = []
    for name, viewer in world.viewers.items():
        sees = may_read(kind, name) and may_know(kind, name)
        band = await communities.count_members_band(conn, viewer, world.community.id)
        view = await communities.read_view(conn, viewer, world.community.id)
        if band != (10 if sees else 0) or (view and view.member_band != band):
            wrong.append((name, band))
        if view and view.can_read != may_read(kind, name):
            wrong.append((name, "can_read"))
    assert not wrong


@pytest.mark.parametrize("kind", KINDS, ids=str)
async def test_the_anonymous_page_is_versioned_only_when_public(
    kind: Kind, conn: Connection
) -> None:
    world = await build(conn, kind)
    version = await threads.read_page_version(conn, world.thread.id)
    assert (version is not None) == (kind.readers == "anyone")


@pytest.mark.parametrize("kind", KINDS, ids=str)
async def test_only_moderators_see_what_moderators_see(kind: Kind, conn: Connection) -> None:
    world = await build(conn, kind)
    reporter = await actors.read_unfiltered(conn, world.viewers["member"].actor_id or 0)
    assert reporter
    await moderation.report(conn, reporter, world.reply, "please look", tick())
    removed = world.gone[1]
    wrong = []
    for name, viewer in world.viewers.items():
        moderates = name == "moderator" or (name == "admin" and kind.readers == "anyone")
        seen = {
            "asked": await memberships.list_asked(conn, viewer, world.community.id),
            "members": await memberships.list_members(conn, viewer, world.community.id),
            "reports": await reports.list_open(conn, viewer),
            "removed": await threads.read_moderated_post(conn, viewer, removed.id),
            "acts": await modlog.list_acts(conn, viewer, world.community.id),
        }
        wrong += [(name, read) for read, rows in seen.items() if bool(rows) != moderates]
        erased = await threads.read_moderated_post(conn, viewer, world.gone[0].id)
        wrong += [(name, "erased")] if erased else []
    assert not wrong


@pytest.mark.parametrize("kind", KINDS, ids=str)
@pytest.mark.parametrize("mode", ["open", "named", "nobody"])
async def test_every_recipient_may_see_the_post(kind: Kind, mode: str, conn: Connection) -> None:
    world = await build(conn, kind)
    admin = factories.member_of(await make_person(conn), role="admin")
    await policy.set_mode(conn, admin, mode, tick())
    recipients = await recipients_of_community(conn, world.community.id)
    for recipient in recipients:
        viewer = Viewer(host=recipient.host)
        assert await threads.read_post(conn, viewer, world.thread.id), recipient.host
    is_sent = kind.travels != "nowhere" and mode == "open"
    assert [recipient.host for recipient in recipients] == ([FRIEND] if is_sent else [])


async def test_a_block_hides_both_ways(conn: Connection) -> None:
    await factories.make_site(conn)
    author, reader = await make_person(conn), await make_person(conn)
    community = await make_community(conn, author)
    await join(conn, community, reader)
    thread = await factories.make_thread(conn, author, community)
    answer = await factories.make_reply(conn, reader, thread)
    await moderation.block_person(conn, author, reader, tick())
    seen = await threads.read_thread(conn, Viewer(reader.id), thread.id, limit=10)
    assert [post.id for post in seen] == [answer.id]
    seen = await threads.read_thread(conn, Viewer(author.id), thread.id, limit=10)
    assert [post.id for post in seen] == [thread.id]


async def test_the_posts_of_a_gone_actor_are_not_seen(conn: Connection) -> None:
    await factories.make_site(conn)
    community = await make_community(conn)
    person = await make_remote_person(conn)
    await join(conn, community, person)
    thread = await factories.make_thread(conn, person, community)
    await actors.mark_gone(conn, person.id)
    assert await threads.read_post(conn, NOBODY, thread.id) is None


async def test_a_community_elsewhere_is_closed_to_all_but_its_members_here(
    conn: Connection,
) -> None:
    await factories.make_site(conn)
    community = await factories.make_remote_community(conn, readers="members", listed=False)
    person, stranger = await make_person(conn), await make_person(conn)
    await join(conn, community, person)
    writer = await make_remote_person(conn)
    thread = await factories.make_thread(conn, writer, community)
    assert thread.audience == "community"
    for viewer, sees in (
        (Viewer(person.id), True),
        (Viewer(host=FRIEND), True),
        (Viewer(stranger.id), False),
        (NOBODY, False),
        (UNKNOWN_SERVER, False),
        (Viewer(host=STRANGE), False),
    ):
        assert bool(await threads.read_post(conn, viewer, thread.id)) == sees, viewer
        card = await communities.read_community_by_id(conn, viewer, community.id)
        assert bool(card) == sees, viewer


# Who may read without a viewer: workers that publish and receive, and rules that were given a row
# which somebody read before. A new caller is a decision, taken here.
UNFILTERED = {
    "federation/messages.py": "a message that an event names, and who is named in it",
    "federation/receive/messages.py": "a message that is there already, and what it answers",
    "forum/messages.py": "the people of a conversation that was read",
    "forum/rules.py": "the rules of the community that somebody joins or writes in",
    "forum/importing.py": "who has an address of a list, checked against its owner afterwards",
    "server/importing.py": "whose list is worked on, its lines, and this server's own reader",
    "server/media.py": "whether everybody may see a file that the viewer may see",
    "server/exporting.py": "the person who asked for a copy",
    "web/pages/invitations.py": "the community that was invited to",
    "web/pages/subscribing.py": "this server's own reader",
    "forum/subscriptions.py": "this server's own reader, and where somebody who leaves read along",
    "forum/reach.py": "the community that a form was opened for, as it is now",
    "forum/handover.py": "the communities that the one before had asked to join",
    "forum/aliases.py": "the person behind a name, and the community of a post that was read",
    "web/pages/blocks.py": "the person somebody blocks no longer",
    "federation/actors.py": "this server's own actor",
    "federation/catchup.py": "what a server missed, each asked for that server again",
    "federation/deliver/looking.py": "whose inbox says that it is gone or elsewhere",
    "federation/discovery.py": "names, checked against the viewer afterwards",
    "federation/inbox.py": "who left for good, before what they send is answered",
    "federation/refreshing.py": "actors who were not looked at for long",
    "federation/fetch.py": "stored actors by their URI, to refresh them",
    "federation/objects.py": "author, community and parent of a post the viewer may see",
    "federation/followers.py": "a digest of followers for their own server",
    "federation/synchronization.py": "people here who follow a community elsewhere",
    "forum/synchronization.py": "people here who follow a community elsewhere",
    "federation/receive/__init__.py": "the sender of what was received",
    "federation/receive/announce.py": "what is stored of a community elsewhere and its posts",
    "federation/receive/answers.py": "the community that answers, and who asked it",
    "federation/receive/create.py": "a post that is there already, the community it is sent to",
    "federation/receive/delete.py": "the post that its author or a moderator takes back",
    "federation/receive/follow.py": "the target, checked against the follower by the use case",
    "federation/receive/deletions.py": "the post that a community takes back, and its author",
    "federation/backfill/__init__.py": "the community that is to be read again",
    "federation/backfill/conversations.py": "what stands here of a conversation that is read again",
    "federation/backfill/reading.py": "which of the posts that are listed are here already",
    "federation/receive/edits.py": "the post that its own author changes, and its community",
    "federation/receive/move.py": "the account here that somebody elsewhere says to be",
    "federation/receive/posts.py": "posts that are there already, parents too",
    "federation/receive/reactions.py": "the post that a like is about, its community",
    "federation/receive/undo.py": "the target of the Follow that is taken back",
    "federation/pictures.py": "whether the picture of a post that was read is here",
    "federation/publish/personal.py": "the poll that somebody here voted in, and what they chose",
    "federation/publish/press.py": "what an event names",
    "federation/publish/subject.py": "the poll of a post that an event names",
    "federation/publish/threads.py": "what an event names",
    "forum/communities.py": "what is stored of a community elsewhere",
    "forum/editing.py": "the poll of a post that was read",
    "forum/moderation.py": "the community of a post that was read",
    "forum/moving.py": "somebody's own account, and the one that they move to",
    "federation/publish/moving.py": "whom an event names, and who knows them",
    "web/pages/moving.py": "the account that somebody names as their own elsewhere",
    "forum/moves.py": "the standings of somebody who moves",
    "forum/places.py": "a post that is there already",
    "forum/media.py": "the files of a post that is being changed, and those whose rows are gone",
    "forum/polls.py": "the poll of a post that was read, and what the voter chose before",
    "forum/reactions.py": "what the person said before to a post that was read",
    "forum/standing.py": "the community of a post that was read",
    "forum/returning.py": "memberships between this server and one that is back",
    "forum/closing.py": "somebody's own account, and the names and communities that go with it",
    "forum/erasing.py": "how servers stand in a receipt, for who holds its link",
    "forum/erasing_again.py": "what was erased and is here again, out of a backup",
    "federation/publish/erasing.py": "who else was given what is taken back",
    "forum/setup.py": "this server's own actor",
    "forum/threads.py": "a post that is there already",
    "server/cli/communities.py": "the owner an administrator names",
    "server/cli/session.py": "this server's own actor, for whom an operator acts",
    "server/worker.py": "which files some row speaks of, to remove the others",
    "server/two.py": "the member and the community of a trial on this machine",
    "forum/departures.py": "everything that somebody who left for good had said, voted and liked",
    "web/pages/moderation.py": "the person a moderator's form is about",
    "web/pages/posts.py": "the author of a post that was read",
}


def test_only_listed_files_read_without_a_viewer() -> None:
    callers = set()
    for floor in ("web", "federation", "forum", "server"):
        for path in (ROOT / floor).rglob("*.py"):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            names = {
                node.attr if isinstance(node, ast.Attribute) else node.id
                for node in ast.walk(tree)
                if isinstance(node, ast.Attribute | ast.Name)
            }
            if any(name.endswith("_unfiltered") for name in names):
                callers.add(path.relative_to(ROOT).as_posix())
    assert callers <= set(UNFILTERED), callers - set(UNFILTERED)


EXPLAINED = (
    "READ_PAGE_VERSION",
    "READ_THREAD",
    "READ",
    "LIST_THREADS",
    "LIST_HOME",
    "LIST_LATEST",
    "LIST_OUTBOX",
)
ARGUMENTS = {
    "READ_PAGE_VERSION": "2::bigint",
    "READ_THREAD": "1::bigint, null, 2::bigint, '{}', 50",
    "READ": "1::bigint, null, 2::bigint",
    "LIST_THREADS": "1::bigint, null, 2::bigint, '9999-01-01', 9, 50",
    "LIST_HOME": "1::bigint, '9999-01-01', 9, 50",
    "LIST_LATEST": "1::bigint, null, '9999-01-01', 9, 50",
    "LIST_OUTBOX": "1::bigint, null, 2::bigint, 9, 50",
}


@pytest.mark.parametrize("name", EXPLAINED)
@pytest.mark.parametrize("plans", ["force_custom_plan", "force_generic_plan"])
async def test_the_planner_sees_through_the_rule(name: str, plans: str, conn: Connection) -> None:
    await conn.execute(f"set local plan_cache_mode = {plans}")
    plan = await explain(conn, name)
    assert "Function Scan on public" not in plan, plan
    assert "visible_posts" not in plan, plan


@pytest.mark.parametrize("name", EXPLAINED)
async def test_each_main_read_finds_an_index_for_the_posts(name: str, conn: Connection) -> None:
    await conn.execute("set local enable_seqscan = off")
    await conn.execute("set local enable_sort = off")
    plan = await explain(conn, name)
    assert "Seq Scan on public.posts" not in plan, plan


async def explain(conn: Connection, name: str) -> str:
    await conn.execute(
        f"prepare explained as {getattr(home if name == 'LIST_HOME' else threads, name)}"
    )
    rows = await conn.fetch(f"explain (verbose) execute explained({ARGUMENTS[name]})")
    await conn.execute("deallocate explained")
    return "\n".join(row[0] for row in rows)
