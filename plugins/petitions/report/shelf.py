"""Where reports stand: one folder per window and issue, written aside and renamed, and one page that lists them all.

An issue is never overwritten. A run that finds what the last issue already says makes none.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

from filelock import FileLock

from petitions.model import BEIJING
from petitions.progress import counted
from petitions.report import page
from petitions.report.content import Document, Lists
from petitions.report.data_state import IN_DOUBT

# Writes one file of a report: from the document and the lists to a path.
Writer = Callable[[Document, Lists, Path], None]

_FOLDER = re.compile(r"\d{4}-\d{2}-\d{2}_\d{4}-\d{2}-\d{2}_asof_[\dT-]+(_forwarded)?(_\d+)?")


def folder_name(first: date, last: date, as_of: datetime, edition: str = "full") -> str:
    """``2023-01-01_2023-12-31_asof_2023-12-31``; a moment that is no end of a day has its time behind."""
    at = as_of.astimezone(BEIJING)
    moment = f"{at:%Y-%m-%d}" + ("" if at.time() == time(23, 59, 59) else f"T{at:%H%M%S}")
    return f"{first}_{last}_asof_{moment}" + ("" if edition == "full" else f"_{edition}")


@dataclass(frozen=True)
class Draft:
    """A report in the making: its folder beside the shelf's own, and the issue before it."""

    shelf: Path
    name: str
    folder: Path
    # How many issues there are, and the folder of the last.
    issues: int
    last: Path | None

    @property
    def previous(self) -> Document | None:
        """What the last issue says."""
        return _read(self.last) if self.last else None

    def keep(self, document: Document, lists: Lists, writers: Mapping[str, Writer]) -> Path:
        """Put the report on the shelf as the next issue; the folder of the last issue where that says the same.

        :param writers: by name of the file that each writes beside ``report.json``.
        """
        says = _fingerprint(document, lists)
        if self.last is not None and _read(self.last)["issue"]["says"] == says:
            write_index(self.shelf)
            return self.last
        issue = {
            "number": self.issues + 1,
            "follows": self.last.name if self.last else None,
            "issued_at": datetime.now(BEIJING).replace(microsecond=0).isoformat(),
            "says": says,
        }
        told = json.dumps(document | {"issue": issue}, ensure_ascii=False, indent=1)
        (self.folder / "report.json").write_text(told, encoding="utf-8")
        # All print from the document as a reader of report.json gets it.
        for name, write in counted(writers.items(), "files of the report", len(writers)):
            write(json.loads(told), lists, self.folder / name)
        folder = self.shelf / (f"{self.name}_{self.issues + 1}" if self.issues else self.name)
        self.folder.rename(folder)
        write_index(self.shelf)
        return folder


@contextmanager
def draft(shelf: Path, name: str) -> Iterator[Draft]:
    """A fresh folder for the next issue of ``name``; nobody else writes to the shelf meanwhile. What is not kept is removed."""
    shelf.mkdir(parents=True, exist_ok=True)
    with FileLock(shelf / ".lock"):
        aside = shelf / f".{name}.tmp"
        # What a killed run left.
        shutil.rmtree(aside, ignore_errors=True)
        (aside / "tickets").mkdir(parents=True)
        try:
            yield Draft(shelf, name, aside, *_last_issue(shelf, name))
        finally:
            shutil.rmtree(aside, ignore_errors=True)


def last_issue(shelf: Path, name: str) -> Document | None:
    """What the last issue of ``name`` says; None where there is none."""
    _, last = _last_issue(shelf, name)
    return _read(last) if last else None


def write_index(shelf: Path) -> None:
    """The page that lists all reports of a shelf by kind of period, newest first."""
    rows = [_entry(folder) for folder in shelf.iterdir() if _FOLDER.fullmatch(folder.name) and folder.is_dir()]
    followed = {row["follows"]: row["name"] for row in rows}
    rows = [row | {"followed_by": followed.get(row["name"])} for row in rows]
    rows.sort(key=lambda row: (row["to"], row["from"], row["as_of"], row["number"]), reverse=True)
    aside = shelf / ".index.tmp"
    aside.write_text(page.render_index(rows, (shelf / "checks" / "index.html").exists()), encoding="utf-8")
    aside.replace(shelf / "index.html")


def _last_issue(shelf: Path, name: str) -> tuple[int, Path | None]:
    number, last = 0, None
    while (following := shelf / (name if number == 0 else f"{name}_{number + 1}")).exists():
        number, last = number + 1, following
    return number, last


def _fingerprint(document: Document, lists: Lists) -> str:
    """What a report says, without when it was said: figures, sentences, lists, and lanes whose data is in doubt.

    A remark about a lane does not make a new issue, and what changed since the last one is no change by itself.
    """
    said = {
        "as_known_asked": document["as_known_asked"],
        "figures": {figure["id"]: figure["text"] for figure in document["figures"] if figure["population"] != "previous"},
        "paragraphs": [block["text"] for section in document["sections"] for block in section["blocks"] if block["kind"] == "paragraph"],
        "lanes": {lane["source"]: lane["state"] for lane in document["lanes"] if lane["state"] in IN_DOUBT},
        "lists": {name: _digest(one.path) for name, one in lists.items() if name != "changes"},
    }
    return hashlib.sha256(json.dumps(said, ensure_ascii=False, sort_keys=True).encode()).hexdigest()


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _entry(folder: Path) -> dict[str, Any]:
    """A report's line in the index. It is kept beside the report: to read a thousand whole reports for one page takes too long."""
    kept = folder / "entry.json"
    if not kept.exists():
        kept.write_text(json.dumps(_line(folder.name, _read(folder)), ensure_ascii=False), encoding="utf-8")
    told: dict[str, Any] = json.loads(kept.read_text(encoding="utf-8"))
    return told


def _line(name: str, report: Document) -> dict[str, Any]:
    figures = {figure["id"]: figure["text"] for figure in report["figures"]}
    return {
        "name": name,
        "kind": report.get("period_kind"),
        "edition": report.get("edition", "full"),  # reports of before there were two
        **{key: report[key] for key in ("from", "to", "as_of", "as_of_told")},
        "period": report.get("period_name") or report["period"],
        **{key: report["issue"][key] for key in ("number", "follows", "issued_at")},
        "figures": [figures.get(f"appeals.{key}", "—") for key in ("received", "closed", "open", "on_time_rate")],
    }


def _read(folder: Path) -> Document:
    document: Document = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    return document
