"""Many texts looked at as one: most need nothing done to them, and to look at each by itself would cost several times as much."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

#: Stands between the texts that are joined. A text may hold it all the same: then each is looked at by itself.
BORDER = "\0"


def sifted(texts: Sequence[str], pattern: re.Pattern[str]) -> Iterator[int]:
    """The places of the texts that need a closer look, in their order: in which the pattern finds something, as far as can be told.

    :param pattern: neither finds a border nor looks beyond one. A text has one before it and one behind.
    """
    whole = BORDER.join(("", *texts, ""))
    if whole.count(BORDER) > len(texts) + 1:
        yield from range(len(texts))
        return
    place, start = -1, 0
    while found := pattern.search(whole, start):
        place += whole.count(BORDER, start, found.start())
        yield place
        start = whole.index(BORDER, found.start())


def as_one(change: Callable[[str], str], texts: Sequence[str | None]) -> list[str | None]:
    """The texts as they are changed, all at once; None where nothing is left.

    :param change: leaves borders as they are, and looks beyond none.
    """
    plain = [text or "" for text in texts]
    whole = BORDER.join(plain)
    changed = change(whole).split(BORDER) if whole.count(BORDER) == len(plain) - 1 else map(change, plain)
    return [text or None for text in changed]
