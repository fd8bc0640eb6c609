"""How one total came about, from the service's own explanation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from app.cli.demo.post import Answered, get
from app.cli.demo.words import new_table, note

if TYPE_CHECKING:
    import httpx
    from rich.console import Console


def print_counting(console: Console, http: httpx.Client, last: Answered) -> dict[str, Any]:
    """Print the answers and every step from them to the total; return the explanation."""
    client_id, score_id = last.answer["client_id"], last.score()["id"]
    told = get(http, f"/v1/clients/{client_id}/scores/{score_id}/explanation")
    console.print("Answers, item by item: " + ", ".join(_item(item) for item in told["items"]))
    console.print()
    steps = new_table(("Step", "left"), ("What is done", "left"))
    for step in told["steps"]:
        steps.add_row(step["name"].replace("_", " "), step["says"])
    console.print(steps)
    return told


def print_sources(console: Console, told: dict[str, Any]) -> None:
    """Print which definition the score is of, and where its rules come from."""
    instrument = told["instrument"]
    validated = "validated" if instrument["validated"] else "not validated"
    sources = " ".join(text if text.endswith(".") else f"{text}." for text in told["sources"])
    console.print()
    note(console, f"{instrument['key']}, version {instrument['version']}, {validated}. {sources}")


def _item(item: dict[str, Any]) -> str:
    said = item["answer"] if item["status"] == "answered" else item["status"].replace("_", " ")
    return f"{item['item']}: {said}"
