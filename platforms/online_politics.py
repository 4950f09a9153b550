"""网络问政: export files in a drop folder (sources page, section 3).

Two exports in the year, each a spreadsheet and a GB18030 text file with messages of their own. A later export shows all messages
again, as they stand then. A file is never changed: a fact changed by hand arrives as one more, partial export.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterable
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

import xlsxwriter

from platforms.life import Change, Life, changed

EXPORT_DATES = (date(2023, 10, 24), date(2023, 12, 31))
HEADERS = {
    "xlsx": (
        "留言编号",
        "留言用户",
        "留言主题",
        "留言时间",
        "留言详情",
        "留言类型",
        "留言领域",
        "留言状态",
        "承办单位",
        "联系电话",
        "转办时间",
        "办理时限",
        "答复意见",
        "答复时间",
        "办结时间",
        "满意情况",
    ),
    # The same columns as another vendor names them.
    "csv": (
        "留言ID",
        "用户昵称",
        "留言主题",
        "留言时间",
        "留言内容",
        "留言类型",
        "留言领域",
        "留言状态",
        "回复组织",
        "联系电话",
        "转办时间",
        "办理时限",
        "回复内容",
        "回复时间",
        "办结时间",
        "满意情况",
    ),
}
TYPES = {"complaint": "投诉", "help": "投诉/求助", "consult": "咨询", "suggestion": "建言"}
OUT = {"deleted": "删除", "not_accepted": "无效", "returned": "退回", "duplicate": "重复"}
Row = list[Any]


def write_exports(folder: Path, lives: Iterable[Life], changes: Iterable[Change], now: datetime) -> None:
    """The exports made up to ``now``; ours of a later date are taken away, files of others are left alone.

    ``lives`` are those of the year as it was made; ``changes`` add a partial export each.
    """
    own = [life for life in lives if life.source == "online_politics"]
    for day in EXPORT_DATES:
        moment = datetime.combine(day, time(23, 59, 59))
        shown = [cut for life in own if (cut := life.at(moment))]
        for kind in ("xlsx", "csv"):
            path = folder / f"网络问政_{day:%Y%m%d}.{kind}"
            rows = [row for life in shown if life.about["file"] == kind for row in message_rows(life, kind)]
            _export(path, rows, moment <= now)
    for path in folder.glob("网络问政_*_更正*.xlsx"):
        path.unlink()
    corrected = [cut for life in _corrected(own, changes, now) if (cut := life.at(now))]
    for index, life in enumerate(corrected, 1):
        _export(folder / f"网络问政_{now:%Y%m%d}_更正{index:03d}.xlsx", message_rows(life, "xlsx"), True)


def message_rows(life: Life, kind: str) -> list[Row]:
    """The row of one message, two rows for the one that stands there twice. Times are cells, texts and serial numbers by turns."""
    about, turn = life.about, life.serial // 2
    replied, acknowledged = life.last("replied"), life.last("first_reply")
    answer = replied or acknowledged
    closed = life.last("closed", "withdrawn")
    left = life.last("not_accepted", "returned", "duplicate")
    ended = closed or left
    tells_end = ended is not None and not about.get("same_instant") and not about.get("untimed")
    rated = life.last("rated")
    row: Row = [
        life.number,
        about["name"],
        about["title"],
        _moment(life.received_at, turn, kind),
        about["content"],
        TYPES[about["type"]],
        "/".join(about["category"]),
        _status(life),
        about["unit"],
        about["phone"],
        _moment(life.time("dispatched"), turn + 1, kind),
        _due(life, kind),
        answer.text if answer else None,
        _moment(answer.at if answer else None, turn + 2, kind),
        _moment(ended.at if ended and tells_end else None, turn, kind),
        rated.value if rated else None,
    ]
    return _spoilt(row, life.defect)


def _status(life: Life) -> str:
    left = life.last("not_accepted", "returned", "duplicate")
    if left:
        return OUT[str(left.value)]
    if life.last("withdrawn"):
        return "撤单"
    if life.is_closed:
        return ("已办理", "已回复", "已解决", "办结", "已办结")[life.serial % 5]
    if life.last("first_reply", "replied"):
        return "处理中"
    return "待回复" if life.last("dispatched") is None else ("已受理", "办理中", "待回复")[life.serial % 3]


def _spoilt(row: Row, defect: str | None) -> list[Row]:
    """The bad rows of the demo year, each with one fault."""
    if defect == "lost_digits":
        row[0] = float(f"9.02023{int(row[0][-4:]):04d}e17")
    elif defect == "no_number":
        row[0] = None
    elif defect == "unreadable_time":
        row[3] = "2023年2月30日 上午"
    elif defect == "unknown_status":
        row[7] = "研究研究"
    elif defect == "twice":
        return [row, [*row[:4], row[4] + "（补充：问题依旧）", *row[5:]]]
    return [row]


def _moment(moment: datetime | None, turn: int, kind: str) -> Any:
    """A time as exports hold it: a true date cell, text that is not padded, a serial number, text without seconds."""
    if moment is None:
        return None
    if kind == "xlsx" and turn % 4 == 0:
        return moment
    if kind == "xlsx" and turn % 4 == 1:
        return (moment - datetime(1899, 12, 30)).total_seconds() / 86400
    if turn % 4 == 2:
        return f"{moment:%Y-%m-%d %H:%M:%S}"
    return f"{moment.year}/{moment.month}/{moment.day} {moment.hour}:{moment:%M:%S}"


def _due(life: Life, kind: str) -> Any:
    """办理时限: a date alone where the day's end is meant."""
    if life.due is None:
        return None
    if life.due.time() == time(23, 59, 59):
        return f"{life.due:%Y-%m-%d}" if life.serial % 2 else f"{life.due.year}/{life.due.month}/{life.due.day}"
    return _moment(life.due, life.serial, kind)


