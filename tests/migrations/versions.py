"""Warehouses of earlier versions, built from what the repository keeps: the migrations up to a version, and rows as it held them.

``NNN.sql`` beside this file holds rows of version NNN, ``NNN.columns`` says what columns it has, on either engine:
``python -m tests.migrations.versions`` writes those of a new version.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from petitions import migrations, views, warehouse
from petitions.settings import CHECKOUT, Settings
from petitions.warehouse import Warehouse

KEPT = Path(__file__).parent
# One name for what the engines call by their own.
_TYPES = {"VARCHAR": "text", "TIMESTAMP WITH TIME ZONE": "timestamptz", "timestamp with time zone": "timestamptz"}


@contextmanager
def program_of(version: int, folder: Path) -> Iterator[None]:
    """Within the block this process is a program that knows the migrations up to ``version``."""
    known = folder / f"known-{version:03d}"
    known.mkdir(parents=True, exist_ok=True)
    for migration in migrations.known()[:version]:
        shutil.copy(migration.file, known)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(migrations, "FOLDER", known)
        patch.setattr(views, "put", lambda _: None)  # those of this program need its tables
        yield


def build(settings: Settings, version: int, folder: Path) -> dict[str, list[dict[str, Any]]]:
    """An empty home gets the warehouse of an earlier version, with the rows of the newest up to it that has some; what it holds.

    Version 0 is version 1 before its number was kept.
    """
    filled = max(int(file.stem) for file in KEPT.glob("*.sql") if int(file.stem) <= max(version, 1))
    with program_of(filled, folder), warehouse.writer(settings) as held:
        held.script((KEPT / f"{filled:03d}.sql").read_text(encoding="utf-8"))
    with program_of(max(version, 1), folder), warehouse.writer(settings) as held:
        if version == 0:
            held.execute("drop table control.migration")
        else:
            held.execute("create view marts.of_before as select * from core.posting")
            held.execute("create view control.own_view as select * from (values ('of_before', 'mark')) as told (name, mark)")
        return contents(held)


def columns(held: Warehouse) -> list[str]:
    """What the tables of the warehouse are made of, in words that do not depend on the engine."""
    rows = held.rows(
        """
        select c.table_schema, c.table_name, column_name, data_type, is_nullable, column_default
        from information_schema.columns c
        join information_schema.tables t on t.table_schema = c.table_schema and t.table_name = c.table_name
        where c.table_schema in ('control', 'core', 'marts') and t.table_type = 'BASE TABLE'
        order by c.table_schema, c.table_name, ordinal_position
        """
    )
    return [_line(row) for row in rows]


def _line(row: dict[str, Any]) -> str:
    kind = _TYPES.get(row["data_type"], row["data_type"].lower())
    needed = " not null" if row["is_nullable"] == "NO" else ""
    given = f" default {row['column_default']}" if row["column_default"] is not None else ""
    return f"{row['table_schema']}.{row['table_name']} {row['column_name']} {kind}{needed}{given}"


def contents(held: Warehouse) -> dict[str, list[dict[str, Any]]]:
    """All rows of all tables."""
    tables = held.rows(
        """
        select table_schema || '.' || table_name as name from information_schema.tables
        where table_schema in ('control', 'core', 'marts') and table_type = 'BASE TABLE'
        """
    )
    return {row["name"]: sorted(held.rows(f"select * from {row['name']}"), key=repr) for row in tables}


if __name__ == "__main__":
    for migration in migrations.known():
        scratch = Path(tempfile.mkdtemp())
        with program_of(migration.version, scratch), warehouse.writer(Settings(scratch / "home", CHECKOUT / "config")) as fresh:
            (KEPT / f"{migration.version:03d}.columns").write_text("\n".join(columns(fresh)) + "\n", encoding="utf-8")
        shutil.rmtree(scratch)
