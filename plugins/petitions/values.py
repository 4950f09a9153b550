"""Single values as the platforms write them: text, times, numbers and flags, and what each is read as."""

from __future__ import annotations

import html
import json
import math
import re
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta, timezone
from functools import lru_cache
from typing import Any

from petitions import privacy
from petitions.model import BEIJING
from petitions.sifting import BORDER, sifted

#: A spreadsheet keeps 15 digits of a number.
EXACT = 10**15


def clean(text: str) -> str | None:
    """Text as people wrote it: without BOM, ``_x000D_``, tags, entities, padding and control characters, digits half-width."""
    # Most texts need none of it, which one look tells.
    return (text if _ORDINARY.fullmatch(text) else _cleaned(text)) or None


def cleaned(texts: Iterable[str | None]) -> list[str | None]:
    """:func:`clean` of many texts."""
    found = [text or "" for text in texts]
    for place in sifted(found, _ODD):
        found[place] = _cleaned(found[place])
    return [text or None for text in found]


# --- text ---------------------------------------------------------------------------------------------------------------

# Characters that stay as they are wherever they stand; others may as well.
_STAYS = r"0-9A-Za-z\u4e00-\u9fff，。、；：？！（）《》“”—…·%.,:;?!()/+=*@#\-"
_ORDINARY = re.compile(f"[{_STAYS}]*")
# Any other, but for a blank between two that are none.
_ODD = re.compile(rf"[^{_STAYS}{BORDER}](?:(?<! )|(?<=[{BORDER} ] )|(?=[{BORDER} ]))")
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")
_WIDE_DIGIT = re.compile("[０-９]")
_UNSEEN = re.compile(r"<(script|style)\b.*?</\1\s*>|<!--.*?-->", re.IGNORECASE | re.DOTALL)
_BREAK = re.compile(r"<\s*(?:br|/p|/div|/li|/tr|/h[1-6])\b[^<>]*>", re.IGNORECASE)
_TAG = re.compile(r"</?[A-Za-z][A-Za-z0-9:]*(?:\s[^<>]*)?/?>")
_INVISIBLE = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\xad\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\ud800-\udfff\ufffe\uffff]")


def _cleaned(text: str) -> str:
    if "_x" in text:
        text = _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text)
    for _ in range(3):  # some exports escape twice
        if "&" not in text or (plain := html.unescape(text)) == text:
            break
        text = plain
    if "<" in text:
        text = _TAG.sub("", _BREAK.sub("\n", _UNSEEN.sub("", text)))
    text = _WIDE_DIGIT.sub(lambda found: chr(ord(found[0]) - ord("０") + ord("0")), text)
    # What Python calls printable holds no control, no line end, no mark without width and no blank but " ".
    if not text.isprintable():
        text = _INVISIBLE.sub("", text)
    # Python parts lines and words at every kind of line end and blank.
    return "\n".join(filter(None, (" ".join(line.split()) for line in text.splitlines())))


def plain(value: Any) -> str | None:
    """Any value of JSON or of a spreadsheet cell as clean text; None where it holds nothing."""
    if value is None:
        return None
    if value.__class__ is int:
        return str(value)
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        if math.isnan(value):
            return None
        return str(int(value)) if value.is_integer() and abs(value) < EXACT else repr(value)
    if isinstance(value, list | tuple):
        return "、".join(filter(None, map(plain, value))) or None
    if isinstance(value, dict):
        return clean(CANONICAL(value)) if value else None
    told = str(value)
    return None if told == "NaT" else clean(told)


def excerpt(text: str) -> str:
    """What a message may quote of a text. Masked before it is cut: of a number that is cut in two nobody could tell any more what it is."""
    told = privacy.mask_text(text) or ""
    return told if len(told) <= 40 else told[:39] + "…"


SCIENTIFIC = re.compile(r"[+-]?(?:\d(?:\.\d*)?[eE][+-]?\d{1,3}|\d+(?:\.\d*[eE][+-]?|[eE]\+)\d{1,3})")
WHOLE = re.compile(r"\s*(\d{1,9})(?:\.0+)?\s*(?:人|名)?\s*")
FLAGS = {"0": False, "1": True, "false": False, "true": True, "否": False, "是": True, "0.0": False, "1.0": True}

#: Canonical JSON of a raw value: keys in order, no blanks.
CANONICAL = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"), default=str).encode

# --- times --------------------------------------------------------------------------------------------------------------

