"""What other servers and members write can not run, load, hide or break anything."""

from __future__ import annotations

import re
import time
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forum.text import clean_remote, plain_text
from forum.text.clean import ALLOWED_TAGS, paragraphs, sanitise
from forum.text.rewrite import LINK_REL

ALLOWED_ATTRIBUTES = {"a": {"href", "rel"}, "ol": {"start"}}
HREF = re.compile(r"(https?://|mailto:)", re.IGNORECASE)


class Inspector(HTMLParser):
    """Fails on any tag, attribute or link that no post may contain."""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in ALLOWED_TAGS, tag
        values = dict(attrs)
        assert set(values) <= ALLOWED_ATTRIBUTES.get(tag, set()), (tag, attrs)
        if tag == "a":
            assert values["rel"] == LINK_REL
            assert HREF.match(values["href"] or ""), values["href"]

    def handle_comment(self, data: str) -> None:
        raise AssertionError(data)

    def handle_decl(self, decl: str) -> None:
        raise AssertionError(decl)


def inspect(html: str) -> None:
    inspector = Inspector()
    inspector.feed(html)
    inspector.close()


FORBIDDEN = (
    "script iframe object embed base meta link form style template noscript applet frameset frame"
    " portal input button textarea select video audio source track canvas dialog"
)
XSS_01 = [
    f"<{tag} src=https://e.example/x href=https://e.example data=x action=x>alert(1)</{tag}>"
    for tag in FORBIDDEN.split()
]
XSS_02 = [
    "<p onclick=alert(1) onmouseover='alert(1)'>a</p>",
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "<button formaction=javascript:alert(1)>a</button>",
    "<p style='background:url(https://e.example/a)'>a</p>",
    "<p id=csrf name=csrf>a</p><a id=forms name=body href=https://a.example>b</a>",
    "<p ONCLICK=alert(1)//>a</p><p/onclick=alert(1)>b</p><p\x0conclick=alert(1)>c</p>",
]
XSS_03 = [
    "<svg onload=alert(1)><script>alert(1)</script></svg>",
    "<svg><a xlink:href='javascript:alert(1)'><text>x</text></a></svg>",
    "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)></style></mglyph></table>",
    "<math><mi><table><mglyph><style><!--</style><img title='--&gt;&lt;img onerror=alert(1)&gt;'>",
    "<svg></p><style><a id='</style><img src=1 onerror=alert(1)>'>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'></noscript>",
    "<form><math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>",
    "<svg><foreignObject><p><style><p title='</style><script>alert(1)</script>'></svg>",
    "<select><template><script>alert(1)</script></template></select>",
    "<p><table><a href=https://a.example><table><a href=https://b.example>x",
    "<xmp><p title='</xmp><img src=x onerror=alert(1)>'></xmp>",
    "<!--><img src=x onerror=alert(1)>--><![CDATA[<img src=x onerror=alert(1)>]]>",
]
XSS_04 = [
    f"<a href='{href}'>x</a>"
    for href in (
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        "&#106;avascript:alert(1)",
        "java\tscript:alert(1)",
        "java&#10;script:alert(1)",
        "\x01javascript:alert(1)",
        " javascript:alert(1)",
        "vbscript:msgbox(1)",
        "data:text/html,<script>alert(1)</script>",
        "blob:https://a.example/1",
        "file:///etc/passwd",
        "//e.example/x",
        "/logout",
        "javascript&colon;alert(1)",
    )
]
XSS_05 = [
    "<img src=https://e.example/pixel.png alt=zebra>",
    "<img srcset='https://e.example/a 2x'><picture><source srcset=https://e.example/a></picture>",
    "<video poster=https://e.example/a></video><audio src=https://e.example/a></audio>",
    "<div style='background-image:url(https://e.example/a)'>a</div>",
    "<link rel=stylesheet href=https://e.example/a><style>@import 'https://e.example/a'</style>",
    "<body background=https://e.example/a><table background=https://e.example/a><tr><td>x",
]


@pytest.mark.parametrize("html", [*XSS_01, *XSS_02, *XSS_03, *XSS_04, *XSS_05])
def test_nothing_that_runs_or_loads_comes_through(html: str) -> None:
    cleaned = clean_remote(html)
    inspect(cleaned)
    assert sanitise(cleaned) == cleaned


@pytest.mark.parametrize("html", XSS_04)
def test_a_link_with_a_dangerous_address_keeps_only_its_words(html: str) -> None:
    assert clean_remote(html) == "x"


def test_a_remote_image_leaves_its_description() -> None:
    html = '<p>Us: <img src="https://e.example/a.png" alt="two <b>zebras</b>"></p>'
    assert clean_remote(html) == "<p>Us: two &lt;b&gt;zebras&lt;/b&gt;</p>"


@pytest.mark.parametrize(
    ("href", "text", "shown"),
    [
        (
            "https://evil.example/x",
            "https://good.example/x",
            "https://good.example/x [evil.example]",
        ),
        ("https://evil.example/", "good.example", "good.example [evil.example]"),
        ("https://evil.example/", "see www.good.example!", "see www.good.example! [evil.example]"),
        (
            "https://good.example@evil.example/",
            "https://good.example@evil.example/",
            "https://good.example@evil.example/ [evil.example]",
        ),
        ("https://evil.example/", "@anna@good.example", "@anna@good.example [evil.example]"),
        (
            "https://xn--pypal-4ve.example/",
            "paypal.example",
            "paypal.example [xn--pypal-4ve.example]",
        ),
        ("https://evil.example/", "", "[evil.example]"),
        ("https://www.good.example/a", "good.example/a", "good.example/a"),
        ("https://good.example/a", "a paper", "a paper"),
        ("https://bücher.example/", "bücher.example", "bücher.example"),
    ],
)
def test_a_link_shows_the_server_that_it_opens(href: str, text: str, shown: str) -> None:
    link = f'<a href="{href}" rel="{LINK_REL}">'
    assert clean_remote(f'<a href="{href}">{text}</a>') == f"{link}{shown}</a>"


