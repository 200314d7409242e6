"""Settings from the environment and `dazzle.toml`; the environment wins.

Everything that is wrong is told in one error, so that nobody fixes a file line by line.
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
import re
import secrets
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, get_type_hints
from urllib.parse import urlsplit

import msgspec

from server.errors import StartError

PREFIX = "DAZZLE_"
FILE = "dazzle.toml"
MEDIA = "media"  # below the data directory
MEDIA_CACHE = "media-cache"  # pictures of other servers: in no backup
SECRET_FILE = "secret_key"  # noqa: S105 - the name of a file

LABEL = r"[a-z0-9]([a-z0-9-]*[a-z0-9])?"
HOST = re.compile(rf"{LABEL}(\.{LABEL})*|[0-9a-f:.]*:[0-9a-f:.]*")  # a name, IPv4 or IPv6

Count = Annotated[int, msgspec.Meta(ge=1, le=64)]
Secret = Annotated[str, msgspec.Meta(min_length=32)]


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """`DAZZLE_BIND` in the environment is `bind` here and in the file, and so on."""

    origin: str = "http://localhost:8000"
    bind: str = "127.0.0.1:8000"
    data_dir: Path = Path("data")
    database_url: str | None = None
    secret_key: Secret | None = None
    ca_bundle: Path | None = None
    allow_loopback: bool = False
    web_processes: Count = 1
    worker_processes: Count = 1
    metrics_bind: str | None = None
    """host:port of the metrics, `off`, or unset: the port of `bind` plus 1000, on loopback."""
    trusted_proxies: tuple[str, ...] = ()
    """Addresses or networks whose X-Forwarded-For is believed, separated by commas."""
    pg_bin: Path | None = None
    """The directory with the programs of PostgreSQL, when the one found is not the one wanted."""

    @property
    def address(self) -> tuple[str, int]:
        host, _, port = self.bind.rpartition(":")
        return host.strip("[]"), int(port)

    @property
    def metrics_address(self) -> tuple[str, int] | None:
        if self.metrics_bind == "off":
            return None
        if self.metrics_bind is None:
            port = self.address[1] + 1000
            return ("127.0.0.1", port) if port < 65536 else None
        host, _, port_text = self.metrics_bind.rpartition(":")
        return host.strip("[]"), int(port_text)

    @property
    def is_https(self) -> bool:
        return self.origin.startswith("https://")


def read(environment: Mapping[str, str] = os.environ, directory: Path | None = None) -> Settings:
    """Raises StartError naming every setting that is wrong."""
    file = (directory or Path()) / FILE
    values, problems = _from_file(file)
    values |= {
        field.name: environment[PREFIX + field.name.upper()]
        for field in msgspec.structs.fields(Settings)
        if environment.get(PREFIX + field.name.upper())
    }
    decoded: dict[str, Any] = {}
    hints = get_type_hints(Settings, include_extras=True)
    for name, value in values.items():
        try:
            decoded[name] = msgspec.convert(
                _split(name, value), hints[name], strict=False, dec_hook=_decode_path
            )
        except (msgspec.ValidationError, TypeError) as error:
            problems.append(f"{PREFIX}{name.upper()}: {str(error).lower()}")
    problems += [
        f"{PREFIX}{name.upper()}: {problem}"
        for name, check in _CHECKS.items()
        if name in decoded and (problem := check(decoded[name])) is not None
    ]
    if problems:
        raise StartError("Settings: " + "; ".join(problems))
    return _absolute(Settings(**decoded))


def read_secret(settings: Settings) -> bytes:
    """The secret of this server: as set, or made once and kept in the data directory."""
    if settings.secret_key is not None:
        return settings.secret_key.encode()
    file = settings.data_dir / SECRET_FILE
    try:
        settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not file.exists():
            _make_secret(file)
        return file.read_bytes().strip()
    except OSError as error:
        raise StartError(f"Cannot keep a secret key in {file} ({error.strerror}).") from error


def _make_secret(file: Path) -> None:
    # Linked into place: two processes that start together agree on the first one's.
    fresh = file.with_name(f"{file.name}.{os.getpid()}")
    fresh.touch(mode=0o600)
    fresh.write_text(secrets.token_urlsafe(48))
    with contextlib.suppress(FileExistsError):
        file.hardlink_to(fresh)
    fresh.unlink()


def _decode_path(kind: type, value: object) -> Path:
    if kind is Path and isinstance(value, str):
        return Path(value)
    raise TypeError("expected a path")


def _from_file(file: Path) -> tuple[dict[str, Any], list[str]]:
    try:
        values = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}, []
    except (OSError, ValueError) as error:
        return {}, [f"{file}: {str(error).splitlines()[0]}"]
    known = {field.name for field in msgspec.structs.fields(Settings)}
    unknown = [f"{file}: no setting is called {name}" for name in values if name not in known]
    return {name: value for name, value in values.items() if name in known}, unknown


def _split(name: str, value: object) -> object:
    """A list is written with commas in the environment."""
    if name == "trusted_proxies" and isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    return value


def _absolute(settings: Settings) -> Settings:
    paths = {
        name: path.expanduser().absolute()
        for name in ("data_dir", "ca_bundle", "pg_bin")
        if (path := getattr(settings, name)) is not None
    }
    origin = settings.origin.rstrip("/").lower()
    return msgspec.structs.replace(settings, origin=origin, **paths)


def _check_origin(origin: str) -> str | None:
    wrong = "expected http(s)://host or http(s)://host:port"
    try:
        parts = urlsplit(origin)
        host, port = parts.hostname or "", parts.port
        if not host.isascii():
            return f"write the name as {host.encode('idna').decode()}"
    except ValueError:
        return wrong
    plain = not (parts.path.strip("/") or parts.query or parts.fragment or parts.username)
    if parts.scheme not in {"http", "https"} or not HOST.fullmatch(host) or not plain or port == 0:
        return wrong
    default = {"http": 80, "https": 443}[parts.scheme]
    return f"leave out the port {default}" if port == default else None


def _check_bind(bind: str) -> str | None:
    matched = re.fullmatch(r"(?:[^:\s]+|\[[0-9a-fA-F:]+\]):(\d{1,5})", bind)
    if matched and 0 < int(matched[1]) < 65536:
        return None
    return "expected host:port, for example 127.0.0.1:8000"


def _check_metrics_bind(bind: str) -> str | None:
    return None if bind == "off" else _check_bind(bind)


def _check_database_url(url: str) -> str | None:
    with contextlib.suppress(ValueError):
        if urlsplit(url).scheme in {"postgres", "postgresql"}:
            return None
    return "expected postgresql://user:password@host/database"


def _check_ca_bundle(file: Path) -> str | None:
    return None if file.expanduser().is_file() else f"there is no file {file}"


def _check_proxies(proxies: tuple[str, ...]) -> str | None:
    for proxy in proxies:
        try:
            ipaddress.ip_network(proxy, strict=False)
        except ValueError:
            return f"{proxy} is not an address or network"
    return None


_CHECKS: dict[str, Any] = {
    "origin": _check_origin,
    "bind": _check_bind,
    "metrics_bind": _check_metrics_bind,
    "database_url": _check_database_url,
    "ca_bundle": _check_ca_bundle,
    "trusted_proxies": _check_proxies,
}
