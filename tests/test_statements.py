"""Every statement of the ground floor, against the real schema.

A statement is a constant that nothing but other constants goes into; the database knows all it
names; and its columns are, by name, order and type, the fields of the row type it is read into.
"""

from __future__ import annotations

import ast
import dataclasses
import importlib
import re
import typing
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from types import ModuleType, UnionType

import asyncpg

from storage.db import Connection

STORAGE = Path(__file__).parent.parent / "storage"
VERBS = ("select", "insert", "update", "delete", "with", "notify")
FETCHES = ("fetch_one", "fetch_all")
TYPES: dict[object, set[str]] = {
    dict[str, typing.Any]: {"jsonb"},
    int: {"int2", "int4", "int8"},
    str: {"text", "varchar"},
    bool: {"bool"},
    bytes: {"bytea"},
    float: {"float8", "numeric"},
    datetime: {"timestamptz"},
    timedelta: {"interval"},
    list[int]: {"int4[]", "int8[]"},
    list[str]: {"text[]"},
}


def modules() -> Iterator[tuple[ModuleType, ast.Module]]:
    for path in sorted(STORAGE.glob("*.py")):
        name = f"storage.{path.stem}" if path.stem != "__init__" else "storage"
        yield importlib.import_module(name), ast.parse(path.read_text(encoding="utf-8"))


def is_statement(value: object) -> bool:
    return isinstance(value, str) and value.split(maxsplit=1)[:1] in [[verb] for verb in VERBS]


def statements() -> dict[str, str]:
    found = {}
    for module, tree in modules():
        for node in tree.body:
            for name in _assigned(node):
                value = getattr(module, name)
                if name.isupper() and is_statement(value):
                    found[f"{module.__name__}.{name}"] = value
    return found


def pairings() -> list[tuple[str, str, type]]:
    """(where, statement, row type) of every call that reads rows."""
    found = []
    for module, tree in modules():
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call) or _called(node) not in FETCHES:
                continue
            row, statement = node.args[1], node.args[2]
            if module.__name__ == "storage.db":
                continue
            where = f"{module.__name__}:{node.lineno}"
            assert isinstance(statement, ast.Name), f"{where}: a statement is a named constant"
            assert isinstance(row, ast.Name), f"{where}: a row type is named"
            found.append((where, getattr(module, statement.id), getattr(module, row.id)))
    return found


def _types_of(hint: object) -> set[str] | None:
    """The database's types that may stand in a field; None when anything may."""
    if hint is typing.Any:
        return None
    if typing.get_origin(hint) in (UnionType, typing.Union):
        hint = next(part for part in typing.get_args(hint) if part is not type(None))
    return TYPES[hint]


def _assigned(node: ast.stmt) -> list[str]:
    targets = (
        node.targets
        if isinstance(node, ast.Assign)
        else [node.target]
        if isinstance(node, ast.AnnAssign)
        else []
    )
    return [target.id for target in targets if isinstance(target, ast.Name)]


def _called(call: ast.Call) -> str | None:
    return call.func.id if isinstance(call.func, ast.Name) else None


def _mixes_sql(node: ast.expr) -> bool:
    """Whether something that is no constant goes into a statement."""
    if isinstance(node, ast.JoinedStr):
        first = node.values[0] if node.values else None
        holds_sql = isinstance(first, ast.Constant) and is_statement(first.value)
        parts = [part.value for part in node.values if isinstance(part, ast.FormattedValue)]
        return holds_sql and not all(
            isinstance(part, ast.Name) and part.id.isupper() for part in parts
        )
    if isinstance(node, ast.BinOp):
        return any(
            isinstance(side, ast.Constant) and is_statement(side.value)
            for side in (node.left, node.right)
        )
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        target = node.func.value
        return (
            node.func.attr in ("format", "join", "replace")
            and isinstance(target, ast.Constant)
            and is_statement(target.value)
        )
    return False


def test_a_statement_is_made_of_constants_only() -> None:
    wrong = []
    for module, tree in modules():
        wrong += [
            f"{module.__name__}:{node.lineno}"
            for node in ast.walk(tree)
            if isinstance(node, ast.expr) and _mixes_sql(node)
        ]
    assert not wrong


def test_no_statement_hides_inside_a_function() -> None:
    wrong = []
    for module, tree in modules():
        for function in ast.walk(tree):
            if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                wrong += [
                    f"{module.__name__}:{node.lineno}"
                    for node in ast.walk(function)
                    if isinstance(node, ast.Constant)
                    and is_statement(node.value)
                    and node.value != ast.get_docstring(function, clean=False)
                    and len(str(node.value).split()) > 2
                ]
    assert not wrong


async def test_the_database_understands_every_statement(conn: Connection) -> None:
    wrong = []
    for name, statement in statements().items():
        try:
            await conn.prepare(statement)
        except asyncpg.PostgresError as error:
            wrong.append((name, str(error)))
            break  # the transaction is over
    assert not wrong


async def test_columns_are_the_fields_of_the_row(conn: Connection) -> None:
    wrong = []
    for where, statement, row_type in pairings():
        prepared = await conn.prepare(statement)
        hints = typing.get_type_hints(row_type)
        fields = [field.name for field in dataclasses.fields(row_type)]
        columns = [(column.name, column.type.name) for column in prepared.get_attributes()]
        if [name for name, _ in columns] != fields:
            wrong.append((where, columns, fields))
            continue
        wrong += [
            (where, name, type_name)
            for name, type_name in columns
            if type_name not in (_types_of(hints[name]) or {type_name})
        ]
    assert not wrong


# What is read by a link, or is no list for somebody here to come across: everything else that
# brings posts to a viewer leaves out what they muted.
BY_LINK = {
    "storage.activities", "storage.collections", "storage.edits", "storage.polls",
    "storage.reactions", "storage.aliases", "storage.belongings", "storage.messages",
    "storage.reports",
}  # fmt: skip
BY_LINK_STATEMENTS = {
    "storage.threads.READ", "storage.threads.READ_BY_URI", "storage.threads.READ_THREAD",
    "storage.threads.LIST_MARKS", "storage.threads.COUNT_UP_TO",
    "storage.threads.LIST_PATHS_BEFORE", "storage.threads.LIST_OUTBOX",
    "storage.threads.READ_MODERATED", "storage.media.FIND",
}  # fmt: skip


def lists_for_viewers() -> dict[str, str]:
    """Every statement about posts that a function with a viewer runs."""
    found = {}
    for module, tree in modules():
        for function in ast.walk(tree):
            if not isinstance(function, ast.AsyncFunctionDef):
                continue
            if "viewer" not in [argument.arg for argument in function.args.args]:
                continue
            for node in ast.walk(function):
                if isinstance(node, ast.Name) and node.id.isupper():
                    value = getattr(module, node.id)
                    if isinstance(value, str) and re.search(r"\b(from|join) (\w+_)?posts\b", value):
                        found[f"{module.__name__}.{node.id}"] = value
    return found


def test_pat12_every_list_of_posts_leaves_out_what_its_reader_muted() -> None:
    lists = lists_for_viewers()
    assert "storage.home.LIST_HOME" in lists
    wrong = [
        name
        for name, statement in lists.items()
        if "wanted_posts(" not in statement
        and name not in BY_LINK_STATEMENTS
        and name.rsplit(".", 1)[0] not in BY_LINK
    ]
    assert not wrong
