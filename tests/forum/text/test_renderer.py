"""A hostile text costs its author the markup and nobody else anything."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator

import psutil
import pytest

from forum.text.clean import paragraphs
from forum.text.renderer import COMMAND, ENVIRONMENT, MOST_WAITING, PROJECT, ChildRenderer
from tests.forum.text.test_clean import inspect


@pytest.fixture
async def renderer() -> AsyncIterator[ChildRenderer]:
    renderer = ChildRenderer()
    await renderer.start()
    yield renderer
    await renderer.close()


def children_cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


async def test_markdown_is_rendered(renderer: ChildRenderer) -> None:
    assert await renderer.render("Hello *you*") == "<p>Hello <em>you</em></p>\n"


@pytest.mark.parametrize(
    "source",
    ["![" * 20_000, "[*" * 20_000, "[" * 40_000, "*a_ " * 20_000, "> " * 20_000, "_a" * 40_000],
    ids=lambda source: source[:4],
)
async def test_a_hostile_text_is_shown_plainly_within_its_budget(
    renderer: ChildRenderer, source: str
) -> None:
    before = time.process_time()
    html = await renderer.render(source)
    assert time.process_time() - before < 0.1
    inspect(html)
    assert html == paragraphs(source) or len(html) < 3 * len(source)


async def test_the_child_dies_after_a_tenth_of_a_second_of_work() -> None:
    renderer = ChildRenderer()
    await renderer.start()
    await renderer.close()
    idle, before = children_cpu(), 0.0
    renderer = ChildRenderer()
    await renderer.render("[*" * 20_000)
    before = children_cpu() - idle
    await renderer.close()
    assert before < 1.0  # the start of a Python process and a tenth of a second


async def test_the_next_text_finds_a_new_child(renderer: ChildRenderer) -> None:
    assert await renderer.render("[*" * 20_000) == paragraphs("[*" * 20_000)
    assert await renderer.render("*a*") == "<p><em>a</em></p>\n"


async def test_a_killed_child_loses_no_text(renderer: ChildRenderer) -> None:
    assert renderer._child is not None
    os.kill(renderer._child.pid, signal.SIGKILL)
    assert "a" in await renderer.render("*a*")
    assert await renderer.render("*a*") == "<p><em>a</em></p>\n"


async def test_many_texts_at_once_get_their_own_answers(renderer: ChildRenderer) -> None:
    answers = await asyncio.gather(*(renderer.render(f"*{i}*") for i in range(MOST_WAITING)))
    assert answers == [f"<p><em>{i}</em></p>\n" for i in range(MOST_WAITING)]


async def test_a_crowd_is_answered_plainly_at_once(renderer: ChildRenderer) -> None:
    answers = await asyncio.gather(*(renderer.render("*a*") for _ in range(MOST_WAITING + 5)))
    assert answers.count("<p>*a*</p>") == 5


async def test_a_cancelled_text_does_not_answer_the_next_one(renderer: ChildRenderer) -> None:
    task = asyncio.create_task(renderer.render("_a" * 2000))
    await asyncio.sleep(0.001)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await renderer.render("*second*") == "<p><em>second</em></p>\n"


async def test_a_broken_text_is_rendered_too(renderer: ChildRenderer) -> None:
    html = await renderer.render("a\ud800b\x00c")
    html.encode("utf-8")
    assert "\x00" not in html


async def test_closing_twice_and_starting_again_is_fine(renderer: ChildRenderer) -> None:
    await renderer.close()
    await renderer.close()
    assert await renderer.render("a") == "<p>a</p>\n"


def test_the_child_ends_with_its_parent() -> None:
    script = (
        "import subprocess, sys, time\n"
        f"child = subprocess.Popen({[sys.executable, *COMMAND[1:]]!r}, stdin=subprocess.PIPE,"
        f" stdout=subprocess.PIPE, cwd={str(PROJECT)!r}, env={ENVIRONMENT!r})\n"
        "child.stdout.read(4)\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
        parent.kill()
    _, alive = psutil.wait_procs([child], timeout=5)
    assert not alive
