"""The beginning of a new source: module, map, suite, sample and a test, which together pass the contract suite as they are written.

What is written is a platform of the kind asked for that does not exist; an engineer changes it into the real one, part by part, with
the contract suite at hand (docs/new-source.md).
"""

from __future__ import annotations

import json
import keyword
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import jinja2

from petitions.sources.base import Kind

KINDS: tuple[str, ...] = get_args(Kind)
# A name becomes a module, a class, a pool, a variable of the environment and the first part of every ticket id.
_NAME = re.compile(r"[a-z][a-z0-9_]{1,39}")
_LABEL = re.compile(r"[^\s\"'\\{}][^\n\"'\\{}]{0,29}")
_PLACES = ("plugins/petitions/sources", "config/sources", "expectations", "tests/sources/samples")


class CannotBegin(Exception):
    """A source that cannot be written; the message says what was expected, what was found, and what to do."""


@dataclass(frozen=True)
class Fields:
    """How the made-up platform of a kind calls what every source has."""

    number: str
    received: str
    updated: str | None
    unit: str

    @property
    def required(self) -> list[str]:
        return [name for name in (self.number, self.received, self.updated) if name]


FIELDS = {
    "http": Fields("ticketNo", "createdAt", "updatedAt", "unit"),
    "database": Fields("ticket_no", "created_at", "updated_at", "unit"),
    "files": Fields("工单编号", "登记时间", None, "承办单位"),
}


def new_source(name: str, kind: str, checkout: Path, label: str | None = None) -> list[Path]:
    """Write the five files of a new source into a checkout, all or none.

    :returns: the files, relative to the checkout.
    :raises CannotBegin: where name or label cannot be one, the folder is no checkout, or a file is there already.
    """
    label = label or f"平台 {name}"
    _refuse_words(name, label)
    _refuse_folder(checkout)
    files = _files(name, kind, label, _next_place(checkout))
    there = [str(path) for path in files if (checkout / path).exists()]
    if there:
        raise CannotBegin(f"{name}: expected no source of that name in {checkout}, found {', '.join(there)}; choose another name")
    for path, text in files.items():
        (checkout / path).write_text(text, encoding="utf-8")
    return list(files)


def _files(name: str, kind: str, label: str, place: int) -> dict[Path, str]:
    fields = FIELDS[kind]
    class_name = "".join(part.capitalize() for part in name.split("_"))
    told = {"name": name, "class_name": class_name, "label": label, "place": place, "fields": fields}
    return {
        Path(f"plugins/petitions/sources/{name}.py"): _render(f"{kind}.py", told),
        Path(f"config/sources/{name}.toml"): _render(f"{kind}.toml", told),
        Path(f"expectations/{name}.json"): json.dumps(_suite(name, fields), ensure_ascii=False, indent=2) + "\n",
        Path(f"tests/sources/samples/{name}.json"): _render(f"{kind}.json", told),
        Path(f"tests/sources/test_{name}.py"): _render("test.py", told),
    }


def _suite(name: str, fields: Fields) -> dict[str, Any]:
    """Red: what a record must have. Yellow: that the platform has not stopped sending what figures are grouped by."""
    red = [
        _not_null(field, {"rule": "missing_field", "level": "red", "sentence": f"The required field {field} is empty"})
        for field in fields.required
    ]
    words = f"{{count}} of {{total}} records ({{percent}}) have no unit ({fields.unit}); has the platform stopped sending it?"
    printed = f"{{total}}条记录中有{{count}}条（{{percent}}）没有承办单位（{fields.unit}）：平台是否停止提供？"
    yellow = _not_null(fields.unit, {"rule": None, "level": "yellow", "printed": printed, "sentence": words, "at_least": 20}, mostly=0.3)
    return {"name": name, "expectations": [*red, yellow], "meta": {"great_expectations_version": "1.24.1"}}


def _not_null(column: str, meta: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": column} | more, "meta": meta}


def _refuse_words(name: str, label: str) -> None:
    if not _NAME.fullmatch(name) or keyword.iskeyword(name):
        raise CannotBegin(f"NAME: expected 2 to 40 of a-z, 0-9 and _ that begin with a letter, such as county_app, found {name!r}")
    if not _LABEL.fullmatch(label):
        raise CannotBegin(f"--label: expected up to 30 characters on one line, without quotes, braces and backslashes, found {label!r}")


def _refuse_folder(checkout: Path) -> None:
    missing = [place for place in _PLACES if not (checkout / place).is_dir()]
    if missing:
        raise CannotBegin(f"--dir: expected a checkout of this project at {checkout}, found no {', '.join(missing)} in it")


def _next_place(checkout: Path) -> int:
    """Behind the platforms that are there."""
    places = [re.search(r"(?m)^place = (\d+)$", path.read_text(encoding="utf-8")) for path in (checkout / "config/sources").glob("*.toml")]
    return max((int(found[1]) for found in places if found), default=0) + 1


def _render(template: str, told: dict[str, Any]) -> str:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,
    )
    environment.filters["quoted"] = lambda text: json.dumps(text, ensure_ascii=False)
    return environment.get_template(f"{template}.j2").render(told)
