"""Rows of an export file, whatever its ending says: xlsx, a workbook of Excel 97–2003, or CSV in UTF-8 or GB18030.

Cells keep the type that the file gives them: text, number, true date, yes or no. Large files are read row by row.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

from petitions.said import Said
from petitions.sources.base import LaneStopped
from petitions.values import EXACT

_XLSX, _XLS = b"PK", b"\xd0\xcf\x11\xe0"
# What parts the cells of a text; the first line that has one of them tells which.
_DELIMITERS = ",\t;"
_GUARDED = re.compile(r"""="([^"]*)"|'(\d+)""")


class FileRefused(LaneStopped):
    """One file cannot be read; the others go on. The message names the file, what was found, and the cure."""


def sheets(file: Path) -> Iterator[tuple[str, Iterator[list[Any]]]]:
    """The sheets that a person would see, by name with their rows, or the one table of a text; an empty cell is None.

    :raises FileRefused: where the file cannot be read as what it is.
    """
    with file.open("rb") as content:
        start = content.read(64)
    if start.startswith(_XLSX):
        return _xlsx_sheets(file)
    if start.startswith(_XLS):
        return _xls_sheets(file)
    if not start:
        text = f"{file.name}: the file is empty; if it is still being written, the next run reads it"
        raise FileRefused(Said(text, f"文件“{file.name}”是空的"))
    if start.removeprefix(codecs.BOM_UTF8).lstrip().startswith(b"<"):
        text = f"{file.name}: expected a workbook or CSV, found a web page or XML under that name; open it and save it as xlsx"
        raise FileRefused(Said(text, f"文件“{file.name}”实为网页或XML，请打开后另存为xlsx"))
    return iter([("", _text_rows(file))])


@contextmanager
def _broken(file: Path, kind: str) -> Iterator[None]:
    """A reader of workbooks says in twenty ways that one is broken (it was tried with damaged files); here it is one."""
    try:
        yield
    except FileRefused:
        raise
    except Exception as error:  # noqa: BLE001
        text = (
            f"{file.name}: expected a whole {kind} workbook without a password, found a broken one ({type(error).__name__}); "
            "if it is still being written, the next run reads it, else export it again"
        )
        raise FileRefused(Said(text, f"文件“{file.name}”已损坏或有密码，打不开，请重新导出")) from None


def _xlsx_sheets(file: Path) -> Iterator[tuple[str, Iterator[list[Any]]]]:
    from openpyxl import load_workbook

    with _broken(file, "xlsx"), file.open("rb") as content:  # a stream, for by name openpyxl would go by the ending
        found = load_workbook(content, read_only=True, data_only=True).worksheets
        if not found:
            text = f"{file.name}: expected a sheet with rows, found none; export it again"
            raise FileRefused(Said(text, f"文件“{file.name}”中没有工作表，请重新导出"))
        for sheet in found:
            if sheet.sheet_state == "visible":
                sheet.reset_dimensions()  # several exporters declare a size that is not the sheet's
                yield sheet.title, _xlsx_rows(file, sheet)


def _xlsx_rows(file: Path, sheet: Any) -> Iterator[list[Any]]:
    with _broken(file, "xlsx"):
        yield from map(list, sheet.iter_rows(values_only=True))


def _xls_sheets(file: Path) -> Iterator[tuple[str, Iterator[list[Any]]]]:
    import xlrd

    with _broken(file, "Excel 97–2003"), xlrd.open_workbook(file_contents=file.read_bytes(), logfile=io.StringIO()) as book:
        for sheet in book.sheets():
            if sheet.visibility == 0:
                yield sheet.name, _xls_rows(file, sheet, book.datemode)


def _xls_rows(file: Path, sheet: Any, datemode: int) -> Iterator[list[Any]]:
    """A sheet of this format ends at row 65,536, so that it may be read as a whole."""
    with _broken(file, "Excel 97–2003"):
        for place in range(sheet.nrows):
            cells = zip(sheet.row_types(place), sheet.row_values(place), strict=True)
            yield [_xls_cell(kind, value, datemode) for kind, value in cells]


def _xls_cell(kind: int, value: Any, datemode: int) -> Any:
    import xlrd

    if kind == xlrd.XL_CELL_DATE:
        try:
            return xlrd.xldate_as_datetime(value, datemode)
        except (xlrd.XLDateError, ValueError, OverflowError):
            return value  # no day of any calendar: the record is bad, not the file
    if kind == xlrd.XL_CELL_NUMBER:
        return int(value) if value.is_integer() and abs(value) < EXACT else value
    if kind == xlrd.XL_CELL_BOOLEAN:
        return bool(value)
    if kind == xlrd.XL_CELL_ERROR:
        return xlrd.error_text_from_code.get(value)
    return value or None


def _text_rows(file: Path) -> Iterator[list[Any]]:
    with file.open(encoding=_encoding(file), newline="") as text:
        delimiter = max(_DELIMITERS, key=next((line for line in islice(text, 10) if set(line) & set(_DELIMITERS)), ",").count)
        text.seek(0)
        csv.field_size_limit(2**24)
        reader = csv.reader(text, delimiter=delimiter, strict=True)
        try:
            for row in reader:
                yield [_unguarded(cell) or None for cell in row]
        except csv.Error as error:
            told = f"not readable as CSV ({error}); if it is still being written, the next run reads it"
            words = f"文件“{file.name}”第{reader.line_num}行不符合CSV格式"
            raise FileRefused(Said(f"{file.name}: line {reader.line_num}: {told}", words)) from None


def _unguarded(cell: str) -> str:
    """Exporters keep spreadsheets from taking a number for one by writing ``="0123"`` or ``'0123``."""
    guarded = _GUARDED.fullmatch(cell) if cell[:1] in ("=", "'") else None
    return guarded[1] or guarded[2] if guarded else cell


def _encoding(file: Path) -> str:
    """UTF-8, with or without BOM, where the whole file is that; else GB18030."""
    for name, encoding in (("utf-8", "utf-8-sig"), ("gb18030", "gb18030")):
        decoder = codecs.getincrementaldecoder(name)()
        try:
            with file.open("rb") as content:
                while block := content.read(1 << 20):
                    if b"\0" in block:
                        break
                    decoder.decode(block)
                else:
                    if decoder.getstate()[0]:  # all of it is of this encoding, but for the last character
                        told = f"{file.name}: the file breaks off in its middle; if it is still being written, the next run reads it"
                        raise FileRefused(Said(told, f"文件“{file.name}”中途断开，可能没有传完"))
                    return encoding
        except UnicodeDecodeError:
            continue
    told = f"{file.name}: expected CSV in UTF-8 or GB18030, found neither; save it as CSV UTF-8 or xlsx"
    raise FileRefused(Said(told, f"文件“{file.name}”的文字编码不是UTF-8或GB18030，请另存后重新导出"))
