"""A small curl for the docs' commands: the options that they use, on a machine that has none, and every answer kept."""

from __future__ import annotations

import http.client
import json
import os
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

#: Options that take nothing and change nothing here.
QUIET = {"-s", "-S", "-sS", "--retry-all-errors", "--retry-connrefused"}
#: What curl tries again, with --retry.
PASSING = {408, 429, 500, 502, 503, 504}


@dataclass
class Call:
    """What the command line asks for."""

    url: str = ""
    method: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None
    with_headers: bool = False
    output: str | None = None
    headers_to: str | None = None
    write_out: str = ""
    retries: int = 0
    delay: float = 1.0


@dataclass(frozen=True)
class Answer:
    """What the service answered."""

    status: int
    reason: str
    headers: list[tuple[str, str]]
    body: bytes

    @property
    def head(self) -> str:
        """The status line and the headers, as they came."""
        lines = [f"HTTP/1.1 {self.status} {self.reason}", *(f"{name}: {value}" for name, value in self.headers)]
        return "\r\n".join([*lines, "", ""])


def read_call(words: list[str]) -> Call:
    """Read the command line; an option that is not known here is an error, so that no page uses it unseen."""
    call = Call()
    rest = iter(words)
    for word in rest:
        if word in QUIET:
            continue
        if word == "-i":
            call.with_headers = True
        elif word.startswith("-"):
            _set(call, word, next(rest))
        else:
            call.url = word
    call.method = call.method or ("GET" if call.body is None else "POST")
    return call


def _set(call: Call, option: str, value: str) -> None:
    if option == "-H":
        name, _, content = value.partition(":")
        call.headers[name] = content.strip()
    elif option == "-d":
        call.body = _data(value)
        call.headers = {"Content-Type": "application/x-www-form-urlencoded", **call.headers}
    elif option == "--retry":
        call.retries = int(value)
    elif option == "--retry-delay":
        call.delay = float(value)
    else:
        names = {"-X": "method", "-o": "output", "-D": "headers_to", "-w": "write_out"}
        setattr(call, names[option], value)


def _data(value: str) -> bytes:
    """Take the body from the line, a file or standard input; from the latter two curl takes line ends out."""
    if not value.startswith("@"):
        return value.encode()
    text = sys.stdin.read() if value == "@-" else Path(value[1:]).read_text("utf-8")
    return text.replace("\n", "").encode()


def perform(call: Call) -> Answer:
    """Send the request, again as often as it may be while nothing final comes back."""
    parts = urlsplit(call.url)
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    for left in range(call.retries, -1, -1):
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30)
        try:
            connection.request(call.method, target, body=call.body, headers=call.headers)
            response = connection.getresponse()
            answer = Answer(response.status, response.reason, response.getheaders(), response.read())
            if not left or answer.status not in PASSING:
                return answer
        except OSError:
            if not left:
                raise
        finally:
            connection.close()
        time.sleep(call.delay)
    raise AssertionError("a last try returns or raises")


def keep(call: Call, answer: Answer) -> None:
    """Write the exchange down for the test that runs the page."""
    line = {
        "method": call.method,
        "url": call.url,
        "status": answer.status,
        "headers": {name.lower(): value for name, value in answer.headers},
        "body": answer.body.decode(),
    }
    with Path(os.environ["DOCS_EXCHANGES"]).open("a", encoding="utf-8") as exchanges:
        exchanges.write(json.dumps(line) + "\n")


def main() -> None:
    """Do what curl does."""
    call = read_call(sys.argv[1:])
    try:
        answer = perform(call)
    except OSError as error:
        sys.exit(f"curl: (7) {error}")
    keep(call, answer)
    if call.headers_to is not None:
        Path(call.headers_to).write_text(answer.head, "utf-8")
    shown = (answer.head.encode() if call.with_headers else b"") + answer.body
    if call.output is None:
        sys.stdout.buffer.write(shown)
    else:
        Path(call.output).write_bytes(shown)
    sys.stdout.flush()
    sys.stdout.write(call.write_out.replace("%{http_code}", str(answer.status)).replace("\\n", "\n"))


if __name__ == "__main__":
    main()
