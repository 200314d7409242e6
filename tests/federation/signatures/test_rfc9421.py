"""RFC 9421, read and made, against a witness that shares no code with it and the RFC's examples."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from hypothesis import given
from hypothesis import strategies as st

from federation.address import parse_url
from federation.errors import BadSignature
from federation.keys import load_own_key, load_public_key
from federation.signatures import Message, Signed, is_signed_by, read_signature, rfc9421
from federation.signatures.accept import PLAIN, Asked
from federation.signatures.algorithms import ALL, ED25519, RSA_PSS
from federation.signatures.fields import read_byte_sequences, read_inputs
from federation.signatures.rfc9421 import signature_base
from federation.signatures.types import Outgoing
from tests.factories import KEYPAIR
from tests.federation.peer import KEYS, pem_of
from tests.federation.witness import ED25519_KEYS, any_pem_of, message_headers

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
ORIGIN = "https://here.test"
URL = f"{ORIGIN}/inbox"
KEY_URI = "https://there.test/ada#main-key"

corpus = pytest.mark.skipif(
    "DAZZLE_TEST_CORPUS" not in os.environ, reason="needs DAZZLE_TEST_CORPUS"
)


def raw(headers: dict[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode(), value.encode()) for name, value in headers.items()]


def witness(method: str = "post", url: str = URL, body: bytes | None = b"{}", **how: Any):
    return message_headers(
        method, url, body, how.pop("key_uri", KEY_URI), **{"created": NOW, **how}
    )


def read(
    headers: dict[str, str] | list[tuple[bytes, bytes]],
    method: str = "post",
    url: str = URL,
    body: bytes | None = b"{}",
    now: datetime = NOW,
) -> Signed:
    path, _, query = url.removeprefix(ORIGIN).partition("?")
    pairs = raw(headers) if isinstance(headers, dict) else headers
    signed = read_signature(Message(method, ORIGIN, path, query, pairs, body), now)
    assert signed is not None
    return signed


def check(*given: Any, pem: str = pem_of(KEYS[0]), **how: Any) -> bool:
    return is_signed_by(load_public_key(pem), read(*given, **how))


@pytest.mark.parametrize(
    "algorithm", [None, "rsa-v1_5-sha256", "rsa-v1_5-sha512", "rsa-pss-sha512"]
)
def test_r22_rsa_is_accepted_with_or_without_a_named_algorithm(algorithm: str | None):
    assert check(witness(algorithm=algorithm))
    assert not check(witness(algorithm=algorithm), pem=pem_of(KEYS[1]))


@pytest.mark.parametrize("algorithm", [None, "ed25519"])
def test_r22_ed25519_is_accepted(algorithm: str | None):
    headers = witness(key=ED25519_KEYS[0], algorithm=algorithm)
    assert check(headers, pem=any_pem_of(ED25519_KEYS[0]))
    assert not check(headers, pem=any_pem_of(ED25519_KEYS[1]))
    assert not check(headers)


@pytest.mark.parametrize("algorithm", ["rsa-v1_5-sha256", "rsa-pss-sha512"])
def test_a_named_algorithm_that_the_key_cannot_do_is_refused(algorithm: str):
    headers = witness(key=ED25519_KEYS[0], algorithm=algorithm)
    assert not check(headers, pem=any_pem_of(ED25519_KEYS[0]))


@pytest.mark.parametrize(
    ("url", "covered"),
    [
        ("/inbox", "@method @target-uri"),
        ("/inbox?a=b", "@method @target-uri"),
        ("/inbox?a=b", "@method @authority @request-target"),
        ("/inbox?a=b", "@method @authority @path @query"),
        ("/inbox", "@method @authority @path @query"),
        ("/inbox", "@method @authority @path"),
        ("/inbox", "@query @path @authority @scheme @method host date"),
    ],
)
def test_r22_every_way_to_name_the_whole_url_is_accepted(url: str, covered: str):
    for method, body in (("get", None), ("post", b"{}")):
        names = covered + (" content-digest" if body else "")
        headers = witness(method, ORIGIN + url, body, covered=names)
        assert check(headers, method, ORIGIN + url, body)
        assert not check(headers, method, f"{ORIGIN}/other{url}", body)


@pytest.mark.parametrize(
    ("url", "covered"),
    [
        ("/inbox", "@target-uri content-digest"),
        ("/inbox", "@method content-digest"),
        ("/inbox", "@method @path content-digest"),
        ("/inbox", "@method @authority content-digest"),
        ("/inbox?a=b", "@method @authority @path content-digest"),
        ("/inbox", "@method @request-target content-digest"),
        ("/inbox", "@method @target-uri"),
        ("/inbox", "@method @target-uri content-type date"),
    ],
)
def test_r22_method_url_and_body_are_demanded(url: str, covered: str):
    with pytest.raises(BadSignature, match="not_covered"):
        read(witness(url=ORIGIN + url, covered=covered), url=ORIGIN + url)


def test_r22_created_is_demanded():
    with pytest.raises(BadSignature, match="not_covered"):
        read(witness(created=datetime.min))


@pytest.mark.parametrize("minutes", [-59, 0, 4])
def test_r18_a_signature_of_the_last_hour_is_accepted(minutes: int):
    assert check(witness(created=NOW + timedelta(minutes=minutes)))


@pytest.mark.parametrize("minutes", [-120, -61, 6, 120])
def test_r18_an_older_or_a_later_one_is_refused(minutes: int):
    with pytest.raises(BadSignature, match="date"):
        read(witness(created=NOW + timedelta(minutes=minutes)))


def test_an_expired_signature_is_refused():
    later, earlier = (int((NOW + timedelta(minutes=n)).timestamp()) for n in (1, -6))
    assert check(witness(more=f";expires={later}"))
    for expires in (str(earlier), '"never"', "1.5", "?1"):
        with pytest.raises(BadSignature, match="date"):
            read(witness(more=f";expires={expires}"))


def test_nonce_tag_and_unknown_parameters_are_part_of_what_is_signed():
    assert check(witness(more=';nonce="n";tag="t";x=1.5;y=?0;z=tok'))
    headers = witness(more=';tag="t"')
    headers["signature-input"] = headers["signature-input"].replace('tag="t"', 'tag="u"')
    assert not check(headers)


@pytest.mark.parametrize("digest", ["sha-256", "sha-512"])
def test_r19_another_body_is_refused(digest: str):
    headers = witness(digest=digest)
    assert check(headers)
    with pytest.raises(BadSignature, match="digest"):
        read(headers, body=b"{ }")


def test_every_known_digest_must_be_right():
    sums = {
        name: base64.b64encode(hashlib.new(name.replace("-", ""), b"{}").digest()).decode()
        for name in ("sha-256", "sha-512")
    }
    right = ", ".join(f"{name}=:{value}:" for name, value in sums.items())
    assert check(witness(values={"content-digest": right}))
    assert check(witness(values={"content-digest": f"{right}, md5=:AAAA:, unixsum=5"}))
    for wrong in (
        f"sha-256=:{sums['sha-256']}:, sha-512=:AAAA:",
        f"sha-256=:AAAA:, sha-512=:{sums['sha-512']}:",
        "md5=:AAAA:",
        f'sha-256="{sums["sha-256"]}"',
        f"SHA-256={sums['sha-256']}",
        f"sha-256=:{sums['sha-256']}:, sha-256=:{sums['sha-256']}:",
        "",
    ):
        with pytest.raises(BadSignature, match=r"digest|signature_header"):
            read(witness(values={"content-digest": wrong}))


@pytest.mark.parametrize(
    "change",
    [
        {"signature-input": ""},
        {"signature-input": "sig1"},
        {"signature-input": 'sig1="x"'},
        {"signature-input": "sig1=();created=1772366400"},
        {"signature-input": 'sig1=(@method);created=1772366400;keyid="k"'},
        {"signature-input": "x" * 9000},
        {"signature": ""},
        {"signature": 'sig1="AAAA"'},
        {"signature": "sig2=:AAAA:"},
        {"signature": "sig1=(:AAAA:)"},
        {"signature": f'keyId="{KEY_URI}",headers="date",signature="AAAA"'},
    ],
)
def test_sig_09_a_bent_header_is_refused(change: dict[str, str]):
    with pytest.raises(BadSignature):
        read({**witness(), **change})


def test_sig_09_what_comes_twice_is_refused():
    headers = witness()
    for name in ("signature", "signature-input", "content-digest"):
        with pytest.raises(BadSignature):
            read([*raw(headers), (name.encode(), headers[name].encode())])
    for name in ("signature", "signature-input"):
        with pytest.raises(BadSignature):
            read({**headers, name: f"{headers[name]}, {headers[name]}"})
    with pytest.raises(BadSignature):
        read(witness(more=f';keyid="{KEY_URI}"'))
    with pytest.raises(BadSignature):
        read(witness(covered="@method @method @target-uri content-digest"))


def test_of_several_signatures_the_first_useful_one_counts():
    first = witness(covered="@method", label="proxy", key_uri="https://proxy.test/k")
    second = witness(label="b")
    third = witness(label="a", key_uri="https://other.test/k")
    both = {
        **second,
        **{
            name: ", ".join(one[name] for one in (first, second, third))
            for name in ("signature", "signature-input")
        },
    }
    assert read(both).key_uri == KEY_URI
    assert check(both)


@pytest.mark.parametrize(
    "covered",
    [
        '"@method" "@target-uri" "content-digest";sf',
        '"@method" "@target-uri";req "content-digest"',
        '"@method" "@target-uri" "content-digest" "@query-param";name="a"',
        '"@method" "@target-uri" "content-digest" "@status"',
        '"@method" "@target-uri" "content-digest" "@signature-params"',
        '"@method" "@target-uri" "content-digest" "@unknown"',
        '"@method" "@target-uri" "content-digest" 5',
        '"@method" "@target-uri" "content-digest" token',
        '"@method" "@target-uri" "content-digest" "x-missing"',
        '"@method" "@target-uri" "content-digest" ' + " ".join(f'"x{n}"' for n in range(40)),
    ],
)
def test_components_that_nobody_reads_are_refused(covered: str):
    headers = witness()
    parameters = headers["signature-input"].partition(")")[2]
    with pytest.raises(BadSignature):
        read({**headers, "signature-input": f"sig1=({covered}){parameters}"})


@pytest.mark.parametrize(
    "algorithm", ["hmac-sha256", "ecdsa-p256-sha256", "rsa-sha1", "none", "RSA-V1_5-SHA256", ""]
)
def test_sig_11_other_algorithms_are_refused(algorithm: str):
    with pytest.raises(BadSignature, match="algorithm"):
        read(witness(algorithm=algorithm))


def test_too_many_signatures_are_refused():
    headers = witness()
    inputs = ", ".join(f"s{n}=()" for n in range(9))
    with pytest.raises(BadSignature):
        read({**headers, "signature-input": f"{headers['signature-input']}, {inputs}"})


@pytest.mark.parametrize("body", [None, b'{"a":1}'])
@pytest.mark.parametrize("url", ["https://There.test:443/a/b?c=d", "http://127.0.0.1:8000/inbox"])
@pytest.mark.parametrize(
    "asked",
    [
        PLAIN,
        Asked(("@path", "@query", "@authority", "host", "date", "digest")),
        Asked(nonce='a"b\\c', tag="forum", wants_expires=True),
    ],
)
def test_what_we_sign_we_accept_and_nothing_else(body: bytes | None, url: str, asked: Asked):
    target = parse_url(url)
    more = {} if body is None else {"content-type": "application/activity+json"}
    method = "get" if body is None else "post"
    key = load_own_key(KEYPAIR.private_pem)
    headers = rfc9421.sign(Outgoing(method, target, body, more), KEY_URI, key, NOW, asked)
    path, _, query = target.path.partition("?")

    def is_ours(**changed: Any) -> bool:
        given = {"method": method, "path": path, "query": query, "body": body, **changed}
        message = Message(
            given["method"],
            target.origin,
            given["path"],
            given["query"],
            raw(headers),
            given["body"],
        )
        signed = read_signature(message, NOW)
        return signed is not None and is_signed_by(load_public_key(KEYPAIR.public_pem), signed)

    assert is_ours()
    assert not is_ours(method="put")
    assert not is_ours(path="/other")
    assert not is_ours(query="c=e")
    assert headers["host"] == target.host
    if body is not None:
        with pytest.raises(BadSignature, match="digest"):
            is_ours(body=b"{}")


@given(st.binary(max_size=300), st.binary(max_size=300))
def test_whatever_comes_is_read_or_refused(inputs: bytes, values: bytes):
    pairs = [(b"signature-input", inputs), (b"signature", values), (b"host", b"here.test")]
    with pytest.raises(BadSignature):
        read(pairs)


def vector(name: str) -> dict[str, Any]:
    path = Path(os.environ["DAZZLE_TEST_CORPUS"]) / "vectors/http-message-signatures" / name
    return json.loads(path.read_text(encoding="utf-8"))


def message_of(example: dict[str, Any]) -> tuple[Message, str, dict[str, Any], bytes]:
    """The request, the label, the parameters and the signature of an example of the RFC."""
    head, _, body = example["message"].partition("\n\n")
    first, *lines = head.split("\n")
    lines += example["signature_headers"].split("\n")
    headers = [(n.lower().encode(), v.encode()) for n, v in (line.split(": ", 1) for line in lines)]
    method, target, _ = first.split(" ")
    path, _, query = target.partition("?")
    message = Message(method, "https://example.com", path, query, headers, body.encode())
    inputs, _ = read_inputs(message.find(b"signature-input"))
    ((label, (components, parameters)),) = inputs.items()
    value = read_byte_sequences(message.find(b"signature"))[label]
    return message, [name for name, _ in components], parameters, value


def number(text: str) -> int:
    return int.from_bytes(base64.urlsafe_b64decode(text + "=="))


@corpus
def test_the_ed25519_example_of_the_rfc_verifies():
    example = vector("b26.json")
    message, names, parameters, value = message_of(example)
    base = signature_base(message, names, parameters)
    assert base.decode() == example["signature_base"]
    public = base64.urlsafe_b64decode(example["key"][0]["x"] + "==")
    key = ed25519.Ed25519PublicKey.from_public_bytes(public)
    assert is_signed_by(key, Signed("k", value, (base,), (ED25519,)))
    assert is_signed_by(key, Signed("k", value, (base,), ALL))
    assert not is_signed_by(key, Signed("k", value, (base + b" ",), ALL))
    with pytest.raises(BadSignature, match="not_covered"):
        read_signature(message, datetime(2021, 4, 20, 2, 8, tzinfo=UTC))


@corpus
def test_the_rsa_pss_example_of_the_rfc_verifies_though_its_components_are_not_read():
    example = vector("b22.json")
    message, _, _, value = message_of(example)
    jwk = example["key"][0]
    key = rsa.RSAPublicNumbers(number(jwk["e"]), number(jwk["n"])).public_key()
    base = example["signature_base"].encode()
    assert is_signed_by(key, Signed("k", value, (base,), (RSA_PSS,)))
    assert not is_signed_by(key, Signed("k", value, (base + b" ",), ALL))
    with pytest.raises(BadSignature, match="components"):
        read_signature(message, datetime(2021, 4, 20, 2, 8, tzinfo=UTC))
