"""What an office may say in ``config/sources/<name>.toml``, looked at before anything is fetched.

A word that is none of the project's would be taken for a code that means nothing: tickets would be counted wrongly and nobody told.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any

from petitions.model import EVENT_TYPES
from petitions.quality import Suite
from petitions.record import FieldMap
from petitions.settings import CHECKOUT, Settings, SettingsError
from petitions.sources import source_class
from petitions.sources.base import LaneStopped
from petitions.time_limits import UNITS

POPULATIONS = ("appeals", "cases", "visits")
#: Sections that say where a platform keeps what. All keys that such a section of ours has are needed.
PLACES = ("flow", "visit", "columns", "tables")
#: The words of the code tables that any platform may have; of its own tables a platform tells them (:attr:`Source.words`).
WORDS: dict[str, tuple[str, ...]] = {
    "event": EVENT_TYPES,
    "event_columns": EVENT_TYPES,
    "ticket_type": ("consult", "help", "complaint", "report", "suggestion", "praise"),
    "urgency": ("normal", "urgent", "extra_urgent"),
    "satisfaction": ("satisfied", "basically_satisfied", "dissatisfied"),
    "limit_unit": UNITS,
}


def check(settings: Settings, sources: Iterable[str]) -> None:
    """
    :raises SettingsError: naming file, key, what was expected and what was found, all wrong keys of a map at once.
    """
    for name in sources:
        told = settings.source_maps[name]
        faults = list(_faults(name, told)) or list(_against_suite(name, FieldMap(name, told)))
        if faults:
            raise SettingsError(f"{settings.config_file(f'sources/{name}.toml')}: " + "; ".join(faults))


def _faults(name: str, told: Mapping[str, Any]) -> Iterator[str]:
    platform = source_class(name)
    if told.get("population") not in POPULATIONS:
        yield f"population: expected one of {', '.join(POPULATIONS)}, found {told.get('population')!r}"
    for key in ("required", "known"):
        if not _texts(told.get(key)):
            yield f"{key}: expected a list of names of fields, found {told.get(key)!r}"
    fields = told.get("fields", {})
    for attribute in ("source_no", "received_at") if platform.kind == "files" else ("source_no", "updated_at", "received_at"):
        if not isinstance(fields.get(attribute), str):
            yield f"[fields] {attribute}: expected the name of a field, found {fields.get(attribute)!r}"
    for attribute, field in fields.items():
        if not isinstance(field, str) and not _texts(field):
            yield f"[fields] {attribute}: expected the name of a field, found {field!r}"
    for section, key in _needed(name):
        if key not in told.get(section, {}):
            yield f"[{section}] {key}: expected what the map of this program has there ({CHECKOUT / 'config'}), found none"
    for table, rows in told.get("codes", {}).items():
        words = platform.words.get(table) or WORDS.get(table)
        for code, word in rows.items():
            if not isinstance(word, str) or (word and words and word not in words):
                expected = f"one of {', '.join(words)}" if words else "a word"
                yield f'[codes.{table}] {code}: expected {expected}, or "" where the code says nothing, found {word!r}'


def _against_suite(name: str, field_map: FieldMap) -> Iterator[str]:
    """All records would go to quarantine for want of a field that the platform never sends."""
    with suppress(LaneStopped):  # a suite that cannot be read stops its lane, and says why
        for field in sorted(Suite(name).needed - field_map.known):
            yield f"required: expected {field}, without which expectations/{name}.json refuses a record, found none; name the same in both"


def _needed(name: str) -> Iterator[tuple[str, str]]:
    ours = CHECKOUT / "config" / "sources" / f"{name}.toml"
    told = tomllib.loads(ours.read_text(encoding="utf-8")) if ours.exists() else {}
    return ((section, key) for section in PLACES for key in told.get(section, ()))


def _texts(told: Any) -> bool:
    return isinstance(told, list) and all(isinstance(one, str) for one in told)
