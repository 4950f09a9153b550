"""What Airflow itself loads: a menu entry for the reports, where the setting ``[petitions] reports_url`` says that they are served."""

from __future__ import annotations

from typing import Any

from airflow.configuration import conf
from airflow.plugins_manager import AirflowPlugin


def reports_view(url: str) -> list[dict[str, Any]]:
    if not url:
        return []
    return [{"name": "信访报表", "href": url, "destination": "nav", "category": "browse", "url_route": "petition-reports"}]


class PetitionsPlugin(AirflowPlugin):
    name = "petitions"
    external_views = reports_view(conf.get("petitions", "reports_url", fallback=""))
