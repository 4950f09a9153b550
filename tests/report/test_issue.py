"""A report as an office gets it: files, figures read back, issues, lanes in trouble."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from datetime import date
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from petitions import metrics, questions, warehouse
from petitions.nightly import Lane
from petitions.report import issue
from petitions.settings import Settings
from tests.report import county
from tests.report.county import Made

YEAR = (date(2023, 1, 1), date(2023, 12, 31))


class Page(HTMLParser):
    """What a browser would show and fetch: printed figures by id, addresses, text outside scripts."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.figures: list[tuple[str, str]] = []
        self.addresses: list[str] = []
        self.shown = ""
        self._figure: str | None = None
        self._hidden = False
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = dict(attrs)
        self.addresses += [told[name] or "" for name in ("src", "href", "action", "data", "srcset") if name in told]
        self._figure = told.get("data-figure")
        self._hidden = tag in ("script", "style")

    def handle_endtag(self, tag: str) -> None:
        self._figure = None
        self._hidden = False

    def handle_data(self, data: str) -> None:
        if self._figure:
            self.figures.append((self._figure, data))
        if not self._hidden:
            self.shown += data


def read(folder: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    return document


def block(folder: Path, name: str) -> Any:
    """The block of that id."""
    return next(one for section in read(folder)["sections"] for one in section["blocks"] if one.get("id") == name)


def cells(folder: Path, name: str) -> list[list[Any]]:
    """The rows of a table: texts and ids of figures."""
    return [[cell if isinstance(cell, str) else next(iter(cell.values())) for cell in row["cells"]] for row in block(folder, name)["rows"]]


def rows(folder: Path, file: str) -> list[dict[str, str]]:
    """A list by its headers."""
    with (folder / file).open(encoding="utf-8-sig", newline="") as told:
        return list(csv.DictReader(told))


def figure(folder: Path, key: str) -> Any:
    return next(one for one in read(folder)["figures"] if one["id"] == key)


def test_every_printed_number_is_the_figure_of_report_json(year: Path) -> None:
    told = {one["id"]: one["text"] for one in read(year)["figures"]}
    printed = Page(year / "index.html").figures
    assert len(printed) > 150
    assert [(key, text) for key, text in printed if told[key] != text] == []


def test_paragraphs_are_printed_as_report_json_tells_them(year: Path) -> None:
    shown = Page(year / "index.html").shown
    for name in ("appeals", "cases"):
        assert block(year, name)["text"] in shown


def test_figures_are_those_of_the_ledger(year: Path) -> None:
    settings = Settings(home=year.parents[1], config=county.home(year).config)
    channels = settings.options.population.appeal_channels
    with warehouse.reader(settings) as held:
        groups, total = questions.figures(held, questions.Scope.of(held, "appeals", *YEAR), channels, ("source",))
    for row in groups:
        assert figure(year, f"appeals.received[source={row['by']['source']}]")["value"] == row["received"]
    assert figure(year, "appeals.on_time_rate")["value"] == total["on_time_rate"]
    assert figure(year, "appeals.open")["as_of"] == "2023-12-31T23:59:59+08:00"


def test_the_list_behind_a_figure_has_as_many_rows_as_it_says(year: Path) -> None:
    """Of the whole, of every group of every table, and of the steps of the trend."""
    listed = [one for one in read(year)["figures"] if one["tickets"]]
    held = {name: rows(year, name) for name in {one["tickets"] for one in listed}}
    for one in listed:
        behind = [row for row in held[one["tickets"]] if all(row[column] == value for column, value in one["where"].items())]
        assert len(behind) + one["unlisted"] == one["value"], one["id"]
    told = {one["id"] for one in listed}
    assert told >= {"appeals.received", "appeals.open", "appeals.overdue", "cases.received", "visits.visits"}
    assert told >= {
        "appeals.open[unit=人社局]",
        "appeals.received[month=2023-05]",
        "cases.closed[channel=市局巡查]",
        "appeals.open[age=more]",
    }


def test_every_count_of_tickets_that_is_printed_can_be_opened(year: Path) -> None:
    counts = {count.key for count in (*metrics.COUNTS, *metrics.VISIT_COUNTS)}
    counts |= {f"flow_{name}" for name in ("received", "reopened", "restored", "closed", "excluded")} | {"red_card", "yellow_card"}
    told = {one["id"]: one for one in read(year)["figures"]}
    printed = [told[key] for key, _ in Page(year / "index.html").figures]
    closed = [one["id"] for one in printed if one["metric"] in counts and one["value"] and not one["tickets"]]
    assert closed == []


def test_trend_balances_and_ends_with_the_open_ones(year: Path) -> None:
    rows = cells(year, "trend")
    told = {one["id"]: one["value"] for one in read(year)["figures"]}
    assert [label for label, *_ in rows] == [f"2023-{month:02d}" for month in range(1, 13)]
    for _, *ids in rows:
        _, opening, received, reopened, restored, closed, excluded, closing = (told[key] for key in ids)
        assert opening + received + reopened + restored - closed - excluded == closing
    assert sum(told[row[1]] for row in rows) == told["appeals.received"]
    assert closing == told["appeals.open"]


def test_dictionary_explains_every_printed_figure(year: Path) -> None:
    told = {one["id"]: one["metric"] for one in read(year)["figures"]}
    explained = {term["metric"] for term in read(year)["dictionary"]}
    assert {told[key] for key, _ in Page(year / "index.html").figures} <= explained


def test_page_needs_no_network(year: Path) -> None:
    page = Page(year / "index.html")
    assert page.addresses
    assert [address for address in page.addresses if "//" in address or address.startswith("data:")] == []
    assert "default-src 'none'" in (year / "index.html").read_text(encoding="utf-8")
    for address in page.addresses:
        assert address.startswith("#") or (year / address).resolve().exists(), address


def test_confidential_tickets_show_their_number_and_nothing_else(year: Path) -> None:
    (row,) = [row for row in rows(year, "tickets/appeals.csv") if row["件编号"] == "hotline_12345:H0035"]
    attributes = ("渠道", "类型", "类别", "地区", "标题", "承办单位", "登记时间", "办结时限", "办结时间", "时限状态")
    assert {row[name] for name in attributes} == {"保密", "（保密件，不列内容）", ""}
    (one,) = [figure(year, "appeals.open[unit=人社局]")]
    assert (one["value"], one["unlisted"]) == (2, 1)


def test_no_personal_data(year: Path) -> None:
    for path in (*year.rglob("*.csv"), year / "report.json"):
        assert "138****" not in path.read_text(encoding="utf-8")
    assert "138****" not in Page(year / "index.html").shown


def test_title_that_looks_like_a_formula_stays_text(year: Path) -> None:
    assert "'=1+1 夜间施工噪声" in {row["标题"] for row in rows(year, "tickets/appeals.csv")}


MARKUP = "<script>alert(1)</script>"


def test_markup_in_a_title_is_shown_not_run(settings: Settings) -> None:
    county.load(
        settings, "hotline_12345", [Made("1", "2023-12-30 10:00:00", (), {"title": MARKUP, "due_at": county.at("2024-01-02 18:00:00")})]
    )
    text = (issue(settings, *YEAR) / "index.html").read_text(encoding="utf-8")
    assert "<script>alert(1)" not in text
    assert "&lt;script&gt;alert(1)" in text


def test_same_content_is_the_same_issue(settings: Settings) -> None:
    county.load(settings, "provincial", [county._letter(n) for n in range(3)])
    first = issue(settings, *YEAR)
    written = (first / "index.html").read_bytes()
    # The same tickets fetched again a day later: new batch, nothing new to say.
    county.load(settings, "provincial", [county._letter(n) for n in range(3)], fetched="2024-01-02 02:30:00")
    assert issue(settings, *YEAR) == first
    assert (first / "index.html").read_bytes() == written


def test_changed_content_is_the_next_issue_and_the_old_one_stays(settings: Settings) -> None:
    county.load(settings, "provincial", [county._letter(n) for n in range(2)])
    first = issue(settings, *YEAR)
    written = (first / "report.json").read_bytes()
    county.load(settings, "provincial", [county._letter(2)], fetched="2024-01-02 02:30:00")
    second = issue(settings, *YEAR)
    assert second.name == f"{first.name}_2"
    assert (first / "report.json").read_bytes() == written
    assert (read(second)["issue"]["number"], read(second)["issue"]["follows"]) == (2, first.name)
    assert first.name in Page(second / "index.html").shown
    assert figure(first, "appeals.received")["value"] == 2
    assert figure(second, "appeals.received")["value"] == 3
    index = Page(settings.reports / "index.html")
    assert index.addresses == [f"{second.name}/index.html", f"{first.name}/index.html"]
    assert not [path for path in settings.reports.iterdir() if path.suffix == ".tmp"]


def test_a_correction_is_told_ticket_by_ticket_in_the_next_issue(settings: Settings) -> None:
    """Of three letters one turns out to be closed late, one was closed by mistake, and one was never known before."""
    letters = [county._letter(n) for n in range(2)]
    county.load(settings, "provincial", letters, window=("2023-05-01", "2023-12-31 23:59:59"))
    first = issue(settings, *YEAR)
    written = {path: path.read_bytes() for path in first.rglob("*") if path.is_file()}
    late = replace(letters[0], events=[*letters[0].events, ("closed", "2024-02-10 09:00:00")])
    reopened = replace(letters[1], events=[*letters[1].events, ("reopened", "2023-07-03 09:00:00")])
    county.load(settings, "provincial", [late, reopened, county._letter(2)], fetched="2024-02-11 02:30:00")
    second = issue(settings, *YEAR)
    told = {row["件编号"]: (row["上一期状态"], row["本期状态"]) for row in rows(second, "tickets/changes.csv")}
    # The first was closed after the report's day: it stays as it was.
    assert told == {
        "provincial:X1": ("按时办结；无返工", "未办结（时限内）；有返工"),
        "provincial:X2": ("未计入", "按时办结"),
    }
    changed = {row[1]: row[2:] for row in cells(second, "changed_figures") if row[0] == "诉求件"}
    assert [figure(second, key)["text"] for key in changed["受理量"]] == ["2", "3"]
    assert [figure(second, key)["as_known"][:10] for key in changed["办结率"]] == ["2024-01-01", "2024-02-11"]
    assert "办结" not in changed  # one left, one came
    assert "本报告为第2期，有2件的状态与第1期不同" in Page(second / "index.html").shown
    assert {path: path.read_bytes() for path in written} == written
    assert not [one for section in read(first)["sections"] for one in section["blocks"] if one.get("id") == "changes"]


def test_a_report_of_an_earlier_program_stays_on_the_shelf_and_is_followed(settings: Settings) -> None:
    """Before there were sections, editions and kinds of periods, a report told figures and its window."""
    letters = [county._letter(n) for n in range(2)]
    county.load(settings, "provincial", letters, window=("2023-05-01", "2023-12-31 23:59:59"))
    first = issue(settings, *YEAR)
    earlier = {key: value for key, value in read(first).items() if key not in ("sections", "edition", "period_kind", "period_name")}
    (first / "report.json").write_text(json.dumps(earlier), encoding="utf-8")
    (first / "entry.json").unlink()
    county.load(settings, "provincial", [county._letter(2)], fetched="2024-02-11 02:30:00")
    second = issue(settings, *YEAR)
    assert [row["件编号"] for row in rows(second, "tickets/changes.csv")] == ["provincial:X2"]
    index = Page(settings.reports / "index.html")
    assert {f"{folder.name}/index.html" for folder in (first, second)} <= set(index.addresses)


def test_as_known_reproduces_what_was_said(settings: Settings) -> None:
    county.load(settings, "provincial", [county._letter(n) for n in range(2)])
    county.load(settings, "provincial", [county._letter(2)], fetched="2024-01-02 02:30:00")
    folder = issue(settings, *YEAR, as_known=county.at("2024-01-01 12:00:00"))
    assert figure(folder, "appeals.received")["value"] == 2


def test_out_is_another_shelf(settings: Settings, tmp_path: Path) -> None:
    county.load(settings, "provincial", [county._letter(0)])
    assert issue(settings, *YEAR, out=tmp_path / "there").parent == tmp_path / "there"
    assert not settings.reports.exists()


def test_empty_period_says_so(settings: Settings) -> None:
    county.load(settings, "provincial", [county._letter(0)], window=("2022-01-01", "2023-12-31 23:59:59"))
    folder = issue(settings, date(2022, 3, 1), date(2022, 3, 31))
    assert "全县共受理群众诉求0件（不含未取得数据的智慧城管平台、网络问政、12345热线），本期无诉求件" in Page(folder / "index.html").shown
    assert figure(folder, "appeals.on_time_rate")["text"] == "—"
    assert figure(folder, "appeals.received[source=provincial]")["value"] == 0
    assert figure(folder, "appeals.received[source=hotline_12345]")["value"] is None
    assert len(cells(folder, "trend")) == 31


def test_period_that_no_lane_was_asked_for_is_not_known(settings: Settings) -> None:
    county.load(settings, "provincial", [county._letter(0)])
    folder = issue(settings, date(2022, 3, 1), date(2022, 3, 31))
    assert {one["text"] for one in read(folder)["figures"] if one["population"] != "records"} == {"—"}
    assert "统计时段内没有可供绘制的数据。" in Page(folder / "index.html").shown


def test_lanes_in_trouble_are_named(settings: Settings) -> None:
    county.load(settings, "online_politics", [county._message(n) for n in range(9)])
    county.load(settings, "smart_city", [county._case(n) for n in range(4)], window=("2023-01-01", "2023-12-28 23:59:59"))
    county.load(settings, "provincial", [county._letter(0)], platform_total=5)
    county.load(settings, "visits", [county._visit(0)])
    county.fail(settings, "online_politics", "online_politics: the folder is not there")
    lane = Lane("visits", 1, 1, 0, 0, "green", ())
    folder = issue(settings, *YEAR, lanes=[lane])
    states = {row["source"]: row["state"] for row in read(folder)["lanes"]}
    assert states == {
        "provincial": "red",  # the platform told five tickets, one arrived
        "smart_city": "stale",
        "online_politics": "red",  # its last run failed
        "hotline_12345": "absent",
        "visits": "green",
    }
    shown = Page(folder / "index.html").shown
    assert "数据不完整，请谨慎引用。" in shown
    assert "智慧城管平台2023年12月29日至31日的数据未取得" in shown
    assert "the folder is not there" in shown
    assert figure(folder, "appeals.closed[source=hotline_12345]")["text"] == "—"


def test_a_later_failure_does_not_touch_what_was_known(settings: Settings) -> None:
    county.load(settings, "visits", [county._visit(0)])
    county.fail(settings, "visits", "visits: no file", ended="2024-02-01 02:30:00")
    folder = issue(settings, *YEAR, as_known=county.at("2024-01-15 00:00:00"))
    assert next(row["state"] for row in read(folder)["lanes"] if row["source"] == "visits") == "green"


def test_quarantine_is_counted_by_rule(year: Path) -> None:
    told = [row[:2] for row in cells(year, "quarantine")]
    assert told == [["12345热线", "代码表外取值"], ["12345热线", "时间无法识别"]]


@pytest.mark.parametrize(
    ("first", "last", "labels"),
    [
        (date(2023, 10, 1), date(2023, 10, 3), ["2023-10-01", "2023-10-02", "2023-10-03"]),
        (date(2023, 10, 20), date(2023, 12, 5), ["2023-10", "2023-11", "2023-12"]),
        (date(2020, 6, 1), date(2023, 12, 31), ["2020", "2021", "2022", "2023"]),
    ],
)
def test_steps_of_the_trend(settings: Settings, first: date, last: date, labels: list[str]) -> None:
    county.load(settings, "provincial", [county._letter(0)], window=("2000-01-01", "2024-01-01 00:00:00"))
    assert [label for label, *_ in cells(issue(settings, first, last), "trend")] == labels


def test_what_meets_only_one_of_two_dues_is_told(settings: Settings) -> None:
    """12345 gives a due of the city beside the county's; whoever is within both, within none or still open is not told."""
    june = {day: county.at(f"2023-06-{day} 10:00:00") for day in ("10", "20")}
    dues = {
        "区县": ("10", "20", "2023-06-15 10:00:00"),
        "市": ("20", "10", "2023-06-15 10:00:00"),
        "都达到": ("20", "20", "2023-06-20 10:00:00"),
        "都未达到": ("10", "10", "2023-06-10 10:00:01"),
        "未办结": ("10", "20", None),
        "保密": ("20", "10", "2023-06-15 10:00:00"),
    }
    made = [
        Made(
            name,
            "2023-06-01 10:00:00",
            [("closed", closed)] if closed else [],
            {"title": name, "due_upper_at": june[upper], "due_at": june[due], "restricted": name == "保密"},
        )
        for name, (upper, due, closed) in dues.items()
    ]
    made.append(Made("只有区县", "2023-06-01 10:00:00", [("closed", "2023-06-15 10:00:00")], {"due_at": june["10"]}))
    county.load(settings, "hotline_12345", made)
    folder = issue(settings, *YEAR)
    told = {row["件编号"]: row["达到的时限"] for row in rows(folder, "tickets/appeals_two_dues.csv")}
    assert told == {"hotline_12345:区县": "区县交办时限", "hotline_12345:市": "市交办时限", "hotline_12345:保密": ""}
    assert block(folder, "appeals_two_dues")["total"] == 3
    assert "市、区县两级时限只达其一的件" in Page(folder / "index.html").shown
    forwarded = issue(settings, *YEAR, edition="forwarded")
    assert "hotline_12345:" not in (forwarded / "report.json").read_text(encoding="utf-8")


def test_a_chart_of_the_largest_groups_says_so_and_long_names_are_broken(settings: Settings) -> None:
    unit = "县综合行政执法和应急管理办公室暨城市管理联合整治工作领导小组办公室"
    made = [
        Made(f"N{n}", "2023-03-01 09:00:00", (), {"area": f"第{n % 21}村", "category": f"类别{n % 2}", "unit": unit}) for n in range(42)
    ]
    county.load(settings, "hotline_12345", made)
    folder = issue(settings, *YEAR)
    told = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    charts = {block["id"]: block["title"] for section in told["sections"] for block in section["blocks"] if block["kind"] == "chart"}
    assert charts["areas_chart"] == "各地区诉求受理量（按办结情况，前20位）"
    assert charts["categories_chart"] == "各类诉求受理量（按办结情况）"
    assert f'<th scope="row" class="long">{unit}</th>' in (folder / "index.html").read_text(encoding="utf-8")
