from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forum import access
from forum.errors import NotAllowed
from storage.accounts import Account
from storage.actors import Actor
from storage.communities import Community
from storage.memberships import Membership
from storage.polls import Poll
from storage.sessions import Member
from storage.threads import Post

NOW = datetime(2026, 3, 1, tzinfo=UTC)
HERE, THERE = 1, 2

states = st.sampled_from(["asked", "accepted", "refused", "left"])
roles = st.sampled_from(["member", "moderator", "owner"])
site_roles = st.sampled_from(["member", "moderator", "admin"])
account_states = st.sampled_from(["waiting", "open", "suspended"])
moments = st.none() | st.integers(-1000, 1000).map(lambda hours: NOW + timedelta(hours=hours))


def actor(
    *,
    is_local: bool = True,
    state: str = "live",
    actor_id: int = 7,
    moved_to: int | None = None,
) -> Actor:
    return Actor(
        id=actor_id,
        uri="https://here.test/ap/actors/7",
        kind="person",
        type="Person",
        host="here.test",
        is_local=is_local,
        name="zebra",
        display_name="Zebra",
        summary_html="",
        url=None,
        inbox="https://here.test/inbox",
        shared_inbox=None,
        followers=None,
        state=state,
        moved_to=moved_to,
    )


def community(
    *, readers: str = "anyone", travels: str = "anywhere", is_local: bool = True
) -> Community:
    return Community(
        id=HERE,
        uri="https://here.test/ap/actors/1",
        host="here.test",
        is_local=is_local,
        name="marfan",
        title="Marfan together",
        url=None,
        readers=readers,
        travels=travels,
        listed=True,
        indexed=False,
        joining="open",
        description_source="",
        description_html="",
        questions=[],
        rules_version=0,
        condition=None,
        inbox="https://here.test/inbox",
        shared_inbox=None,
        followers=None,
    )


def post(*, state: str = "live", kind: str = "thread", where: int | None = HERE) -> Post:
    return Post(
        id=9,
        uri="https://here.test/ap/posts/9",
        url=None,
        kind=kind,
        author_id=7,
        community_id=where,
        thread_id=9,
        parent_id=None,
        path=[9],
        audience="public",
        state=state,
        title="Hello",
        source="",
        html="",
        content_note="",
        sensitive=False,
        language="",
        is_local=True,
        published_at=NOW,
        edited_at=None,
        version=1,
        type="Note",
        parts=None,
    )


def account(role: str = "member", state: str = "open") -> Account:
    return Account(7, "zebra", "", role, state)


@st.composite
def memberships(draw: st.DrawFn) -> Membership:
    return Membership(
        community_id=draw(st.sampled_from([HERE, THERE])),
        actor_id=7,
        state=draw(states),
        role=draw(roles),
        answers=[],
        follow_uri=None,
        follow_body=None,
        stopped_until=draw(moments),
        stopped_reason="",
    )


@given(st.none() | memberships())
def test_only_an_accepted_member_who_is_not_stopped_may_post(membership) -> None:
    may = access.may_post(community(), membership, NOW)
    assert may == (
        membership is not None
        and membership.community_id == HERE
        and membership.state == "accepted"
        and not (membership.stopped_until is not None and membership.stopped_until > NOW)
    )


@given(st.none() | memberships())
def test_to_require_is_to_raise_exactly_when_one_may_not(membership) -> None:
    if access.may_post(community(), membership, NOW):
        access.require_may_post(community(), membership, NOW)
    else:
        with pytest.raises(NotAllowed):
            access.require_may_post(community(), membership, NOW)


def test_a_stop_ends_at_its_date() -> None:
    stopped = Membership(HERE, 7, "accepted", "member", [], None, None, NOW, "")
    assert access.may_post(community(), stopped, NOW)
    assert not access.may_post(community(), stopped, NOW - timedelta(seconds=1))


@given(
    st.sampled_from(["live", "suspended", "gone"]),
    st.booleans(),
    st.none() | account_states.map(lambda state: account(state=state)),
    st.none() | st.just(9),
)
def test_nobody_acts_without_a_live_actor_and_an_open_account(
    state, is_local, login, moved_to
) -> None:
    may = access.may_act(actor(is_local=is_local, state=state, moved_to=moved_to), login)
    has_account = login is not None and login.state == "open"
    assert may == (state == "live" and moved_to is None and (not is_local or has_account))


