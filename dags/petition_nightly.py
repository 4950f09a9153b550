"""The nightly job: every platform is fetched, checked and loaded by itself; then the warehouse is refreshed and the report issued.

Order, schedule, retries, pools and parameters only; what the steps do is in the library. Imports of it stay inside the tasks: the
scheduler parses this file again and again. XCom carries batch ids and counts, never records.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from airflow.sdk import DAG, Asset, Context, CronDataIntervalTimetable, Param, TriggerRule, get_current_context, task, task_group
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from petitions.model import SOURCE_LABELS, SOURCES
from petitions_alert import alert

BEIJING = ZoneInfo("Asia/Shanghai")
WAREHOUSE = Asset("petitions_warehouse")


def note_lane(context: Context) -> None:
    """A lane's task gave up: keep its cause for the verdict. The one message of the run is sent by ``alert``."""
    from petitions import nightly
    from petitions.said import said

    error, step = context.get("exception"), context["task"].task_id
    told = said(error) if isinstance(error, AirflowFailException) else f"{type(error).__name__}; see the log of task {step}"
    nightly.fail_lane(step.partition(".")[0], context["run_id"], told)


def window(context: Context) -> tuple[date | None, date | None]:
    """The days asked for; a backfill run's own day; otherwise none: each lane goes on from where it stands until now."""
    asked = [context["params"][name] for name in ("window_start", "window_end")]
    if any(asked):
        first, last = (date.fromisoformat(day or asked[1 - place]) for place, day in enumerate(asked))
        if first > last:
            from petitions.said import Said

            found = f"window_end: expected a day at or after {first}, found {last}; trigger it again with other days"
            raise AirflowFailException(Said(found, f"截止日 {last} 早于起始日 {first}，请重新选择日期后再运行"))
        return first, last
    start = context.get("data_interval_start")
    if start and context["dag_run"].run_type == "backfill":
        return start.astimezone(BEIJING).date(), start.astimezone(BEIJING).date()
    return None, None


def stop_for_good(step: Any, *args: Any) -> Any:
    """Do a lane's step. What the library could not mend by trying again, Airflow does not try again either."""
    from petitions.said import said
    from petitions.sources.base import LaneStopped

    try:
        return step(*args)
    except LaneStopped as stopped:
        raise AirflowFailException(said(stopped)) from None


def lane(source: str) -> Any:
    """extract → check → load of one platform; its failure is its own."""
    of_lane: dict[str, Any] = {"pool": f"petitions_{source}", "on_failure_callback": note_lane}

    @task(**of_lane, execution_timeout=timedelta(hours=2))
    def extract() -> str:
        """Fetch what changed and land it unchanged. Returns the batch id; a retry goes on with the batch that is complete."""
        from petitions import nightly

        context = get_current_context()
        if source not in context["params"]["sources"]:
            raise AirflowSkipException(f"{source} was not asked for")
        return stop_for_good(nightly.extract, source, *window(context), context["run_id"], context["params"]["refetch"])

    @task(**of_lane, execution_timeout=timedelta(hours=1))
    def check(batch_id: str) -> dict[str, Any]:
        """Check and normalise the landed batch; what fails a check goes to quarantine with its reason. Returns counts."""
        from petitions import nightly

        return stop_for_good(nightly.check, batch_id)

    @task(pool="petitions_writer", on_failure_callback=note_lane, execution_timeout=timedelta(hours=1))
    def load(batch_id: str) -> dict[str, Any]:
        """Load the checked batch as versions, all or nothing, and reconcile it. Returns counts."""
        from petitions import nightly

        return stop_for_good(nightly.load, batch_id, get_current_context()["run_id"])

    @task_group(group_id=source, tooltip=SOURCE_LABELS[source])
    def steps() -> Any:
        batch_id = extract()
        loaded = load(batch_id)
        check(batch_id) >> loaded
        return loaded

    return steps()


def tell_freshness() -> None:
    """How far the data of each platform reach: with the event of the asset, and as a gauge where Airflow's metrics are on."""
    from airflow.sdk.observability import stats

    from petitions import nightly

    now, reaches = datetime.now(BEIJING), nightly.freshness()
    get_current_context()["outlet_events"][WAREHOUSE].extra = {
        f"{reach.source}_until": reach.until.isoformat() for reach in reaches if reach.until is not None
    }
    for reach in reaches:
        if (behind := reach.behind(now)) is not None:
            stats.gauge(f"petitions.hours_behind.{reach.source}", round(behind / timedelta(hours=1), 2))


@task(trigger_rule=TriggerRule.ALL_DONE, pool="petitions_writer", outlets=[WAREHOUSE], execution_timeout=timedelta(hours=2))
def refresh() -> dict[str, Any]:
    """Recompute clocks, ledger and marts of the tickets that changed, whichever lanes loaded; tell how fresh each platform is."""
    from petitions import nightly

    counts = nightly.refresh()
    tell_freshness()
    return counts


@task(execution_timeout=timedelta(hours=1))
def report() -> str:
    """Issue the report; a red lane is marked stale in it. Returns the path."""
    from petitions import nightly

    context = get_current_context()
    return nightly.report(*window(context), context["run_id"])


@task(trigger_rule=TriggerRule.ALL_DONE, retries=0, execution_timeout=timedelta(minutes=10))
def verdict() -> None:
    """The run fails when a lane is red, with one line per red lane. Nothing waits for this."""
    from petitions import nightly

    try:
        nightly.verdict(get_current_context()["run_id"])
    except nightly.LanesRed as red:
        raise AirflowFailException(str(red)) from None


with DAG(
    dag_id="petition_nightly",
    dag_display_name="信访件每夜入库与报表",
    description="Fetch, check and load every platform, refresh the warehouse, issue the report",
    schedule=CronDataIntervalTimetable("30 2 * * *", timezone="Asia/Shanghai"),
    start_date=datetime(2000, 1, 1, tzinfo=BEIJING),  # backfills reach back to here
    catchup=False,
    max_active_runs=1,
    tags=["petitions", "nightly"],
    on_failure_callback=alert,
    default_args={
        "owner": "petitions",
        "retries": 2,
        "retry_delay": timedelta(seconds=30),
        "retry_exponential_backoff": True,
        "max_retry_delay": timedelta(minutes=10),
    },
    params={
        "window_start": Param(
            None,
            type=["null", "string"],
            format="date",
            title="窗口起始日 / first day",
            description="First day of the window (Beijing time, inclusive). Empty: each lane goes on from where it stands, until now.",
        ),
        "window_end": Param(
            None,
            type=["null", "string"],
            format="date",
            title="窗口截止日 / last day",
            description="Last day of the window (inclusive). Empty: the first day alone.",
        ),
        "sources": Param(
            list(SOURCES),
            type="array",
            items={"type": "string", "enum": list(SOURCES)},
            examples=list(SOURCES),
            values_display=SOURCE_LABELS,
            minItems=1,
            title="数据来源 / platforms",
            description="The lanes to run; the others are skipped.",
        ),
        "refetch": Param(
            False,
            type="boolean",
            title="重新抓取 / fetch again",
            description="Fetch again what a complete batch already holds, and read files again that were read.",
        ),
    },
    doc_md=__doc__,
) as dag:
    refreshed = [lane(source) for source in SOURCES] >> refresh()
    refreshed >> [report(), verdict()]
