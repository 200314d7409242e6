"""Forms: what a browser or a script sends becomes text that can be stored."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forum.errors import Conflict, Invalid, NotAllowed
from web.forms import MAX_FIELDS, Form, decode


def test_line_ends_nul_and_broken_bytes_are_made_harmless() -> None:
    form = decode(b"text=a%00b%0D%0Ac%0Dd%ED%A0%80%FF&name=%20x%09y%20")
    text = form.text("text", most=100)
    assert "\x00" not in text
    assert "\r" not in text
    assert text.startswith("ab\nc\nd")
    assert form.line("name", most=10) == "x y"
    text.encode()


@given(st.binary(max_size=300))
def test_any_bytes_become_text_that_can_be_stored(body: bytes) -> None:
    for name, value in decode(body).values.items():
        assert "\x00" not in name + value
        (name + value).encode()


@given(st.text(max_size=200))
def test_plain_words_stay_as_they_are(word: str) -> None:
    plain = "".join(character for character in word if character.isalnum() and character < "\u0300")
    assert decode(urlencode({"a": plain}).encode()).values["a"] == plain


def test_too_many_fields_are_no_form() -> None:
    assert decode(b"&".join(b"a=1" for _ in range(MAX_FIELDS + 1))).values == {}


@pytest.mark.parametrize("value", ["", "-1", "0", "11", "1e1", "٣", "9" * 50, "1.5", " "])
def test_a_number_outside_its_range_is_an_error(value: str) -> None:
    form = Form({"n": value})
    form.whole("n", least=1, most=10)
    assert form.errors == {"n": "number_range"}


def test_a_choice_that_was_not_offered_is_an_error() -> None:
    form = Form({"a": "evil", "b": ""})
    assert (form.choice("a", ("x", "y")), form.choice("b", ("", "x"))) == ("", "")
    assert form.errors == {"a": "choose_one", "b": "choose_one"}


def test_refusals_of_the_rules_stand_beside_their_field() -> None:
    form = Form()
    with form.checked():
        raise Invalid("bad_title", field="title")
    with form.checked():
        raise Conflict("name_taken")
    with form.checked():
        raise Conflict("conflict")
    assert form.errors == {"title": "bad_title", "name": "name_taken", "": "conflict"}
    with pytest.raises(NotAllowed), form.checked():
        raise NotAllowed


def test_the_first_complaint_about_a_field_stays() -> None:
    form = Form()
    form.line("title", most=10, least=1)
    form.fail("title", "other")
    assert form.errors == {"title": "missing"}
