"""The metric dictionary in docs/ is what the definitions say today, and says something of every metric in both languages."""

from __future__ import annotations

from pathlib import Path

import pytest

from petitions import dictionary, metrics

PAGE = Path(__file__).resolve().parents[1] / "docs" / "metrics.md"
COUNTS = (*metrics.COUNTS, *metrics.VISIT_COUNTS)


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == dictionary.text(), "run `make docs`"


@pytest.mark.parametrize("metric", [*COUNTS, *metrics.RATES, *metrics.VISIT_RATES, *metrics.DAYS], ids=lambda metric: metric.key)
def test_every_metric_stands_once(metric: metrics.Metric) -> None:
    (line,) = (line for line in dictionary.text().splitlines() if line.startswith(f"| `{metric.key}` |"))
    assert f"| {metric.printed} |" in line


@pytest.mark.parametrize("count", COUNTS, ids=lambda count: count.key)
def test_a_count_is_told_in_both_languages_with_its_condition(count: metrics.Count) -> None:
    assert count.english.isascii()
    assert any("\u4e00" <= letter <= "\u9fff" for letter in count.meaning)
    assert f"`{count.condition}`" in dictionary.text()
    assert "|" not in count.condition + count.meaning + count.english  # it would break the table
