"""The image holds the whole program and nothing else, and runs as nobody in particular."""

from __future__ import annotations

import os
import re
import shutil
import subprocess

import pytest

from server.two import ROOT

CONTAINERFILE = (ROOT / "Containerfile").read_text()
COMPOSE = (ROOT / "compose.yaml").read_text()
FLOORS = {"alembic", "storage", "forum", "federation", "web", "server"}


def copied() -> set[str]:
    """What goes from this directory into the image."""
    names: set[str] = set()
    for line in re.findall(r"^COPY (?!--from)(.+)$", CONTAINERFILE, re.MULTILINE):
        names |= set(line.split()[:-1])
    return names


def test_everything_that_runs_is_copied_and_is_there() -> None:
    assert copied() >= FLOORS | {"alembic.ini", "dazzle", "requirements.lock", "LICENSE"}
    assert not [name for name in copied() if not (ROOT / name).exists()]


def test_nothing_else_is_sent_to_the_builder() -> None:
    lines = (ROOT / ".containerignore").read_text().split()
    assert "*" in lines
    assert {line[1:] for line in lines if line.startswith("!")} == copied()
    assert (ROOT / ".dockerignore").resolve() == ROOT / ".containerignore"


def test_the_image_does_not_run_as_root_and_is_asked_whether_it_is_ready() -> None:
    assert re.search(r"^USER 10001:10001$", CONTAINERFILE, re.MULTILINE)
    assert "/readyz" in CONTAINERFILE.split("HEALTHCHECK")[1]
    assert "--require-hashes" in CONTAINERFILE


def test_the_compose_file_asks_for_two_variables_only() -> None:
    assert set(re.findall(r"\$\{(\w+):\?", COMPOSE)) == {"DOMAIN", "MAIL"}
    needed = set(re.findall(r"\$\{(\w+)\}", COMPOSE))
    assert needed <= {"DOMAIN", "MAIL"}


def test_the_compose_file_names_settings_that_exist() -> None:
    fields = (ROOT / "server" / "settings.py").read_text()
    for name in re.findall(r"^\s+DAZZLE_(\w+):", COMPOSE, re.MULTILINE):
        assert f"    {name.lower()}:" in fields, name


@pytest.mark.skipif(
    not (shutil.which("buildah") and os.environ.get("DAZZLE_TEST_BASE_IMAGE")),
    reason="wants buildah (Debian: buildah) and a Python image named in DAZZLE_TEST_BASE_IMAGE",
)
def test_the_image_can_be_built() -> None:
    base = os.environ["DAZZLE_TEST_BASE_IMAGE"]
    command = ["buildah", "bud", "--isolation", "chroot", "--format", "docker"]
    command += ["--build-arg", f"PYTHON_IMAGE={base}", "-f", "Containerfile", "-t", "dazzle:test"]
    done = subprocess.run([*command, "."], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
