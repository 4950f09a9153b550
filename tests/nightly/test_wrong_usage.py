"""What cannot be meant is refused at once: exit code 2 and one clear line, never a traceback."""

from __future__ import annotations

from pathlib import Path

import pytest

from petitions.settings import SettingsError, load_toml
from tests.nightly.office import CHECKOUT, YEAR, Ended, Office

RULES = (CHECKOUT / "config" / "time-limits.csv").read_text(encoding="utf-8")
QUESTION = ("metrics", "--population", "appeals")


def refused(ended: Ended, *words: str) -> None:
    assert ended.code == 2, (ended.code, ended.err)
    assert ended.out == ""
    assert "Traceback" not in ended.err
    said = [line for line in ended.err.splitlines() if line.startswith("Error")]
    assert len(said) == 1, ended.err
    for word in words:
        assert word in said[0], said[0]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("metrics", "--population", "complaints", *YEAR), ("population", "complaints", "appeals")),
        ((*QUESTION, "--from", "2023-12-31", "--to", "2023-01-01"), ("2023-12-31", "2023-01-01")),
        ((*QUESTION, "--from", "2023-13-01", "--to", "2023-12-31"), ("2023-13-01",)),
        ((*QUESTION, *YEAR, "--as-of", "yesterday"), ("yesterday",)),
        ((*QUESTION, *YEAR, "--by", "weather"), ("--by", "weather", "source")),
        (("tickets", "on_time_rate", "--population", "appeals", *YEAR), ("on_time_rate", "closed_on_time", "due")),
        (("tickets", "weather", "--population", "appeals", *YEAR), ("weather", "received")),
        (("reconcile", "--batch", "nobody"), ("--batch", "nobody")),
        (("run", "--from", "2023-12-31", "--to", "2023-01-01"), ("--to", "2023-12-31", "2023-01-01")),
        (("run", *YEAR, "--source", "weather"), ("--source", "weather", "provincial")),
    ],
)
def test_questions(loaded_year: Office, arguments: tuple[str, ...], words: tuple[str, ...]) -> None:
    refused(loaded_year.command(*arguments), *words)


def test_a_home_without_a_warehouse(home: Path) -> None:
    refused(Office(home).command(*QUESTION, *YEAR), "petitions run")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ("weather = 1\n", ("petitions.toml", "weather")),
        ("[pull]\nlook_back_dayz = 3\n", ("petitions.toml", "look_back_dayz")),
        ('[pull]\nlook_back_days = "three"\n', ("petitions.toml", "look_back_days", "three")),
        ("[pull]\nlook_back_days = -1\n", ("petitions.toml", "look_back_days")),
        ('[pull]\nlook_back_days = "3"\n', ("petitions.toml", "pull.look_back_days: expected a valid integer, found '3'")),
        ("[pull]\nlook_back_days = true\n", ("petitions.toml", "pull.look_back_days: expected a valid integer, found True")),
        ('[checks]\nvolume_low = "0.3"\n', ("petitions.toml", "checks.volume_low: expected a valid number, found '0.3'")),
        ('[replies]\nreplied_is_closed = "no"\n', ("petitions.toml", "replied_is_closed: expected a valid boolean, found 'no'")),
        ('first_day = "2024-01-01"\n', ("petitions.toml", "first_day: expected a valid date, found '2024-01-01'")),
        ('[population]\nappeal_channels = "公众举报"\n', ("petitions.toml", "appeal_channels: expected a list, found '公众举报'")),
        ("[calendar]\noffice_hours = [[8, 12], [14, 18]]\n", ("petitions.toml", 'expected a time such as "08:00", found 8')),
        ("[pull\n", ("petitions.toml",)),
        ('[calendar]\noffice_hours = [["12:00", "08:00"]]\n', ("petitions.toml", "office_hours")),
        ("[calendar]\noffice_hours = []\n", ("petitions.toml", "office_hours")),
        ('[replies]\nacknowledgements = ["(已收悉"]\n', ("petitions.toml", "acknowledgements")),
    ],
)
def test_settings(home: Path, tmp_path: Path, settings: str, words: tuple[str, ...]) -> None:
    (tmp_path / "petitions.toml").write_text(settings, encoding="utf-8")
    refused(Office(home, config=tmp_path).run(*YEAR), *words)
    assert not (home / "landing").exists()


def test_settings_as_windows_saves_them(tmp_path: Path) -> None:
    file = tmp_path / "petitions.toml"
    file.write_text('[reports]\norganisation = "县信访局"\n', encoding="utf-8-sig")
    assert load_toml(file) == {"reports": {"organisation": "县信访局"}}
    file.write_text('[reports]\norganisation = "县信访局"\n', encoding="gb18030")
    with pytest.raises(SettingsError, match=r"petitions\.toml: expected UTF-8, .* save it as UTF-8"):
        load_toml(file)


