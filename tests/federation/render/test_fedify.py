"""Fedify, which carries Ghost, Hollo and others, believes every form of what people here say."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from federation.proofs import sign_document
from federation.render import activities, actors
from federation.render.document import Document, encode, to_bytes, with_context
from storage.ids import new_id
from storage.keys import ProofKey
from storage.parts import Happening, Parts
from storage.polls import Option, Poll
from tests.factories import KEYPAIR, SITE
from tests.federation.render.test_posts import (
    AUTHOR,
    COMMUNITY,
    EVENING,
    EVERYTHING,
    NOON,
    REPLY,
    THREAD,
    shown,
)
from tests.federation.signatures.test_other_libraries import PEERS, with_node

pytestmark = with_node

NOW = datetime.now(UTC)
KEY = ProofKey(f"{AUTHOR.uri}#ed25519-key", KEYPAIR.private_ed25519_pem)
POLL = Poll(3, False, EVENING, None, 4, [Option(0, "Tea", 3), Option(1, "Coffee", 1)])
EVENT = Happening(
    NOON, EVENING, "Europe/Berlin", "The station", "Station Road 1", "https://m.test/"
)
POSTS = {
    "a reply": shown(REPLY),
    "a thread": shown(THREAD, EVERYTHING),
    "a question": shown(replace(THREAD, type="Question"), EVERYTHING, POLL),
    "an article": shown(replace(THREAD, type="Article")),
    "an event": shown(replace(THREAD, type="Event"), Parts(happening=EVENT)),
}


def said() -> dict[str, Document]:
    found = {}
    for name, post in POSTS.items():
        found[f"Create of {name}"] = activities.create(f"{SITE.origin}/1", COMMUNITY, post)
        found[f"Update of {name}"] = activities.update(f"{SITE.origin}/2", COMMUNITY, post, NOW)
    found["Delete"] = activities.delete(f"{SITE.origin}/3", AUTHOR, COMMUNITY, THREAD, NOW)
    return found


def ask_fedify(documents: list[Document]) -> list[Any]:
    keys = actors.PublicKeys(KEYPAIR.public_pem, KEY.uri, KEYPAIR.public_ed25519_pem)
    person = actors.person(SITE, replace(AUTHOR, id=new_id(NOW)), keys)
    shown_person = json.loads(to_bytes(person))
    known = {AUTHOR.uri: shown_person, KEY.uri: shown_person}
    lines = [
        json.dumps({"run": "fedify.verifyProof", "document": document, "documents": known})
        for document in documents
    ]
    done = subprocess.run(
        [shutil.which("node") or "node", str(PEERS / "signatures.mjs")],
        input="\n".join(lines) + "\n", capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    return [json.loads(line)["result"]["verified"] for line in done.stdout.splitlines()]


def test_each_form_of_a_post_is_believed_and_none_that_was_changed() -> None:
    proved = {
        name: json.loads(encode(sign_document(with_context(one, is_proved=True), KEY, NOW)))
        for name, one in said().items()
    }
    believed = ask_fedify(list(proved.values()))
    assert dict(zip(proved, believed, strict=True)) == dict.fromkeys(proved, True)
    changed = [{**document, "to": ["https://there.test/"]} for document in proved.values()]
    assert ask_fedify(changed) == [False] * len(changed)
