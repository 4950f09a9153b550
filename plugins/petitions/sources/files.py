"""Platforms that export files into a folder: what is common to 网络问政 and the visit register.

Service:    a drop folder, a local path or the URL of an object store that fsspec knows; files are never moved, changed or deleted
Asked by:   the export date in the file name (``YYYYMMDD``); what was read is known by its sha256
Pages:      one file each, in the order of export date and name
Record:     one row under its header, header synonyms resolved; cells keep the type that the file gives them. All sheets that people see and
            that have the column of the number are read; a header may take two rows
Notes:      a sidecar ``<file>.ok`` (``rows=``, ``sha256=``) must hold; a file still being written waits for the next run. What lies in the
            folder and is not read is told: older than the days asked for, dated in the future, of another ending, without that column
"""

from __future__ import annotations

import fcntl
import ftplib
import hashlib
import os
import re
import tempfile
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date, datetime, time
from functools import cached_property
from itertools import chain, islice, zip_longest
from pathlib import Path, PurePosixPath
from typing import Any

from petitions import privacy
from petitions.export_rows import FileRefused, sheets
from petitions.model import BEIJING
from petitions.record import FieldMap, Record
from petitions.said import Said, said
from petitions.sources.base import Ask, LaneStopped, Page, Raw, Source
from petitions.values import clean

ENDINGS = (".xlsx", ".xls", ".csv")
# What a folder says that cannot be read, be it of a disk, of an object store or of an FTP server.
_AWAY: tuple[type[Exception], ...] = (*ftplib.all_errors, ValueError, ImportError)
# The header stands in one of the first rows; above it there may be a title.
HEADER_DEPTH = 10
SIDECAR = re.compile(r"(rows|sha256)\s*=\s*(\S+)", re.IGNORECASE)
# Exporters like to put the time behind the day, down to its thousandths.
_DATE = re.compile(r"(?<!\d)(20\d{2})(\d{2})(\d{2})(?:[0-2]\d[0-5]\d(?:[0-5]\d(?:\d{3})?)?)?(?!\d)")


@dataclass(frozen=True)
class Drop:
    """A file in the folder, as listed."""

    path: str
    name: str
    size: int | None
    export_date: date | None


@contextmanager
def _working_folder(parent: Path) -> Iterator[Path]:
    """A private folder for copies of raw files, in the landing zone: a killed run's is swept there (:meth:`Landing.sweep`)."""
    parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(suffix=".partial", dir=parent) as folder:
        held = os.open(folder, os.O_RDONLY)
        try:
            fcntl.flock(held, fcntl.LOCK_EX)
            yield Path(folder)
        finally:
            os.close(held)


