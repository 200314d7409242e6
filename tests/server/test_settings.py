from __future__ import annotations

import stat

import pytest

from server.errors import StartError
from server.settings import Settings, read, read_secret


def test_nothing_need_be_set(tmp_path):
    settings = read({}, tmp_path)
    assert settings.origin == "http://localhost:8000"
    assert settings.address == ("127.0.0.1", 8000)
    assert settings.metrics_address == ("127.0.0.1", 9000)
    assert settings.data_dir.is_absolute()
    assert settings.database_url is None


def test_the_environment_wins_over_the_file(tmp_path):
    (tmp_path / "dazzle.toml").write_text(
        'origin = "https://forum.example"\nweb_processes = 2\ntrusted_proxies = ["10.0.0.0/8"]\n'
    )
    settings = read({"DAZZLE_WEB_PROCESSES": "3", "DAZZLE_BIND": "[::1]:9000"}, tmp_path)
    assert settings.origin == "https://forum.example"
    assert settings.web_processes == 3
    assert settings.address == ("::1", 9000)
    assert settings.trusted_proxies == ("10.0.0.0/8",)


def test_an_origin_is_written_one_way(tmp_path):
    assert read({"DAZZLE_ORIGIN": "https://Forum.Example/"}, tmp_path).origin == (
        "https://forum.example"
    )


def test_empty_means_unset(tmp_path):
    assert read({"DAZZLE_DATABASE_URL": "", "DAZZLE_BIND": ""}, tmp_path) == read({}, tmp_path)


def test_one_error_lists_all_that_is_wrong(tmp_path):
    (tmp_path / "dazzle.toml").write_text('orign = "https://typo.example"\n')
    wrong = {
        "DAZZLE_ORIGIN": "forum.example",
        "DAZZLE_BIND": "8000",
        "DAZZLE_DATABASE_URL": "mysql://x",
        "DAZZLE_SECRET_KEY": "short",
        "DAZZLE_CA_BUNDLE": "/nonexistent",
        "DAZZLE_ALLOW_LOOPBACK": "perhaps",
        "DAZZLE_WEB_PROCESSES": "0",
        "DAZZLE_WORKER_PROCESSES": "many",
        "DAZZLE_TRUSTED_PROXIES": "10.0.0.1, proxy",
        "DAZZLE_METRICS_BIND": "9",
    }
    with pytest.raises(StartError) as caught:
        read(wrong, tmp_path)
    assert [name for name in wrong if name not in str(caught.value)] == []
    assert "orign" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "origin",
    ["https://a.example/path", "ftp://a.example", "https://", "https://u@a.example",
     "https://[a.example", "https://ä..example", "https://a b.example", "https://exämple.org",
     "https://a_b.example", "https://-a.example",
     "https://a.example:0", "https://a.example:99999", "https://a.example:443"],
)  # fmt: skip
def test_what_is_no_origin_is_refused(tmp_path, origin):
    with pytest.raises(StartError, match="DAZZLE_ORIGIN"):
        read({"DAZZLE_ORIGIN": origin}, tmp_path)


def test_a_file_that_is_no_toml_is_named(tmp_path):
    (tmp_path / "dazzle.toml").write_text("origin =")
    with pytest.raises(StartError, match=r"dazzle\.toml"):
        read({}, tmp_path)


def test_a_secret_is_made_once_and_kept_to_oneself(tmp_path):
    settings = Settings(data_dir=tmp_path / "data")
    secret = read_secret(settings)
    assert len(secret) >= 32
    assert read_secret(settings) == secret
    file = tmp_path / "data" / "secret_key"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [path.name for path in file.parent.iterdir()] == ["secret_key"]


def test_a_secret_that_is_set_is_used(tmp_path):
    settings = Settings(data_dir=tmp_path / "data", secret_key="s" * 40)
    assert read_secret(settings) == b"s" * 40
    assert not (tmp_path / "data").exists()
