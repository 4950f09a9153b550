"""What readers see who count by themselves: the program's figures, no person, and nothing of a confidential ticket but its number."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import psycopg
import pytest
from click.testing import CliRunner

from petitions import metrics, questions, views, warehouse
from petitions.cli import main
from petitions.metrics import POPULATIONS
from petitions.questions import Scope
from petitions.settings import Settings
from tests import postgres
from tests.engines import EmptyWarehouse
from tests.report import county

WAREHOUSE = "AIRFLOW_CONN_PETITIONS_WAREHOUSE"
EVER = (date(2000, 1, 1), date(2030, 12, 31))
PERSONAL = {"petitioner", "phone", "id_number", "person_key", "address", "content", "note", "persons"}


@pytest.fixture(scope="module")
def settings(empty_warehouse: EmptyWarehouse, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """The made-up county's year on each engine."""
    made = county.home(tmp_path_factory.mktemp("views"))
    with empty_warehouse("views"):
        county.a_year(made)
        yield made


def rows(settings: Settings, query: str) -> list[dict[str, Any]]:
    with warehouse.reader(settings) as held:
        return held.rows(query)


@pytest.mark.parametrize("population", POPULATIONS)
def test_the_metrics_are_those_that_the_program_tells(settings: Settings, population: str) -> None:
    counts, _, _ = metrics.definitions(population)
    sums = ", ".join(f"cast(sum({count.key}) as bigint) as {count.key}" for count in counts)
    with warehouse.reader(settings) as held:
        scope = Scope.of(held, population, *EVER, as_of=questions.latest_fetch(held))
        told, _ = questions.figures(held, scope, (), by=("source", "month"))
        seen = held.rows(f"select source, month, {sums} from marts.metrics group by source, month")
    found = {(row["source"], f"{row['month']:%Y-%m}"): [row[count.key] for count in counts] for row in seen}
    assert told
    for group in told:
        assert found[(group["by"]["source"], group["by"]["month"])] == [group[count.key] for count in counts]


def test_who_is_open_at_any_moment_can_be_counted(settings: Settings) -> None:
    with warehouse.reader(settings) as held:
        for day in (date(2023, 3, 31), date(2023, 9, 30), date(2024, 6, 30)):
            at = questions.moment(day)
            _, total = questions.figures(held, Scope.of(held, "cases", *EVER, as_of=at), ())
            seen = held.rows(
                """
                select count(*) filter (where not closed) as open, count(*) filter (where close_class = 'overdue') as overdue
                from marts.posting where source = 'smart_city' and valid and valid_from <= :at and valid_to > :at
                """,
                {"at": at},
            )
            assert seen == [{"open": total["open"], "overdue": total["overdue"]}]


def test_a_ticket_is_there_once_and_a_confidential_one_by_its_number_alone(settings: Settings) -> None:
    seen = rows(settings, "select * from marts.ticket order by ticket_id")
    assert [row["ticket_id"] for row in seen] == [
        row["ticket_id"] for row in rows(settings, "select distinct ticket_id from core.content order by ticket_id")
    ]
    (confidential,) = [row for row in seen if row["restricted"]]
    assert {name: value for name, value in confidential.items() if value is not None} == {
        "ticket_id": "hotline_12345:H0035",
        "restricted": True,
    }
    plain = next(row for row in seen if row["ticket_id"] == "hotline_12345:H0001")
    assert (plain["title"], plain["unit"], plain["closed"], plain["class"]) == ("小区停水", "城管局", True, "on_time")


def test_no_column_of_the_marts_holds_a_person(settings: Settings) -> None:
    columns = rows(settings, "select table_name, column_name from information_schema.columns where table_schema = 'marts'")
    assert {row["table_name"] for row in columns} == {"daily", "metrics", "posting", "ticket"}
    assert [row for row in columns if row["column_name"] in PERSONAL] == []
    assert [row for row in columns if row["table_name"] == "posting" and row["column_name"] in ("ticket_id", "version_id")] == []


