"""Other servers' own libraries believe what we sign, and we believe what they sign.

`@peertube/http-signature` is what PeerTube uses, `@misskey-dev/node-http-message-signatures` was
written for Misskey, Fedify carries Ghost, Hollo and others; `apsig` and `http-message-signatures`
come from Python.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import http_message_signatures as hms
import pytest
from apsig.draft import Signer, Verifier
from apsig.rfc9421 import RFC9421Signer

from federation import proofs
from federation.address import parse_url
from federation.keys import load_own_key, load_public_key
from federation.multikey import to_multikey
from federation.proofs import read_proof, sign_document
from federation.render.document import with_context
from federation.signatures import Message, cavage, is_signed_by, read_signature, rfc9421
from federation.signatures.digests import digest_of
from federation.signatures.types import Outgoing
from storage.keys import ProofKey
from tests.factories import KEYPAIR
from tests.federation.peer import ACTIVITY, AS2

PEERS = Path(__file__).resolve().parents[2] / "peers"
NODE = shutil.which("node")
ORIGIN = "https://here.test"
ADA = "https://there.test/actors/ada"
KEY_URI = f"{ADA}#main-key"
PROOF_URI = f"{ADA}#ed25519-key"
BODY = '{"type":"Create","content":"Grüße"}'.encode()
METHODS = pytest.mark.parametrize(
    ("method", "url", "body"),
    [
        ("GET", f"{ORIGIN}/ap/posts/1", None),
        ("GET", f"{ORIGIN}/ap/posts/1/replies?page=1&x=%20y", None),
        ("POST", f"{ORIGIN}/inbox", BODY),
    ],
    ids=["GET", "GET with a query", "POST"],
)
CONTEXTS = {
    "ours": with_context({}, is_proved=True)["@context"],
    "by address": [AS2, "https://w3id.org/security/data-integrity/v1"],
}
FIELDS: dict[str, Any] = {
    "id": ADA,
    "type": "Person",
    "inbox": f"{ADA}/inbox",
    "preferredUsername": "ada",
    "publicKey": {"id": KEY_URI, "owner": ADA, "publicKeyPem": KEYPAIR.public_pem},
    "assertionMethod": [
        {
            "id": PROOF_URI,
            "type": "Multikey",
            "controller": ADA,
            "publicKeyMultibase": to_multikey(KEYPAIR.public_ed25519_pem),
        }
    ],
}
ACTOR = with_context(FIELDS)
NOTE = {
    "type": "Note",
    "id": f"{ADA}/notes/1",
    "attributedTo": ADA,
    "content": "<p>Grüße, \U0001f993</p>",
    "to": "as:Public",
}
CREATE = {
    "type": "Create",
    "id": f"{ADA}/creates/1",
    "actor": ADA,
    "to": "as:Public",
    "object": NOTE,
}


def _has_node() -> bool:
    if NODE is None:
        return False
    version = subprocess.run([NODE, "--version"], capture_output=True, text=True, check=False)
    major = version.stdout.removeprefix("v").partition(".")[0]
    return major.isdecimal() and int(major) >= 20


with_node = pytest.mark.skipif(
    not _has_node() or not (PEERS / "node_modules").is_dir(),
    reason="needs Node 20 or newer and npm ci --prefix tests/peers",
)
Ask = Callable[..., Any]


@pytest.fixture(scope="module")
def ask() -> Iterator[Ask]:
    """The Node libraries, one process for all questions."""
    with subprocess.Popen(
        [NODE or "node", str(PEERS / "signatures.mjs")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None

        def run(command: str, **options: Any) -> Any:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(json.dumps({"run": command, **options}) + "\n")
            process.stdin.flush()
            answer = json.loads(process.stdout.readline())
            assert answer["ok"], answer["error"]
            return answer["result"]

        yield run
        process.stdin.close()


def ours(method: str, url: str, body: bytes | None, form: str, **how: Any) -> dict[str, Any]:
    """A request that we signed just now."""
    headers = {} if body is None else {"content-type": ACTIVITY}
    request = Outgoing(method, parse_url(url), body, headers)
    key = load_own_key(KEYPAIR.private_pem)
    sign: Any = cavage.sign if form == "cavage" else rfc9421.sign
    signed = sign(request, KEY_URI, key, datetime.now(UTC), **how)
    text = None if body is None else body.decode()
    return {"method": method, "url": url, "headers": signed, "body": text}


def unsigned(method: str, url: str, body: bytes | None) -> dict[str, Any]:
    headers = {
        "host": parse_url(url).host,
        "date": format_datetime(datetime.now(UTC), usegmt=True),
    }
    if body is not None:
        headers |= {"digest": digest_of(body), "content-type": ACTIVITY}
    text = None if body is None else body.decode()
    return {"method": method, "url": url, "headers": headers, "body": text}


def is_believed(
    method: str, url: str, body: bytes | None, headers: dict[str, str], key_uri: str = KEY_URI
) -> bool:
    """Whether we take a request that somebody else signed."""
    path, _, query = url.removeprefix(ORIGIN).partition("?")
    pairs = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    signed = read_signature(Message(method, ORIGIN, path, query, pairs, body), datetime.now(UTC))
    assert signed is not None
    assert signed.key_uri == key_uri
    return is_signed_by(load_public_key(KEYPAIR.public_pem), signed)


@with_node
@METHODS
@pytest.mark.parametrize("library", ["peertube", "misskey"])
def test_r14_libraries_of_peertube_and_misskey_verify_what_we_sign(
    ask: Ask, library: str, method: str, url: str, body: bytes | None
):
    request = ours(method, url, body, "cavage")
    options = {"publicKeyPem": KEYPAIR.public_pem}
    verdict = ask(f"{library}.verify", request=request, **options)
    assert (verdict["verified"], verdict["keyId"]) == (True, KEY_URI)
    elsewhere = {**request, "url": f"{ORIGIN}/other"}
    assert ask(f"{library}.verify", request=elsewhere, **options)["verified"] is False


@with_node
@METHODS
@pytest.mark.parametrize("form", ["cavage", "rfc9421"])
def test_r14_fedify_verifies_what_we_sign(
    ask: Ask, form: str, method: str, url: str, body: bytes | None
):
    """It reads the target of draft-cavage without the query string: our last try."""
    how = {"with_query": False} if form == "cavage" and "?" in url else {}
    request = ours(method, url, body, form, **how)
    documents = {ADA: ACTOR}
    verdict = ask("fedify.verify", request=request, documents=documents)
    assert verdict == {"verified": True, "keyId": KEY_URI}
    elsewhere = {**request, "url": f"{ORIGIN}/other"}
    assert not ask("fedify.verify", request=elsewhere, documents=documents)["verified"]
    if body is not None:
        assert not ask("fedify.verify", request={**request, "body": "{}"}, documents=documents)[
            "verified"
        ]


@with_node
@METHODS
def test_r22_the_library_of_misskey_makes_the_same_text_of_what_we_sign(
    ask: Ask, method: str, url: str, body: bytes | None
):
    request = ours(method, url, body, "rfc9421")
    options = {"label": "sig1", "publicKeyPem": KEYPAIR.public_pem}
    assert ask("misskey.verifyMessage", request=request, **options)["verified"] is True


@with_node
@METHODS
@pytest.mark.parametrize("hides", [False, True], ids=["rsa-sha256", "hs2019"])
@pytest.mark.parametrize("has_created", [False, True])
def test_r16_we_verify_what_the_library_of_peertube_signs(
    ask: Ask, hides: bool, has_created: bool, method: str, url: str, body: bytes | None
):
    covered = ["(request-target)", "host", "(created)" if has_created else "date"]
    covered += [] if body is None else ["digest"]
    headers = ask(
        "peertube.sign",
        request=unsigned(method, url, body),
        keyId=KEY_URI,
        privateKeyPem=KEYPAIR.private_pem,
        covered=covered,
        hideAlgorithm=hides,
    )["headers"]
    assert is_believed(method, url, body, headers)
    assert not is_believed(method, f"{ORIGIN}/other", body, headers)


@with_node
@METHODS
def test_r17_we_verify_what_the_library_of_misskey_signs(
    ask: Ask, method: str, url: str, body: bytes | None
):
    """It leaves the query string out of the target."""
    covered = ["(request-target)", "date", "host", *([] if body is None else ["digest"])]
    headers = ask(
        "misskey.sign",
        request=unsigned(method, url, body),
        keyId=KEY_URI,
        privateKeyPem=KEYPAIR.private_pem,
        covered=covered,
    )["headers"]
    assert is_believed(method, url, body, headers)
    assert not is_believed(method, f"{ORIGIN}/other", body, headers)


@with_node
@METHODS
@pytest.mark.parametrize("spec", ["draft-cavage-http-signatures-12", "rfc9421"])
def test_r22_we_verify_what_fedify_signs(
    ask: Ask, spec: str, method: str, url: str, body: bytes | None
):
    request = unsigned(method, url, body)
    request["headers"] = {} if body is None else {"content-type": ACTIVITY}
    headers = ask(
        "fedify.sign",
        request=request,
        keyId=KEY_URI,
        privateKeyPem=KEYPAIR.private_pem,
        spec=spec,
    )["headers"]
    assert ("signature-input" in headers) == (spec == "rfc9421")
    assert is_believed(method, url, body, headers)
    assert not is_believed(method, f"{ORIGIN}/other", body, headers)


@with_node
@pytest.mark.parametrize("fields", [NOTE, CREATE], ids=["Note", "Create"])
@pytest.mark.parametrize("context", CONTEXTS)
def test_r29_fedify_verifies_our_proofs(ask: Ask, context: str, fields: dict[str, Any]):
    key = ProofKey(PROOF_URI, KEYPAIR.private_ed25519_pem)
    document = sign_document({"@context": CONTEXTS[context], **fields}, key, datetime.now(UTC))
    verdict = ask("fedify.verifyProof", document=document, documents={ADA: ACTOR})
    assert verdict == {"verified": True, "id": fields["id"]}
    changed = {**document, "to": f"{ADA}/followers"}
    assert not ask("fedify.verifyProof", document=changed, documents={ADA: ACTOR})["verified"]


@with_node
def test_r29_we_verify_fedifys_proofs(ask: Ask):
    document = ask(
        "fedify.prove",
        document={"@context": CONTEXTS["by address"], **NOTE},
        keyId=PROOF_URI,
        privateKeyPem=KEYPAIR.private_ed25519_pem,
    )["document"]
    key = load_public_key(KEYPAIR.public_ed25519_pem)
    now = datetime.now(UTC)
    assert proofs.proved_by(document) == PROOF_URI
    assert is_signed_by(key, read_proof(document, now))
    assert not is_signed_by(key, read_proof({**document, "content": "<p>other</p>"}, now))


@METHODS
def test_r14_apsig_verifies_what_we_sign(method: str, url: str, body: bytes | None):
    """Like Fedify it reads the target without the query string."""
    request = ours(method, url, body, "cavage", with_query=False)
    verifier = Verifier(
        load_public_key(KEYPAIR.public_pem), method, url, request["headers"], body or b""
    )
    assert verifier.verify() == KEY_URI
    elsewhere = Verifier(
        load_public_key(KEYPAIR.public_pem), method, f"{ORIGIN}/o", request["headers"], body or b""
    )
    assert elsewhere.verify() is None


@METHODS
def test_r16_we_verify_what_apsig_signs(method: str, url: str, body: bytes | None):
    signer = Signer(
        headers={} if body is None else {"Content-Type": ACTIVITY},
        private_key=load_own_key(KEYPAIR.private_pem),
        method=method,
        url=url,
        key_id=KEY_URI,
        body=body or b"",
    )
    assert is_believed(method, url, body, signer.sign())


def test_r22_we_verify_a_fetch_that_apsig_signs_by_rfc_9421():
    """Its POST has a Content-Digest that it does not sign, which nobody should take."""
    signer = RFC9421Signer(load_own_key(KEYPAIR.private_pem), KEY_URI)
    headers = signer.sign("GET", "/ap/posts/1", "here.test", {"content-type": ACTIVITY})
    headers["host"] = "here.test"
    assert is_believed("GET", f"{ORIGIN}/ap/posts/1", None, headers)
    assert not is_believed("GET", f"{ORIGIN}/ap/posts/2", None, headers)


RESOLVER = hms.MappingKeyResolver(
    public_keys={KEY_URI: KEYPAIR.public_pem.encode()},
    private_keys={KEY_URI: KEYPAIR.private_pem.encode()},
)


@METHODS
def test_r14_http_message_signatures_verifies_what_we_sign(
    method: str, url: str, body: bytes | None
):
    request = ours(method, url, body, "rfc9421")
    message = SimpleNamespace(method=method, url=url, headers=request["headers"])
    verifier = hms.HTTPMessageVerifier(
        signature_algorithm=hms.algorithms.RSA_V1_5_SHA256, key_resolver=RESOLVER
    )
    (result,) = verifier.verify(message)
    assert {'"@method"', '"@target-uri"'} <= set(result.covered_components)
    assert ('"content-digest"' in result.covered_components) == (body is not None)
    message.url = f"{ORIGIN}/other"
    with pytest.raises(hms.InvalidSignature):
        verifier.verify(message)


@METHODS
@pytest.mark.parametrize("algorithm", ["RSA_V1_5_SHA256", "RSA_PSS_SHA512"])
@pytest.mark.parametrize("is_named", [True, False])
def test_r22_we_verify_what_http_message_signatures_signs(
    algorithm: str, is_named: bool, method: str, url: str, body: bytes | None
):
    headers = {"host": "here.test", "date": "Sun, 01 Mar 2026 12:00:00 GMT"}
    covered = ["@method", "@authority", "@path", "@query", "date"]
    message = SimpleNamespace(method=method, url=url, headers=headers)
    signer = hms.HTTPMessageSigner(
        signature_algorithm=getattr(hms.algorithms, algorithm), key_resolver=RESOLVER
    )
    signer.sign(
        message,
        key_id=KEY_URI,
        covered_component_ids=covered,
        nonce="n",
        tag="forum",
        include_alg=is_named,
        body=body,
    )
    assert is_believed(method, url, body, message.headers)
    assert not is_believed(method, f"{ORIGIN}/other", body, message.headers)