class FileSource(Source):
    """A lane of files. Sub-classes say what a row means, and check the header."""

    kind = "files"

    def pages(self, ask: Ask) -> Iterator[Page]:
        if ask.window is None:
            return
        first, last = (at.astimezone(BEIJING).date() for at in (ask.window.start, ask.window.end))
        tally, entries = _Tally(self), self._entries()
        drops = self._drops(entries)
        older: list[Drop] = []
        ahead: list[Drop] = []
        strange: list[Drop] = []
        with _working_folder(self.settings.landing / self.name / "working") as folder:
            for drop in drops:
                if not drop.name.lower().endswith(ENDINGS):
                    if drop.export_date and first <= drop.export_date <= last:
                        strange.append(drop)
                elif drop.export_date is None:
                    told = Said(
                        f"{drop.name}: expected the export date YYYYMMDD in the name, found none; rename the file",
                        f"文件“{drop.name}”的名称中没有导出日期（YYYYMMDD），未读取，请改名",
                    )
                    yield Page(total=tally.total, errors=[_told_of(drop, told)])
                elif first <= drop.export_date <= last:
                    yield from self._page(drop, folder, frozenset() if ask.afresh else ask.read_files, tally)
                elif drop.export_date < first:
                    older.append(drop)
                elif ask.now and drop.export_date > ask.now.astimezone(BEIJING).date():
                    ahead.append(drop)
            left = self._never_read(older, folder, ask)
        empty = [] if drops else self._told_empty(entries, read_before=bool(ask.read_files))
        yield Page(total=tally.total, messages=[*empty, *self._told_unread(left, ahead, strange)])

    def records(self, landed: Path) -> Iterator[Raw]:
        """The rows of a file that are not blank.

        :raises FileRefused: where the file cannot be read as what it is.
        :raises LaneStopped: where a required column is missing.
        """
        for table in self._tables(landed):
            for row in table.rows:
                if any(_told(cell) for cell in row):
                    cells = zip_longest(_columns(table.header, len(row)), row)  # a row may end before the header does
                    yield {name: cell for name, cell in cells if name in table.seen or _told(cell)}

    def export_at(self, name: str) -> datetime | None:
        """The platform update time of every row of the file: the end of its export date."""
        day = export_date(name)
        return datetime.combine(day, time(23, 59, 59), BEIJING) if day else None

    def check_header(self, file: str, columns: set[str]) -> list[str]:
        """Yellow remarks on the columns of a file.

        :raises LaneStopped: where the columns contradict each other.
        """
        return []

    @cached_property
    def map(self) -> FieldMap:
        return FieldMap(self.name, self.settings.source_maps[self.name])

    # --- the folder -----------------------------------------------------------------------------------------------------

    @cached_property
    def _folder(self) -> tuple[Any, str]:
        from fsspec.core import url_to_fs

        path = self.connection.extra.get("path")
        if not path:
            raise LaneStopped(
                Said(
                    f"{self.name}: expected the folder of the export files as extra.path, found none; set it in {self.variable}",
                    "没有设置导出文件的文件夹，请技术人员配置",
                )
            )
        options = self.connection.extra.get("storage_options") or {}
        try:
            system, root = url_to_fs(str(path), use_listings_cache=False, **options)
            found = system.isdir(root)
        except _AWAY as error:
            raise self._unopened(error) from None
        if not found:
            place = _without_secret(path)
            told = f"{self.name}: expected a folder at {place}, found none; correct extra.path in {self.variable} or mount it"
            raise LaneStopped(Said(told, "找不到导出文件的文件夹，请技术人员更正路径或挂载"))
        return system, root

    def _unopened(self, error: Exception) -> LaneStopped:
        place = _without_secret(self.connection.extra["path"])
        # fsspec names a kind of store that it does not know, and the package that is missing for one.
        why = str(error) if isinstance(error, ImportError | ValueError) else type(error).__name__
        told = f"{self.name}: the folder {place} cannot be opened ({why}); correct extra.path in {self.variable}"
        return LaneStopped(Said(told, "导出文件的文件夹打不开，请技术人员查看"))

    def _entries(self) -> list[dict[str, Any]]:
        """What lies in the folder."""
        system, root = self._folder
        try:
            return list(system.ls(root, detail=True))
        except _AWAY as error:
            raise self._unopened(error) from None

    def _drops(self, entries: list[dict[str, Any]]) -> list[Drop]:
        system, _ = self._folder
        found = []
        for entry in entries:
            name = _readable(PurePosixPath(str(entry["name"]).replace("\\", "/")).name)
            # ~$ and dot files are what office programs and copying tools leave while they work.
            is_file = entry["type"] == "file" or (entry.get("islink") and system.isfile(entry["name"]))
            if is_file and not name.lower().endswith(".ok") and not name.startswith(("~$", ".")):
                found.append(Drop(entry["name"], name, entry.get("size"), export_date(name)))
        return sorted(found, key=lambda drop: (drop.export_date or date.min, drop.name))

    def _page(self, drop: Drop, folder: Path, read: frozenset[str], tally: _Tally) -> Iterator[Page]:
        copy = folder / drop.name
        try:
            digest = self._fetch(drop, copy)
            if digest in read or digest in tally.digests:
                return
            messages: list[str] = []
            for table in self._tables(copy, messages):
                messages += self.check_header(drop.name, table.seen)
            numbers = tally.count(copy)
            self._hold_to_sidecar(drop, digest, len(numbers))
        except FileRefused as refused:
            told = Said(f"{refused}; the file is not read", f"{said(refused).printed}；该文件未读取")
            yield Page(total=tally.total, errors=[_told_of(drop, told)])
            return
        except LaneStopped as stopped:
            raise LaneStopped(_told_of(drop, said(stopped))) from None
        tally.add(digest, numbers)
        yield Page(total=tally.total, file=copy, messages=[_told_of(drop, message) for message in messages])
        copy.unlink(missing_ok=True)

    def _never_read(self, drops: list[Drop], folder: Path, ask: Ask) -> list[Drop]:
        """Those that no batch read; only one that is not landed under its name and size is opened for that."""
        known = set(ask.known_files()) if drops else set()
        return [drop for drop in drops if (drop.name, drop.size) not in known and not self._was_read(drop, folder, ask)]

    def _was_read(self, drop: Drop, folder: Path, ask: Ask) -> bool:
        copy = folder / drop.name
        try:
            return self._fetch(drop, copy) in ask.read_files
        except FileRefused:
            return False
        finally:
            copy.unlink(missing_ok=True)

    def _told_empty(self, entries: list[dict[str, Any]], *, read_before: bool) -> list[str]:
        place = _without_secret(self.connection.extra["path"])
        if any(entry["type"] == "directory" for entry in entries):
            told = f"the folder {place} holds no files but folders, which are not looked into: name the one that holds the exports"
            return [Said(told, "导出文件的文件夹中只有子文件夹，未读取任何文件，请技术人员更正路径")]
        if read_before:
            told = f"the folder {place} is empty, and files were read from it before: is it mounted, and does the export run?"
            return [Said(told, "导出文件的文件夹是空的，而此前读取过其中的文件：请查看是否已挂载、导出是否正常")]
        return []

    def _told_unread(self, left: list[Drop], ahead: list[Drop], strange: list[Drop]) -> Iterator[Said]:
        """Files that nothing reads: those that came, or were changed, when no night looks for their date any more (``left``, in the order
        of dates), those of a day to come, and those of another ending."""
        if left:
            names, oldest, newest = _names(left), left[0].export_date, left[-1].export_date
            yield Said(
                f"never read, for older than the days asked for: {names}; read by "
                f"`petitions run --source {self.name} --from {oldest} --to {newest}`, or take out of the folder what is not to be read",
                f"导出日期早于本次取数时段、从未读取的文件：{names}；请补取{oldest}至{newest}，或将无需读取的移出文件夹",
            )
        if ahead:
            names = _names(ahead)
            yield Said(
                f"not read, for their export date lies in the future: {names}; rename what is dated wrongly",
                f"导出日期在将来、未读取的文件：{names}；日期有误的请改名",
            )
        if strange:
            names = _names(strange)
            yield Said(
                f"not read, for their names do not end in {', '.join(ENDINGS)}: {names}; save as one of these what is an export",
                f"不是xlsx、xls或csv、未读取的文件：{names}；如为导出文件，请另存为xlsx",
            )

    def _fetch(self, drop: Drop, copy: Path) -> str:
        """Copy the file out of the folder, so that it cannot change between two looks; its sha256."""
        system, _ = self._folder
        try:
            system.get_file(drop.path, str(copy))
            size = system.info(drop.path).get("size")
        except _AWAY as error:
            raise FileRefused(
                Said(f"{drop.name}: cannot be read ({type(error).__name__}); see its permissions", f"文件“{drop.name}”读不出，请查看权限")
            ) from None
        if drop.size is not None and not drop.size == size == copy.stat().st_size:
            raise FileRefused(
                Said(f"{drop.name}: it is still being written; the next run reads it", f"文件“{drop.name}”尚在写入，下次读取")
            )
        with copy.open("rb") as content:
            return hashlib.file_digest(content, "sha256").hexdigest()

    def _hold_to_sidecar(self, drop: Drop, digest: str, rows: int) -> None:
        system, _ = self._folder
        if not system.exists(drop.path + ".ok"):
            return
        sidecar = system.cat_file(drop.path + ".ok").decode("utf-8-sig", "replace")
        told = {key.lower(): value for key, value in SIDECAR.findall(sidecar)}
        found = {"rows": str(rows), "sha256": digest}
        for key, value in found.items():
            if told.get(key, "").lower() != value:
                raise FileRefused(
                    Said(
                        f"{drop.name}: its sidecar says {key}={told.get(key) or '(nothing)'}, found {value}; "
                        "the file was not transferred whole, or the sidecar is not its own: export it again",
                        f"文件“{drop.name}”与其校验文件不符，可能没有传完，请重新导出",
                    )
                )

    # --- the header -----------------------------------------------------------------------------------------------------

    def _tables(self, file: Path, remarks: list[str] | None = None) -> Iterator[_Table]:
        """The sheets of records, one after the other; ``remarks`` takes what is told of a sheet that is none.

        :raises LaneStopped: where a sheet of records, or the file, has not the required columns.
        """
        number, stopped = self.map.fields["source_no"], None
        tables = 0
        for name, rows in sheets(file):
            table = self._table(rows)
            missing = [column for column in self.map.required if column not in table.seen]
            if not missing:
                tables += 1
                yield table
            elif number in table.seen:
                raise self._without(file.name, missing, table)
            elif not table.blank:
                stopped = stopped or self._without(file.name, missing, table)
                if remarks is not None:
                    shown = privacy.mask_text(name)
                    told = f"{file.name}: the sheet {shown} has no column {number}: it is not read"
                    remarks.append(Said(told, f"文件“{file.name}”的工作表“{shown}”没有“{number}”列，该表未读取"))
        if not tables:
            raise stopped or self._without(file.name, list(self.map.required), _Table([], iter(())))

    def _without(self, file: str, missing: list[str], table: _Table) -> LaneStopped:
        told = "、".join(filter(None, table.header)) or f"no header in the first {HEADER_DEPTH} rows"
        text = (
            f"{self.name}: expected the column {'、'.join(missing)} in {file}, found {told}; "
            f"add its new name to [headers] of config/sources/{self.name}.toml, or take the file out of the folder if it is no export"
        )
        return LaneStopped(Said(text, f"文件“{file}”缺少必需的列：{'、'.join(missing)}"))

    def _table(self, rows: Iterator[list[Any]]) -> _Table:
        """The canonical columns in the order of the sheet, found in one of its first rows, and the rows below.

        A header of two rows, where a cell spans both or several columns below it, is read as one: a column without a name that we know
        takes the one above or below it.
        """
        number, known = self.map.fields["source_no"], self.map.known
        best, above, blank = list[str](), list[str](), True
        for row in islice(rows, HEADER_DEPTH):
            names = self._canonical(row)
            blank = blank and not any(names)
            if number in names:
                below = next(rows, [])
                beneath = self._canonical(below)
                second = {name for name in beneath if name}
                header = _filled(names, above, known)
                if second and second <= known - set(names):
                    return _Table(_filled(header, beneath, known), rows)
                return _Table(header, chain([below], rows))
            if len(set(names) & known) > len(set(best) & known):
                best = names
            above = names
        return _Table(best, rows, blank)

    def _canonical(self, row: list[Any]) -> list[str]:
        """Header cells by their canonical name; a name that stands twice keeps its own wording the second time."""
        names: list[str] = []
        for cell in row:
            told = _plain_header(cell)
            name = self._synonyms.get(told, told)
            names.append(name if name not in names else told if told not in names else f"{told} ({len(names) + 1})" if told else "")
        return names

    @cached_property
    def _synonyms(self) -> dict[str, str]:
        told: dict[str, list[str]] = self.settings.source_maps[self.name].get("headers", {})
        return {_plain_header(other): name for name, others in told.items() for other in [name, *others]}


