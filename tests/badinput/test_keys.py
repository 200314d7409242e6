"""SIG-10: keys that nobody should sign with, and actors that list them."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable
from secrets import randbits
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, rsa, x25519

from federation.errors import BadSignature
from federation.keys import load_public_key
from tests.badinput.oracle import Expected, Oracle, in_one_loop
from tests.badinput.world import World
from tests.federation.peer import KEYS, pem_of
from tests.federation.witness import ED25519_KEYS, any_pem_of

pytestmark = in_one_loop()

CPU_SECONDS = 0.05


def public(key: Any) -> str:
    return (
        key.public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode()
    )


def private(key: Any, encryption: serialization.KeySerializationEncryption) -> str:
    pem = serialization.Encoding.PEM
    return key.private_bytes(pem, serialization.PrivateFormat.PKCS8, encryption).decode()


def der(tag: int, content: bytes) -> bytes:
    size = len(content)
    length = bytes([size % 256])
    if size >= 128:
        digits = size.to_bytes((size.bit_length() + 7) // 8)
        length = bytes([0x80 + len(digits)]) + digits
    return bytes([tag]) + length + content


def integer(number: int) -> bytes:
    return der(2, number.to_bytes(number.bit_length() // 8 + 1))


def armoured(data: bytes, label: str = "PUBLIC KEY") -> str:
    text = base64.encodebytes(data).decode()
    return f"-----BEGIN {label}-----\n{text}-----END {label}-----\n"


def rsa_pem(modulus: int, exponent: int) -> str:
    """A public key of any size, by hand: libraries make none so short."""
    algorithm = der(0x30, bytes.fromhex("06092a864886f70d0101010500"))
    numbers = der(0x30, integer(modulus) + integer(exponent))
    return armoured(der(0x30, algorithm + der(3, b"\0" + numbers)))


def modulus_of(bits: int) -> int:
    return randbits(bits) | 1 << (bits - 1) | 1


def mersenne(one: int, other: int) -> rsa.RSAPrivateKey:
    """A key from two known primes: making a long one takes minutes."""
    p, q, e = 2**one - 1, 2**other - 1, 65537
    d = pow(e, -1, (p - 1) * (q - 1))
    numbers = rsa.RSAPrivateNumbers(
        p, q, d, d % (p - 1), d % (q - 1), pow(q, -1, p), rsa.RSAPublicNumbers(e, p * q)
    )
    return numbers.private_key(unsafe_skip_rsa_key_validation=True)


N = KEYS[0].public_key().public_numbers().n
GOOD_PEM = pem_of(KEYS[0])
LONG = mersenne(4253, 3217)  # 7470 bits

BAD_PEMS: dict[str, object] = {
    **{f"RSA of {bits} bits": rsa_pem(modulus_of(bits), 65537) for bits in (512, 768, 1024, 2047)},
    **{f"RSA of {bits} bits": rsa_pem(modulus_of(bits), 65537) for bits in (8200, 16384, 65536)},
    **{f"exponent {e}": rsa_pem(N, e) for e in (1, 2, 3, 5, 17, 65535, 65539, 2**32 + 1)},
    "an exponent as long as the modulus": rsa_pem(N, N - 2),
    "a modulus of zero": rsa_pem(0, 65537),
    "a curve": public(ec.generate_private_key(ec.SECP256R1())),
    "a larger curve": public(ec.generate_private_key(ec.SECP521R1())),
    "Ed448": public(ed448.Ed448PrivateKey.generate()),
    "X25519": public(x25519.X25519PrivateKey.generate()),
    "DSA": public(dsa.generate_private_key(1024)),
    "a private key": private(KEYS[0], serialization.NoEncryption()),
    "a locked private key": private(KEYS[0], serialization.BestAvailableEncryption(b"x")),
    "an Ed25519 private key": private(ED25519_KEYS[0], serialization.NoEncryption()),
    "a certificate that is none": armoured(b"0\x82\x01\x00", "CERTIFICATE"),
    "another label": GOOD_PEM.replace("PUBLIC KEY", "SECRET KEY"),
    "DER junk": armoured(bytes(range(256))),
    "half a key": GOOD_PEM[:200],
    "DER that says it is huge": armoured(b"0\x84\xff\xff\xff\xff" + b"\0" * 50),
    "DER of many lists in each other": armoured(b"0\x80" * 1000),
    "junk": "junk",
    "nothing": "",
    "spaces": " " * 4000,
    "long": "x" * 100_000,
    "a key with a long comment": "x" * 5000 + GOOD_PEM,
    "NUL inside": GOOD_PEM.replace("\n", "\x00\n", 1),
    "half a character": GOOD_PEM + "\ud800",
    "a number": 1,
    "a list": [GOOD_PEM],
    "a map": {"@value": GOOD_PEM},
    "null": None,
}


def kept_by(pem: object) -> Callable[[World], tuple[str, str]]:
    """An actor with this key; the URIs of both."""

    def make(world: World) -> tuple[str, str]:
        name = f"k{world.new_uri('x').rpartition('/')[2]}"
        uri = f"{world.there.origin}/actors/{name}"
        key = {"id": f"{uri}#main-key", "owner": uri, "publicKeyPem": pem}
        world.there.actor(name, publicKey=key)
        return uri, f"{uri}#main-key"

    return make


@pytest.mark.parametrize("pem", BAD_PEMS.values(), ids=[f"SIG-10 {name}" for name in BAD_PEMS])
async def test_nobody_signs_with_a_bad_key(world: World, oracle: Oracle, pem: object):
    uri, key_uri = kept_by(pem)(world)
    activity = world.create(world.reply(uri), actor=uri)
    asked = uri.removeprefix("https://")
    await oracle.judge(
        lambda: world.post(activity, by=key_uri, key=KEYS[0]), Expected(401, asks=(asked,))
    )


@pytest.mark.parametrize(
    "pem",
    [pem for pem in BAD_PEMS.values() if isinstance(pem, str)],
    ids=[f"SIG-10 {name}" for name, pem in BAD_PEMS.items() if isinstance(pem, str)],
)
async def test_a_bad_key_costs_nothing(pem: str):
    start = time.process_time()
    with pytest.raises(BadSignature):
        load_public_key(pem)
    assert time.process_time() - start < CPU_SECONDS


@pytest.mark.parametrize("beside", ["behind", "in front"])
@pytest.mark.parametrize("pem", BAD_PEMS.values(), ids=[f"SIG-10 {name}" for name in BAD_PEMS])
async def test_a_bad_key_beside_a_good_one_does_no_harm(
    world: World, oracle: Oracle, pem: object, beside: str
):
    name = f"k{world.new_uri('x').rpartition('/')[2]}"
    uri = f"{world.there.origin}/actors/{name}"
    good = {"id": f"{uri}#main-key", "owner": uri, "publicKeyPem": GOOD_PEM}
    bad = {"id": f"{uri}#other", "owner": uri, "publicKeyPem": pem}
    world.there.actor(name, publicKey=[good, bad] if beside == "behind" else [bad, good])
    answer = await oracle.accept(
        lambda: world.post(world.create(world.reply(uri), actor=uri)), Expected(202, None, lines=0)
    )
    assert answer.lines == []


GOOD_KEYS = {
    "2048 bits": KEYS[0],
    "3072 bits": rsa.generate_private_key(65537, 3072),
    "7470 bits": LONG,
    "Ed25519": ED25519_KEYS[0],
}


@pytest.mark.parametrize("key", GOOD_KEYS.values(), ids=[f"SIG-10 {name}" for name in GOOD_KEYS])
async def test_a_good_key_is_believed(world: World, oracle: Oracle, key: Any):
    uri, key_uri = kept_by(any_pem_of(key))(world)
    activity = world.create(world.reply(uri), actor=uri)
    how = {"algorithm": "hs2019"}
    await oracle.accept(
        lambda: world.post(activity, by=key_uri, key=key, **how), Expected(202, None, lines=0)
    )