def test_the_hidden_middle_of_an_address_is_shown() -> None:
    html = (
        '<a href="https://evil.example/good"><span class="invisible">https://evil.</span>'
        '<span class="ellipsis">example</span><span style="display:none">/go</span>od</a>'
    )
    assert plain_text(clean_remote(html)) == "https://evil.example/good"


def test_a_very_long_address_is_cut_and_says_its_server() -> None:
    href = "https://evil.example/" + "a" * 1000
    cleaned = clean_remote(f'<a href="{href}">{href}</a>')
    assert len(plain_text(cleaned)) < 200
    assert plain_text(cleaned).endswith("[evil.example]")


def test_what_a_mastodon_post_needs_is_kept() -> None:
    html = (
        '<p><span class="h-card"><a href="https://m.example/@bo" class="u-url mention">@<span>bo'
        "</span></a></span> so <strong>true</strong><br />yes</p><ul><li>one</li></ul>"
    )
    assert clean_remote(html) == (
        f'<p><a href="https://m.example/@bo" rel="{LINK_REL}">@bo</a> so <strong>true</strong>'
        "<br>yes</p><ul><li>one</li></ul>"
    )


def test_a_page_keeps_its_first_two_levels_of_headings() -> None:
    assert clean_remote("<h1>a</h1><h2>b</h2><h4>c</h4>") == "<h3>a</h3><h3>b</h3><h4>c</h4>"


def test_loose_blocks_become_lines() -> None:
    assert clean_remote("<div>a</div><div>b</div>c") == "a<br>b<br>c"


def test_controls_and_lone_surrogates_are_dropped() -> None:
    assert clean_remote("<p>a\x00b\x1b[1m\ud800c\u202ed</p>") == "<p>ab[1mcd</p>"


def test_plain_text_keeps_words_apart() -> None:
    assert plain_text("<p>One &amp; two</p><ul><li>a</li><li>b</li></ul>") == "One & two\na\nb"


HOSTILE = [
    unit * (1_000_000 // len(unit))
    for unit in ("<a<a<a", "[[[[", "![", "<div>", "<blockquote>", "<b></p>", "<a><p>", "<table>")
] + [
    "".join(f"<b x={i}>" for i in range(2000)) + "<p>x" * 2000,
    "<p>" + "".join(f"<b x='{i}'>" for i in range(70)) + "<div>x</div>" * 70,
    "<p>" + "".join(f"<b x='{i}'>" for i in range(19)) + "<i>x</i>" * 2000 + "</b>" * 19 + "</p>",
    "<" + "a " * 400_000,
    "<p " + "x=" * 400_000,
    "&" * 500_000,
]


@pytest.mark.parametrize("html", HOSTILE, ids=lambda html: html[:12])
def test_hostile_markup_costs_little(html: str) -> None:
    started = time.process_time()
    cleaned = clean_remote(html)
    assert time.process_time() - started < 0.4  # four times the goal: this machine may be shared
    inspect(cleaned)


@pytest.mark.parametrize("unit", ["a.", "1.", "a-", "-", "a.b ", "@a.", "\u00a0"])
def test_a_link_of_a_very_long_text_costs_little(unit: str) -> None:
    words = unit * (50_000 // len(unit))
    started = time.process_time()
    cleaned = clean_remote(f'<p><a href="https://here.test/">x {words}1</a></p>')
    assert time.process_time() - started < 0.8
    inspect(cleaned)


@pytest.mark.parametrize("unit", [" ", "\n", " \n", "\t", "\u00a0", "&#32;"])
def test_plain_text_of_nothing_but_space_costs_little(unit: str) -> None:
    started = time.process_time()
    assert plain_text(f"a{unit * 100_000}b<br>c").endswith("b\nc")
    assert time.process_time() - started < 0.8


def test_long_honest_markup_keeps_its_form() -> None:
    html = "<p>a <em>b</em></p>" * 1000
    assert clean_remote(html) == html


def test_long_unbalanced_markup_keeps_its_words() -> None:
    cleaned = clean_remote("<div><b>word</p>" * 1000)
    assert cleaned.startswith("<p>word")
    assert "<b>" not in cleaned


TAGS = sorted(
    ALLOWED_TAGS | {"script", "style", "svg", "math", "img", "div", "h1", "title", "form"}
)
FRAGMENTS = st.one_of(
    st.sampled_from([f"<{tag}>" for tag in TAGS] + [f"</{tag}>" for tag in TAGS]),
    st.sampled_from(
        [
            "<a href='https://a.example/'>",
            '<a href="javascript:x">',
            "<img alt='b.example' src=x>",
            "<p id=x class=y style=z onclick=q>",
            "<!--",
            "-->",
            "<![CDATA[",
            "\n",
            "\n\n",
            "\xa0",
            "&lt;script&gt;",
            "c.example",
            "https://d.example/",
            "<ol start=7>",
            "<ol start='<'>",
        ]
    ),
    st.text(max_size=8),
)
HTML = st.lists(FRAGMENTS, max_size=25).map("".join)


@settings(max_examples=600, deadline=None)
@given(HTML)
def test_cleaning_again_changes_nothing_and_nothing_unlisted_remains(html: str) -> None:
    cleaned = clean_remote(html)
    inspect(cleaned)
    assert clean_remote(cleaned) == cleaned


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=300))
def test_plain_paragraphs_are_a_fixed_point(text: str) -> None:
    once = sanitise(paragraphs(plain_text(text)))
    assert sanitise(once) == once
    inspect(once)
