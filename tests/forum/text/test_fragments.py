from __future__ import annotations

import pytest

from forum.text.fragments import MOST, Fragment, find_fragments, mark_of

TELLING = {
    "write to ada.l+x@mail.example.org please": ("mail", "ada.l+x@mail.example.org"),
    "she was born on 12.03.2014 here": ("birth", "born on 12.03.2014"),
    "geboren am 3. März 2014": ("birth", "geboren am 3. März 2014"),
    "my NHS number: 943 476 5919 is": ("hospital", "NHS number: 943 476 5919"),
    "Patienten-Nr. 4711-0815": ("hospital", "Patienten-Nr. 4711-0815"),
    "we live at 12 Long Acre Road now": ("street", "12 Long Acre Road"),
    "in der Goethestraße 7": ("street", "Goethestraße 7"),
    "call +44 20 7946 0958": ("phone", "+44 20 7946 0958"),
    "unter 030 1234567": ("phone", "030 1234567"),
    "my daughter Anna is ill": ("child", "my daughter Anna"),
    "meine Tochter Lena": ("child", "meine Tochter Lena"),
}


@pytest.mark.parametrize("text", TELLING)
def test_pat18_what_tells_who_somebody_is_is_found(text: str) -> None:
    assert find_fragments(text) == [Fragment(*TELLING[text])]


@pytest.mark.parametrize(
    "text",
    [
        "I take 2.5 mg at 8:30 and 10 mg at night, since 2019.",
        "My daughter is 7, and my son I love.",
        "ORPHA:558, FBN1 c.4082G>A, 120/80, aorta 38-41 mm in 2021-05-03",
        "See https://example.org/a/0301234567 for more.",
    ],
)
def test_pat18_figures_of_an_illness_are_nothing_to_ask_about(text: str) -> None:
    assert find_fragments(text) == []


def test_the_mark_stands_for_exactly_these_finds() -> None:
    one, two = find_fragments("a@b.example"), find_fragments("a@b.example c@d.example")
    assert mark_of([]) == ""
    assert mark_of(one) == mark_of(find_fragments("", "again a@b.example a@b.example"))
    assert mark_of(one) != mark_of(two)
    assert len(find_fragments(" ".join(f"p{n}@b.example" for n in range(99)))) == MOST
