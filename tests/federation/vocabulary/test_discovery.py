"""WebFinger and NodeInfo of other servers."""

from __future__ import annotations

from typing import Any

import pytest

from federation.errors import FederationError, Malformed
from federation.vocabulary.discovery import (
    AS_TYPE,
    Software,
    parse_nodeinfo_links,
    parse_software,
    parse_webfinger,
)
from tests.federation.vocabulary.samples import ADA, EVE

SELF = {"rel": "self", "type": "application/activity+json", "href": ADA}
PROFILE = {"rel": "http://webfinger.net/rel/profile-page", "type": "text/html", "href": EVE}
SCHEMA = "http://nodeinfo.diaspora.software/ns/schema/"


@pytest.mark.parametrize(
    "media_type",
    [
        "application/activity+json",
        'application/ld+json; profile="https://www.w3.org/ns/activitystreams"',
    ],
)
def test_a_name_leads_to_its_actor(media_type: str):
    document = {"subject": "acct:ada@there.test", "links": [PROFILE, {**SELF, "type": media_type}]}
    found = parse_webfinger(document)
    assert (found.subject, found.actors) == ("acct:ada@there.test", (ADA,))


def test_of_lemmys_two_actors_the_community_comes_first():
    group = {**SELF, "href": EVE, "properties": {AS_TYPE: "Group"}}
    person = {**SELF, "properties": {AS_TYPE: "Person"}}
    assert parse_webfinger({"links": [person, group]}).actors == (EVE, ADA)
    assert parse_webfinger({"links": [SELF, {**SELF, "href": EVE}]}).actors == (ADA, EVE)


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"links": SELF},
        {"links": []},
        {"links": [PROFILE]},
        {"links": [{**SELF, "type": "text/html"}]},
        {"links": [{**SELF, "type": None}]},
        {"links": [{**SELF, "href": "x"}]},
        {"links": [None, "x", {"rel": {}}]},
        {"links": [PROFILE] * 200 + [SELF]},
    ],
)
def test_an_answer_that_leads_to_no_actor_is_refused(document: Any):
    with pytest.raises(Malformed):
        parse_webfinger(document)


def test_nodeinfo_is_found_by_version():
    links = [
        {"rel": f"{SCHEMA}2.0", "href": "https://x.test/2.0"},
        {"rel": f"{SCHEMA}2.1", "href": "https://x.test/2.1"},
        {"rel": "https://www.w3.org/ns/activitystreams#Application", "href": "https://x.test/"},
        {"rel": f"{SCHEMA}1.0", "href": 5},
    ]
    assert parse_nodeinfo_links({"links": links}) == {
        "2.0": "https://x.test/2.0",
        "2.1": "https://x.test/2.1",
    }


def test_software_has_a_name_and_a_version():
    found = parse_software({"software": {"name": "Mastodon", "version": "4.5\x00" + "x" * 100}})
    assert found == Software("mastodon", ("4.5" + "x" * 100)[:50])
    assert parse_software({"software": {"name": 5}}) == Software("", "")
    for wrong in ({}, {"software": "mastodon"}, {"software": None}):
        with pytest.raises(FederationError):
            parse_software(wrong)
