"""The reports on Airflow's web server: for users who may read the report DAG, and nothing beside the reports."""

from __future__ import annotations

import socket
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from petitions_plugin import PREFIX
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

from tests.web import browser
from tests.web.airflow_server import Server

REPORT = "2023-01-01_2023-12-31_asof_2023-12-31"
BROWSER = {"Accept": "text/html,application/xhtml+xml"}


def get(server: Server, path: str, user: str | None = None, **headers: str) -> requests.Response:
    cookies = {"_token": server.token(user)} if user else None
    return requests.get(f"{server.url}{PREFIX}{path}", cookies=cookies, headers=headers, allow_redirects=False, timeout=90)


@pytest.mark.parametrize(
    "path", ["/", f"/{REPORT}/", f"/{REPORT}/report.json", f"/{REPORT}/tickets/appeals.csv", "/nothing", "/openapi.json"]
)
def test_nobody_reads_without_logging_in(server: Server, path: str) -> None:
    refused = get(server, path)
    assert (refused.status_code, refused.json()) == (401, {"detail": "Not authenticated"})
    assert get(server, path, Authorization="Bearer made.up.token").status_code == 403


def test_a_browser_is_sent_to_log_in_and_comes_back(server: Server) -> None:
    sent = get(server, f"/{REPORT}/?x=1", **BROWSER)
    assert sent.status_code == 302
    assert parse_qs(urlsplit(sent.headers["location"]).query) == {"next": [f"{PREFIX}/{REPORT}/?x=1"]}
    page = requests.get(f"{server.url}{sent.headers['location']}", timeout=90)
    assert page.ok and urlsplit(page.url).path == "/auth/login"


def test_a_reader_gets_the_reports_as_they_stand_on_the_shelf(server: Server) -> None:
    shelf = server.home / "reports"
    for path, file in (
        ("/", shelf / "index.html"),
        (f"/{REPORT}/", shelf / REPORT / "index.html"),
        (f"/{REPORT}/report.json", shelf / REPORT / "report.json"),
        (f"/{REPORT}/tickets/appeals.csv", shelf / REPORT / "tickets" / "appeals.csv"),
    ):
        got = get(server, path, "reader")
        assert (got.status_code, got.content) == (200, file.read_bytes()), path
        assert "private" in got.headers["cache-control"]
        assert "sandbox" in got.headers["content-security-policy"] and "allow-same-origin" not in got.headers["content-security-policy"]
    assert get(server, f"/{REPORT}", "reader").headers["location"].endswith(f"{PREFIX}/{REPORT}/")


def test_a_token_in_the_header_opens_them_too(server: Server) -> None:
    assert get(server, "/", Authorization=f"Bearer {server.token('reader')}").status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/../warehouse/petitions.duckdb",
        "/%2e%2e/airflow/airflow.cfg",
        "/..%2fairflow%2fairflow.cfg",
        f"/{REPORT}/../../airflow/airflow.cfg",
        "//etc/passwd",
        "/%2fetc/passwd",
        "/way-out/airflow.cfg",  # a link that leads off the shelf
        f"/{REPORT}/tickets/",  # no listing
        "/.lock",
    ],
)
def test_nothing_beside_the_reports_is_served(server: Server, path: str) -> None:
    link = server.home / "reports" / "way-out"
    if not link.is_symlink():
        link.symlink_to(server.home / "airflow")
    assert answer(server, f"{PREFIX}{path}", server.token("reader")) == 404


def answer(server: Server, target: str, token: str) -> int:
    """The status of a request whose target goes out as it is written; clients put ``..`` right before they send."""
    host, port = urlsplit(server.url).hostname, urlsplit(server.url).port
    with socket.create_connection((host, port), timeout=90) as line:
        line.sendall(f"GET {target} HTTP/1.1\r\nHost: {host}:{port}\r\nCookie: _token={token}\r\nConnection: close\r\n\r\n".encode())
        return int(line.makefile("rb").readline().split()[1])


def test_the_menu_entry_opens_them(server: Server) -> None:
    told = requests.get(f"{server.url}/api/v2/plugins", headers={"Authorization": f"Bearer {server.token('reader')}"}, timeout=90)
    (ours,) = [one for one in told.json()["plugins"] if one["name"] == "petitions"]
    assert [(view["name"], view["href"], view["url_route"]) for view in ours["external_views"]] == [("信访报表", f"{PREFIX}/", None)]


def test_from_the_log_in_by_the_menu_to_a_figure(server: Server, tmp_path: Path) -> None:
    """What a person does: logs in, opens the entry of the menu in its tab, the report, and the tickets behind a figure."""
    with browser.opened(tmp_path / "profile") as driver:
        browser.resize(driver, "desktop")
        wait = WebDriverWait(driver, 180)
        driver.get(f"{server.url}{PREFIX}/{REPORT}/")
        wait.until(lambda _: driver.find_elements("name", "username"))
        driver.find_element("name", "username").send_keys("reader")
        driver.find_element("name", "password").send_keys(server.password("reader"), Keys.ENTER)
        wait.until(lambda _: driver.find_elements("css selector", "a[data-figure]"))
        assert urlsplit(driver.current_url).path == f"{PREFIX}/{REPORT}/", "back at the page that was asked for"

        driver.get(server.url)
        wait.until(lambda _: driver.find_elements("css selector", "[aria-label='Browse']"))[0].click()
        entry = wait.until(lambda _: driver.find_elements("css selector", f"a[href$='{PREFIX}/']"))[0]
        assert entry.text == "信访报表"
        wait.until(lambda _: entry.is_displayed())
        before = set(driver.window_handles)
        entry.click()
        (tab,) = wait.until(lambda _: set(driver.window_handles) - before)
        driver.switch_to.window(tab)
        browser.complaints(driver)  # what Airflow's own page says is not ours
        wait.until(lambda _: driver.find_elements("css selector", "a[href*='_asof_']"))[0].click()
        wait.until(lambda _: driver.find_elements("css selector", "a[data-figure='appeals.open']"))[0].click()
        wait.until(lambda _: len(driver.find_elements("css selector", "#behind tbody tr")) == 3)
        assert driver.execute_script("return window.origin") == "null", "the report acts for nobody in Airflow"
        assert browser.complaints(driver) == []
