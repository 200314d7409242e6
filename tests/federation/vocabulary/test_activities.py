"""Edits, moves, deletions and what communities pass on."""

from __future__ import annotations

from typing import Any

import pytest

from federation.errors import Malformed, Unsupported
from federation.vocabulary.types import (
    ActorDocument,
    Announce,
    Create,
    Delete,
    Move,
    PollVote,
    Post,
    Undo,
    Update,
)
from tests.federation.vocabulary.samples import ACTOR, ADA, EVE, LIKE, NOTE, QUESTION, activity

ANYWHERE = "https://there.test/n/1"


@pytest.mark.parametrize(
    ("inner", "kind"),
    [
        (NOTE, Post),
        ([NOTE], Post),
        (QUESTION, Post),
        ({name: value for name, value in NOTE.items() if name != "attributedTo"}, Post),
        (ACTOR, ActorDocument),
        ({**ACTOR, "type": "Group"}, ActorDocument),
        (ANYWHERE, str),
    ],
)
def test_an_update_says_what_a_thing_is_now(inner: object, kind: type):
    found = activity("Update", inner)
    assert isinstance(found, Update)
    assert isinstance(found.object, kind)


def test_an_edit_says_when():
    found = activity("Update", {**NOTE, "updated": "2025-06-01T10:00:00Z"})
    assert isinstance(found, Update)
    assert isinstance(found.object, Post)
    assert found.object.updated is not None


def test_a_move_names_the_account_and_its_new_one():
    assert activity("Move", ADA, target={"id": EVE}) == Move(
        "https://there.test/a/1", ADA, ADA, EVE
    )
    for wrong in (None, "x", [ADA, EVE]):
        with pytest.raises(Malformed):
            activity("Move", ADA, target=wrong)
    with pytest.raises(Unsupported):
        activity("Move", None, target=EVE)


def test_gotosocial_deletes_without_an_id():
    found = activity("Delete", ANYWHERE, id=None, summary="Spam")
    assert found == Delete("", ADA, ANYWHERE, "Spam")


@pytest.mark.parametrize(
    ("inner", "kind"),
    [
        ({"id": ANYWHERE, "type": "Create", "actor": ADA, "object": NOTE}, Create),
        ({"id": ANYWHERE, "type": "Update", "actor": ADA, "object": NOTE}, Update),
        ({"id": ANYWHERE, "type": "Delete", "actor": ADA, "object": ANYWHERE}, Delete),
        ({"id": ANYWHERE, "type": "Undo", "actor": ADA, "object": LIKE}, Undo),
        ({**LIKE, "type": "PollVote", "choice_text": "Yes"}, PollVote),
        (NOTE, Post),
        (QUESTION, Post),
        ({**NOTE, "type": "Video"}, Post),
        (ANYWHERE, str),
        ({"id": ANYWHERE}, str),
    ],
)
def test_a_community_passes_on_activities_and_posts(inner: object, kind: type):
    found = activity("Announce", inner)
    assert isinstance(found, Announce)
    assert isinstance(found.object, kind)


@pytest.mark.parametrize("kind", ["Follow", "Flag", "Block", "Add", "Announce", "Person", "Accept"])
def test_other_things_are_not_passed_on(kind: str):
    with pytest.raises(Unsupported):
        activity("Announce", {**LIKE, "type": kind})


@pytest.mark.parametrize("kind", ["Create", "Update", "Announce", "Undo", "Like", "Delete", "Move"])
@pytest.mark.parametrize("inner", [None, 5, "x", [], [ANYWHERE, ANYWHERE], {"type": "Note"}, {}])
def test_an_object_that_is_not_exactly_one_is_refused(kind: str, inner: Any):
    with pytest.raises(Malformed):
        activity(kind, inner, target=EVE)
