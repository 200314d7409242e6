"""The page about conformance is true, and no rule that is due is without a test."""

from __future__ import annotations

import pytest

from tests.conformance.document import DOCUMENT, render, shown_by_rule, state_of
from tests.conformance.rules import DECIDED_AGAINST, IN_PART, NOW, RULES


def test_the_page_is_what_the_tests_show():
    assert DOCUMENT.read_text(encoding="utf-8") == render(), "run `make conformance`"


def test_there_are_sixty_five_rules():
    assert list(RULES) == list(range(1, 66))


@pytest.mark.parametrize("rule", sorted(NOW))
def test_a_rule_that_is_due_has_a_test_or_a_reason(rule: int):
    assert state_of(rule, shown_by_rule()) in ("holds", "decided against")


def test_no_test_shows_a_rule_that_is_not_there():
    assert shown_by_rule().keys() <= RULES.keys()


def test_a_remark_is_about_a_rule_that_is_shown_and_a_reason_about_one_that_is_not():
    shown = shown_by_rule().keys()
    assert IN_PART.keys() <= shown
    assert not DECIDED_AGAINST.keys() & IN_PART.keys()
