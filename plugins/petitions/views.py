"""What people may read who count by themselves: the views of ``sql/views``, and on PostgreSQL the role that sees them and no more.

Views follow from the program as the metrics do, so they have no versions: the writer makes them anew when their text has changed.
"""

from __future__ import annotations

import hashlib
import logging
from typing import TYPE_CHECKING

from petitions import kinds, metrics
from petitions.model import sources_of
from petitions.sql_texts import SQL, render

if TYPE_CHECKING:
    from petitions.warehouse import Warehouse

#: Members of this role read what stands in ``marts``, and nothing else.
READER = "petitions_reader"

FOLDER = SQL / "views"

log = logging.getLogger("petitions.views")


def drop(warehouse: Warehouse) -> None:
    """Take our views away, so that a migration can change the tables under them."""
    for name in _held(warehouse):
        warehouse.execute(f"drop view marts.{name}")
    warehouse.execute("drop view if exists control.own_view")


def put(warehouse: Warehouse) -> None:
    """Make the views of this program where the warehouse has others, and let the readers' role see them."""
    wanted = {file.stem: render(f"views/{file.name}", **_pieces()) for file in sorted(FOLDER.glob("*.sql"))}
    marks = {name: hashlib.sha256(text.encode()).hexdigest()[:16] for name, text in wanted.items()}
    if _held(warehouse) != marks:
        with warehouse.transaction():
            drop(warehouse)
            for text in wanted.values():
                warehouse.script(text)
            told = ", ".join(f"('{name}', '{mark}')" for name, mark in marks.items())
            warehouse.execute(f"create view control.own_view as select * from (values {told}) as told (name, mark)")
    if warehouse.has_roles and wanted:
        _grant(warehouse)


def reader_role(warehouse: Warehouse) -> bool | None:
    """Whether the readers' role may read all of ``marts``; None where there is no such role."""
    if not warehouse.value(f"select count(*) from pg_roles where rolname = '{READER}'"):
        return None
    may_connect = warehouse.value(f"select has_database_privilege('{READER}', current_database(), 'connect')")
    return may_connect and not warehouse.value(
        f"""
        select count(*)
        from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where n.nspname = 'marts' and c.relkind in ('r', 'v')
          and not (has_schema_privilege('{READER}', n.oid, 'usage') and has_table_privilege('{READER}', c.oid, 'select'))
        """
    )


def _grant(warehouse: Warehouse) -> None:
    may_read = reader_role(warehouse)
    if may_read is None:
        if not warehouse.value("select rolsuper or rolcreaterole from pg_roles where rolname = current_user"):
            log.info("no role %s, and this login may not create one: `petitions doctor` says what to do", READER)
            return
        warehouse.execute(f"create role {READER} nologin")
    if not may_read:
        database = warehouse.value("select quote_ident(current_database())")
        warehouse.execute(f"grant connect on database {database} to {READER}")
        warehouse.execute(f"grant usage on schema marts to {READER}")
        warehouse.execute(f"grant select on all tables in schema marts to {READER}")


def _held(warehouse: Warehouse) -> dict[str, str]:
    """Our views in this warehouse, each with the mark of its text."""
    kept = "select count(*) from information_schema.tables where table_schema = 'control' and table_name = 'own_view'"
    rows = warehouse.rows("select name, mark from control.own_view") if warehouse.value(kept) else []
    return {row["name"]: row["mark"] for row in rows}


def _pieces() -> dict[str, object]:
    visits = ", ".join(f"'{source}'" for source in sources_of("visits")) or "null"
    counts = [(count.key, f"{count.condition} and source not in ({visits})") for count in metrics.COUNTS]
    counts += [(count.key, f"{count.condition} and source in ({visits})") for count in metrics.VISIT_COUNTS]
    return {"counts": counts, "postings": kinds.POSTINGS}
