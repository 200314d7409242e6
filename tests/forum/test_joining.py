"""Asking, being told why, rules, labels, roles for a time, and whom a post is about."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from forum import invitations, labels, membership, roles, rules, threads
from forum.errors import Invalid, NotAllowed, NotFound, TooMany
from forum.text import Rendered
from storage import labels as stored_labels
from storage import memberships
from storage import threads as stored_threads
from storage.actors import Actor
from storage.audience import NOBODY, Viewer
from storage.communities import Community, read_rules
from storage.db import Connection
from tests.factories import (
    SITE,
    join,
    make_community,
    make_draft,
    make_moderator,
    make_person,
    make_site,
    make_thread,
    reread,
    tick,
)

RULES = Rendered("Be kind.", "<p>Be kind.</p>")


async def ask(conn: Connection, community: Community, actor: Actor, *answers: str, agreed: int = 0):
    return await membership.ask_to_join(
        conn, SITE, community, actor, answers=answers, rules=agreed, now=tick()
    )


async def standing(conn: Connection, community: Community, actor: Actor):
    found = await memberships.read_membership(conn, community.id, actor.id)
    assert found is not None
    return found


async def test_pat14_up_to_five_answers_reach_the_moderators_alone(conn: Connection) -> None:
    owner, person = await make_person(conn), await make_person(conn)
    community = await make_community(conn, owner, joining="apply")
    asked = ["One?", "Two?", "Three?", "Four?", "Five?"]
    await membership.change_questions(conn, community, owner, asked)
    assert (await reread(conn, community)).questions == asked
    await ask(conn, community, person, "a", "b", "c", "d", "e")
    seen = await memberships.list_asked(conn, Viewer(owner.id), community.id)
    assert [line.answers for line in seen] == [["a", "b", "c", "d", "e"]]
    for viewer in (Viewer(person.id), NOBODY):
        assert await memberships.list_asked(conn, viewer, community.id) == []
    with pytest.raises(Invalid, match="too_many_questions"):
        await ask(conn, community, await make_person(conn), *"abcdef")
    with pytest.raises(Invalid, match="too_many_questions"):
        await membership.change_questions(conn, community, owner, [*asked, "Six?"])
    with pytest.raises(NotAllowed, match="not_a_moderator"):
        await membership.change_questions(conn, community, person, ["Mine?"])


async def test_pat14_who_is_not_accepted_reads_why_and_asks_again(conn: Connection) -> None:
    owner, person = await make_person(conn), await make_person(conn)
    community = await make_community(conn, owner, joining="apply")
    await ask(conn, community, person, "Hello.")
    await membership.refuse_member(conn, community, owner, person, "Tell us more.", tick())
    refused = await standing(conn, community, person)
    assert (refused.state, refused.reason) == ("refused", "Tell us more.")
    await ask(conn, community, person, "My sister has it.")
    again = (await memberships.list_asked(conn, Viewer(owner.id), community.id))[0]
    assert (again.answers, again.reason) == (["My sister has it."], "Tell us more.")
    await membership.accept_member(conn, community, owner, person, tick())
    accepted = await standing(conn, community, person)
    assert (accepted.state, accepted.reason) == ("accepted", "")


async def test_pat14_answers_are_erased_thirty_days_after_the_decision(conn: Connection) -> None:
    owner = await make_person(conn)
    community = await make_community(conn, owner, joining="apply")
    people = {}
    for name in ("accepted", "refused", "asked"):
        people[name] = await make_person(conn)
        await ask(conn, community, people[name], "Something about me.")
    now = tick()
    await membership.accept_member(conn, community, owner, people["accepted"], now)
    await membership.refuse_member(conn, community, owner, people["refused"], "", now)
    assert await memberships.drop_answers(conn, now, 100) == 0
    assert await memberships.drop_answers(conn, now + timedelta(seconds=1), 100) == 2
    kept = {name: (await standing(conn, community, one)).answers for name, one in people.items()}
    assert kept == {"accepted": [], "refused": [], "asked": ["Something about me."]}


async def test_pat14_taking_a_request_back_erases_the_answers(conn: Connection) -> None:
    person = await make_person(conn)
    community = await make_community(conn, await make_person(conn), joining="apply")
    await ask(conn, community, person, "Something about me.")
    await membership.leave(conn, SITE, community, person, tick())
    assert (await standing(conn, community, person)).answers == []


async def test_pat14_rules_are_agreed_to_when_joining_and_again_when_they_change(
    conn: Connection,
) -> None:
    owner, person = await make_person(conn), await make_person(conn)
    community = await make_community(conn, owner)
    assert await rules.change(conn, community, owner, RULES, tick()) == 1
    community = await reread(conn, community)
    with pytest.raises(Invalid, match="accept_rules"):
        await ask(conn, community, person)
    await ask(conn, community, person, agreed=1)
    await make_thread(conn, person, community)
    assert await rules.change(conn, community, owner, RULES, tick()) == 1
    await rules.change(conn, community, owner, Rendered("Be kinder.", "<p>Be kinder.</p>"), tick())
    community = await reread(conn, community)
    with pytest.raises(Invalid, match="accept_rules"):
        await make_thread(conn, person, community)
    with pytest.raises(Invalid, match="accept_rules"):
        await rules.accept(conn, community, person, 1)
    await rules.accept(conn, community, person, 2)
    await make_thread(conn, person, community)
    await make_thread(conn, owner, community)
    found = await read_rules(conn, Viewer(person.id), community.id)
    assert found is not None
    assert (found.source, found.version) == ("Be kinder.", 2)


async def test_rules_of_a_hidden_community_are_shown_to_nobody_else(conn: Connection) -> None:
    owner = await make_person(conn)
    community = await make_community(conn, owner, readers="members", joining="invite")
    await rules.change(conn, community, owner, RULES, tick())
    assert await read_rules(conn, NOBODY, community.id) is None
    assert await read_rules(conn, Viewer((await make_person(conn)).id), community.id) is None
    with pytest.raises(NotAllowed, match="not_a_moderator"):
        await rules.change(conn, community, await make_person(conn), RULES, tick())


async def test_pat21_a_label_stands_where_the_person_wants_it_and_nowhere_else(
    conn: Connection,
) -> None:
    owner, person = await make_person(conn), await make_person(conn)
    here, other = await make_community(conn, owner), await make_community(conn, owner)
    for community in (here, other):
        await join(conn, community, person)
    post, elsewhere = (
        await make_thread(conn, person, here),
        await make_thread(conn, person, other),
    )

    async def shown(thread) -> tuple[str | None, int]:
        rows = await stored_threads.read_thread(conn, Viewer(owner.id), thread.id, limit=5)
        return rows[0].label, rows[0].version

    await labels.choose(conn, here, person, "cares_for", is_shown=False)
    before = await shown(post)
    assert before[0] is None
    await labels.choose(conn, here, person, "cares_for", is_shown=True)
    after = await shown(post)
    assert after[0] == "cares_for"
    assert after[1] > before[1]  # so that no kept page goes on showing what was there before
    assert (await shown(elsewhere))[0] is None
    await membership.leave(conn, SITE, here, person, tick())
    assert (await shown(post))[0] is None
    assert (await standing(conn, here, person)).label is None
    with pytest.raises(Invalid, match="choose_one"):
        await labels.choose(conn, other, person, "patient", is_shown=True)


async def test_a_label_in_a_closed_community_is_read_by_its_members_alone(conn: Connection) -> None:
    owner, person = await make_person(conn), await make_person(conn)
    community = await make_community(conn, owner, readers="members", listed=True)
    await join(conn, community, person)
    await labels.choose(conn, community, person, "lives_with", is_shown=True)
    found = await stored_labels.read_badge(conn, Viewer(owner.id), community.id, person.id)
    assert found is not None
    assert found.label == "lives_with"
    for viewer in (NOBODY, Viewer((await make_person(conn)).id)):
        assert await stored_labels.read_badge(conn, viewer, community.id, person.id) is None


async def test_pat21_whom_a_post_is_about_is_kept_and_goes_with_the_post(conn: Connection) -> None:
    owner = await make_person(conn)
    community = await make_community(conn, owner)
    draft = replace(make_draft("A day"), about="child")
    post = await threads.start_thread(conn, SITE, owner, community, draft, now=tick())
    assert post.about == "child"
    rows = await stored_threads.read_thread(conn, NOBODY, post.id, limit=1)
    assert rows[0].about == "child"
    await threads.erase_post(conn, owner, post, now=tick())
    assert await conn.fetchval("select about from posts where id = $1", post.id) == ""
    with pytest.raises(Invalid, match="choose_one"):
        await threads.start_thread(
            conn, SITE, owner, community, replace(draft, about="anybody"), now=tick()
        )


async def test_a_professional_is_one_until_a_date_and_then_a_member(conn: Connection) -> None:
    owner, nurse = await make_person(conn), await make_person(conn)
    community = await make_community(conn, owner)
    await join(conn, community, nurse)
    post, until = await make_thread(conn, nurse, community), tick() + timedelta(days=30)
    await roles.change(conn, community, owner, nurse.id, "professional", until, tick())
    row = (await stored_threads.read_thread(conn, NOBODY, post.id, limit=1))[0]
    assert row.professional_until == until
    assert await roles.end_due(conn, now=until - timedelta(seconds=1), limit=10) == 0
    assert await roles.end_due(conn, now=until, limit=10) == 1
    ended = await standing(conn, community, nurse)
    assert (ended.role, ended.role_until) == ("member", None)
    after = (await stored_threads.read_thread(conn, NOBODY, post.id, limit=1))[0]
    assert after.professional_until is None
    assert after.version > row.version


async def test_nobody_gives_themselves_a_role(conn: Connection) -> None:
    owner, member = await make_person(conn), await make_person(conn)
    community = await make_community(conn, owner, readers="members", listed=True)
    await join(conn, community, member)
    moderator = await make_moderator(conn, community)
    later = tick() + timedelta(days=1)

    async def give(by: Actor, to: Actor, role: str, until=None) -> None:
        await roles.change(conn, community, by, to.id, role, until, tick())

    with pytest.raises(NotAllowed, match="not_a_moderator"):
        await give(member, member, "owner")
    for to, role in ((moderator, "owner"), (member, "moderator"), (owner, "member")):
        with pytest.raises(NotAllowed, match="target_moderates"):
            await give(moderator, to, role)
    with pytest.raises(NotAllowed, match="last_owner"):
        await give(owner, owner, "member")
    with pytest.raises(Invalid, match="bad_date"):
        await give(moderator, member, "professional")
    with pytest.raises(Invalid, match="at_most_a_year"):
        await give(moderator, member, "professional", later + timedelta(days=400))
    with pytest.raises(NotFound):
        await give(owner, await make_person(conn), "moderator")
    await give(moderator, member, "professional", later)
    await give(owner, moderator, "owner")
    await give(moderator, owner, "member")
    assert (await standing(conn, community, owner)).role == "member"


async def test_pat14_a_list_of_addresses_gets_mails_that_name_nothing(conn: Connection) -> None:
    await make_site(conn)
    owner = await make_person(conn)
    community = await make_community(
        conn, owner, name="harbour", title="Marfan", readers="members", joining="invite"
    )
    listed = "ada@mail.test, BEN@mail.test;\nada@mail.test"

    async def send(addresses: str) -> int:
        return await invitations.send(
            conn, SITE, Viewer(owner.id), community, addresses, days=7, locale="en", now=tick()
        )

    with pytest.raises(Invalid, match="no_mail"):
        await send(listed)
    await conn.execute("update smtp set tested_at = now()")
    assert await send(listed) == 2
    rows = await conn.fetch("select address, kind, data::text from mails order by address")
    assert {row["address"] for row in rows} == {"ada@mail.test", "BEN@mail.test"}
    links = [row["data"] for row in rows]
    assert len(set(links)) == 2
    assert all("/i/" in link and "arfan" not in link and "arbour" not in link for link in links)
    for wrong, code in (
        (" , ", "empty"),
        ("no address", "bad_address"),
        ("a@b.test " * 51, "many"),
    ):
        with pytest.raises(Invalid, match=code):
            await send(wrong)
    member = await make_person(conn)
    with pytest.raises(NotAllowed):
        await invitations.send(
            conn, SITE, Viewer(member.id), community, listed, days=7, locale="en", now=tick()
        )


async def test_pat14_nobody_is_flooded_with_invitations(conn: Connection) -> None:
    async def count(actor_id: int, addresses: str) -> None:
        await invitations.count_addresses(conn, b"secret", actor_id, addresses, tick())

    for _ in range(invitations.MAILS_PER_ADDRESS):
        await count(1, "ada@mail.test")
    with pytest.raises(TooMany):
        await count(1, "ADA@mail.test")
    await count(2, "ada@mail.test")
    many = [f"person{number}@mail.test" for number in range(invitations.ADDRESSES_PER_DAY)]
    for start in (0, 50, 100):
        await count(1, " ".join(many[start : start + 50]))
    with pytest.raises(TooMany):
        await count(1, " ".join(many[150:]))


async def test_all_links_end_at_once(conn: Connection) -> None:
    owner = await make_person(conn)
    community = await make_community(conn, owner, readers="members", joining="invite")
    made = await invitations.make_many(conn, Viewer(owner.id), community, 3, days=7, now=tick())
    assert len(set(made)) == 3
    await invitations.end_all(conn, owner, community)
    for token in made:
        with pytest.raises(NotAllowed, match="invitation_over"):
            await membership.ask_to_join(
                conn, SITE, community, await make_person(conn), invitation=token, now=tick()
            )
