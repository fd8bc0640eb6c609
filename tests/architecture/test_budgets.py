"""Sizes: a file or function that outgrows its budget has more than one idea in it."""

from __future__ import annotations

import ast
from pathlib import Path

APP = Path(__file__).parents[2] / "app"
FILE_LINES = 400
FUNCTION_LINES = 45


def test_files_stay_small() -> None:
    """No module is longer than about 400 lines."""
    sizes = {str(p.relative_to(APP.parent)): len(p.read_text("utf-8").splitlines()) for p in APP.rglob("*.py")}
    assert {name: size for name, size in sizes.items() if size > FILE_LINES} == {}


def test_functions_stay_small() -> None:
    """No function's code is longer than about 40 lines; docstrings and signatures don't count."""
    long = {}
    for path in APP.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                size = _code_lines(node)
                if size > FUNCTION_LINES:
                    long[f"{path.relative_to(APP.parent)}:{node.name}"] = size
    assert long == {}


def _code_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    first = node.body[0]
    is_docstring = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    body = node.body[1:] if is_docstring else node.body
    return (node.end_lineno or 0) - body[0].lineno + 1 if body else 0
