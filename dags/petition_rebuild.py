"""A fresh warehouse from landing zone, maps and rules; the old one serves until the new one is complete. Started by hand.

Interrupted it changes nothing, and it may be started again. Loads of a nightly run wait for it: all write through one pool.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from airflow.sdk import DAG, Asset, Param, get_current_context, task
from airflow.sdk.exceptions import AirflowFailException

from petitions_alert import alert

WAREHOUSE = Asset("petitions_warehouse")


@task(pool="petitions_writer", outlets=[WAREHOUSE], execution_timeout=timedelta(hours=12))
def rebuild() -> dict[str, Any]:
    """Check and load every landed batch anew, compute everything, swap it in. Returns counts."""
    from petitions.rebuild import rebuild as anew
    from petitions.settings import Settings, SettingsError
    from petitions.sources.base import LaneStopped

    try:
        told = anew(Settings.from_environment(), without_removed=get_current_context()["params"]["without_removed"])
    except (LaneStopped, SettingsError) as stopped:  # trying again would find the same
        raise AirflowFailException(str(stopped)) from None
    return {"batches": told.batches, "tickets": told.tickets, "left_out": list(told.left_out)}


with DAG(
    dag_id="petition_rebuild",
    dag_display_name="信访件数据仓库重建",
    description="Build a fresh warehouse from the landing zone and swap it in",
    schedule=None,
    start_date=datetime(2000, 1, 1, tzinfo=ZoneInfo("Asia/Shanghai")),
    catchup=False,
    max_active_runs=1,
    tags=["petitions", "maintenance"],
    on_failure_callback=alert,
    default_args={"owner": "petitions", "retries": 1, "retry_delay": timedelta(minutes=1), "retry_exponential_backoff": True},
    params={
        "without_removed": Param(
            False,
            type="boolean",
            title="忽略已清理的批次 / without removed batches",
            description="Go on where batches were removed from the landing zone (retention); what only they brought is lost.",
        ),
    },
    doc_md=__doc__,
) as dag:
    rebuild()
