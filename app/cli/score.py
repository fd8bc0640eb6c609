"""`alliance score`: score answers here, without a service and without storing anything."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from app.cli.output import AsJson, fail, print_json, print_table, read_catalog


def score(
    key: Annotated[str, typer.Argument(help="The instrument's key, such as trq-s.")],
    answers: Annotated[
        str, typer.Argument(help='Pairs like "1=4,2=3,7=na", a JSON file, or - for JSON on standard input.')
    ],
    as_json: AsJson = False,
) -> None:
    """Score one set of answers."""
    from app.errors import InstrumentKeyNotAvailable, InvalidSubmission, NotFound
    from app.instruments.model import check_answers
    from app.scoring.score import Score
    from app.scoring.score import score as score_answers

    try:
        instrument = read_catalog().latest(key)
        scores = score_answers(instrument, check_answers(instrument, _read(answers)))
    except NotFound:
        raise fail(f"no instrument {key}") from None
    except InstrumentKeyNotAvailable as error:
        raise fail(str(error)) from None
    except InvalidSubmission as error:
        places = ", ".join(f"{fault.pointer} {fault.code}" for fault in error.faults)
        raise fail(f"these answers can't be scored: {places}") from None
    if as_json:
        print_json({"instrument": key, "version": instrument.version, "scores": [_document(s) for s in scores]})
        return
    print_table(
        f"{instrument.title} ({instrument.key} {instrument.version}, key: {instrument.key_status})",
        ("component", "value", "range", "POMP", "answered", ""),
        [
            (
                s.component,
                f"{s.value:.4g}",
                f"{s.minimum:g}-{s.maximum:g}",
                f"{s.pomp:.1f}",
                f"{s.answered}/{s.items}",
                "prorated" if s.prorated else "",
            )
            if isinstance(s, Score)
            else (s.component, "not scored", "", "", f"{s.answered}/{s.items}", s.reason)
            for s in scores
        ],
    )


def _document(score: Any) -> dict[str, Any]:
    from app.scoring.score import Score

    if isinstance(score, Score):
        return {
            "component": score.component,
            "status": "scored",
            "value": round(score.value, 4),
            "mean": round(score.mean, 4),
            "sum": round(score.sum, 4),
            "pomp": round(score.pomp, 4),
            "answered": score.answered,
            "items": score.items,
            "prorated": score.prorated,
        }
    return {
        "component": score.component,
        "status": "not_scored",
        "value": None,
        "reason": score.reason,
        "missing": list(score.missing),
    }


def _read(text: str) -> dict[str, Any]:
    from app.instruments.model import NOT_APPLICABLE

    words = {"na": NOT_APPLICABLE, "not_applicable": NOT_APPLICABLE, "": None, "-": None}
    if "=" in text:
        pairs = [pair.partition("=") for pair in text.replace(" ", "").split(",") if pair]
        given: Any = _once([(item, value) for item, _, value in pairs])
    else:
        given = _from_json(text)
    return {item: words[v] if isinstance(v, str) and v in words else _number(v) for item, v in given.items()}


def _from_json(text: str) -> dict[str, Any]:
    try:
        written = sys.stdin.read() if text == "-" else Path(text).read_text("utf-8")
        data = json.loads(written, object_pairs_hook=_once)
    except (OSError, ValueError):
        raise fail("the answers are neither pairs like 1=4 nor readable JSON") from None
    given = data.get("answers", data) if isinstance(data, dict) else None
    if not isinstance(given, dict):
        raise fail("the JSON holds no object of answers")
    return given


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Take each name once: of two answers to one item nobody knows which was meant."""
    built = dict(pairs)
    if len(built) < len(pairs):
        raise fail("an item is answered twice")
    return built


def _number(value: object) -> int | None:
    if value is None or type(value) is int:
        return value
    if isinstance(value, str) and value.removeprefix("-").isdecimal():
        return int(value)
    raise fail("an answer is an integer, na or nothing")
