"""What was read once and need not be read again, within bounds."""

from __future__ import annotations

from typing import Any

#: Units, codes and stock phrases come again and again, and have at most so many characters; longer texts do not come again.
SHORT = 32
# So many values are kept.
_MOST = 20_000


def keep(kept: dict[Any, Any], value: Any, found: Any) -> None:
    """Keep what a value was read as."""
    if len(kept) >= _MOST:
        kept.clear()
    kept[value] = found