_TIME = re.compile(
    r"(\d{4})(?:-(\d{1,2})-|/(\d{1,2})/|\.(\d{1,2})\.|年(\d{1,2})月)(\d{1,2})日?"
    r"(?:(?:T|\s|(?<=日))\s*(\d{1,2})(?:[:时点](\d{1,2})(?:[:分](?:(\d{1,2})(?:[.,]\d+)?秒?)?)?|[时点])\s*(Z|[+-]\d{2}(?::?\d{2})?)?)?",
    re.IGNORECASE,
)
NUMBER = re.compile(r"\d+(?:\.\d+)?")
_WIDE = str.maketrans("：／－．", ":/-.")
_EXCEL_ZERO = datetime(1899, 12, 30)
# Serial numbers of the years 1954 to 2119; a number below is a small number by mistake, not a day.
_SERIALS = (20000, 80000)
# Epoch milliseconds of the years 1973 to 2286; seconds are below and are not guessed at.
_MILLISECONDS = (10**11, 10**13)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_YEARS = range(1900, 3000)
# Since 1992 Beijing is eight hours ahead without exception: times of one zone are told apart by plain arithmetic.
_PLAIN_ZERO = datetime(1992, 1, 1, tzinfo=BEIJING)
_PLAIN_NAIVE = _PLAIN_ZERO.replace(tzinfo=None)
_PLAIN_STAMP = int(_PLAIN_ZERO.timestamp())
#: Epoch milliseconds that are a time by plain arithmetic.
PLAIN_MILLISECONDS = (_PLAIN_STAMP * 1000, _MILLISECONDS[1])


def read_time(value: Any) -> tuple[datetime, bool]:
    """The time, and whether it was a date alone.

    :raises ValueError: where the value is none of the forms of sources.md.
    """
    # The two forms that nearly every record has go first.
    if value.__class__ is int and PLAIN_MILLISECONDS[0] <= value < PLAIN_MILLISECONDS[1]:
        return _PLAIN_ZERO + timedelta(seconds=value // 1000 - _PLAIN_STAMP), False
    if value.__class__ is str:
        if len(value) == 19 and value[4] == "-" and value[10] == " " and value[13] == ":" and value.isascii():
            told = datetime.fromisoformat(value)
            if told.tzinfo is None and 1900 <= told.year < 3000:
                return told.replace(tzinfo=BEIJING), False
            return _zoned(told), False
        return _read_text_time(value)
    if isinstance(value, bool) or value is None:
        raise ValueError
    if isinstance(value, int | float):
        return _read_number_time(value)
    if isinstance(value, datetime):
        if value != value:  # NaT of pandas
            raise ValueError
        # A spreadsheet stores a day as its midnight: a cell at midnight is a date alone.
        return _zoned(value), value.tzinfo is None and not (value.hour or value.minute or value.second)
    if isinstance(value, date):
        return _zoned(datetime(value.year, value.month, value.day)), True
    raise ValueError


def plain_stamp(text: str) -> int | None:
    """Epoch seconds of a time as nearly all texts write it, by plain arithmetic; None where it takes :func:`read_time`."""
    if len(text) != 19 or text[4] != "-" or text[10] != " " or text[13] != ":" or not text.isascii():
        return None
    try:
        told = datetime.fromisoformat(text)
    except ValueError:
        return None
    if told.tzinfo is not None or not 1992 <= told.year < 3000:
        return None
    passed = told - _PLAIN_NAIVE
    return passed.days * 86_400 + passed.seconds + _PLAIN_STAMP


def _read_text_time(text: str) -> tuple[datetime, bool]:
    told = (clean(text) or "").translate(_WIDE)
    found = _TIME.fullmatch(told)
    if not found:
        if NUMBER.fullmatch(told):
            return _read_number_time(float(told) if "." in told else int(told))
        raise ValueError
    year, *months, day, hour, minute, second, zone = found.groups()
    month = next(part for part in months if part)
    naive = datetime(int(year), int(month), int(day), int(hour or 0), int(minute or 0), int(second or 0))
    return _zoned(naive.replace(tzinfo=_offset(zone)) if zone else naive), hour is None


def _read_number_time(value: float) -> tuple[datetime, bool]:
    if _MILLISECONDS[0] <= value < _MILLISECONDS[1]:
        return (_EPOCH + timedelta(seconds=int(value) // 1000)).astimezone(BEIJING), False
    if _SERIALS[0] <= value < _SERIALS[1]:
        # A serial is a fraction of a day: 9:05:03 may be stored a hair below; to the millisecond first, then cut.
        return _zoned(_EXCEL_ZERO + timedelta(milliseconds=round(value * 86_400_000))), float(value).is_integer()
    raise ValueError


def _zoned(told: datetime) -> datetime:
    if told.year not in _YEARS:
        raise ValueError
    if told.tzinfo is not None:
        told = told.astimezone(BEIJING)
    return datetime(told.year, told.month, told.day, told.hour, told.minute, told.second, tzinfo=BEIJING)


@lru_cache(maxsize=64)
def _offset(zone: str) -> timezone:
    if zone in "zZ":
        return UTC
    hours, minutes = int(zone[1:3]), int(zone[-2:]) if len(zone) > 3 else 0
    return timezone((1 if zone[0] == "+" else -1) * timedelta(hours=hours, minutes=minutes))


def end_of_day(told: datetime, date_alone: bool) -> datetime:
    """A due that is a date alone is the end of that day."""
    return told.replace(hour=23, minute=59, second=59) if date_alone else told


def stamp(told: datetime | None) -> int | None:
    """Epoch seconds."""
    if told is None:
        return None
    if told.tzinfo is BEIJING and told >= _PLAIN_ZERO:
        passed = told - _PLAIN_ZERO
        return passed.days * 86_400 + passed.seconds + _PLAIN_STAMP
    return int(told.timestamp())
