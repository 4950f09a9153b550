"""A home with an exchange database and drop folders, made from sources.md alone, and the installed command asked about them."""

from __future__ import annotations

import csv
import hashlib
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from openpyxl import Workbook

from tests.nightly.office import Ended, Office, Started

Row = dict[str, Any]
NOVEMBER = ("--from", "2023-11-01", "--to", "2023-11-30")

#: The columns of sources.md §2.
TABLES = {
    "case_info": "id case_code category_type big_code big_name small_code small_name source_type source_desc reporter_name reporter_phone"
    " longitude latitude address street_name community_name description case_status handle_dept_name time_limit_type time_limit_value"
    " deadline_time report_time accept_time dispatch_time handle_receive_time handle_finish_time check_time close_time is_urgent"
    " is_supervised is_suspended need_visit visit_satisfaction create_time update_time is_deleted",
    "case_flow_record": "id case_id case_code node_name operate_type operate_result operate_opinion operator_dept_name"
    " receiver_dept_name operate_time",
    "case_adjustment_apply": "id case_id apply_type apply_status suspend_until old_deadline_time new_deadline_time review_time"
    " update_time is_deleted",
}


@dataclass
class Desk:
    """One office; every command is a process of its own."""

    home: Path
    connections: dict[str, Row] = field(default_factory=dict)
    config: Path | None = None

    def run(self, *arguments: str, window: Sequence[str] = NOVEMBER) -> Ended:
        named = [part for name in self.connections for part in ("--source", name)]
        return self.command("run", *window, *named, *arguments)

    def command(self, *arguments: str) -> Ended:
        return self.start(*arguments).wait()

    def start(self, *arguments: str) -> Started:
        return Office(self.home, config=self.config).told(**self.connections).start(*arguments)

    def metrics(self, population: str, *arguments: str, window: Sequence[str] = NOVEMBER) -> Row:
        told: Row = self.command("metrics", "--population", population, *window, "--format", "json", *arguments).json
        return told

    def by(self, grouping: str, population: str, *arguments: str, window: Sequence[str] = NOVEMBER) -> dict[str, Row]:
        """The metrics of each group. Tickets of these worlds have a category of their own, so that one question asks for all."""
        told = self.metrics(population, "--by", grouping, *arguments, window=window)
        return {group["by"][grouping]: group for group in told["groups"]}

    def tickets(self, metric: str, population: str, *arguments: str, window: Sequence[str] = NOVEMBER) -> dict[str, Row]:
        told = self.command("tickets", metric, "--population", population, *window, "--format", "json", *arguments).json
        return {row["source_no"]: row for row in told}

    def flow(self, population: str, *window: str) -> Row:
        told: Row = self.command("flow", "--population", population, "--from", window[0], "--to", window[1], "--format", "json").json
        return {key: value for key, value in told["total"].items() if value}

    def batches(self) -> list[Row]:
        told: list[Row] = self.command("reconcile", "--format", "json").json
        return told

    def quarantine(self) -> list[Row]:
        told: list[Row] = self.command("quarantine", "list", "--format", "json").json
        return told


# --- the exchange database ------------------------------------------------------------------------------------------------


@dataclass
class Exchange:
    """前置库 as an SQLite file, with the columns of sources.md §2 but for ``without`` and with ``more`` ones."""

    file: Path

    def create(self, without: Iterable[str] = (), more: Iterable[str] = ()) -> None:
        for table, told in TABLES.items():
            columns = [*told.split(), *(name.partition(".")[2] for name in more if name.startswith(f"{table}."))]
            if table not in without:
                kept = [column for column in columns if f"{table}.{column}" not in without]
                self.write(f"create table {table} ({', '.join(kept)})")

    def write(self, statement: str, values: Sequence[Any] = ()) -> None:
        with sqlite3.connect(self.file) as held:
            held.execute(statement, values)
        held.close()

    def insert(self, table: str, rows: Iterable[Row]) -> None:
        with sqlite3.connect(self.file) as held:
            for row in rows:
                held.execute(f"insert into {table} ({', '.join(row)}) values ({', '.join('?' * len(row))})", list(row.values()))
        held.close()

    @property
    def connection(self) -> Row:
        return {"conn_type": "sqlite", "host": str(self.file), "extra": {"page_size": 7}}


# --- drop folders ---------------------------------------------------------------------------------------------------------


def folder(path: Path) -> Row:
    path.mkdir(parents=True, exist_ok=True)
    return {"conn_type": "fs", "extra": {"path": str(path)}}


def xlsx(path: Path, *rows: Sequence[Any]) -> Path:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    for row in rows:
        sheet.append(list(row))
    book.save(path)
    return path


def text(path: Path, *rows: Sequence[Any], encoding: str = "utf-8") -> Path:
    with path.open("w", encoding=encoding, newline="") as out:
        csv.writer(out).writerows(rows)
    return path


def sidecar(path: Path, rows: int, sha256: str | None = None) -> None:
    digest = sha256 or hashlib.sha256(path.read_bytes()).hexdigest()
    path.with_name(path.name + ".ok").write_text(f"rows={rows}\nsha256={digest}\n", encoding="utf-8")


# --- what is asked of the answers -------------------------------------------------------------------------------------------


def reconciled(batch: Row) -> bool:
    """The equation of sources.md, common rules."""
    landed = batch["new_versions"] + batch["unchanged"] + batch["quarantined"]
    return bool(batch["landed"] == landed and batch["numbers"] >= batch["platform_total"])


def marks(counts: Row | None, keys: Iterable[str]) -> set[str]:
    """Of ``keys`` those that count the one ticket of a group."""
    if counts is None:
        return set()
    assert all(counts[key] in (0, 1) for key in keys), counts
    return {key for key in keys if counts[key]}
