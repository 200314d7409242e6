"""`python -m tests.conformance` writes docs/conformance.md."""

from tests.conformance.document import DOCUMENT, render

DOCUMENT.write_text(render(), encoding="utf-8")
