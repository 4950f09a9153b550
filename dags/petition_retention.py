"""Raw records leave the landing zone when they are older than ``[retention] landing_days`` of petitions.toml; 0 keeps them all.

A rebuild needs what was landed: what only a removed batch brought cannot be computed again. Batches that are not loaded yet, or
hold an open bad record, stay.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from airflow.sdk import DAG, CronTriggerTimetable, task

from petitions_alert import alert

BEIJING = ZoneInfo("Asia/Shanghai")


@task(execution_timeout=timedelta(hours=1))
def sweep_landing() -> list[str]:
    """Remove landed batches that are too old. Returns their ids."""
    from petitions.retention import sweep_landing as sweep
    from petitions.settings import Settings

    return sweep(Settings.from_environment(), datetime.now(BEIJING))


with DAG(
    dag_id="petition_retention",
    dag_display_name="原始数据清理",
    description="Remove raw records from the landing zone when their time is over",
    schedule=CronTriggerTimetable("30 5 * * *", timezone="Asia/Shanghai"),
    start_date=datetime(2000, 1, 1, tzinfo=BEIJING),
    catchup=False,
    max_active_runs=1,
    tags=["petitions", "maintenance"],
    on_failure_callback=alert,
    default_args={"owner": "petitions", "retries": 2, "retry_delay": timedelta(minutes=5), "retry_exponential_backoff": True},
    doc_md=__doc__,
) as dag:
    sweep_landing()
