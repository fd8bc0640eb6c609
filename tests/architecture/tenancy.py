"""The rule that every statement names its organisation, read off the source.

Statements stand in functions, or in constants at the top of a module. A table may be called by another name there: a
variable that is set to it or to its columns, or runs over several of them.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator

#: Statements that may leave the organisation out, each with the reason.
EXEMPT = {
    "list_organisations": "the operator's list of all organisations, reached from the command line only",
}
_READING = {"select", "update", "delete"}
_WRITING = {"insert"}
_ORGANISATION = (".c.organisation_id", ".organisation_id")


def faults(source: str, tables: set[str]) -> list[str]:
    """Name each function and each constant with a statement on a table that is not bound to an organisation."""
    found = []
    for name, scope in _scopes(ast.parse(source)):
        if name not in EXEMPT:
            found += [f"{name}: {table}" for table in sorted(_unbound(scope, tables))]
    return found


def _scopes(module: ast.Module) -> Iterator[tuple[str, ast.AST]]:
    """Yield every function, and every statement at the top of a module or a class that is none."""
    for node in ast.walk(module):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, node
        if isinstance(node, ast.Module | ast.ClassDef):
            for statement in node.body:
                if isinstance(statement, ast.Assign | ast.AnnAssign | ast.AugAssign | ast.Expr):
                    yield ast.unparse(getattr(statement, "targets", [statement])[0]).split(":")[0], statement


def _unbound(scope: ast.AST, tables: set[str]) -> set[str]:
    calls = {name for node in ast.walk(scope) if (name := _called(node))}
    known = tables | _table_arguments(scope)
    used = {node.id for node in ast.walk(scope) if isinstance(node, ast.Name) and node.id in known}
    unbound = set()
    if calls & _READING:
        unbound |= used - _compared(scope, known)
    if calls & _WRITING and not _writes_organisation(scope):
        unbound |= used
    return unbound


def _table_arguments(scope: ast.AST) -> set[str]:
    if not isinstance(scope, ast.FunctionDef | ast.AsyncFunctionDef):
        return set()
    return {a.arg for a in scope.args.args if a.annotation and ast.unparse(a.annotation) == "Table"}


def _called(node: ast.AST) -> str | None:
    return node.func.id if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else None


def _compared(scope: ast.AST, tables: set[str]) -> set[str]:
    """Return the tables whose organisation is compared with something, under their own or another name."""
    names = _other_names(scope, tables)
    found: set[str] = set()
    for node in ast.walk(scope):
        if isinstance(node, ast.Compare) and len(node.ops) == 1 and isinstance(node.ops[0], ast.Eq):
            for side in (node.left, node.comparators[0]):
                text = ast.unparse(side)
                ending = next((end for end in _ORGANISATION if text.endswith(end)), None)
                if ending is not None:
                    name = text.removesuffix(ending)
                    found |= {name} | names[name]
    return found


def _other_names(scope: ast.AST, tables: set[str]) -> defaultdict[str, set[str]]:
    """Map each variable to the tables that stand in what it is set to, or runs over."""
    names: defaultdict[str, set[str]] = defaultdict(set)
    for node in ast.walk(scope):
        targets: list[ast.expr] = []
        if isinstance(node, ast.Assign):
            targets, value = node.targets, node.value
        elif isinstance(node, ast.For | ast.comprehension):
            targets, value = [node.target], node.iter
        if not targets or any(_called(inner) for inner in ast.walk(value)):
            continue
        meant = {inner.id for inner in ast.walk(value) if isinstance(inner, ast.Name) and inner.id in tables}
        for target in targets:
            for inner in ast.walk(target):
                if isinstance(inner, ast.Name):
                    names[inner.id] |= meant
    return names


def _writes_organisation(scope: ast.AST) -> bool:
    """Say whether rows are written with their organisation: by its column's name, or made by a function of rows."""
    words = [node.arg for node in ast.walk(scope) if isinstance(node, ast.keyword)]
    keys = [node.value for node in ast.walk(scope) if isinstance(node, ast.Constant)]
    rows = [
        keyword.arg
        for node in ast.walk(scope)
        if isinstance(node, ast.Call) and str(_called(node)).endswith("_row")
        for keyword in node.keywords
    ]
    return "organisation_id" in words or "organisation_id" in keys or "organisation" in rows
