from __future__ import annotations

from forum.exporting import blocked_csv, muted_csv
from storage.belongings import OwnPerson


def test_a_name_that_begins_a_formula_is_only_text():
    people = [OwnPerson('=cmd|"x"', "rude.test", None), OwnPerson("ada", "here.test", None)]
    assert blocked_csv(people) == '"\'=cmd|""x""@rude.test"\r\nada@here.test\r\n'


def test_mutes_have_a_header_as_mastodon_writes_it():
    assert muted_csv([OwnPerson("ada", "here.test", None)]).splitlines() == [
        "Account address,Hide notifications",
        "ada@here.test,true",
    ]
