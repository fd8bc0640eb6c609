"""Log lines: ours and those of the libraries, all through the list of what may be seen."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable, Mapping, MutableMapping
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Final, Literal

import msgspec
import structlog

from app.seeing.lines import Lines
from app.seeing.listed import keep_listed, told_of
from app.seeing.metrics import FIELDS_DROPPED

Format = Literal["auto", "json", "text"]
Level = Literal["info", "warning", "error"]

#: What libraries say in words that never change; of all else only the place in their code is told.
_KNOWN: Final[Mapping[str, str]] = {
    "Started server process [%d]": "server_process_started",
    "Finished server process [%d]": "server_process_finished",
    "Started parent process [%d]": "parent_process_started",
    "Waiting for application startup.": "starting",
    "Application startup complete.": "started",
    "Application shutdown complete.": "ended",
    "Shutting down": "shutting_down",
    "Invalid HTTP request received.": "invalid_http",
    "Exception in ASGI application\n": "answer_broken_off",
}

_encode = msgspec.json.Encoder().encode


class _Output:
    """The end of the chain: what writes a line, and how it looks. It may change while loggers are in use."""

    def __init__(self) -> None:
        self.write: Callable[[bytes], object] = lambda _: None  # nobody has asked for logs yet
        self.render: Callable[[MutableMapping[str, Any]], bytes] = _json
        self.level = logging.INFO

    def line(self, fields: MutableMapping[str, Any]) -> None:
        self.write(self.render(fields))

    info = warning = error = line


def _json(fields: MutableMapping[str, Any]) -> bytes:
    return _encode(fields) + b"\n"


def _text(*, colors: bool) -> Callable[[MutableMapping[str, Any]], bytes]:
    console = structlog.dev.ConsoleRenderer(colors=colors, timestamp_key="at", sort_keys=False)

    def render(fields: MutableMapping[str, Any]) -> bytes:
        fields["at"] = fields["at"][11:23]
        return console(None, "", fields).encode() + b"\n"

    return render


_OUTPUT = _Output()


def _listed(_logger: Any, level: str, fields: MutableMapping[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Drop what is not on the list; this is the last step before a line is rendered, and every line takes it."""
    error = fields.pop("exception", None)
    if isinstance(error, BaseException):
        fields.update(told_of(error))
    kept, dropped = keep_listed(fields)
    line = {"at": datetime.now(UTC).isoformat(timespec="milliseconds"), "level": level, **kept}
    line.setdefault("event", "unlisted")
    if dropped:
        FIELDS_DROPPED.inc(dropped)
        line["dropped"] = dropped
    return (line,), {}


def _above(_logger: Any, level: str, fields: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    if logging.getLevelName(level.upper()) < _OUTPUT.level:
        raise structlog.DropEvent
    return fields


#: The log of the service: `log.info("event_name", field=...)`. An error goes in as `exception`.
log: Final = structlog.wrap_logger(
    _OUTPUT, processors=[_above, _listed], wrapper_class=structlog.make_filtering_bound_logger(logging.INFO)
).bind()


class _Libraries(logging.Handler):
    """Takes what libraries log through the same list: where it was said, never the message or what was put into it."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line."""
        error = record.exc_info[1] if record.exc_info else None
        event = _KNOWN.get(record.msg, "library") if isinstance(record.msg, str) else "library"
        said = log.info if record.levelno < logging.WARNING else log.warning
        (log.error if record.levelno >= logging.ERROR else said)(
            event,
            logger=record.name,
            place=f"{record.module}:{record.funcName}:{record.lineno}",
            process=record.process,
            exception=error,
        )


def open_logs(*, form: Format, level: Level, development: bool) -> None:
    """Write log lines to standard error from now on: for people at a terminal in development, else as JSON."""
    if isinstance(_OUTPUT.write, Lines):
        return  # this process has begun already
    at_terminal = sys.stderr.isatty()
    lines = Lines(sys.stderr.fileno())
    lines.start()
    as_text = form == "text" or (form == "auto" and development and at_terminal)
    write_lines(lines, render=_text(colors=at_terminal) if as_text else _json, level=level)


def write_lines(
    write: Callable[[bytes], object],
    *,
    render: Callable[[MutableMapping[str, Any]], bytes] = _json,
    level: Level = "info",
) -> None:
    """Give every line of ours and of the libraries to a function."""
    _OUTPUT.write, _OUTPUT.render, _OUTPUT.level = write, render, logging.getLevelName(level.upper())
    root = logging.getLogger()
    root.setLevel(logging.WARNING)
    if not any(isinstance(one, _Libraries) for one in root.handlers):
        root.addHandler(_Libraries())
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access", "uvicorn.asgi"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
        logger.setLevel(logging.INFO)
    logging.getLogger("uvicorn.access").disabled = True  # its lines hold addresses and paths; ours don't
    sys.excepthook, threading.excepthook = _on_end, _on_thread


def _on_end(_kind: type[BaseException], error: BaseException, _way: TracebackType | None) -> None:
    log.error("process_failed", exception=error)


def _on_thread(failed: threading.ExceptHookArgs) -> None:
    log.error("thread_failed", exception=failed.exc_value)