def _corrected(lives: list[Life], changes: Iterable[Change], now: datetime) -> list[Life]:
    """One life per change, as it stands after that change and those before it."""
    found = []
    for change in changes:
        if change.at <= now and change.ticket_id.startswith("online_politics:"):
            lives = changed(lives, [change], now)
            found.append(next(life for life in lives if life.ticket_id == change.ticket_id))
    return found


# -- files -----------------------------------------------------------------------------------------------------------------------


def _export(path: Path, rows: list[Row], wanted: bool) -> None:
    """Write the file (and the sidecar of a spreadsheet) unless it is there: an export is written once."""
    sidecar = path.with_name(path.name + ".ok")
    if not wanted:
        path.unlink(missing_ok=True)
        sidecar.unlink(missing_ok=True)
        return
    if path.exists():
        return
    kind = path.suffix[1:]
    content = sheet(HEADERS[kind], rows) if kind == "xlsx" else table(HEADERS[kind], rows)
    write_aside(path, content)
    if kind == "xlsx":
        write_aside(sidecar, f"rows={len(rows)}\nsha256={hashlib.sha256(content).hexdigest()}\n".encode())


def sheet(headers: Iterable[str], rows: Iterable[Row]) -> bytes:
    """An xlsx file; the same rows give the same bytes."""
    stream = io.BytesIO()
    book = xlsxwriter.Workbook(stream, {"in_memory": True, "default_date_format": "yyyy/m/d h:mm:ss"})
    book.set_properties({"created": datetime(2023, 1, 1)})
    page = book.add_worksheet("Sheet1")
    for number, row in enumerate([list(headers), *rows]):
        for column, value in enumerate(row):
            if isinstance(value, datetime):
                page.write_datetime(number, column, value)
            elif isinstance(value, (int, float)):
                page.write_number(number, column, value)
            elif value is not None:
                page.write_string(number, column, value)
    book.close()
    return stream.getvalue()


def table(headers: Iterable[str], rows: Iterable[Row]) -> bytes:
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\r\n").writerows([list(headers), *(["" if cell is None else cell for cell in row] for row in rows)])
    return stream.getvalue().encode("gb18030")


def write_aside(path: Path, content: bytes) -> None:
    aside = path.with_name(f".{path.name}.partial")
    aside.touch(mode=0o600)
    aside.write_bytes(content)
    aside.replace(path)
