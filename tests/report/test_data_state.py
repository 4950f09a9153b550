"""Which stretches of a period no batch covers."""

from __future__ import annotations

import pytest

from petitions.report.data_state import gaps
from tests.report.county import at

BEGINS, ENDS = at("2023-01-01"), at("2023-12-31 23:59:59")


@pytest.mark.parametrize(
    ("covered", "missing"),
    [
        ([("2023-01-01", "2023-12-31 23:59:59")], []),
        ([("2022-01-01", "2024-06-01")], []),
        ([], [("2023-01-01", "2023-12-31 23:59:59")]),
        ([("2023-06-01", "2023-12-31 23:59:59"), ("2023-01-01", "2023-05-31 23:59:59")], []),  # out of order
        ([("2023-01-01", "2023-12-20 23:59:59")], [("2023-12-20 23:59:59", "2023-12-31 23:59:59")]),  # stale
        ([("2023-02-01", "2023-12-31 23:59:59")], [("2023-01-01", "2023-02-01")]),
        ([("2023-01-01", "2023-03-01"), ("2023-04-01", "2023-12-31 23:59:59")], [("2023-03-01", "2023-04-01")]),
        ([("2023-01-01", "2023-12-31 20:00:00")], []),  # a lane fetched earlier the same night is no gap
        ([("2024-02-01", "2024-03-01")], [("2023-01-01", "2023-12-31 23:59:59")]),  # only after the period
    ],
)
def test_gaps(covered: list[tuple[str, str]], missing: list[tuple[str, str]]) -> None:
    assert gaps([(at(start), at(end)) for start, end in covered], BEGINS, ENDS) == [(at(start), at(end)) for start, end in missing]
