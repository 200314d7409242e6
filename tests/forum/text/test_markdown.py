"""What members write becomes what they meant."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forum.text.clean import sanitise
from forum.text.markdown import to_html
from forum.text.rewrite import LINK_REL
from tests.forum.text.test_clean import inspect


def render(source: str) -> str:
    return sanitise(to_html(source))


def test_the_usual_marks_work() -> None:
    html = render("**a** _b_ ~~c~~\nd\n\n- e\n- f\n\n> g\n\n|h|i|\n|-|-|\n|j|k|")
    for part in ("<strong>a</strong>", "<em>b</em>", "<s>c</s><br>", "<li>e</li>", "<td>j</td>"):
        assert part in html
    assert "<blockquote>" in html


def test_headings_leave_the_first_two_levels_to_the_page() -> None:
    assert render("# a\n\n## b\n\n###### c") == "<h3>a</h3>\n<h4>b</h4>\n<h6>c</h6>\n"


def test_html_is_shown_and_not_obeyed() -> None:
    assert render("<b>x</b><script>y</script>") == (
        "<p>&lt;b&gt;x&lt;/b&gt;&lt;script&gt;y&lt;/script&gt;</p>\n"
    )


def test_an_image_becomes_a_link_with_its_description() -> None:
    link = f'<a href="https://a.example/b.png" rel="{LINK_REL}">'
    assert render("![Our stand](https://a.example/b.png)") == f"<p>{link}Our stand</a></p>\n"
    assert render("![](https://a.example/b.png)") == f"<p>{link}a.example</a></p>\n"


def test_an_image_inside_a_link_leaves_its_description() -> None:
    html = render("[![Our stand](https://a.example/b.png)](https://c.example/)")
    assert html == f'<p><a href="https://c.example/" rel="{LINK_REL}">Our stand</a></p>\n'


@pytest.mark.parametrize(
    ("source", "href", "rest"),
    [
        ("https://a.example/b.", "https://a.example/b", "."),
        ("(https://a.example/b)", "https://a.example/b", ")"),
        ("https://a.example/b_(c)", "https://a.example/b_(c)", ""),
        ("https://a.example/?b=1&amp;c", "https://a.example/?b=1&amp;c", ""),
    ],
)
def test_a_bare_address_becomes_a_link(source: str, href: str, rest: str) -> None:
    assert f'<a href="{href}" rel="{LINK_REL}">{href}</a>{rest}' in render(source)


def test_an_address_in_code_stays_code() -> None:
    assert "<a" not in render("`https://a.example/`")


def test_the_server_of_a_disguised_link_is_shown() -> None:
    assert "good.example [evil.example]</a>" in render("[good.example](https://evil.example/)")


@pytest.mark.parametrize("href", ["javascript:alert(1)", "data:text/html,x", "//e.example", "/x"])
def test_only_web_and_mail_addresses_become_links(href: str) -> None:
    assert "<a" not in render(f"[x]({href}) ![y]({href})")


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="ab*_`[]()!<>#-|~\\\n :/.&1", max_size=120))
def test_any_markdown_is_safe_and_settled(source: str) -> None:
    html = render(source)
    inspect(html)
    assert sanitise(html) == html
