"""Where log lines go: a thread writes them, so that a slow reader of the pipe keeps no request waiting."""

from __future__ import annotations

import atexit
import os
import time
from collections import deque
from threading import Event, Lock, Thread

from app.seeing.metrics import LINES_LOST

#: So many lines wait at most; a reader that is further behind than this loses the newest, and they are counted.
MOST_WAITING = 10_000
_PAUSE = 0.05  # lines of so many seconds are written together


class Lines:
    """A file descriptor that lines are written to in their order."""

    def __init__(self, descriptor: int, *, most_waiting: int = MOST_WAITING) -> None:
        self._descriptor = descriptor
        self._most = most_waiting
        self._waiting: deque[bytes] = deque()
        self._there = Event()
        self._writing = Lock()
        self._thread = Thread(target=self._run, name="log-lines", daemon=True)

    def start(self) -> None:
        """Begin to write; what waits at the end of the process is written then, if it is taken at all."""
        self._thread.start()
        atexit.register(self.finish)

    def __call__(self, line: bytes) -> None:
        """Have a line written soon."""
        if len(self._waiting) >= self._most:
            LINES_LOST.inc()
            return
        self._waiting.append(line)
        if not self._there.is_set():
            self._there.set()

    def finish(self) -> None:
        """Write what waits, for a second at most."""
        if self._writing.acquire(timeout=1):
            self._writing.release()
            last = Thread(target=self._write, daemon=True)
            last.start()
            last.join(timeout=1)

    def _run(self) -> None:
        while True:
            self._there.wait()
            time.sleep(_PAUSE)
            self._there.clear()
            self._write()

    def _write(self) -> None:
        with self._writing:
            lines = []
            while self._waiting:
                lines.append(self._waiting.popleft())
            left = memoryview(b"".join(lines))
            while left:
                try:
                    left = left[os.write(self._descriptor, left) :]
                except BlockingIOError:
                    time.sleep(_PAUSE)
                except OSError:
                    LINES_LOST.inc(len(lines))
                    return
