"""The reports of periods: issued when a night after their end has refreshed the warehouse, once; others by hand."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from petitions import periods
from petitions.model import BEIJING
from petitions.report import due, issue
from petitions.settings import Settings
from tests.dags.test_petition_nightly import CHECKOUT, load
from tests.report import county


@pytest.fixture(scope="module")
def module() -> Any:
    return load(CHECKOUT / "dags" / "petition_report.py")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A county whose 2023 was fetched in the night of 1 January 2024."""
    settings = county.home(tmp_path_factory.mktemp("reports"))
    county.a_year(settings)
    return settings


def test_it_follows_the_warehouse_that_the_night_refreshes(module: Any) -> None:
    nightly = load(CHECKOUT / "dags" / "petition_nightly.py")
    assert module.WAREHOUSE == nightly.WAREHOUSE
    assert nightly.dag.get_task("refresh").outlets == [module.WAREHOUSE]
    assert module.dag.timetable.asset_condition.objects == (module.WAREHOUSE,)
    assert module.dag.get_task("issue").upstream_task_ids == {"due"}


def test_the_form_offers_every_kind_of_period(module: Any) -> None:
    assert {kind: label for kind, (label, _) in periods.KINDS.items()} == module.KINDS
    assert set(module.dag.params) >= {"period", "of", "window_start", "window_end", "as_of", "as_known"}
    assert module.dag.params["edition"] == "full" and set(module.EDITIONS) == {"full", "forwarded"}
    assert all(module.dag.params[name] is None for name in ("period", "of", "window_start", "window_end", "as_of", "as_known"))


@pytest.mark.parametrize(
    ("day", "names"),
    [
        ("2023-06-01", ["2023年5月"]),
        ("2023-07-01", ["2023年6月", "2023年第二季度", "2023年上半年"]),
        ("2023-10-01", ["2023年9月", "2023年第三季度"]),
        ("2024-01-01", ["2023年12月", "2023年第四季度", "2023年下半年", "2023年"]),
        ("2024-01-07", ["2023年12月", "2023年第四季度", "2023年下半年", "2023年"]),  # the nights before had failed
        ("2024-01-08", []),  # by hand from here on
        ("2023-06-15", []),
        ("2023-06-30", []),  # not over yet
    ],
)
def test_what_is_due_after_the_end_of_a_period(tmp_path: Path, day: str, names: list[str]) -> None:
    assert [one.name for one in due(county.home(tmp_path), date.fromisoformat(day))] == names


def test_what_was_reported_is_not_due_again_unless_it_was_early(home: Settings) -> None:
    early = datetime(2023, 12, 31, 12, tzinfo=BEIJING)
    issue(home, date(2023, 12, 1), date(2023, 12, 31), as_known=early)
    december = periods.before("month", date(2024, 1, 1))
    assert december in due(home, date(2024, 1, 1)), "a report of before could not know all"
    issue(home, december.first, december.last)
    assert [one.kind for one in due(home, date(2024, 1, 1))] == ["quarter", "half-year", "year"]


@pytest.mark.parametrize(
    ("asked", "windows"),
    [
        ({}, ["2023-09-01 2023-09-30", "2023-07-01 2023-09-30"]),
        ({"period": "week"}, ["2023-09-18 2023-09-24"]),  # 1 October 2023 is a Sunday: its week is not over
        ({"period": "year", "of": "2022"}, ["2022-01-01 2022-12-31"]),
        ({"period": "month", "of": "2023-02-14"}, ["2023-02-01 2023-02-28"]),
        ({"window_start": "2023-03-05", "window_end": "2023-04-06"}, ["2023-03-05 2023-04-06"]),
        ({"window_start": "2023-03-05"}, ["2023-03-05 2023-03-05"]),
        ({"window_end": "2023-03-05"}, ["2023-03-05 2023-03-05"]),
    ],
)
def test_which_windows_a_run_reports(
    module: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: dict[str, str], windows: list[str]
) -> None:
    monkeypatch.setenv("PETITIONS_HOME", str(tmp_path))
    context = {"params": {**module.dag.params} | asked, "dag_run": run("2023-10-01T02:41:00")}
    assert [f"{one['from']} {one['to']}" for one in module.wanted(context)] == windows


def test_a_period_that_is_none_fails_for_good_with_a_sentence(module: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow.sdk.exceptions import AirflowFailException

    params = {**module.dag.params} | {"period": "quarter", "of": "2023-13"}
    monkeypatch.setattr(module, "get_current_context", lambda: {"params": params, "dag_run": run("2023-10-01T02:41:00")})
    with pytest.raises(AirflowFailException, match=r"expected a quarter such as 2023-Q4.*found '2023-13'.*other parameters"):
        module.dag.get_task("due").python_callable()


@pytest.mark.parametrize(("edition", "behind"), [("full", ""), ("forwarded", "_forwarded")])
def test_a_report_is_issued_as_asked(module: Any, home: Settings, monkeypatch: pytest.MonkeyPatch, edition: str, behind: str) -> None:
    monkeypatch.setenv("PETITIONS_HOME", str(home.home))
    monkeypatch.setenv("PETITIONS_CONFIG", str(home.config))
    context: dict[str, Any] = {"params": {**module.dag.params} | {"as_of": "2023-04-30T12:00:00+08:00", "edition": edition}}
    monkeypatch.setattr(module, "get_current_context", lambda: context)
    told = module.dag.get_task("issue").python_callable({"from": "2023-04-01", "to": "2023-04-30", "name": "2023年4月"})
    assert Path(told).name == f"2023-04-01_2023-04-30_asof_2023-04-30T120000{behind}"
    assert {"index.html", "report.json", "report.xlsx", "report.docx", "tickets"} <= {path.name for path in Path(told).iterdir()}
    assert context["period"] == "2023年4月", "the task is named after it"


def run(at: str) -> Any:
    return SimpleNamespace(run_after=datetime.fromisoformat(at).replace(tzinfo=BEIJING))
