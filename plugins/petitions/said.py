"""What is told of a lane, in both languages: English for logs and commands, Chinese for what the office reads.

The two stand side by side where the message is made, so that one cannot change without the other being seen.
"""

from __future__ import annotations

#: Of a message that has no Chinese: an error of ours, or one kept by an earlier version.
UNTOLD = "未能完成，原因见运行日志，请技术人员处理"


class Said(str):
    """A message: the text itself is English, ``printed`` is Chinese. Neither holds personal data."""

    __slots__ = ("printed",)
    printed: str

    def __new__(cls, text: str, printed: str | None = None) -> Said:
        told = super().__new__(cls, text)
        told.printed = printed or UNTOLD
        return told


def printed(message: str) -> str:
    """The Chinese of a message."""
    return message.printed if isinstance(message, Said) else UNTOLD


def said(error: Exception) -> Said:
    """What an error says, as it was made."""
    told = error.args[0] if error.args else ""
    return told if isinstance(told, Said) else Said(str(error))