@dataclass(frozen=True)
class _Table:
    """One sheet: canonical column names by place ("" where a column has none), and the rows below them."""

    header: list[str]
    rows: Iterator[list[Any]]
    blank: bool = False

    @cached_property
    def seen(self) -> set[str]:
        return {name for name in self.header if name}


class _Tally:
    """Distinct numbers among the rows read so far; a row without a readable number counts by itself."""

    def __init__(self, source: FileSource) -> None:
        self._source = source
        self._numbers: set[str] = set()
        self._nameless = 0
        self.digests: set[str] = set()

    @property
    def total(self) -> int:
        return len(self._numbers) + self._nameless

    def count(self, file: Path) -> list[str | None]:
        """The number of every row."""
        source, at = self._source, self._source.export_at(file.name)
        column = source.map.fields["source_no"]
        return [Record(raw, source.map, export_at=at).number(column) for raw in source.records(file)]

    def add(self, digest: str, numbers: list[str | None]) -> None:
        self.digests.add(digest)
        self._numbers.update(number for number in numbers if number is not None)
        self._nameless += numbers.count(None)


def _told_of(drop: Drop, told: str) -> str:
    """What is told of a file, without the telephone numbers that people write into the names of files."""
    shown = privacy.mask_text(drop.name) or ""
    if shown == drop.name:
        return told
    masked = told.replace(drop.name, shown)
    return Said(masked, told.printed.replace(drop.name, shown)) if isinstance(told, Said) else masked


