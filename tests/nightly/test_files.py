"""Drop folders through the whole job: any order of dates, corrections, files that do not hold, and nothing read twice."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook

from tests.nightly.office import YEAR, Ended, Office, unlike

HEADER = ("留言编号", "留言主题", "留言时间", "留言详情", "留言状态", "答复意见", "答复时间", "办结时间")
ASKED = ("LY001", "路灯不亮", "2023-03-01 09:00:00", "路灯不亮，请处理。", "待回复", None, None, None)
ANSWERED = (*ASKED[:4], "已办结", "您好，路灯已修复，现已恢复照明。", "2023-03-08 10:00:00", "2023-03-09 11:00:00")
OTHER = ("LY002", "井盖缺失", "2023-03-02 09:00:00", "井盖缺失，请处理。", "待回复", None, None, None)


@dataclass(frozen=True)
class Board:
    """A drop folder, and the office that reads it."""

    folder: Path
    office: Office

    def drop(self, day: str, *rows: Sequence[Any], sidecar: dict[str, str] | None = None) -> Path:
        path = self.folder / f"网络问政_{day}.xlsx"
        book = Workbook()
        sheet = book.active
        assert sheet is not None
        for row in (HEADER, *rows):
            sheet.append(list(row))
        book.save(path)
        if sidecar is not None:
            told = {"rows": str(len(rows)), "sha256": hashlib.sha256(path.read_bytes()).hexdigest()} | sidecar
            path.with_name(path.name + ".ok").write_text("".join(f"{key}={value}\n" for key, value in told.items()), encoding="utf-8")
        return path

    def run(self, *more: str) -> Ended:
        return self.office.run(*YEAR, "--source", "online_politics", *more)

    def answered(self, *asked: str) -> tuple[int, int]:
        """How many messages are closed and how many open."""
        total = self.office.metrics("appeals", *asked)["total"]
        return total["closed"], total["open"]

    @property
    def read(self) -> list[tuple[int, int, int]]:
        """(landed, new, unchanged) of each batch."""
        return [(batch["landed"], batch["new_versions"], batch["unchanged"]) for batch in self.office.batches()]


@pytest.fixture
def board(tmp_path: Path) -> Board:
    folder = tmp_path / "drop"
    folder.mkdir()
    return Board(folder, Office(tmp_path / "home").told(online_politics={"conn_type": "fs", "extra": {"path": str(folder)}}))


def ended_well(ended: Iterable[Ended]) -> None:
    for one in ended:
        assert one.code == 0, one.err


def test_a_later_export_corrects_an_earlier_one(board: Board) -> None:
    board.drop("20230305", ASKED, OTHER)
    ended_well([board.run()])
    known = board.office.latest()
    assert board.answered() == (0, 2)
    board.drop("20230310", ANSWERED)  # partial: the other message is not in it, and not gone
    ended_well([board.run()])
    assert board.answered() == (1, 1)
    assert board.answered("--as-of", "2023-03-09T10:59:59") == (0, 2)
    assert board.answered("--as-known", known) == (0, 2)
    assert board.read == [(2, 2, 0), (1, 1, 0)]


def test_an_older_export_that_comes_later_corrects_nothing(board: Board) -> None:
    board.drop("20230310", ANSWERED)
    ended_well([board.run()])
    board.drop("20230305", ASKED, OTHER)
    ended_well([board.run()])
    assert board.answered() == (1, 1)
    assert unlike(board.office.batches()) == []


def test_exports_of_one_run_are_taken_by_date(board: Board) -> None:
    board.drop("20230310", ANSWERED)
    board.drop("20230305", ASKED)
    ended_well([board.run()])
    assert board.answered() == (1, 0)
    assert unlike(board.office.batches()) == []


def test_a_file_is_read_once_and_again_where_asked(board: Board) -> None:
    path = board.drop("20230310", ANSWERED, OTHER)
    before = path.read_bytes(), path.stat().st_mtime_ns
    ended_well([board.run(), board.run(), board.run("--refetch")])
    assert board.read == [(2, 2, 0), (0, 0, 0), (2, 0, 2)]
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before
    path.rename(path.with_name("改名_20230310.xlsx"))  # known by its content, not by its name
    ended_well([board.run()])
    assert board.read[-1] == (0, 0, 0)


@pytest.mark.parametrize("sidecar", [{"rows": "7"}, {"sha256": "0" * 64}])
def test_a_sidecar_that_does_not_hold_refuses_its_file_alone(board: Board, sidecar: dict[str, str]) -> None:
    board.drop("20230305", ASKED, sidecar=sidecar)
    board.drop("20230306", OTHER, sidecar={})
    ended = board.run()
    assert ended.code == 3
    (cause,) = ended.causes
    assert "网络问政_20230305.xlsx" in cause and next(iter(sidecar)) in cause
    assert [row["ticket_id"] for row in board.office.tickets("open")] == ["online_politics:LY002"]
    board.drop("20230305", ASKED, sidecar={})
    ended_well([board.run()])
    assert board.answered() == (0, 2)
    assert board.read == [(1, 1, 0), (1, 1, 0)]


def test_a_file_without_a_date_is_named(board: Board) -> None:
    board.drop("20230306", OTHER)
    board.drop("2023", ASKED)
    ended = board.run()
    assert ended.code == 3
    (cause,) = ended.causes
    assert "网络问政_2023.xlsx" in cause
    assert board.answered() == (0, 1)


def test_a_file_that_no_window_reaches_is_named_until_it_is_read(board: Board) -> None:
    night = ("--from", "2023-03-20", "--to", "2023-03-20", "--source", "online_politics")
    board.drop("20230320", OTHER)
    ended_well([board.office.run(*night)])
    board.drop("20230316", ASKED)  # one day older than the look-back
    (board.folder / "网络问政_20230310_13800000001.csv").write_bytes(b"")
    board.drop("20991231", ANSWERED)
    ended_well([board.office.run(*night), board.office.run(*night, "--refetch")])
    for batch in board.office.batches()[1:]:
        assert batch["status"] == "yellow"
        left, ahead = batch["messages"][-2:]
        assert "网络问政_20230310_138****0001.csv, 网络问政_20230316.xlsx" in left and "网络问政_20230320" not in left
        assert "petitions run --source online_politics --from 2023-03-10 --to 2023-03-16" in left
        assert "网络问政_20991231.xlsx" in ahead
    (board.folder / "网络问政_20230310_13800000001.csv").unlink()
    ended_well([board.office.run("--from", "2023-03-10", "--to", "2023-03-16", "--source", "online_politics"), board.office.run(*night)])
    assert board.answered() == (0, 2)
    assert [message for message in board.office.batches()[-1]["messages"] if "petitions run" in message] == []


def test_a_folder_that_is_empty_all_at_once_is_told(board: Board) -> None:
    """As a mount point is whose disk is gone."""
    ended_well([board.run()])
    path = board.drop("20230310", ANSWERED)
    ended_well([board.run(), board.run()])
    path.unlink()
    ended_well([board.run()])
    told = [[message for message in batch["messages"] if "is it mounted" in message] for batch in board.office.batches()]
    assert [len(messages) for messages in told] == [0, 0, 0, 1]
    assert str(board.folder) in told[-1][0]


def test_an_old_file_that_is_written_anew_is_named(board: Board) -> None:
    board.drop("20230305", ASKED)
    night = ("--from", "2023-03-20", "--to", "2023-03-20", "--source", "online_politics")
    ended_well([board.run(), board.office.run(*night)])
    assert board.office.batches()[-1]["messages"] == []
    board.drop("20230305", ANSWERED)
    ended_well([board.office.run(*night)])
    (left,) = board.office.batches()[-1]["messages"]
    assert "网络问政_20230305.xlsx" in left
