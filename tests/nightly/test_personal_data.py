"""No phone, id number or full name of a person leaves the landing zone (sources.md, personal data)."""

from __future__ import annotations

import gzip
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from petitions.landing import Landing
from tests.nightly.office import YEAR, County, Ended, Office, county

COMMANDS = (
    ("quarantine", "list", "--format", "json"),
    ("reconcile", "--format", "json"),
    ("summary",),
    ("tickets", "received", "--population", "appeals", *YEAR, "--format", "json"),
    ("tickets", "received", "--population", "cases", *YEAR, "--format", "csv"),
    ("tickets", "visits", "--population", "visits", *YEAR, "--format", "json"),
)


@dataclass(frozen=True)
class Scanned:
    office: Office
    ended: Ended
    secrets: frozenset[str]


@pytest.fixture(scope="module")
def scanned(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scanned]:
    """The year with a night of errors in it: an error may quote what it stumbled over."""
    folder = tmp_path_factory.mktemp("private")
    with county(folder / "county") as own:
        office = own.office(folder / "home")
        own.control("hotline_12345", "faults", {"faults": ["ok", "envelope"]})
        own.control("provincial", "faults", {"faults": ["break_body", "new_field"]})
        ended = office.run(*YEAR)
        assert ended.code == 3, ended.err
        again = office.run(*YEAR)
        assert again.code == 0, again.err
        both = Ended(0, ended.out + again.out, ended.err + again.err)
        yield Scanned(office, both, _of_persons(own))


def _of_persons(own: County) -> frozenset[str]:
    """Every phone, id number and full name of the demo data. Names of officers on duty are no secret."""
    lives = own.demo.lives()
    told = {str(life.about[key]) for life in lives for key in ("name", "phone", "id_number") if life.about.get(key)}
    officers = {str(life.about.get("officer")) for life in lives}
    return frozenset(secret for secret in told - officers if len(secret) > 1)


def found(secrets: frozenset[str], content: bytes) -> list[str]:
    """Kinds only: a failing test must not print them either."""
    return sorted({"number" if secret.isascii() else "name" for secret in secrets if secret.encode() in content})


def contents(path: Path) -> Iterator[bytes]:
    """A file's bytes, and what is packed in it."""
    content = path.read_bytes()
    yield content
    if content.startswith(b"\x1f\x8b"):
        yield gzip.decompress(content)
    if content.startswith(b"PK"):
        with zipfile.ZipFile(path) as packed:
            yield from (packed.read(name) for name in packed.namelist())


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_the_scan_would_find_them(scanned: Scanned) -> None:
    landed = Landing(scanned.office.settings.landing)
    records = str([raw for batch in landed.batches("hotline_12345") for _, _, raw in landed.lines(batch)])
    assert len(scanned.secrets) > 500
    assert found(scanned.secrets, records.encode()) == ["name", "number"]


def test_the_landing_zone_belongs_to_the_service_alone(scanned: Scanned) -> None:
    for path in (scanned.office.home / "landing").rglob("*"):
        assert path.stat().st_mode & 0o777 == (0o700 if path.is_dir() else 0o600), path


def test_no_file_outside_the_landing_zone_holds_them(scanned: Scanned) -> None:
    home = scanned.office.home
    others = [path for path in files(home) if (home / "landing") not in path.parents]
    assert {path.relative_to(home).parts[0] for path in others} >= {"warehouse", "reports"}
    held = {str(path.relative_to(home)): told for path in others for content in contents(path) if (told := found(scanned.secrets, content))}
    assert held == {}


def test_no_table_holds_them(scanned: Scanned) -> None:
    """The warehouse file is compressed: its tables are looked at too."""
    columns = scanned.office.rows(
        """
        select table_schema || '.' || table_name as name, column_name from information_schema.columns
        where table_schema in ('core', 'control', 'marts') and lower(data_type) in ('varchar', 'text')
        """
    )
    assert len(columns) > 50
    held = {}
    for column in columns:
        values = scanned.office.rows(f"select distinct {column['column_name']} as value from {column['name']}")
        told = found(scanned.secrets, "\n".join(str(row["value"]) for row in values).encode())
        if told:
            held[f"{column['name']}.{column['column_name']}"] = told
    assert held == {}


def test_masked_forms_are_there(scanned: Scanned) -> None:
    masked = scanned.office.rows("select petitioner, phone, id_number from core.content where source = 'provincial' and not restricted")
    assert any(row["petitioner"] and row["petitioner"].endswith("**") for row in masked)
    assert any(row["phone"] and "****" in row["phone"] for row in masked)
    assert any(row["id_number"] and "********" in row["id_number"] for row in masked)


def test_no_command_says_them(scanned: Scanned) -> None:
    assert found(scanned.secrets, (scanned.ended.out + scanned.ended.err).encode()) == []
    for command in COMMANDS:
        ended = scanned.office.command(*command)
        assert ended.code == 0, (command, ended.err)
        assert len(ended.out) > 100
        assert found(scanned.secrets, (ended.out + ended.err).encode()) == [], command


def test_confidential_tickets_show_their_number_alone(scanned: Scanned) -> None:
    for population in ("appeals", "cases"):
        rows = scanned.office.tickets("received", population)
        for row in rows:
            if row["restricted"]:
                assert {name for name, value in row.items() if value is not None} == {"ticket_id", "restricted"}
    assert any(row["restricted"] for row in scanned.office.tickets("received"))
