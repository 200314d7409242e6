"""Files that never change under their address: the stylesheet, the icons, the script of passkeys.

They are read once; the address holds a hash of the content, so that a browser may keep them for
a year and still gets a new one after an upgrade.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

STATIC_DIR = Path(__file__).parent / "static"
MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


@dataclass(frozen=True, slots=True)
class Asset:
    body: bytes
    media_type: str


class Assets:
    """Everything in web/static, by the name that pages link to."""

    def __init__(self) -> None:
        self._by_address: dict[str, Asset] = {}
        self._addresses: dict[str, str] = {}
        for path in sorted(STATIC_DIR.iterdir()):
            if path.suffix in MEDIA_TYPES:
                self._load(path)

    def url(self, name: str) -> str:
        """The address of a file of web/static."""
        return f"/static/{self._addresses[name]}"

    def find(self, address: str) -> Asset | None:
        return self._by_address.get(address)

    def _load(self, path: Path) -> None:
        body = path.read_bytes()
        digest = hashlib.sha256(body).hexdigest()[:12]
        address = f"{path.stem}.{digest}{path.suffix}"
        self._addresses[path.name] = address
        self._by_address[address] = Asset(body, MEDIA_TYPES[path.suffix])