@pytest.mark.parametrize(
    ("source", "told", "instead", "words"),
    [
        ("hotline_12345", '"办结" = "closed"', '"办结" = "closde"', ("[codes.event] 办结: expected one of received, ", "found 'closde'")),
        ("hotline_12345", '"办结" = "closed"', '"办结" = 1', ("[codes.event] 办结", "found 1")),
        ("hotline_12345", '"投诉" = "complaint"', '"投诉" = "complain"', ("[codes.ticket_type] 投诉", "found 'complain'")),
        ("hotline_12345", 'population = "appeals"', 'population = "appeal"', ("population: expected one of appeals, cases, visits",)),
        ("hotline_12345", 'source_no = "orderNo"', "", ("[fields] source_no: expected the name of a field, found None",)),
        ("hotline_12345", 'title = "title"', 'titel = "title"', ("unknown attribute titel",)),
        ("hotline_12345", 'old_due = "oldDueAt"', "", ("[flow] old_due: expected what the map of this program has there", "found none")),
        ("provincial", "[columns]", "[colums]", ("[columns] received: expected", "[columns] closed: expected")),
        ("smart_city", "case_flow_record = [", "case_flow = [", ("[tables] case_flow_record: expected",)),
        ("hotline_12345", "required = [", "requird = [", ("required: expected a list of names of fields, found None",)),
        ("online_politics", '"已办理" = "closed"', '"已办理" = "close"', ("[codes.status] 已办理", "found 'close'")),
        ("smart_city", 'work_day = "working_day"', 'work_day = "workday"', ("[codes.limit_unit] work_day", "found 'workday'")),
        ("smart_city", 'cancelled = "not_accepted"', 'cancelled = "closed"', ("[codes.case_status] cancelled", "found 'closed'")),
        ("provincial", '3 = "dissatisfied"', '3 = "unsatisfied"', ("[codes.satisfaction] 3", "found 'unsatisfied'")),
    ],
)
def test_a_map_that_would_count_wrongly(home: Path, tmp_path: Path, source: str, told: str, instead: str, words: tuple[str, ...]) -> None:
    """A code that means a word which nobody knows would mean nothing, and its tickets stay open for good."""
    text = (CHECKOUT / "config" / "sources" / f"{source}.toml").read_text(encoding="utf-8")
    assert told in text
    (tmp_path / "sources").mkdir()
    (tmp_path / "sources" / f"{source}.toml").write_text(text.replace(told, instead, 1), encoding="utf-8")
    refused(Office(home, config=tmp_path).run(*YEAR), f"sources/{source}.toml", *words)
    assert not (home / "landing").exists()


def test_a_map_whose_fields_the_suite_does_not_name(home: Path, tmp_path: Path) -> None:
    """It would send all records to quarantine."""
    text = (CHECKOUT / "config" / "sources" / "visits.toml").read_text(encoding="utf-8")
    (tmp_path / "sources").mkdir()
    (tmp_path / "sources" / "visits.toml").write_text(text.replace("来访时间", "到访时间"), encoding="utf-8")
    refused(Office(home, config=tmp_path).run(*YEAR), "sources/visits.toml", "expected 来访时间", "expectations/visits.json")
    assert not (home / "landing").exists()


def test_a_folder_of_settings_that_is_not_there(home: Path, tmp_path: Path) -> None:
    office = Office(home, config=tmp_path / "confog")
    refused(office.run(*YEAR), "PETITIONS_CONFIG", "confog")
    refused(office.command("rules", "check"), "PETITIONS_CONFIG", "confog")
    assert not (home / "landing").exists()


def ambiguous(text: str) -> str:
    """One rule by type and one by urgency: a ticket that is both matches two of equal rank."""
    header, *rows = text.splitlines()
    names = header.split(",")
    found = dict(zip(names, next(row for row in rows if row.startswith("hotline_12345")).split(","), strict=False))
    either = found | {"ticket_type": "complaint", "urgency": "*", "channel": "*", "category": "*"}
    other = found | {"ticket_type": "*", "urgency": "urgent", "channel": "*", "category": "*"}
    return "\n".join([text.rstrip("\n"), *(",".join(row[name] for name in names) for row in (either, other)), ""])


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (ambiguous(RULES), ("time-limits.csv", "hotline_12345")),
        (RULES.replace("calendar_day", "moon_day"), ("time-limits.csv", "moon_day")),
        (RULES.replace("amount", "amounts", 1), ("time-limits.csv", "amount")),
    ],
)
def test_rules(home: Path, tmp_path: Path, table: str, words: tuple[str, ...]) -> None:
    (tmp_path / "time-limits.csv").write_text(table, encoding="utf-8")
    office = Office(home, config=tmp_path)
    refused(office.run(*YEAR), *words)
    refused(office.command("rules", "check"), *words)
    assert not (home / "landing").exists()


@pytest.mark.parametrize(
    ("connection", "words"),
    [("{broken", ("petitions_warehouse",)), ('{"conn_type": "oracle", "host": "x"}', ("petitions_warehouse", "oracle"))],
)
def test_a_warehouse_that_cannot_be_used(home: Path, connection: str, words: tuple[str, ...]) -> None:
    refused(Office(home, {"AIRFLOW_CONN_PETITIONS_WAREHOUSE": connection}).command(*QUESTION, *YEAR), *words)
