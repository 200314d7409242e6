"""The house stands on its floors: imports point down, rooms stay small, SQL stays in the ground.

Read from the source, so that a rule holds for a file that no other test touches.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

BELOW = {
    "server": {"server", "web", "federation", "forum", "storage"},
    "web": {"web", "forum", "storage"},
    "federation": {"federation", "forum", "storage"},
    "forum": {"forum", "storage"},
    "storage": {"storage"},
}
MOST_LINES = 400
MOST_FUNCTION_LINES = 50

SQL = re.compile(
    r"^\s*(?:select\s.+\bfrom\b|select\s+[\w.]+\s*\(|insert\s+into\s|update\s+[\w\"]+\s+(?:\w+\s+)?set\s"
    r"|delete\s+from\s|with\s+(?:recursive\s+)?\w+\s+as\s|create\s+(?:table|index|function|database)"
    r"|drop\s+(?:table|index|database)|truncate\s|notify\s+\w+\s*$|listen\s+\w+\s*$)",
    re.IGNORECASE | re.DOTALL,
)
POSTS = re.compile(r"\b(?:from|join|into|update|table|references)\s+posts\b", re.IGNORECASE)
NETWORK = {"httpx", "requests", "aiohttp", "urllib.request", "http.client", "urllib3"}
# One statement of PostgreSQL's own single-user mode, at the birth of a database.
SQL_ALLOWED = {"server/embedded_pg.py": "create database"}
ONLY_CLIENT = {"federation/client.py", "federation/dial.py"}

FILES = sorted(path for floor in BELOW for path in (ROOT / floor).rglob("*.py"))
TREES = {path: ast.parse(path.read_text(encoding="utf-8")) for path in FILES}


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def floor_of(path: Path) -> str:
    return path.relative_to(ROOT).parts[0]


def place(path: Path, node: ast.AST) -> str:
    return f"{name_of(path)}:{getattr(node, 'lineno', '?')}"


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(node: ast.AST) -> Iterator[str]:
    """Modules that one import statement may mean: `from a import b` is a, or a.b."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        yield str(node.module)
        yield from (f"{node.module}.{alias.name}" for alias in node.names)


def imports(tree: ast.AST) -> Iterator[tuple[ast.AST, str]]:
    return ((node, name) for node in ast.walk(tree) for name in imported(node))


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef))


def texts(tree: ast.AST) -> Iterator[ast.Constant]:
    """String constants that are not docstrings."""
    docs = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs:
            yield node


def test_imports_point_down():
    assert not [
        f"{place(path, node)} imports {name}"
        for path in FILES
        for node, name in imports(TREES[path])
        if name.split(".")[0] in BELOW and name.split(".")[0] not in BELOW[floor_of(path)]
    ]


def test_no_import_is_relative_or_hidden_in_a_function():
    assert not [
        place(path, node)
        for path in FILES
        for node in ast.walk(TREES[path])
        if isinstance(node, ast.ImportFrom) and node.level
    ]
    assert not [
        place(path, node)
        for path in FILES
        for function in functions(TREES[path])
        for node in ast.walk(function)
        if isinstance(node, ast.Import | ast.ImportFrom)
        or (isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"))
    ]


def test_a_file_is_short():
    assert not [
        name_of(path) for path in FILES if path.read_text(encoding="utf-8").count("\n") > MOST_LINES
    ]


def test_a_function_is_short():
    assert not [
        f"{place(path, function)} {function.name}"
        for path in FILES
        for function in functions(TREES[path])
        if (function.end_lineno or 0) - function.lineno >= MOST_FUNCTION_LINES
    ]


def test_sql_is_written_only_in_the_ground_floor():
    assert not [
        f"{place(path, text)}: {str(text.value)[:60]!r}"
        for path in FILES
        for text in texts(TREES[path])
        if floor_of(path) != "storage"
        and SQL.match(str(text.value))
        and SQL_ALLOWED.get(name_of(path), "\0") not in str(text.value)
    ]


def test_the_table_of_posts_is_named_only_in_the_ground_floor():
    assert not [
        place(path, text)
        for path in FILES
        for text in texts(TREES[path])
        if floor_of(path) != "storage" and POSTS.search(str(text.value))
    ]


def test_sql_is_never_assembled():
    """A statement may hold a shared list of columns, in capitals, and nothing else."""
    assert not [
        place(path, node)
        for path in FILES
        if name_of(path) not in SQL_ALLOWED
        for node in ast.walk(TREES[path])
        if isinstance(node, ast.JoinedStr) and is_assembled_sql(node)
    ]


def test_only_the_client_speaks_http_to_others():
    assert not [
        f"{place(path, node)} imports {name}"
        for path in FILES
        if name_of(path) not in ONLY_CLIENT
        for node, name in imports(TREES[path])
        if name in NETWORK
    ]


def is_assembled_sql(node: ast.JoinedStr) -> bool:
    fixed = "".join(str(part.value) for part in node.values if isinstance(part, ast.Constant))
    put_in = [part.value for part in node.values if isinstance(part, ast.FormattedValue)]
    is_shared = all(ast.unparse(value).split(".")[-1].isupper() for value in put_in)
    return bool(SQL.match(fixed)) and not is_shared


def test_no_modules_import_each_other_in_a_circle():
    modules = {module_of(path): path for path in FILES}
    graph = {
        module: {name for _, name in imports(TREES[path]) if name in modules and name != module}
        for module, path in modules.items()
    }
    assert circles(graph) == []


def test_no_packages_of_a_floor_import_each_other_in_a_circle():
    graph: dict[str, set[str]] = {}
    modules = {module_of(path) for path in FILES}
    packages = {module_of(path) for path in FILES if path.name == "__init__.py"}

    def package_of(module: str) -> str:
        return module if module in packages else module.rpartition(".")[0]

    for path in FILES:
        own = package_of(module_of(path))
        others = {package_of(name) for _, name in imports(TREES[path]) if name in modules}
        # A package and the room inside it are one: the floor's own files may use its rooms.
        graph.setdefault(own, set()).update(
            other for other in others if not other.startswith(own) and not own.startswith(other)
        )
    assert circles(graph) == []


def test_alembic_is_no_package():
    """It would hide the library of that name."""
    assert not (ROOT / "alembic" / "__init__.py").exists()


def circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """One circle for each node that reaches itself, the shortest way first found."""
    found = []
    for start in sorted(graph):
        trail = {start: [start]}
        waiting = [start]
        while waiting:
            module = waiting.pop(0)
            for following in sorted(graph.get(module, ())):
                if following == start:
                    found.append([*trail[module], start])
                    waiting = []
                    break
                if following not in trail:
                    trail[following] = [*trail[module], following]
                    waiting.append(following)
    return found


@pytest.mark.parametrize(
    "text",
    ["select id from posts", "\n insert into x values ($1)", "update posts set a = 1", "notify x"],
)
def test_the_search_for_sql_finds_it(text):
    assert SQL.match(text)


@pytest.mark.parametrize(
    "text", ["select", "update the page", "Deleted from here", "with you", "create a community"]
)
def test_the_search_for_sql_leaves_prose_alone(text):
    assert not SQL.match(text)
