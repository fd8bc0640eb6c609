"""The rule that every statement names its organisation, read off the source."""

from __future__ import annotations

import ast
from collections.abc import Iterator

#: Statements that may leave the organisation out, each with the reason.
EXEMPT = {
    "list_organisations": "the operator's list of all organisations, reached from the command line only",
}
_READING = {"select", "update", "delete"}
_WRITING = {"insert", "insert_or_skip"}


def faults(source: str, tables: set[str]) -> list[str]:
    """Name each function with a statement on a table that is not bound to an organisation."""
    found = []
    for function in ast.walk(ast.parse(source)):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef) and function.name not in EXEMPT:
            found += [f"{function.name}: {table}" for table in sorted(_unbound(function, tables))]
    return found


def _unbound(function: ast.FunctionDef | ast.AsyncFunctionDef, tables: set[str]) -> set[str]:
    calls = {name for node in ast.walk(function) if (name := _called(node))}
    known = tables | {a.arg for a in function.args.args if a.annotation and ast.unparse(a.annotation) == "Table"}
    used = {node.id for node in ast.walk(function) if isinstance(node, ast.Name) and node.id in known}
    unbound = set()
    if calls & _READING:
        unbound |= used - set(_compared(function))
    if calls & _WRITING and not _writes_organisation(function):
        unbound |= used
    return unbound


def _called(node: ast.AST) -> str | None:
    return node.func.id if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else None


def _compared(function: ast.AST) -> Iterator[str]:
    """Yield each table whose organisation is compared with something."""
    for node in ast.walk(function):
        if isinstance(node, ast.Compare) and len(node.ops) == 1 and isinstance(node.ops[0], ast.Eq):
            for side in (node.left, node.comparators[0]):
                text = ast.unparse(side)
                if text.endswith(".c.organisation_id"):
                    yield text.removesuffix(".c.organisation_id")


def _writes_organisation(function: ast.AST) -> bool:
    words = [node.arg for node in ast.walk(function) if isinstance(node, ast.keyword)]
    keys = [node.value for node in ast.walk(function) if isinstance(node, ast.Constant)]
    return "organisation_id" in words or "organisation_id" in keys