def test_a_view_that_changed_is_made_anew(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with warehouse.writer(settings) as held:
        before = held.rows("select * from control.own_view order by name")
    with monkeypatch.context() as patch:
        patch.setattr(metrics, "COUNTS", metrics.COUNTS[:3])
        with warehouse.writer(settings) as held:
            names = held.rows("select column_name from information_schema.columns where table_schema = 'marts' and table_name = 'metrics'")
            assert "overdue" not in [row["column_name"] for row in names]
    with warehouse.writer(settings) as held:
        assert held.rows("select * from control.own_view order by name") == before


# --- PostgreSQL: who may read what --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Database:
    """A loaded warehouse on PostgreSQL, and logins to it."""

    settings: Settings
    server: postgres.Server
    told: dict[str, Any]

    def session(self, login: str) -> psycopg.Connection[Any]:
        return psycopg.connect(host=self.server.host, port=self.server.port, user=login, dbname=str(self.told["schema"]), autocommit=True)

    def refused(self, login: str, statement: str) -> bool:
        with self.session(login) as held:
            try:
                held.execute(statement.encode())
            except psycopg.errors.InsufficientPrivilege:
                return True
        return False


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """Owned by a login that may create no roles, as in most offices. On a server of its own: roles are the whole server's."""
    with postgres.server() as server, pytest.MonkeyPatch.context() as patch:
        told = server.database("roles") | {"login": "office_writer"}
        made = county.home(tmp_path_factory.mktemp("roles"))
        held = Database(made, server, told)
        with held.session(server.login) as admin:
            admin.execute("create role office_writer login")
            admin.execute("alter database roles owner to office_writer")
            admin.execute("create role auditor login in role pg_read_all_data")
            admin.execute("revoke connect on database roles from public")
            admin.execute("grant connect on database roles to auditor")
        patch.setenv(WAREHOUSE, json.dumps(told))
        patch.setenv("PETITIONS_HOME", str(made.home))
        county.a_year(made)
        yield held


@pytest.fixture
def reader(database: Database) -> str:
    """A login of a reader."""
    with database.session(database.server.login) as admin:
        for role, told in ((views.READER, "nologin"), ("xiao_wang", f"login in role {views.READER}")):
            if not admin.execute("select 1 from pg_roles where rolname = %s", [role]).fetchone():
                admin.execute(f"create role {role} {told}".encode())
    with warehouse.writer(database.settings):
        return "xiao_wang"


def test_without_the_right_to_create_a_role_the_doctor_says_what_to_do(database: Database) -> None:
    with database.session(database.server.login) as admin:  # as if no test had asked for a reader yet
        admin.execute("drop role if exists xiao_wang")
        if admin.execute("select 1 from pg_roles where rolname = 'petitions_reader'").fetchone():
            admin.execute("drop owned by petitions_reader")
            admin.execute("drop role petitions_reader")
    doctor = CliRunner().invoke(main, ["doctor"]).stdout
    cure = "as an administrator of the server `create role petitions_reader nologin`, then `petitions migrate`"
    assert f"warn  warehouse: no role petitions_reader for readers of its marts  — {cure}" in doctor
    with database.session(database.server.login) as admin:
        admin.execute("create role petitions_reader nologin")
    doctor = CliRunner().invoke(main, ["doctor"]).stdout
    assert "warn  warehouse: the role petitions_reader may not read all of its marts  — `petitions migrate`" in doctor
    assert CliRunner().invoke(main, ["migrate"]).exit_code == 0
    assert "petitions_reader" not in CliRunner().invoke(main, ["doctor"]).stdout


@pytest.mark.parametrize("name", ["daily", "metrics", "posting", "ticket"])
def test_a_reader_reads_the_marts(database: Database, reader: str, name: str) -> None:
    with database.session(reader) as held:
        (seen,) = held.execute(f"select count(*) from marts.{name}".encode()).fetchone() or (0,)
    assert seen == rows(database.settings, f"select count(*) as n from marts.{name}")[0]["n"] > 0


TABLES = ("content", "content_event", "sighting", "ticket_version", "clock", "posting", "passage")
WRITES = (
    "delete from marts.daily",
    "insert into marts.daily select * from marts.daily",
    "update marts.daily set received = 0",
    "create table marts.own (n integer)",
    "create table public.own (n integer)",
    "create schema own",
    "drop view marts.ticket",
    "alter view marts.ticket rename to seen",
)


@pytest.mark.parametrize(
    "statement",
    [
        *(f"select * from core.{table}" for table in TABLES),
        *(f"select * from control.{table}" for table in ("batch", "quarantine_sighting", "lane_run", "migration")),
        *WRITES,
    ],
)
def test_a_reader_is_refused(database: Database, reader: str, statement: str) -> None:
    assert database.refused(reader, statement)


def test_other_logins_see_nothing(database: Database, reader: str) -> None:
    with database.session(database.server.login) as admin:
        admin.execute("create role stranger login")
        admin.execute("grant connect on database roles to stranger")
    assert database.refused("stranger", "select * from marts.daily")


def test_questions_of_the_program_are_for_logins_that_may_read_all(
    database: Database, reader: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = ["metrics", "--population", "appeals", "--from", "2023-01-01", "--to", "2023-12-31"]
    expected = CliRunner().invoke(main, asked).stdout
    monkeypatch.setenv(WAREHOUSE, json.dumps(database.told | {"login": reader}))
    refused = CliRunner().invoke(main, asked)
    assert refused.exit_code == 2
    assert "the login xiao_wang may not read core and control" in refused.stderr and "pg_read_all_data" in refused.stderr
    monkeypatch.setenv(WAREHOUSE, json.dumps(database.told | {"login": "auditor"}))
    assert CliRunner().invoke(main, asked).stdout == expected
    for question in (["tickets", "open", *asked[1:]], ["explain", "hotline_12345:H0001"], ["reconcile"], ["due", "--within", "5"]):
        assert CliRunner().invoke(main, question).exit_code == 0
    assert database.refused("auditor", "delete from core.content")


def test_a_writer_that_may_create_roles_makes_the_role(empty_warehouse: EmptyWarehouse, tmp_path: Path) -> None:
    made = county.home(tmp_path)
    with empty_warehouse("role") as engine, warehouse.writer(made) as held:
        assert held.has_roles is (engine == "postgres")
        assert not held.has_roles or views.reader_role(held) is True
