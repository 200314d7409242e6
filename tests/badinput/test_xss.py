"""XSS: what people and other servers write can not run, load, hide or break anything.

What a browser makes of the same in a page is in test_xss_in_pages.py.
"""

from __future__ import annotations

import csv
import io
import json
import re

import pytest

from forum import exporting, mail
from forum.errors import Invalid
from forum.text import clean_parts, clean_remote, plain_text
from forum.text.clean import sanitise
from forum.text.markdown import to_html
from storage.belongings import OwnPerson
from storage.parts import Attachment, Parts, Tag, to_stored
from tests.badinput.hostile import LINKS, MARKUP, TEXTS
from tests.badinput.world import SITE
from tests.forum.text.test_clean import inspect
from web.mail_words import compose


@pytest.mark.parametrize("html", MARKUP.values(), ids=MARKUP)
def test_nothing_that_runs_or_loads_is_left_of_html_and_of_markdown(html: str) -> None:
    """XSS-01 to XSS-05: few elements, no attribute but a whole address; once is enough."""
    for cleaned in (clean_remote(html), sanitise(to_html(html)), sanitise(to_html(f"> {html}"))):
        inspect(cleaned)
        assert sanitise(cleaned) == cleaned


@pytest.mark.parametrize(("href", "text"), LINKS.values(), ids=LINKS)
def test_a_link_that_names_another_server_says_which_one_it_opens(href: str, text: str) -> None:
    """XSS-06: the server a browser really opens stands beside the words."""
    cleaned = clean_remote(f'<a href="{href}">{text}</a>')
    inspect(cleaned)
    assert "<a" not in cleaned or plain_text(cleaned).rstrip().endswith("evil.test]"), cleaned
    assert "<a" not in cleaned or 'rel="nofollow noopener noreferrer ugc"' in cleaned


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_xss_08_what_a_file_or_a_tag_is_called_is_text_in_its_row(text: str) -> None:
    hostile = Attachment("image", f"https://there.test/{text}", text, text, blurhash=text)
    tags = (Tag("emoji", text, text), Tag("hashtag", text, f"javascript:{text}"))
    parts = clean_parts(Parts((hostile, Attachment("link", "https://ok.test/", text, text)), tags))
    for one in parts.attachments:
        assert re.fullmatch(r"https?://[^\s<>\"\\]+", one.url)
        assert one.media_type == "" == one.blurhash
    assert all(tag.url in ("", text) and not tag.url.startswith("java") for tag in parts.tags)
    assert (
        json.loads(json.dumps(to_stored(parts)))["attachments"][-1]["alt"]
        == parts.attachments[-1].alt
    )


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_xss_08_a_list_to_take_along_holds_no_formula(text: str) -> None:
    written = exporting.blocked_csv([OwnPerson(text, "there.test", None)])
    ((cell,),) = csv.reader(io.StringIO(written, newline=""))
    assert cell.lstrip("'") == f"{text}@there.test".lstrip("'")
    assert cell[0] not in "=+-@\t\r"


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_xss_07_mail_holds_nothing_that_somebody_wrote(text: str) -> None:
    """A mail is a kind and a link; an address that could begin a line of its head is none."""
    with pytest.raises(Invalid):
        mail.check_address(f"{text}@mail.example")
    for ending in ("\r\nBcc: eve@evil.test", "\n", ",eve@evil.test", "\u2028x", "\x00"):
        with pytest.raises(Invalid):
            mail.check_address(f"a@mail.example{ending}x")
    for kind in mail.KINDS - {mail.TEST}:
        subject, words = compose(text, kind, f"{SITE.origin}/x")
        assert "\n" not in subject
        assert text not in subject + words
