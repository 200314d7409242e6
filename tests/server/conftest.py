"""What tests of the server floor share."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """A directory that a less privileged user may pass through, with a space in its name.

    Only directories that pytest made are opened, never the machine's own temporary directory.
    """
    for directory in (tmp_path, *tmp_path.parents):
        if directory.is_relative_to("/tmp/pytest-of-" + Path.home().owner()):
            directory.chmod(0o755)
    return tmp_path / "our forum" / "data"
