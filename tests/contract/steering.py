"""What schemathesis loads: half of its well-formed forms become such that an instrument takes them; one more check."""

from __future__ import annotations

import json
from collections.abc import Mapping, MutableMapping
from typing import Any

import schemathesis
from schemathesis.core.parameters import ParameterLocation

from app.instruments.catalog import shipped

_ITEMS = {item.id: [option.value for option in item.options] for item in shipped().latest("trq-s").items}
#: Codes of faults in what a JSON schema takes: rules about an instrument, the clock or what is stored.
BEYOND_SCHEMAS = frozenset(
    {
        "comment_not_allowed",
        "differs_from_corrected",
        "idempotency_key_reused",
        "in_the_future",
        "no_answers",
        "not_modelled",
        "too_early",
        "unknown_instrument",
        "unknown_item",
        "unknown_therapist",
        "unknown_version",
        "wrong_rater",
    }
)


def steered(body: Any) -> Any:
    """Turn every form in a body into one that trq-s takes; what is drawn decides where it says so and how much.

    A safety check has answers of its own, which its schema says whole.
    """
    if isinstance(body, list):
        return [steered(part) for part in body]
    if not isinstance(body, Mapping):
        return body
    form = {name: steered(part) for name, part in body.items()}
    if not isinstance(body.get("answers"), Mapping) or body.get("form") == "safety-1":
        return form
    drawn = [part for part in body["answers"].values() if isinstance(part, int)]
    form["answers"] = {
        item: values[drawn[at % len(drawn)] % len(values)] if drawn else values[0]
        for at, (item, values) in enumerate(_ITEMS.items())
    }
    if "instrument" in form:
        form |= {"instrument": "trq-s", "completed_at": "2026-01-07T10:00:00Z"}
        form |= {"rater": "client"} if "rater" in form else {}  # who was invited does not say it
        form.pop("instrument_version", None)
    return form


def is_steered(body: Any) -> bool:
    """Choose half of the bodies, by what they hold, so that a seed repeats the choice."""
    return sum(json.dumps(body, sort_keys=True, default=str).encode()) % 2 == 0


def say_why(headers: MutableMapping[str, str]) -> None:
    """Let whoever breaks the glass say who they are and why; a reason as drawn is Latin-1, which is no UTF-8."""
    if "Access-Reason" in headers:
        headers["Access-Reason"] = "On call."
    if "Break-Glass" in headers:
        headers.setdefault("Access-Reason", "On call.")
        headers.setdefault("Acting-User", "person-1")


@schemathesis.hook
def before_call(_context: Any, case: Any, **_options: Any) -> None:
    """Steer what was drawn as well-formed; what was drawn as malformed stays as it is."""
    drawn_well = case.meta is not None and case.meta.generation.mode.is_positive
    if drawn_well and isinstance(case.body, dict) and is_steered(case.body):
        case.body = steered(case.body)
    if drawn_well and case.headers:
        say_why(case.headers)
    if drawn_well and isinstance(case.query, dict):
        case.query.pop("cursor", None)  # no schema says what a signed text is: only the service makes one
        if "after" in case.query:
            case.query["after"] = "0"  # as little as what a sealed place is


#: Where a range is that of an instrument's items, or moves with the clock.
_ITEMS_RANGE = "/answers/"
_CLOCKS_RANGES = frozenset({"/opens_at", "/expires_at"})
#: Where only what is stored says which value is allowed: the instrument to which somebody was invited.
_STORED = ("/instrument", "not_allowed")


def unexplained(problem: Mapping[str, Any], body: Any) -> set[str]:
    """List the codes of a 422 that the schema should have said."""
    codes = {
        one["code"]
        for one in problem["errors"]
        if not (one["code"] == "out_of_range" and (_ITEMS_RANGE in one["pointer"] or one["pointer"] in _CLOCKS_RANGES))
        and (one["pointer"], one["code"]) != _STORED
    }
    if isinstance(body, Mapping) and body.get("form") == "safety-1" and body.get("client_ref") is None:
        codes -= {"required"}  # which client it is, only a key that is bound to one need not say
    if not problem["errors"]:
        codes = {problem["code"]}
    # To JSON Schema 4.0 is an integer. To us it is not: an answer is never guessed from a number of another kind.
    return codes - BEYOND_SCHEMAS - ({"wrong_type"} if _holds_whole_float(body) else set())


def _holds_whole_float(body: Any) -> bool:
    if isinstance(body, float):
        return body.is_integer()
    inner = body.values() if isinstance(body, Mapping) else body if isinstance(body, list) else ()
    return any(_holds_whole_float(part) for part in inner)


@schemathesis.check
def only_rules_beyond_schemas_refuse(_context: Any, response: Any, case: Any) -> None:
    """A well-formed body is refused only for what no schema can say."""
    drawn_well = case.meta is not None and case.meta.generation.mode.is_positive
    if drawn_well and response.status_code == 422:
        found = unexplained(response.json(), case.body)
        if found:
            raise AssertionError(f"the document takes what the service refuses: {', '.join(sorted(found))}")


@schemathesis.check
def malformed_items_are_refused_one_by_one(_context: Any, response: Any, case: Any) -> None:
    """An operation on many answers 200 and refuses items: of a malformed body it must not take everything."""
    body = case.meta and case.meta.components.get(ParameterLocation.BODY)
    drawn_badly = body is not None and not body.mode.is_positive
    if drawn_badly and response.status_code == 200 and takes_everything(response.json()):
        raise AssertionError("every item of a malformed body was taken")


def takes_everything(answer: Any) -> bool:
    """Say whether an answer with one status for each item refuses none."""
    items = answer.get("items", []) if isinstance(answer, Mapping) else []
    statuses = [item["status"] for item in items if isinstance(item, Mapping) and isinstance(item.get("status"), int)]
    return bool(statuses) and max(statuses) < 400
