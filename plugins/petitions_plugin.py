"""What Airflow itself loads: the reports on its own web server, for users who may read them, and a menu entry that opens them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

from airflow.configuration import conf
from airflow.plugins_manager import AirflowPlugin

PREFIX = "/petition-reports"


async def reports(scope: dict[str, Any], receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Awaitable[None]]) -> None:
    """The reports as an ASGI application. The web server alone imports what it needs: every worker and the scheduler load this file too."""
    from petitions_web import application

    await application()(scope, receive, send)


def address() -> str:
    """Where a browser finds the reports; below the path of ``[api] base_url`` where Airflow stands behind a proxy."""
    return urlsplit(conf.get("api", "base_url", fallback="")).path.rstrip("/") + f"{PREFIX}/"


class PetitionsPlugin(AirflowPlugin):
    name = "petitions"
    fastapi_apps = [{"name": "信访报表", "app": reports, "url_prefix": PREFIX}]  # noqa: RUF012 - Airflow reads a list
    # Without a route inside Airflow's page it opens in a tab of its own, where it can be printed; from the first level it would not open.
    external_views = [{"name": "信访报表", "href": address(), "destination": "nav", "category": "browse"}]  # noqa: RUF012
