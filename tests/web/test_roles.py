"""Under Airflow's FAB manager, as docker-compose.yml has it: the roles there say who reads the reports."""

from __future__ import annotations

from pathlib import Path

import pytest
import requests
from petitions_plugin import PREFIX

from tests.web import airflow_server


@pytest.mark.slow
def test_a_role_that_may_not_read_the_dag_reads_no_report(tmp_path: Path) -> None:
    shelf = tmp_path / "reports"
    shelf.mkdir()
    (shelf / "index.html").write_text("the reports", encoding="utf-8")
    with airflow_server.running_with_roles(tmp_path, {"clerk": "Viewer", "stranger": "Public"}) as server:
        told = {}
        for user in ("clerk", "stranger", None):
            cookies = {"_token": server.token(user)} if user else None
            got = requests.get(f"{server.url}{PREFIX}/", cookies=cookies, timeout=60)
            told[user] = (got.status_code, got.text == "the reports")
    assert told == {"clerk": (200, True), "stranger": (403, False), None: (401, False)}
