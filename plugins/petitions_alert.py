"""The failure callback of our DAGs: one message per failed run, by e-mail and to the bot of a group, each where it is set up.

By e-mail: the recipients in ``[petitions] alert_email`` (``AIRFLOW__PETITIONS__ALERT_EMAIL``, separated by commas) and Airflow's mail
connection (``smtp_default``). To a bot: the connection ``petitions_alert_webhook``. Where neither is set the message is in the log alone.
"""

from __future__ import annotations

import logging
from html import escape
from typing import TYPE_CHECKING
from urllib.parse import quote

from airflow.configuration import conf
from airflow.sdk import Context

if TYPE_CHECKING:
    from petitions.alert import Alert

log = logging.getLogger("petitions.alert")


def alert(context: Context) -> None:
    """Called by Airflow once for a run that failed. What cannot be sent is logged; the other way is gone all the same."""
    from petitions.alert import of_run

    dag, run_id = context["dag"], str(context["run_id"])
    red, otherwise = _causes(context) if dag.dag_id == "petition_nightly" else ([], _last_task(context))
    told = of_run(dag.dag_display_name, run_id, red, otherwise, _address(dag.dag_id, run_id))
    log.error("%s", told.text)
    if not any([_by_mail(told), _by_bot(told)]):
        log.warning("nobody is told: set [petitions] alert_email, or the connection petitions_alert_webhook")


def _causes(context: Context) -> tuple[list[tuple[str, tuple[str, ...]]], str]:
    """The red lanes with their causes, and what to say where none is red."""
    from petitions import nightly

    try:
        lanes = nightly.lanes(context["run_id"])
    except Exception as error:  # noqa: BLE001 - a warehouse that is away is one reason for a run to fail
        return [], f"数据仓库无法访问 the warehouse cannot be asked ({type(error).__name__}): petitions doctor"
    return [(lane.source, lane.causes) for lane in lanes if lane.status == "red"], f"没有来源异常 no lane is red; {_last_task(context)}"


def _last_task(context: Context) -> str:
    task, reason = context.get("ti"), context.get("reason") or "no task told why"
    return f"任务 {task.task_id} 失败: see the log of that task ({reason})" if task else str(reason)


def _by_mail(told: Alert) -> bool:
    """Whether there are recipients."""
    recipients = [one.strip() for one in conf.get("petitions", "alert_email", fallback="").split(",") if one.strip()]
    if not recipients:
        return False
    from airflow.providers.smtp.hooks.smtp import SmtpHook

    connection = conf.get("email", "email_conn_id", fallback="smtp_default")
    try:
        with SmtpHook(smtp_conn_id=connection) as mail:
            mail.send_email_smtp(to=recipients, subject=told.subject, html_content=f"<pre>{escape(told.text)}</pre>")
    except Exception as error:  # noqa: BLE001 - its words may hold the password
        log.error("no e-mail sent (%s): see connection %s, its from_email, and [petitions] alert_email", type(error).__name__, connection)
    return True


def _by_bot(told: Alert) -> bool:
    """Whether there is a bot."""
    from petitions.alert import NotSent, send
    from petitions.connections import ConnectionMissing, get

    try:
        send(get("petitions_alert_webhook"), told)
    except ConnectionMissing:
        return False
    except (NotSent, ValueError) as error:
        log.error("%s", error)
    return True


def _address(dag_id: str, run_id: str) -> str | None:
    base = conf.get("api", "base_url", fallback="").rstrip("/")
    return f"{base}/dags/{dag_id}/runs/{quote(run_id, safe='')}" if base else None
