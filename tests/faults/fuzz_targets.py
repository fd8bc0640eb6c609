"""Parsers under bytes of chance, guided by coverage: `python -m tests.faults.fuzz_targets NAME -runs=N -seed=N`.

A parser may refuse in its own way; anything else that it raises ends the process with an error.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress
from uuid import UUID

import atheris

with atheris.instrument_imports(include=["app.web.body", "app.web.keys", "app.access", "app.storage.cursor"]):
    import yaml
    from pydantic import TypeAdapter, ValidationError

    from app.access.api_key import parse_api_key
    from app.errors import AllianceError
    from app.instruments.strict_yaml import load_strict
    from app.storage.cursor import make_cursor, read_cursor
    from app.storage.keyring import KeyRing
    from app.web.body import check_media_type, parse_json
    from app.web.keys import checked_key
    from app.web.problems import WebProblem
    from app.web.submissions_wire import SubmissionIn
    from app.web.wire import Text, Time

ORGANISATION = UUID("019a0000-0000-7000-8000-000000000000")
KEYS = KeyRing(pepper=b"1" * 32, reference_key=b"2" * 32, content_key=b"3" * 32, audit_key=b"4" * 32)
TEXT, TIME, FORM = TypeAdapter(Text), TypeAdapter(Time), TypeAdapter(SubmissionIn)


def _text(data: bytes) -> str:
    return str(atheris.FuzzedDataProvider(data).ConsumeUnicode(len(data)))


def body(data: bytes) -> None:
    """A body: JSON or a refusal, and a form or faults of it."""
    with suppress(WebProblem, ValidationError):
        FORM.validate_python(parse_json(data))


def media_type(data: bytes) -> None:
    """What a body is declared as."""
    with suppress(WebProblem):
        check_media_type(_text(data))


def strict_yaml(data: bytes) -> None:
    """A definition's YAML."""
    with suppress(yaml.YAMLError, RecursionError):
        load_strict(_text(data))


def api_key(data: bytes) -> None:
    """The text of an API key; one that is taken is written as it came."""
    text = _text(data)
    for spelled in (text, f"alliance_{text}", "alliance_" + text[:86].ljust(86, "A")):
        with suppress(AllianceError):
            if parse_api_key(spelled).text != spelled:
                raise RuntimeError("two spellings of one key")


def cursor(data: bytes) -> None:
    """A list's cursor: only what was signed is read."""
    asked: dict[str, object] = {"question": ["x"], "organisation": ORGANISATION}
    for text in (_text(data), data.decode("latin-1")):
        with suppress(AllianceError):
            read_cursor(KEYS, text, list[int], **asked)  # type: ignore[arg-type] # as asked
            if text.rstrip("=") != make_cursor(KEYS, [], **asked):  # type: ignore[arg-type] # as asked
                raise RuntimeError("a cursor that nobody signed")


def idempotency_key(data: bytes) -> None:
    """The header's key."""
    with suppress(WebProblem):
        if not 0 < len(checked_key(_text(data))) <= 255:
            raise RuntimeError("a key that can't be kept")


def texts_and_times(data: bytes) -> None:
    """References and times: what is taken can be stored and written again."""
    text = _text(data)
    with suppress(ValidationError):
        TEXT.validate_python(text).encode("utf-8")
    for spelled in (text, f"2026-{text}", f"2026-01-01T{text}"):
        with suppress(ValidationError):
            TIME.validate_python(spelled).isoformat()


TARGETS: dict[str, Callable[[bytes], None]] = {
    one.__name__: one for one in (body, media_type, strict_yaml, api_key, cursor, idempotency_key, texts_and_times)
}


def planted(data: bytes) -> None:
    """A fault for the fuzzing to find: three bytes in a row that chance alone would need hours for."""
    if data[:1] == b"{" and data[1:2] == b"{" and data[2:3] == b"{":
        raise RuntimeError("planted")


def every(data: bytes) -> None:
    """All parsers in turn, chosen by the first byte: for a short look, since starting takes longer than looking."""
    if data:
        list(TARGETS.values())[data[0] % len(TARGETS)](data[1:])


if __name__ == "__main__":
    planted = atheris.instrument_func(planted)  # guided by coverage, as the parsers are
    atheris.Setup([sys.argv[0], *sys.argv[2:]], (TARGETS | {"every": every, "planted": planted})[sys.argv[1]])
    atheris.Fuzz()
