"""How far long work has come, for a person who watches.

The library tells, by :func:`counted`, and does not know whether anybody looks on; a command lets people :func:`watch`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from rich.progress import Progress

Item = TypeVar("Item")

_watching: ContextVar[Progress | None] = ContextVar("watching", default=None)


@contextmanager
def watch() -> Iterator[None]:
    """Show on standard error, while the block lasts, what is being counted; nothing where that is no terminal."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console
    from rich.progress import MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), MofNCompleteColumn(), TimeElapsedColumn())
    shown = Progress(*columns, console=Console(stderr=True), transient=True, redirect_stdout=False)
    token = _watching.set(shown)
    try:
        yield
    finally:
        _watching.reset(token)
        shown.stop()


def counted(items: Iterable[Item], what: str, total: int | None = None, each: Callable[[Item], int] = lambda _: 1) -> Iterator[Item]:
    """The items, as they come, counted for whoever watches.

    :param what: what is counted, such as ``hotline_12345: records checked``; never a value of a record.
    :param total: how many there will be, where that is known.
    :param each: how much an item counts.
    """
    shown = _watching.get()
    if shown is None:
        yield from items
        return
    task = shown.add_task(what, total=total)
    shown.start()
    shown.refresh()
    try:
        for item in items:
            yield item
            shown.advance(task, each(item))
    finally:
        shown.remove_task(task)
        if not shown.tasks:
            shown.stop()  # what is printed next stands where the progress stood
