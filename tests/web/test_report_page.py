"""The report page in a real browser, on a desk and on a phone: nothing breaks, charts are drawn, figures open their tickets."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

from tests.report import media
from tests.report.test_issue import read
from tests.web import browser

PATIENCE_S = 90


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with browser.opened(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.fixture(params=list(browser.SCREENS))
def page(request: pytest.FixtureRequest, driver: Any, year: Path) -> Any:
    """The report of the year, freshly opened from its folder."""
    browser.resize(driver, request.param)
    driver.get((year / "index.html").as_uri())
    return driver


def test_it_opens_without_a_complaint_and_fits_the_screen(page: Any) -> None:
    assert browser.complaints(page) == []
    for wide in page.execute_script(WIDER_THAN_THE_SCREEN):
        raise AssertionError(f"wider than the screen: {wide}")
    assert page.execute_script("return document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def test_every_chart_is_drawn(page: Any, year: Path) -> None:
    charts = page.execute_script(DRAWN)
    assert len(charts) == len(list(media.blocks(read(year), "chart"))) > 1
    for name, drawn in charts.items():
        assert drawn["width"] > 200 and drawn["height"] > 100, name
        assert drawn["shapes"] >= drawn["points"] > 0, f"{name}: {drawn}"
        assert drawn["texts"] > drawn["names"], f"{name} has no names: {drawn}"


def test_a_figure_opens_as_many_tickets_as_it_says(page: Any, year: Path) -> None:
    told = {one["id"]: one for one in read(year)["figures"] if one["tickets"] and isinstance(one["value"], int) and one["value"] > 0}
    links = page.find_elements("css selector", "a[data-figure]")
    ids = list(dict.fromkeys(link.get_attribute("data-figure") for link in links))
    picked = [key for key in ids if key in told]
    assert len(picked) > 50
    # Every kind of question: the whole, each platform, unit, type, month; a few of each are enough for a browser.
    for key in sorted(picked)[:: max(1, len(picked) // 25)]:
        link = page.find_element("css selector", f'a[data-figure="{key}"]')
        page.execute_script(
            "for (let one = arguments[0]; one; one = one.parentElement) if (one.tagName === 'DETAILS') one.open = true;", link
        )
        page.execute_script("arguments[0].scrollIntoView({block: 'center'})", link)
        link.click()
        assert listed(page) == told[key]["value"], key
        page.find_element("css selector", "#behind [data-close]").click()
    assert browser.complaints(page) == []


def test_a_list_opens_and_closes_by_keyboard(page: Any, year: Path) -> None:
    (received,) = [one["value"] for one in read(year)["figures"] if one["id"] == "appeals.received"]
    link = page.find_element("css selector", 'a[data-figure="appeals.received"]')
    page.execute_script("arguments[0].focus()", link)
    link.send_keys(Keys.ENTER)
    assert listed(page) == received
    page.switch_to.active_element.send_keys(Keys.ESCAPE)
    WebDriverWait(page, PATIENCE_S).until(lambda _: not page.execute_script("return document.getElementById('behind').open"))


def test_what_a_citizen_wrote_is_shown_and_not_run(page: Any) -> None:
    page.find_element("css selector", 'a[data-figure="appeals.received"]').click()
    listed(page)
    assert "=1+1 夜间施工噪声" in page.find_element("css selector", "#behind tbody").text


def listed(page: Any) -> int:
    """How many tickets stand in the list that was opened, all of it unfolded."""
    dialog = page.find_element("id", "behind")
    rows = "return document.querySelectorAll('#behind tbody tr').length"
    WebDriverWait(page, PATIENCE_S).until(lambda _: dialog.get_attribute("open") is not None and page.execute_script(rows))
    while (more := dialog.find_element("css selector", "[data-more]")).is_displayed():
        more.click()
    return int(page.execute_script(rows))


#: A link in a part that is folded is unfolded first, as a reader does.
IN_SIGHT = """
for (let one = arguments[0]; one; one = one.parentElement) if (one.tagName === 'DETAILS') one.open = true;
arguments[0].scrollIntoView({block: 'center'});
"""
#: Elements that reach beyond the screen, outside of what scrolls by itself.
WIDER_THAN_THE_SCREEN = """
const wide = [];
for (const one of document.querySelectorAll('main *')) {
  if (one.closest('.scroll, .chart, svg')) continue;
  const box = one.getBoundingClientRect();
  if (box.width && (box.right > innerWidth + 1 || box.left < -1)) wide.push(`${one.tagName} ${one.className} ${box.right}`);
}
return wide.slice(0, 5);
"""
#: Of each chart: its size, the shapes and texts in it, and how many points it has to show.
DRAWN = """
const found = {};
for (const told of document.querySelectorAll('script[data-chart]')) {
  const data = JSON.parse(told.textContent), place = document.getElementById(told.dataset.chart), box = place.getBoundingClientRect();
  const shapes = [...place.querySelectorAll('svg path')].filter(one => one.getAttribute('fill') !== 'none' || one.getAttribute('stroke'));
  found[told.dataset.chart] = {
    width: box.width, height: box.height, shapes: shapes.length, texts: place.querySelectorAll('svg text').length,
    points: data.categories.length, names: data.series.length > 1 ? data.series.length : 0,
  };
}
return found;
"""
