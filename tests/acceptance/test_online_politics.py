"""sources.md §3: exports of the message board in every shape, and corrections over three nights, asked through the command line.

Each message has a category (留言领域) of its own, its name here: one question by category tells how every message counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.desk import Desk, Row, folder, marks, reconciled, sidecar, text, xlsx
from tests.nightly.office import Ended

KEYS = (
    *("received", "closed", "open", "closed_on_time", "closed_late", "overdue", "not_due", "no_deadline", "not_started"),
    *("replied", "reply_due", "rated", "satisfied", "returned", "reworked", "negative_durations"),
)
COLUMNS = (
    *("留言编号", "留言用户", "留言主题", "留言时间", "留言详情", "答复意见", "答复时间", "留言类型", "留言领域", "留言状态", "承办单位"),
    *("联系电话", "转办时间", "办理时限", "办结时间", "满意情况"),
)
SYNONYMS = {"留言编号": "留言ID", "留言用户": "用户昵称", "留言详情": "留言内容", "答复意见": "回复内容", "答复时间": "回复时间"}
ANSWER, RECEIPT = "您好！经核查，路灯已于近日修复。", "您好，您的留言已收悉，已转县住建局处理。"
PHONE, ID_NUMBER, NAME = "13912345678", "441322199001011234", "欧阳晓明"

# Left on Wednesday, 1 November 2023 at 9:05:03; 15 working days later is the end of the 22nd. The export is of the 24th.
REPLIED, CLOSED = {"答复意见": ANSWER, "答复时间": "2023/11/8 9:05:03"}, {"办结时间": "2023-11-09 10:00"}
ACKNOWLEDGED = {"答复意见": RECEIPT, "答复时间": "2023/11/8 9:05:03"}
OPEN, ON_TIME, LATE = "received open overdue reply_due", "received closed closed_on_time", "received closed closed_late"
ANSWERED = " replied reply_due"

MESSAGES: dict[str, tuple[Row, str]] = {
    "待回复": ({"留言状态": "待回复"}, OPEN),
    "处理中": ({"留言状态": "处理中"}, OPEN),
    "办理中": ({"留言状态": "办理中"}, OPEN),
    "受理": ({"留言状态": "受理"}, OPEN),
    "已受理": ({"留言状态": "已受理"}, OPEN),
    "已办理": ({"留言状态": "已办理"} | REPLIED, ON_TIME + ANSWERED),
    "已回复": ({"留言状态": "已回复"} | REPLIED, ON_TIME + ANSWERED),
    "已解决": ({"留言状态": "已解决"} | CLOSED, ON_TIME + " reply_due"),
    "办结": ({"留言状态": "办结"} | CLOSED | REPLIED, ON_TIME + ANSWERED),
    "已办结": ({"留言状态": " <b>已办结</b>_x000D_\n"} | CLOSED, ON_TIME + " reply_due"),
    "办结无时间": ({"留言状态": "已办结"}, LATE + " reply_due"),
    "撤单": ({"留言状态": "撤单"} | CLOSED, ON_TIME + " reply_due"),
    "撤单无时间": ({"留言状态": "撤单"}, LATE + " reply_due"),
    "无效": ({"留言状态": "无效"}, ""),
    "删除": ({"留言状态": "删除"}, ""),
    "退回": ({"留言状态": "退回"}, "returned"),
    "重复": ({"留言状态": "重复"}, ""),
    "只有答复": (REPLIED, ON_TIME + ANSWERED),
    "只有答复时间": ({"答复时间": "2023/11/8 9:05:03"}, ON_TIME + ANSWERED),
    "答复处理中": ({"留言状态": "处理中"} | REPLIED, "received open overdue" + ANSWERED),
    "准时答复": (REPLIED | {"答复时间": "2023-11-22 23:59:59"}, ON_TIME + ANSWERED),
    "迟答复": (REPLIED | {"答复时间": "2023-11-23 00:00:00"}, LATE + ANSWERED),
    "收悉": (ACKNOWLEDGED, OPEN),
    "收悉已回复": ({"留言状态": "已回复"} | ACKNOWLEDGED, OPEN),
    "收悉办结": (ACKNOWLEDGED | CLOSED, ON_TIME + " reply_due"),
    "收悉已办结": ({"留言状态": "已办结"} | ACKNOWLEDGED | CLOSED, ON_TIME + " reply_due"),
    "满意": (REPLIED | {"满意情况": "满意"}, ON_TIME + ANSWERED + " rated satisfied"),
    "基本满意": (REPLIED | CLOSED | {"满意情况": "基本满意"}, ON_TIME + ANSWERED + " rated satisfied"),
    "不满意": (REPLIED | {"满意情况": "不满意"}, ON_TIME + ANSWERED + " rated"),
    "未评价": (REPLIED | {"满意情况": "未评价"}, ON_TIME + ANSWERED),
    "时限日期": (REPLIED | {"办理时限": "2023/11/8"}, ON_TIME + ANSWERED),
    "时限日期格": (REPLIED | {"办理时限": datetime(2023, 11, 8)}, ON_TIME + ANSWERED),
    "时限已过": (REPLIED | {"办理时限": "2023-11-07"}, LATE + ANSWERED),
    "时限时刻": (REPLIED | {"办理时限": "2023/11/8 9:05"}, LATE + ANSWERED),
    "时限未到": ({"办理时限": "2023-12-31"}, "received open not_due reply_due"),
    "时间倒置": (REPLIED | {"办结时间": "2023-10-31"}, ON_TIME + ANSWERED + " negative_durations"),
    "个人信息": (
        {
            "留言用户": NAME,
            "联系电话": int(PHONE),
            "留言主题": f"{NAME}（{PHONE}）反映噪声１２３",
            "留言详情": f"<p>{NAME}，电话 139 1234 5678，座机0752-3456789，身份证{ID_NUMBER}，ouyang@example.com</p>",
            "答复意见": f"{NAME}您好，已致电139-1234-5678说明，身份证{ID_NUMBER}已核。",
            "答复时间": "2023/11/8",
        },
        ON_TIME + ANSWERED,
    ),
}
TYPES = {"投诉": "complaint", "求助": "help", "投诉/求助": "help", "咨询": "consult", "建言": "suggestion", None: None, " ": None}
TIMES: tuple[Any, ...] = (
    *(
        "2023/11/1 9:05:03",
        "2023/11/01 09:05:03",
        "2023-11-01 09:05:03",
        "2023-11-1 9:5:3",
        " 2023/11/1  9:05:03_x000D_",
        "２０２３/１１/1 9:05:03",
    ),
    *(datetime(2023, 11, 1, 9, 5, 3), 45231 + 32703 / 86400, str(45231 + 32703 / 86400), "2023-11-01T09:05:03"),
)
# number cell → number; 20 digits come as text
NUMBERS: dict[Any, str] = {
    188006: "188006",
    999999999999999: "999999999999999",
    188007.0: "188007",
    "12345678901234567890": "12345678901234567890",
    "LY-2023E11": "LY-2023E11",
    "００188008 ": "00188008",
}
BAD: tuple[tuple[Row, str, bool], ...] = (
    ({"留言编号": None}, "missing_field", False),
    ({"留言编号": "  "}, "missing_field", False),
    ({"留言时间": None}, "missing_field", True),
    ({"留言时间": "去年"}, "unreadable_time", True),
    ({"留言时间": "2023/11/31 9:00"}, "unreadable_time", True),
    ({"答复时间": "待定"} | {"答复意见": ANSWER}, "unreadable_time", True),
    ({"留言时间": "2099/1/1 9:00"}, "future_received", True),
    ({"留言状态": "搁置"}, "unknown_code", True),
    ({"留言类型": "其他"}, "unknown_code", True),
    ({"满意情况": "一般"}, "unknown_code", True),
    ({"留言编号": 1.5}, "lost_digits", False),
    ({"留言编号": 10**15}, "lost_digits", False),
    ({"留言编号": 12345678901234567890.0}, "lost_digits", False),
    ({"留言编号": "4.41323E+17"}, "lost_digits", False),
    ({"留言编号": "4.41323e+17", "留言状态": "搁置"}, "unknown_code", False),
    ({"留言编号": "重号", "留言主题": "一"}, "duplicate_number", True),
    ({"留言编号": "重号", "留言主题": "二"}, "duplicate_number", True),
)
RECEIPTS = (
    "已收悉",
    "收悉，谢谢。",
    "您好！留言已收到。",
    "网友：您好！来信已收悉，感谢您对我们工作的关心和支持！",
    "尊敬的网友，您好！您在网络问政平台的留言已收悉，现已转交惠东县住房和城乡规划建设局处理。感谢您的来信！",
    "您好，您反映的问题已收悉，已转县交通运输局办理。",
    "您好，您的诉求已收悉，我们已转交平山街道调查处理，感谢理解。",
    "网友您好，来信收悉，已交由县教育局核实，感谢您的理解。",
    "您好！您反映的关于文化路路灯不亮的问题已收悉，已交由城管局调查核实处理。谢谢！",
    "您的留言已收悉，转有关部门办理。",
    "已收到，已转县人社局处理。",
    "已收悉，并转交相关单位调查、处理。",
    "感谢您的留言，我们已收悉。",
    "感谢您对我县工作的关注，您的留言已收悉，已转县公安局调查处理。",
    "您好，您的留言我们已经收到，现转给县卫健局核实。",
    "网友“A000102948”您好！您的留言已收悉，已转交县住建局调查核实。",
    "您好，您的来信已收悉。现已将您反映的情况转交县市场监督管理局调查处理。",
    "留言已收悉！我们会转交住建局处理。",
)
REAL_ANSWERS = (
    "感谢您的留言，来信已收悉。经现场核查，该路段路灯已修复并恢复照明。",
    "您好！您的留言已收悉，现答复如下：一、该项目已列入计划。",
    "您的留言已收悉，已转县住建局处理，该局已于11月5日修复路灯。",
    "您的留言已收悉，已处理。",
    "您好，来信收悉。根据有关规定，您的情况不符合申请条件。",
    "已转县住建局处理。",
    "您好！谢谢您的支持！",
    "您好，押金已收到退款。",
    "已收悉，建议您拨打12345咨询。",
    "您的留言已收悉，已将您反映的情况核实，路灯已修复。",
    "网友“路灯已修复”您好！您的留言已收悉，已转县住建局，现已处理。",
    "您的问题已收悉，经我局调查，该店证照齐全。感谢您的监督！",
)


def message(number: Any, name: str | None, **more: Any) -> Row:
    told = {"留言编号": number, "留言用户": "A0001", "留言主题": "路灯", "留言时间": "2023/11/1 9:05:03", "留言详情": "不亮"}
    return told | {"留言领域": name} | more


def table(rows: Iterable[Row], columns: Sequence[str] = COLUMNS, header: Sequence[str] | None = None) -> list[list[Any]]:
    return [list(header or columns), *([row.get(column) for column in columns] for row in rows)]


@dataclass
class Board:
    desk: Desk
    drop: Path
    ended: Ended
    groups: dict[str, Row]
    rows: dict[str, Row]


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Board:
    home = tmp_path_factory.mktemp("board")
    drop = home / "drop"
    desk = Desk(home / "home", {"online_politics": folder(drop)})
    lives = [message(f"M{number}", name, **told) for number, (name, (told, _)) in enumerate(MESSAGES.items())]
    bad = [message(f"B{number}", "坏", **told) for number, (told, _, _) in enumerate(BAD)]
    times = [message(f"T{number}", "时间", 留言时间=told) for number, told in enumerate(TIMES)]
    numbers = [message(number, "编号") for number in NUMBERS]
    types = [message(f"Y{number}", "类型", 留言类型=told) for number, told in enumerate(TYPES)]
    blank = [{}, dict.fromkeys(COLUMNS, " ")]
    xlsx(drop / "网络问政_20231124.xlsx", ["网络问政留言导出"], *table([*lives, *blank, *bad, *times, *numbers, *types]))

    def answers(letter: str, told: Iterable[str]) -> list[Row]:
        return [message(f"{letter}{number}", answer[-60:], 答复意见=answer, 答复时间="2023-11-08") for number, answer in enumerate(told)]

    short = [column for column in COLUMNS if column not in ("留言状态", "办结时间")]
    header = [f"{SYNONYMS.get(column, column)}*：" if column == "留言编号" else SYNONYMS.get(column, column) for column in short]
    text(drop / "网络问政_20231124_甲.csv", *table(answers("R", RECEIPTS), short, header), encoding="gb18030")
    sidecar(drop / "网络问政_20231124_甲.csv", len(RECEIPTS))
    header = [{"承办单位": "回复组织", "留言时间": " 留言时间_x000D_\n"}.get(column, column) for column in short]
    xlsx(drop / "网络问政_20231124_乙.xls", *table(answers("A", REAL_ANSWERS), short, header))
    # the first and the last day that the window and its look-back take in, and the days beside them
    for number, told in enumerate(("20231028", "20231029", "20231130", "20231201")):
        encoding = "utf-8" if number % 2 else "utf-8-sig"
        text(drop / f"网络问政_{told}.csv", *table([message(f"W{number}", told, 承办单位="甲局")]), encoding=encoding)
    # of one day, in the order of their names
    xlsx(drop / "网络问政_20231125_1.xlsx", *table([message("N1", "同日", 留言状态="处理中"), message("N2", "同日反", 留言状态="已办结")]))
    xlsx(drop / "网络问政_20231125_2.xlsx", *table([message("N1", "同日", 留言状态="已办结"), message("N2", "同日反", 留言状态="处理中")]))
    (drop / "~$网络问政_20231124.xlsx").write_bytes(b"lock")
    (drop / "说明.txt").write_text("no export", encoding="utf-8")
    ended = desk.run()
    return Board(desk, drop, ended, desk.by("category", "appeals"), desk.tickets("received", "appeals"))


def test_every_message_counts_as_its_columns_say(board: Board) -> None:
    assert board.ended.code == 0, board.ended.err
    found = {name: " ".join(sorted(marks(board.groups.get(name), KEYS))) for name in MESSAGES}
    assert found == {name: " ".join(sorted(expected.split())) for name, (_, expected) in MESSAGES.items()}


def test_an_acknowledgement_is_no_answer(board: Board) -> None:
    replied = {answer: board.groups[answer[-60:]]["replied"] for answer in (*RECEIPTS, *REAL_ANSWERS)}
    assert replied == dict.fromkeys(RECEIPTS, 0) | dict.fromkeys(REAL_ANSWERS, 1)
    assert {answer for answer in RECEIPTS if board.groups[answer[-60:]]["first_reply_rate"]["numerator"] != 1} == set()
    assert {answer for answer in RECEIPTS if board.groups[answer[-60:]]["closed"]} == set()


def test_times_numbers_and_types(board: Board) -> None:
    assert {board.rows[f"T{number}"]["received_at"] for number in range(len(TIMES))} == {"2023-11-01T09:05:03+08:00"}
    assert sorted(number for number, row in board.rows.items() if row["category"] == "编号") == sorted(NUMBERS.values())
    assert [board.rows[f"Y{number}"]["ticket_type"] for number in range(len(TYPES))] == list(TYPES.values())
    assert {row["channel"] for row in board.rows.values()} == {"board"}
    assert (board.rows["M30"]["due_at"], board.rows["M30"]["due_source"]) == ("2023-11-08T23:59:59+08:00", "platform")


def test_files_of_the_window_and_its_look_back(board: Board) -> None:
    assert {name for name in board.groups if name.startswith("202")} == {"20231029", "20231130"}
    assert (board.rows["W1"]["unit"], board.groups["同日"]["closed"], board.groups["同日反"]["open"]) == ("甲局", 1, 1)


def test_bad_rows_and_the_equation(board: Board) -> None:
    found = sorted((row["source_no"] or "", row["rule"]) for row in board.desk.quarantine())
    numbered = [(told.get("留言编号", f"B{number}") if known else "", rule) for number, (told, rule, known) in enumerate(BAD)]
    assert found == sorted(numbered)
    (batch,) = board.desk.batches()
    rows = len(MESSAGES) + len(BAD) + len(TIMES) + len(NUMBERS) + len(TYPES) + len(RECEIPTS) + len(REAL_ANSWERS)
    assert (batch["platform_total"], batch["numbers"]) == (rows - 1 + 2 + 2,) * 2, (
        batch
    )  # one number twice; two of the look-back, two of one day
    assert batch["landed"] == rows + 2 + 4 and batch["quarantined"] == len(BAD) and reconciled(batch), batch
    assert batch["status"] == "yellow"


def test_nobody_is_named(board: Board) -> None:
    desk = board.desk
    assert board.rows["M36"]["title"] == "欧阳**（139****5678）反映噪声123"
    shown = [
        desk.command("explain", "online_politics:M36"),
        desk.command("tickets", "received", "--population", "appeals", "--from", "2023-11-01", "--to", "2023-11-30"),
    ]
    files = [path for path in desk.home.rglob("*") if path.is_file() and "landing" not in path.relative_to(desk.home).parts]
    for secret in (PHONE, "139-1234-5678", "139 1234 5678", ID_NUMBER, NAME, "0752-3456789", "ouyang@"):
        assert not [one for one in shown if secret in one.out + one.err]
        assert not [path.name for path in files if secret.encode() in path.read_bytes()]


# --- nights ---------------------------------------------------------------------------------------------------------------

HALF = ("网络问政_20231127_半.csv", "网络问政_20231127_半字.csv")  # break off after the first and the second byte of a character


@pytest.fixture(scope="module")
def nights(tmp_path_factory: pytest.TempPathFactory) -> tuple[Desk, Path, list[Ended]]:
    """Three nights on one folder: an export; an older, a later and five that cannot be read; all read again."""
    home = tmp_path_factory.mktemp("nights")
    drop = home / "drop"
    desk = Desk(home / "home", {"online_politics": folder(drop)})
    done, asked = {"留言状态": "已办结"}, {"留言状态": "待回复"}
    first = [
        message("1", "较早办结", **done),
        message("2", "后来更正", **done),
        message("3", "缺席", **asked),
        message("4", "旧档未结", **done),
    ]
    text(drop / "网络问政_20231124.csv", *table([*first, message("5", "坏后好", 留言状态="搁置")]))
    ended = [desk.run()]

    text(drop / "网络问政_20231121.csv", *table([first[0], message("4", "旧档未结", **asked)]))
    text(drop / "网络问政_20231126.csv", *table([message("2", "后来更正", **done, 留言主题="更正"), message("5", "坏后好", **asked)]))
    sidecar(drop / "网络问政_20231126.csv", 2)
    text(drop / "网络问政.csv", *table([message("6", "无日期", **asked)]))
    sidecar(text(drop / "网络问政_20231127_数.csv", *table([message("7", "行数不符", **asked)])), 2)
    sidecar(text(drop / "网络问政_20231127_摘.csv", *table([message("8", "摘要不符", **asked)])), 1, "0" * 64)
    for place, name in enumerate(HALF, 1):
        whole = text(drop / name, *table([message("9", "断在字中", **asked), message("10", "断在字中", **asked)])).read_bytes()
        (drop / name).write_bytes(whole[: whole.rindex("待".encode()) + place])
    whole = xlsx(drop / "网络问政_20231127_断.xlsx", *table([message("11", "断簿", **asked)])).read_bytes()
    (drop / "网络问政_20231127_断.xlsx").write_bytes(whole[: len(whole) // 2])
    ended.append(desk.run())

    for path in drop.iterdir():
        if "1127" in path.name or path.name == "网络问政.csv":
            path.unlink()
    ended.append(desk.run("--refetch"))
    return desk, drop, ended


def test_a_file_that_cannot_be_read_is_named_and_the_others_are_read(nights: tuple[Desk, Path, list[Ended]]) -> None:
    desk, _, ended = nights
    assert [one.code for one in ended] == [0, 3, 0], [one.err for one in ended]
    for name in ("网络问政.csv", "网络问政_20231127_数.csv", "网络问政_20231127_摘.csv", *HALF, "网络问政_20231127_断.xlsx"):
        assert name in ended[1].err
    assert set(desk.by("category", "appeals")) == {"较早办结", "后来更正", "缺席", "旧档未结", "坏后好"}


def test_a_state_without_a_time_is_as_old_as_the_oldest_file_that_shows_it(nights: tuple[Desk, Path, list[Ended]]) -> None:
    desk, _, _ = nights
    first, second, third = desk.batches()
    assert [(one["landed"], one["new_versions"], one["unchanged"], one["quarantined"]) for one in (first, second, third)] == [
        (5, 4, 0, 1),
        (4, 3, 1, 0),
        (8, 0, 7, 1),
    ]
    assert (first["platform_total"], second["platform_total"], third["platform_total"]) == (5, 4, 5)
    assert (second["status"], third["status"]) == ("red", "yellow")
    then = desk.tickets("received", "appeals", "--as-known", first["fetched_at"])
    now = desk.tickets("received", "appeals")
    ends = {"1": "2023-11-21T23:59:59+08:00", "2": "2023-11-26T23:59:59+08:00", "3": None, "4": "2023-11-24T23:59:59+08:00", "5": None}
    assert {number: row["closed_at"] for number, row in now.items()} == ends
    assert {number: row["closed_at"] and row["closed_at"][8:10] for number, row in then.items()} == {
        "1": "24",
        "2": "24",
        "3": None,
        "4": "24",
    }
    assert (then["1"]["class"], now["1"]["class"]) == ("late", "on_time")


def test_a_bad_row_is_replayed_by_a_later_good_one(nights: tuple[Desk, Path, list[Ended]]) -> None:
    desk, _, _ = nights
    (row,) = desk.quarantine()
    assert (row["source_no"], row["rule"], row["status"]) == ("5", "unknown_code", "replayed")


def test_a_bad_row_is_replayed_by_a_later_file_whatever_its_name(tmp_path: Path) -> None:
    """Two exports read in one night: the later one has the good row of the one message, and the bad row of the other."""
    desk = Desk(tmp_path / "home", {"online_politics": folder(tmp_path / "drop")})
    good, bad = {"留言状态": "待回复"}, {"留言状态": "搁置"}
    text(tmp_path / "drop" / "网络问政_20231120.csv", *table([message("坏后好", "甲", **bad), message("好后坏", "乙", **good)]))
    text(tmp_path / "drop" / "export_20231121.csv", *table([message("坏后好", "甲", **good), message("好后坏", "乙", **bad)]))
    assert desk.run().code == 0
    assert {row["source_no"]: row["status"] for row in desk.quarantine()} == {"坏后好": "replayed", "好后坏": "open"}
    assert set(desk.tickets("open", "appeals")) == {"坏后好", "好后坏"}


def test_what_was_exported_again_under_its_name_stands(tmp_path: Path) -> None:
    """Which content has the larger hash is chance: of eight corrections none may be lost, nor of eight that take them back."""
    desk = Desk(tmp_path / "home", {"online_politics": folder(tmp_path / "drop")})
    for told in ("误", "更正", "误"):
        text(tmp_path / "drop" / "网络问政_20231124.csv", *table([message(str(number), "更正", 留言主题=told) for number in range(8)]))
        assert desk.run("--refetch").code == 0
        assert {row["title"] for row in desk.tickets("received", "appeals").values()} == {told}
    assert [(one["new_versions"], one["unchanged"]) for one in desk.batches()] == [(8, 0)] * 3


def test_one_answer_column_without_the_other_stops_the_lane(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "home", {"online_politics": folder(tmp_path / "drop")})
    text(tmp_path / "drop" / "网络问政_20231124.csv", ["留言编号", "留言时间", "回复内容"], ["1", "2023/11/1 9:05:03", ANSWER])
    ended = desk.run()
    assert ended.code == 3 and "答复时间" in ended.err, ended.err
