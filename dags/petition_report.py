"""The reports of whole periods: month, quarter, half-year and year, once they are over and the warehouse knows all of them.

Runs whenever a night has refreshed the warehouse, and issues what is due: periods that are over since a week at most and have no report yet
that knew all of them. So it is there on the 1st after the nightly; where that night failed, after the next one that did not. Other
periods, windows and moments are asked for by hand, with the parameters. XCom carries days and paths.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from airflow.sdk import DAG, Asset, Context, Param, get_current_context, task
from airflow.sdk.exceptions import AirflowFailException

from petitions_alert import alert

BEIJING = ZoneInfo("Asia/Shanghai")
WAREHOUSE = Asset("petitions_warehouse")
EDITIONS = {"full": "本级使用", "forwarded": "外发"}
KINDS = {"day": "日报", "week": "周报", "month": "月报", "quarter": "季报", "half-year": "半年报", "year": "年报"}


def wanted(context: Context) -> list[dict[str, str]]:
    """The windows to report on: those asked for, or those that are due on the day of the run."""
    from petitions import periods
    from petitions.report import due
    from petitions.settings import Settings

    params = context["params"]
    today = context["dag_run"].run_after.astimezone(BEIJING).date()
    if params["window_start"] or params["window_end"]:
        first, last = params["window_start"] or params["window_end"], params["window_end"] or params["window_start"]
        return [{"from": first, "to": last, "name": f"{first} – {last}"}]
    if params["period"]:
        told = periods.written(params["period"], params["of"]) if params["of"] else periods.before(params["period"], today)
        asked = [told]
    else:
        asked = due(Settings.from_environment(), today)
    return [{"from": str(one.first), "to": str(one.last), "name": one.name} for one in asked]


@task(execution_timeout=timedelta(minutes=5))
def due() -> list[dict[str, str]]:
    """Which reports are to be issued. Returns their windows; none on most days."""
    from petitions.questions import WrongQuestion

    try:
        return wanted(get_current_context())
    except (WrongQuestion, ValueError) as error:
        raise AirflowFailException(f"{error}; trigger it again with other parameters") from None


@task(
    execution_timeout=timedelta(hours=2),
    map_index_template="{{ period }}",
    doc_md="Issue one report, as page, spreadsheet and document; an issue that says the same is left as it is.",
)
def issue(window: dict[str, str]) -> str:
    """Issue one report. Returns its folder."""
    from petitions import questions, report
    from petitions.settings import Settings

    context: Any = get_current_context()
    context["period"] = window["name"]
    first, last = (date.fromisoformat(window[end]) for end in ("from", "to"))
    as_of, as_known = (questions.instant(context["params"][name]) for name in ("as_of", "as_known"))
    try:
        folder = report.issue(
            Settings.from_environment(), first, last, as_of=as_of, as_known=as_known, edition=context["params"]["edition"]
        )
    except questions.WrongQuestion as error:
        raise AirflowFailException(f"{error}; trigger it again with other parameters") from None
    return str(folder)


def day(title: str, description: str) -> Param:
    return Param(None, type=["null", "string"], format="date", title=title, description=description)


def moment(title: str, description: str) -> Param:
    return Param(None, type=["null", "string"], format="date-time", title=title, description=description)


with DAG(
    dag_id="petition_report",
    dag_display_name="信访月报、季报、半年报、年报",
    description="Issue the reports of periods that are over, once the warehouse knows all of them",
    schedule=[WAREHOUSE],
    start_date=datetime(2000, 1, 1, tzinfo=BEIJING),
    catchup=False,
    max_active_runs=1,
    tags=["petitions", "report"],
    on_failure_callback=alert,
    default_args={"owner": "petitions", "retries": 2, "retry_delay": timedelta(minutes=5), "retry_exponential_backoff": True},
    params={
        "period": Param(
            None,
            type=["null", "string"],
            enum=[None, *KINDS],
            values_display=KINDS,
            title="报告种类 / kind of period",
            description="The last whole period of this kind, or the one named below. Empty: the reports that are due.",
        ),
        "of": Param(
            None,
            type=["null", "string"],
            title="哪一期 / which period",
            description="2023, 2023-H2, 2023-Q4, 2023-10, 2023-W40, or a day in it.",
        ),
        "window_start": day("起始日 / first day", "In place of a period: first day of registration (Beijing time, inclusive)."),
        "window_end": day("截止日 / last day", "Last day of registration (inclusive). Empty: the first day alone."),
        "as_of": moment("统计截至 / as of", "The moment that the figures are about. Empty: the end of the last day."),
        "as_known": moment("数据取至 / as known", "Only what was fetched until then counts. Empty: everything."),
        "edition": Param(
            "full",
            type="string",
            enum=list(EDITIONS),
            values_display=EDITIONS,
            title="版本 / edition",
            description="A forwarded (外发) edition hides small counts and has no lists of tickets.",
        ),
    },
    doc_md=__doc__,
) as dag:
    issue.expand(window=due())