@given(
    st.sampled_from(["live", "held", "removed", "erased"]),
    st.sampled_from(["thread", "reply", "boost"]),
    st.sampled_from([HERE, THERE, None]),
    st.booleans(),
)
def test_only_a_live_post_of_the_community_is_answered(state, kind, where, blocked) -> None:
    parent = post(state=state, kind=kind, where=where)
    may = access.may_answer(community(), parent, blocked=blocked)
    assert may == (state == "live" and kind != "boost" and where == HERE and not blocked)


@given(
    st.sampled_from(["live", "held", "removed", "erased"]),
    st.sampled_from(["thread", "reply", "boost"]),
    st.sampled_from([HERE, THERE, None]),
    st.booleans(),
)
def test_whoever_may_answer_may_react(state, kind, where, blocked) -> None:
    liked = post(state=state, kind=kind, where=where)
    may = access.may_react(community(), liked, blocked=blocked)
    assert may == access.may_answer(community(), liked, blocked=blocked)


@given(
    st.sampled_from(["live", "held", "removed", "erased"]),
    st.sampled_from(["thread", "reply", "boost"]),
    st.booleans(),
    st.sampled_from([7, 8]),
)
def test_only_the_author_edits_and_only_what_is_there(state, kind, blocked, editor) -> None:
    edited = post(state=state, kind=kind)
    may = access.may_edit(actor(actor_id=editor), edited, blocked=blocked)
    assert may == (editor == 7 and state == "live" and kind != "boost" and not blocked)


@given(
    st.sampled_from([7, 8]),
    st.booleans(),
    st.booleans(),
    moments,
    moments,
    st.lists(st.integers(0, 3), min_size=1, max_size=3),
)
def test_one_votes_once_in_time_and_not_in_ones_own_poll(
    voter, has_voted, is_many, ends_at, closed_at, choices
) -> None:
    poll = Poll(9, is_many, ends_at, closed_at, 0, [])
    may = access.may_vote(
        actor(actor_id=voter), post(), poll, has_voted=has_voted, choices=choices, now=NOW
    )
    is_open = closed_at is None and (ends_at is None or ends_at > NOW)
    assert may == (voter != 7 and is_open and not has_voted and (is_many or len(choices) == 1))


@given(
    st.none() | memberships(),
    st.none() | st.builds(account, site_roles, account_states),
    st.sampled_from(["anyone", "members"]),
    st.booleans(),
)
def test_the_servers_moderators_have_no_say_in_closed_communities(
    membership, login, readers, is_local
) -> None:
    may = access.may_moderate(community(readers=readers, is_local=is_local), membership, login)
    of_community = (
        membership is not None
        and membership.community_id == HERE
        and membership.state == "accepted"
        and membership.role != "member"
    )
    of_server = login is not None and login.state == "open" and login.role != "member"
    assert may == (of_community or (of_server and is_local and readers == "anyone"))


@given(
    st.none() | memberships(),
    st.none() | st.builds(account, site_roles, account_states),
    memberships(),
)
def test_nobody_acts_against_an_owner(moderator, login, target) -> None:
    if target.state == "accepted" and target.role == "owner":
        assert not access.may_stop(moderator, login, target)


def test_a_moderator_is_stopped_by_owners_and_the_servers_moderators_only() -> None:
    def standing(role: str) -> Membership:
        return Membership(HERE, 7, "accepted", role, [], None, None, None, "")

    target = standing("moderator")
    assert not access.may_stop(standing("moderator"), account(), target)
    assert access.may_stop(standing("owner"), account(), target)
    assert access.may_stop(None, account("admin"), target)
    assert access.may_stop(standing("moderator"), account(), standing("member"))


@given(
    st.sampled_from(["anyone", "members"]),
    st.sampled_from(["nowhere", "named", "anywhere"]),
    st.booleans(),
    st.booleans(),
)
def test_closed_communities_let_in_only_named_servers_that_run_dazzle(
    readers, travels, is_named, runs_dazzle
) -> None:
    hosts = ["there.test"] if is_named else ["other.test"]
    may = access.may_join_from(
        community(readers=readers, travels=travels), hosts, "there.test", runs_dazzle=runs_dazzle
    )
    if travels == "nowhere":
        assert not may
    elif readers == "members":
        assert may == (is_named and runs_dazzle)
    else:
        assert may == (travels == "anywhere" or is_named)


def test_only_the_author_takes_a_post_back() -> None:
    access.require_may_erase(actor(), post())
    with pytest.raises(NotAllowed, match="not_yours"):
        access.require_may_erase(actor(actor_id=8), post())


@given(site_roles, account_states)
def test_only_an_administrator_administers(role, state) -> None:
    member = Member(7, "zebra", "Zebra", role, "en", state)
    assert access.may_administer(member) == (role == "admin" and state == "open")
