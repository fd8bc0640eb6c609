"""Where log lines go: in their order, and no request waits for whoever reads them."""

from __future__ import annotations

import os
import threading
from pathlib import Path

from app.seeing.lines import Lines
from app.seeing.metrics import LINES_LOST


def test_lines_keep_their_order_and_wait_for_nobody() -> None:
    """Nobody reads the pipe: lines are taken up to a limit, what is more is counted, and nothing blocks."""
    reader, writer = os.pipe()
    lost = LINES_LOST._value.get()
    lines = Lines(writer, most_waiting=1000)
    for number in range(1500):
        lines(b"%d\n" % number)
    assert LINES_LOST._value.get() - lost == 500
    last = threading.Thread(target=lines.finish)
    last.start()
    with os.fdopen(reader, "rb") as file:
        read = [int(file.readline()) for _ in range(1000)]
    last.join()
    os.close(writer)
    assert read == list(range(1000))


def test_a_stream_that_is_gone_stops_nothing(tmp_path: Path) -> None:
    """What can't be written is counted as lost."""
    descriptor = os.open(tmp_path / "closed", os.O_WRONLY | os.O_CREAT)
    lost = LINES_LOST._value.get()
    lines = Lines(descriptor)
    os.close(descriptor)
    lines(b"one\n")
    lines.finish()
    assert LINES_LOST._value.get() - lost == 1
