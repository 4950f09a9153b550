"""The suites: that they are sound, that they refuse what they should, and that a broken one is not taken for bad data."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from petitions import quality
from petitions.model import QUARANTINE_RULES, SOURCES
from petitions.quality import ROW, TICKET_SUITE, Refusal, Suite, add
from petitions.settings import CHECKOUT, Settings
from petitions.sources.base import LaneStopped


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "expectations").mkdir()
    shutil.copytree(CHECKOUT / "gx", tmp_path / "gx")
    return tmp_path


def write(root: Path, *expectations: dict[str, Any]) -> Suite:
    (root / "expectations" / "small.json").write_text(json.dumps({"name": "small", "expectations": expectations, "meta": {}}))
    return Suite("small", root)


def not_null(column: str, level: str = "red", rule: str | None = "missing_field", **more: Any) -> dict[str, Any]:
    meta = {"rule": rule, "level": level, "sentence": more.pop("sentence", f"{column} is empty")}
    extra = {name: more.pop(name) for name in ("at_least", "scope") if name in more}
    return {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": column} | more, "meta": meta | extra}


@pytest.mark.parametrize("name", [*SOURCES, TICKET_SUITE])
def test_every_suite_is_sound(name: str) -> None:
    suite = Suite(name)
    assert suite.expectations and suite.columns
    stored = (CHECKOUT / "expectations" / f"{name}.json").read_text(encoding="utf-8")
    assert stored == json.dumps(json.loads(stored), ensure_ascii=False, indent=2) + "\n"


@pytest.mark.parametrize("name", SOURCES)
def test_a_suite_asks_for_every_required_field_of_its_map(name: str) -> None:
    required = Settings(Path("/nowhere"), CHECKOUT / "config").source_maps[name]["required"]
    red = {item.configuration.kwargs["column"] for item in Suite(name).expectations.values() if item.meta["rule"] == "missing_field"}
    assert red == set(required)


def test_every_rule_of_quarantine_has_its_expectation() -> None:
    assert {item.meta["rule"] for item in Suite(TICKET_SUITE).expectations.values()} - {None} == set(QUARANTINE_RULES)


def test_a_row_is_refused_by_the_first_rule(root: Path) -> None:
    frame = pd.DataFrame({ROW: [7, 8, 9], "a": ["x", None, None], "b": ["x", "x", None]})
    suite = write(root, not_null("a", rule="lost_digits"), not_null("b", rule="unknown_code"))
    assert suite.refuse(frame) == {8: Refusal("lost_digits", "a is empty"), 9: Refusal("unknown_code", "b is empty")}
    assert suite.messages() == []


@pytest.mark.parametrize("kind", sorted(quality._BY_VALUE))
def test_text_is_judged_by_value_as_it_is_by_row(root: Path, kind: str) -> None:
    """What is said of each value once must be what is said of it in every row."""
    asked: dict[str, Any] = {
        **{key: {"value_set": ["甲", "x1"]} for key in ("expect_column_values_to_be_in_set", "expect_column_values_to_not_be_in_set")},
        **{key: {"regex": "^x"} for key in ("expect_column_values_to_match_regex", "expect_column_values_to_not_match_regex")},
        "expect_column_value_lengths_to_be_between": {"min_value": 2, "max_value": 3},
        "expect_column_value_lengths_to_equal": {"value": 2},
    }
    values = ["甲", None, "x1", "x1", "甲", "甲乙丙丁", None, "x", ""]
    told = {"type": kind, "kwargs": {"column": "a"} | asked.get(kind, {}), "meta": not_null("a")["meta"]}
    table = pa.table({ROW: range(len(values)), "a": pa.array(values, pa.string())})
    found = []
    for frame in (write(root, told).frame(table), pd.DataFrame({ROW: range(len(values)), "a": pd.Series(values, dtype=object)})):
        suite = write(root, told)
        found.append((suite.refuse(frame), suite.tallies))
    assert found[0] == found[1]
    assert found[0][0]


def test_text_that_is_compared_is_no_category(root: Path) -> None:
    """An office may compare two texts, such as days as they were sent."""
    pair = {"column_A": "b", "column_B": "a", "or_equal": True}
    told = {"type": "expect_column_pair_values_a_to_be_greater_than_b", "kwargs": pair, "meta": not_null("a")["meta"]}
    suite = write(root, told, not_null("a"))
    days = {"a": ["2023-10-02", None, "2023-10-02"], "b": ["2023-10-03", "2023-10-03", "2023-10-01"]}
    table = pa.table({ROW: range(3)} | {name: pa.array(column, pa.string()) for name, column in days.items()})
    assert suite.refuse(suite.frame(table)).keys() == {1, 2}


def test_of_two_refusals_the_first_rule_stands() -> None:
    first, last = Refusal("missing_field", "a"), Refusal("duplicate_number", "b")
    for one, other in ((first, last), (last, first)):
        refusals = {1: one}
        add(refusals, {1: other, 2: last})
        assert refusals == {1: first, 2: last}


@pytest.mark.parametrize(
    ("chunks", "told"),
    [
        ([["x", None], ["x", "x"]], []),  # half of one chunk is missing, a quarter of the batch
        ([["x", None], [None, None]], ["3 of 4 (75.0 %)"]),
        ([[None]], []),  # too few to judge
    ],
)
def test_a_yellow_share_is_that_of_the_batch(root: Path, chunks: list[list[str | None]], told: list[str]) -> None:
    suite = write(root, not_null("a", "yellow", None, mostly=0.6, at_least=2, sentence="{count} of {total} ({percent})"))
    for chunk in chunks:
        assert suite.refuse(pd.DataFrame({ROW: range(len(chunk)), "a": pd.Series(chunk, dtype=object)})) == {}
    assert suite.messages() == told


def test_the_received_must_lie_before_the_fetch() -> None:
    suite = Suite(TICKET_SUITE)
    times = {"fetched_at": "2023-10-24 02:30:00", "received_at": "2023-10-24 02:30:00", "updated_at": "2023-10-24 02:30:00"}
    frame = pd.DataFrame(dict.fromkeys(suite.columns) | {ROW: range(3), "out_of_order": False}, index=range(3))
    for column in ("fetched_at", "received_at", "updated_at", "due_at"):
        frame[column] = pd.Series([times.get(column)] * 3).astype("datetime64[s]")
    frame.loc[1, "received_at"] = pd.Timestamp("2023-10-24 02:30:01")
    frame.loc[2, "received_at"] = pd.NaT
    assert {row: refusal.rule for row, refusal in suite.refuse(frame).items()} == {1: "future_received"}


@pytest.mark.parametrize(
    ("expectation", "told"),
    [
        (not_null("absent"), "could not run"),
        (not_null("a", "orange"), "level red"),
        (not_null("a", rule="odd"), "level red"),
        (not_null("a", "yellow"), "level red"),
        ({"type": "expect_nothing_known", "kwargs": {}, "meta": {}}, "1 unusable"),
        (
            {"type": "expect_column_mean_to_be_between", "kwargs": {"column": "n", "max_value": 0}, "meta": not_null("n")["meta"]},
            "names no rows",
        ),
    ],
)
def test_a_broken_suite_stops_the_lane(root: Path, expectation: dict[str, Any], told: str) -> None:
    with pytest.raises(LaneStopped, match=told):
        write(root, expectation).refuse(pd.DataFrame({ROW: [1], "a": ["x"], "n": [1]}))


def test_a_missing_suite_stops_the_lane(root: Path) -> None:
    with pytest.raises(LaneStopped, match=r"expectations/small\.json"):
        Suite("small", root).refuse(pd.DataFrame({ROW: [1]}))


def test_checking_writes_nothing(root: Path) -> None:
    suite = write(root, not_null("a"))
    before = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
    suite.refuse(pd.DataFrame({ROW: [1], "a": ["x"]}))
    suite.refuse(pd.DataFrame({ROW: [2], "a": [None]}))
    assert {path: path.read_bytes() for path in root.rglob("*") if path.is_file()} == before


def test_the_start_leaves_distributions_alone() -> None:
    """In a process of its own: others of this one may have asked for them."""
    asked = (
        "import sys; from petitions.quality import great_expectations; great_expectations(); print('scipy.stats._stats_py' in sys.modules);"
        "from scipy import stats; print(stats.norm.cdf(0))"
    )
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, timeout=300, check=True)
    assert done.stdout.split() == ["False", "0.5"]


def test_the_start_fills_nobodys_log() -> None:
    """In a process of its own, where all loggers tell what they inform of."""
    asked = "import logging; logging.basicConfig(level='INFO'); from petitions.quality import great_expectations; great_expectations()"
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, timeout=300, check=True)
    assert done.stderr == ""
