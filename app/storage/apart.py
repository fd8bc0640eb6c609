"""What computes for long within a transaction, kept off the loop that answers everybody else."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import TypeVar

from sqlalchemy import Connection
from sqlalchemy.util import await_only

T = TypeVar("T")

#: One at a time: the loop then shares the interpreter with one thread only.
_COMPUTING = ThreadPoolExecutor(max_workers=1, thread_name_prefix="alliance-computing")


def apart(connection: Connection, compute: Callable[[], T]) -> T:
    """Compute something in another thread and wait for it, where the connection is used on the loop itself.

    That is so on PostgreSQL; work on SQLite is in a thread already.
    """
    if not connection.dialect.is_async:
        return compute()
    return await_only(asyncio.get_running_loop().run_in_executor(_COMPUTING, copy_context().run, compute))
