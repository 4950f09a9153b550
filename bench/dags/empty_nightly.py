"""As many tasks as petition_nightly has, in the same order, that do nothing: what Airflow itself takes for them."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from airflow.sdk import DAG, CronDataIntervalTimetable, task, task_group

from petitions.model import SOURCES

BEIJING = ZoneInfo("Asia/Shanghai")


@task
def nothing() -> None:
    pass


def lane(source: str) -> Any:
    @task_group(group_id=source)
    def steps() -> Any:
        extract, check, load = (nothing.override(task_id=step)() for step in ("extract", "check", "load"))
        extract >> check >> load
        return load

    return steps()


with DAG(
    dag_id="empty_nightly",
    schedule=CronDataIntervalTimetable("30 2 * * *", timezone="Asia/Shanghai"),
    start_date=datetime(2000, 1, 1, tzinfo=BEIJING),
    catchup=False,
):
    refreshed = [lane(source) for source in SOURCES] >> nothing.override(task_id="refresh")()
    refreshed >> [nothing.override(task_id=task_id)() for task_id in ("report", "verdict")]
