"""A real browser without a window: Debian's Chromium, driven through its own driver, with a profile of its own and no other traffic."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service

PROGRAMS = {"browser": ("chromium", "chromium-browser", "google-chrome"), "driver": ("chromedriver",)}
CURE = "install it: apt-get install chromium chromium-driver fonts-noto-cjk"
FLAGS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-dev-shm-usage"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--force-device-scale-factor=1"),
)
#: Name, width and height.
SCREENS = {"desktop": (1280, 900), "phone": (390, 844)}


def program(kind: str) -> str:
    """Where the browser or its driver is; without one the test fails, and says what to install."""
    found = next(filter(None, map(shutil.which, PROGRAMS[kind])), None)
    if found is None:
        pytest.fail(f"expected a {kind} ({' or '.join(PROGRAMS[kind])}) on the PATH, found none; {CURE}", pytrace=False)
    return found


@contextlib.contextmanager
def opened(profile: Path) -> Iterator[Any]:
    """A browser that is closed at the end, whatever happened."""
    options = webdriver.ChromeOptions()
    options.binary_location = program("browser")
    for flag in (*FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options, Service(program("driver")))
    try:
        driver.implicitly_wait(0)
        driver.set_page_load_timeout(180)
        yield driver
    finally:
        driver.quit()


def resize(driver: Any, screen: str) -> None:
    """The page as wide as on that screen; a phone also tells itself to be one."""
    width, height = SCREENS[screen]
    told = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": screen == "phone"}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", told)


def complaints(driver: Any) -> list[str]:
    """What the console has said since the last time."""
    return [entry["message"] for entry in driver.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")]
