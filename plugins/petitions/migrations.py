"""The schema of the warehouse by versions: ``sql/migrations/NNN_name.sql``, each applied once, in order, on both engines.

A fresh warehouse and an old one are brought to the newest version by the same files, so that both have the same schema. The writer applies
them when it opens the warehouse, alone under its lock, each in one transaction: interrupted, the warehouse is at the version before.
``docs/warehouse.md`` says how to add one.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from petitions import views
from petitions.settings import SettingsError
from petitions.sql_texts import SQL

if TYPE_CHECKING:
    from petitions.warehouse import Warehouse

FOLDER = SQL / "migrations"

log = logging.getLogger("petitions.migrations")


class WrongSchema(SettingsError):
    """Warehouse and program are not of one version; the message says what to do."""


class SchemaBehind(WrongSchema):
    """The warehouse is older than this program; a reader cannot bring it up to date."""


class SchemaTooNew(WrongSchema):
    """A newer program wrote this warehouse; to go on with it might harm what that one keeps in it."""


@dataclass(frozen=True)
class Migration:
    """One step of the schema, from the version before to ``version``."""

    version: int
    name: str
    file: Path


def known() -> list[Migration]:
    """The migrations of this program, in order.

    :raises RuntimeError: where their numbers are not 1, 2, 3, …
    """
    files = sorted(FOLDER.glob("*.sql"))
    found = [Migration(int(number), name, file) for file in files for number, _, name in [file.stem.partition("_")]]
    if [one.version for one in found] != list(range(1, len(found) + 1)):
        raise RuntimeError(f"{FOLDER}: expected migrations 001, 002, … without a gap, found {', '.join(file.name for file in files)}")
    return found


def version(warehouse: Warehouse) -> int:
    """The version of the schema that the warehouse has; 0 where it has none, or was filled before versions were kept."""
    kept = "select count(*) from information_schema.tables where table_schema = 'control' and table_name = 'migration'"
    return int(warehouse.value("select coalesce(max(version), 0) from control.migration") if warehouse.value(kept) else 0)


def upgrade(warehouse: Warehouse) -> list[Migration]:
    """Apply what is missing, and put the views on it; the migrations that were applied. For the writer, which holds its lock.

    :raises SchemaTooNew: where a newer program wrote the warehouse; nothing is changed then.
    """
    held, newest = version(warehouse), known()
    _refuse_newer(held, len(newest))
    for migration in newest[held:]:
        with warehouse.transaction():
            views.drop(warehouse)
            warehouse.script(migration.file.read_text(encoding="utf-8"))
            warehouse.insert("control.migration", [(migration.version, migration.name)])
        if held:  # nobody asks how an empty one came to its schema
            log.info("schema version %d: %s", migration.version, migration.name)
    views.put(warehouse)
    return newest[held:]


def see_current(warehouse: Warehouse) -> None:
    """For readers: the warehouse must have the schema of this program.

    :raises SchemaBehind: where it is older, saying what brings it up to date.
    :raises SchemaTooNew: where it is newer.
    """
    held, newest = version(warehouse), len(known())
    _refuse_newer(held, newest)
    if held < newest:
        raise SchemaBehind(f"the warehouse has schema version {held}, this program needs {newest}; run `petitions migrate`")


def _refuse_newer(held: int, newest: int) -> None:
    if held > newest:
        raise SchemaTooNew(
            f"the warehouse has schema version {held}, this program knows versions up to {newest}; "
            "upgrade this program: a newer one wrote the warehouse"
        )
