"""The process that renders markdown: `python -m forum.text.child`, started by the renderer.

It holds no secret and no connection. The kernel kills it when one text costs more processor time
than the budget, and it ends by itself when the server's end of the pipe closes.
"""

from __future__ import annotations

import signal
import sys
from typing import BinaryIO

from forum.text.clean import sanitise
from forum.text.frames import LENGTH_BYTES, frame, length_of
from forum.text.markdown import to_html

CPU_BUDGET = 0.1  # seconds for one text; a long honest one takes a tenth of it


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which then closes us
    sanitise(to_html("A first text, *so that* [everything](https://dazzle.example) is loaded."))
    serve(sys.stdin.buffer, sys.stdout.buffer)


def serve(requests: BinaryIO, answers: BinaryIO) -> None:
    """Answer frames until the input ends."""
    answers.write(frame(b""))
    answers.flush()
    while len(header := requests.read(LENGTH_BYTES)) == LENGTH_BYTES:
        source = requests.read(length_of(header)).decode("utf-8")
        signal.setitimer(signal.ITIMER_PROF, CPU_BUDGET)
        html = sanitise(to_html(source))
        signal.setitimer(signal.ITIMER_PROF, 0)
        answers.write(frame(html.encode("utf-8")))
        answers.flush()


if __name__ == "__main__":
    main()
