"""Pictures of links, to be read by the camera of a phone."""

from __future__ import annotations

import segno
from markupsafe import Markup

QUIET = 4  # empty squares around it: readers need them


def picture(link: str) -> Markup:
    """The link as a square of black and white, in any colour scheme, without a script."""
    code = segno.make(link, micro=False, error="m")
    svg = code.svg_inline(scale=4, border=QUIET, dark="#000", light="#fff")
    return Markup(svg)  # noqa: S704 - made of squares, whatever the link says
