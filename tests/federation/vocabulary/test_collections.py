"""Collections of other servers and their pages."""

from __future__ import annotations

import pytest

from federation.errors import Unsupported
from federation.vocabulary.collections import parse_collection
from tests.federation.vocabulary.samples import COLLECTION, NOTE


def test_a_first_page_that_is_sent_along_counts_as_the_collection():
    found = parse_collection(COLLECTION)
    assert found.id == "https://there.test/c"
    assert found.items == ("https://there.test/n/1", NOTE)
    assert (found.first, found.next) == (None, "https://there.test/c?page=2")
    assert found.total == 3


def test_a_first_page_elsewhere_is_its_address():
    found = parse_collection({**COLLECTION, "first": "https://there.test/c?page=1"})
    assert (found.items, found.first) == ((), "https://there.test/c?page=1")


@pytest.mark.parametrize(
    "kind", ["Collection", "OrderedCollection", "CollectionPage", "OrderedCollectionPage"]
)
@pytest.mark.parametrize("field", ["items", "orderedItems"])
def test_items_are_read_in_every_shape(kind: str, field: str):
    for shape in (NOTE, [NOTE], [None, "x", 5, NOTE]):
        assert parse_collection({"type": kind, field: shape}).items == (NOTE,)


@pytest.mark.parametrize("total", [10**18, -1, "3", None, True, 2.5])
def test_a_total_that_cannot_be_is_none(total: object):
    assert parse_collection({**COLLECTION, "totalItems": total}).total is None


def test_five_hundred_items_are_read_of_ten_thousand():
    page = {"type": "CollectionPage", "items": [NOTE] * 10_000, "first": COLLECTION["first"]}
    assert len(parse_collection(page).items) == 500


@pytest.mark.parametrize("kind", ["Note", "OrganizersCollection", None, 5])
def test_other_things_are_no_collections(kind: object):
    with pytest.raises(Unsupported):
        parse_collection({**COLLECTION, "type": kind})