def _readable(name: str) -> str:
    """A name as people see it, also where its bytes are of another encoding than the machine's: archives made on Windows hold GBK."""
    with suppress(UnicodeEncodeError):
        name.encode()
        return name
    told = os.fsencode(name)
    for encoding in ("utf-8", "gb18030"):
        with suppress(UnicodeDecodeError):
            return told.decode(encoding)
    return told.decode("utf-8", "replace")


def _without_secret(path: Any) -> str:
    """The URL of a store may hold a login and its password."""
    return re.sub(r"(?<=//)[^/]*@", "…@", str(path))


def _names(drops: list[Drop]) -> str:
    """The first three by name, the rest by number."""
    shown = ", ".join(privacy.mask_text(drop.name) or "" for drop in drops[:3])
    return shown if len(drops) <= 3 else f"{shown} … ({len(drops)})"


def export_date(name: str) -> date | None:
    """The date in a file's name, such as ``网络问政_20231024.xlsx``; of several the last, for a span is exported at its end."""
    for found in reversed(_DATE.findall(name)):
        try:
            return date(*map(int, found))
        except ValueError:
            continue
    return None


def _plain_header(cell: Any) -> str:
    """A header without blanks, marks of obligation, width of characters, and what exporters leave in any text."""
    told = clean(cell) if isinstance(cell, str) else cell
    return re.sub(r"[\s*:]+", "", unicodedata.normalize("NFKC", str(told))) if told is not None else ""


def _filled(names: list[str], other: list[str], known: frozenset[str]) -> list[str]:
    """The names, and from the ``other`` row of the header those that are known, where a place has no known name."""
    pairs = zip_longest(names, other, fillvalue="")
    return [theirs if own not in known and theirs in known and theirs not in names else own for own, theirs in pairs]


def _columns(header: list[str], width: int) -> list[str]:
    """A name for every cell of a row; cells beyond the header keep their place as a name."""
    return [name or f"column {place}" for place, name in enumerate([*header, *[""] * (width - len(header))], start=1)]


def _told(cell: Any) -> bool:
    return cell is not None and (not isinstance(cell, str) or bool(cell.strip()))
