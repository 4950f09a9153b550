"""The maintenance DAGs: thin, one writer at a time, and what cannot be mended by trying again is not tried again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.dags.test_petition_nightly import CHECKOUT, load


def dag(name: str) -> Any:
    return load(CHECKOUT / "dags" / f"{name}.py").dag


def test_rebuild_is_started_by_hand_and_writes_alone() -> None:
    made = dag("petition_rebuild")
    assert not made.timetable.can_be_scheduled
    (task,) = made.tasks
    assert (task.task_id, task.pool, task.retries) == ("rebuild", "petitions_writer", 1)
    assert made.params["without_removed"] is False


def test_retention_runs_every_day_after_the_night() -> None:
    made = dag("petition_retention")
    assert made.timetable.expression == "30 5 * * *"
    assert [task.task_id for task in made.tasks] == ["sweep_landing"]


def test_a_rebuild_that_cannot_go_on_fails_for_good(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow.sdk.exceptions import AirflowFailException

    from petitions.rebuild import BatchesMissing

    module = load(CHECKOUT / "dags" / "petition_rebuild.py")
    monkeypatch.setattr(module, "get_current_context", lambda: {"params": {"without_removed": False}})

    def stopped(*_: Any, **__: Any) -> None:
        raise BatchesMissing("1 of them removed")

    monkeypatch.setattr("petitions.rebuild.rebuild", stopped)
    with pytest.raises(AirflowFailException, match="1 of them removed"):
        module.dag.get_task("rebuild").python_callable()
