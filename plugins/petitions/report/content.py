"""What a report says. The result of :func:`gather` is ``report.json``; page, spreadsheet and document are printed from it alone.

The document, all keys always there:

- ``title``, ``edition`` (``full``, or ``forwarded`` 外发: small cells hidden, no lists of tickets), ``period`` (Chinese, for the heading),
  ``from``, ``to``, ``as_of``, ``as_of_told`` (Chinese), ``as_known``, ``as_known_asked``, ``appeal_channels``;
- ``notices``: what is to be read before anything else, ``[{"text", "warning"}]``;
- ``sections``: in the order of print, each ``{"id", "title", "blocks"}``; the title bears its number (一、…);
- ``figures``: every number of the report, once. ``id``, ``metric``, ``printed``, ``population``, ``filters``, ``as_of``, ``as_known``;
  ``value``: an integer, days as a decimal, a rate as ``{"numerator", "denominator", "percent"}``, null where not known or hidden;
  ``text``: how it prints wherever it stands (``197``, ``99.39 %``, ``—`` not known, ``<3`` hidden);
  ``tickets``: the file that lists them, or null; ``where``: the columns and values that pick them out of that file, ``{}`` for all of it;
- ``dictionary``: what each printed metric means, ``[{"metric", "printed", "meaning"}]``;
- ``lanes``: the state of each platform's data, for programs; the sections print it;
- ``issue``: ``number``, ``follows`` (folder of the issue before, or null), ``issued_at``, ``says``; added when the report is kept.

A block is a dict with a ``kind``. Whoever prints a report walks sections and blocks in order and prints each by its kind, so that a new
section appears everywhere by itself. Where a figure can stand, a block names its id and holds no number of its own.

- ``paragraph``: ``id``; ``pieces``, texts and ``{"figure": id}`` in order; ``text``, the same in one string. Official wording.
- ``note``: ``text``; ``warning``, whether it must not be missed. Small print below what it explains.
- ``headlines``: ``id``; ``items``, each ``{"figure": id}`` and, where known,
  ``"compared": [{"label": "同比", "then": id, "change": id}, …]``.
- ``table``: ``id``, ``title``; ``columns``, each ``{"label", "kind": "text" | "number" | "time"}``, with ``metric`` where all are of one;
  ``rows``, each ``{"cells", "total"}``. The first column names the row; ``total`` marks the line that sums up. A cell is a text, or a dict
  with one of ``text``, ``figure`` (an id), ``time`` (ISO, or null), and perhaps ``mark``, a word for its look: ``small`` (too few
  tickets to judge by), or the state of a lane (``green``, ``yellow``, ``partial``, ``stale``, ``red``, ``absent``).
- ``chart``: ``id``, ``title``; ``form``, ``column`` (upright) or ``bar`` (lying); ``unit`` of the axis (件, %, 天); ``categories``;
  ``series``, each ``{"name", "form": "column" | "bar" | "line", "figures": [id, …]}`` with one figure per category, and ``stack``,
  a name, where series stand on each other; ``marks``, one mark or null per category, where there are any; ``table``, the id of the
  table with the same numbers.
- ``list``: ``id``, ``title``; ``columns``, keys of :data:`petitions.report.lists.COLUMNS`; ``file``, all of it as CSV; ``total``;
  ``shown``, so many rows at most on a page (a spreadsheet has all); ``folded``. Its rows: ``lists[id].rows()``, values by ``lists.cell``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from petitions import metrics, questions
from petitions.model import BEIJING, SOURCE_LABELS, sources_of
from petitions.questions import Scope
from petitions.report import blocks, data_state, wording
from petitions.report.blocks import Block
from petitions.report.data_state import Period
from petitions.report.figures import Figures, dictionary, figure_id, printed
from petitions.report.lists import TicketList
from petitions.settings import Settings
from petitions.warehouse import Warehouse

if TYPE_CHECKING:
    from petitions.nightly import Lane

Document = dict[str, Any]
# The lists of tickets by name.
Lists = Mapping[str, TicketList]

TITLE = "群众诉求办理情况统计报告"
HEADLINES = {
    "appeals": ("received", "closed", "open", "overdue", "closure_rate", "on_time_rate", "reply_rate", "satisfaction_rate"),
    "cases": ("received", "closed", "open", "overdue", "closure_rate", "on_time_rate"),
    "visits": ("visits", "visits_received", "visit_rate"),
}
BY_PLATFORM = ("received", "closed", "open", "overdue", "closed_late", "closure_rate", "on_time_rate", "on_time_rate_closed", "reply_rate")
BY_CHANNEL = ("received", "closed", "open", "overdue", "closed_late", "closure_rate", "on_time_rate", "on_time_rate_closed")
INDICATORS = (
    *("closure_rate", "on_time_rate", "on_time_rate_closed", "reply_rate", "first_reply_rate", "on_time_reply_rate"),
    *("acceptance_rate", "satisfaction_rate", "rating_rate", "repeat_rate"),
    *("suspended", "not_started", "no_deadline", "returned", "reworked", "extended", "handling_days_median", "handling_days_p90"),
    "negative_durations",
)
# Columns that are printed only where some row differs from the rate beside it, or is not zero.
_ONLY_WHERE_IT_DIFFERS = {"on_time_rate_closed": "on_time_rate"}
LISTED = {
    "appeals": (
        *("received", "closed", "open", "overdue", "not_due", "not_started", "closed_on_time", "closed_late", "due"),
        *("replied", "reply_due", "rated", "satisfied", "suspended", "no_deadline", "returned", "reworked", "extended"),
        "negative_durations",
    ),
    "cases": ("received", "closed", "open", "overdue", "not_due", "not_started", "closed_on_time", "closed_late", "due", "suspended"),
    "visits": ("visits", "visits_received"),
}
# The page shows so many rows of a list; all of it stands in its file.
ROWS_ON_PAGE = 100
LIST_COLUMNS = ("ticket_id", "title", "unit", "received_at", "due_at", "class")
FLOW = ("opening", "received", "reopened", "restored", "closed", "excluded", "closing")
# Up to so many days a trend goes by day, up to so many months by month, beyond by year.
_BY_DAY = 45
_BY_MONTH = 36


def gather(
    held: Warehouse,
    settings: Settings,
    first: date,
    last: date,
    as_of: datetime,
    as_known: datetime | None,
    run: Sequence[Lane],
) -> tuple[Document, Lists]:
    """Ask everything that the report prints."""
    asked = _Asked(held, settings, first, last, as_of, as_known, run)
    for population in metrics.POPULATIONS:
        asked.totals(population)
    asked.groups("appeals", "source", wording.APPEAL_SOURCES)
    asked.groups("cases", "channel")
    lists = asked.lists()
    sections = _numbered(
        asked.overview(),
        asked.trend(),
        asked.indicators(),
        asked.cases(),
        asked.visits(),
        asked.data_state(),
        asked.ticket_lists(lists),
    )
    document = {
        "title": TITLE,
        "edition": "full",
        "from": first.isoformat(),
        "to": last.isoformat(),
        "period": wording.period(first, last),
        "as_of": as_of.isoformat(),
        "as_of_told": wording.moment(as_of),
        "as_known": _iso(asked.scope("appeals").as_known),
        "as_known_asked": _iso(as_known),
        "appeal_channels": list(asked.appeal_channels),
        "notices": asked.notices(),
        "sections": sections,
        "lanes": list(asked.lanes.values()),
    }
    used = {asked.figures.book[key]["metric"] for key in figures_of(sections)}
    for one in asked.figures.book.values():
        one |= {"as_of": one.get("as_of", document["as_of"]), "as_known": document["as_known"]}
    document |= {"dictionary": dictionary(used), "figures": list(asked.figures.book.values())}
    return document, lists


def figures_of(sections: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """The ids of the figures that stand in the sections, in the order of print."""
    for block in (block for section in sections for block in section["blocks"]):
        match block["kind"]:
            case "paragraph":
                yield from (piece["figure"] for piece in block["pieces"] if not isinstance(piece, str))
            case "headlines":
                for item in block["items"]:
                    yield item["figure"]
                    for compared in item.get("compared", ()):
                        yield from (compared["then"], compared["change"])
            case "table":
                cells = (cell for row in block["rows"] for cell in row["cells"])
                yield from (cell["figure"] for cell in cells if isinstance(cell, dict) and "figure" in cell)


def _numbered(*sections: dict[str, Any] | None) -> list[dict[str, Any]]:
    there = [section for section in sections if section is not None]
    return [section | {"title": f"{_NUMERALS[place]}、{section['title']}"} for place, section in enumerate(there)]


_NUMERALS = ("一", "二", "三", "四", "五", "六", "七", "八", "九", "十", "十一", "十二", "十三", "十四", "十五", "十六")


class _Asked:
    """The questions of one report, and the figures they gave so far."""

    def __init__(
        self,
        held: Warehouse,
        settings: Settings,
        first: date,
        last: date,
        as_of: datetime,
        as_known: datetime | None,
        run: Sequence[Lane],
    ) -> None:
        self.held, self.first, self.last, self.as_of, self.as_known = held, first, last, as_of, as_known
        self.appeal_channels = settings.options.population.appeal_channels
        self.figures = Figures()
        known = self.scope("appeals").as_known
        rows = data_state.lanes(held, Period(first, as_of, known, as_known is not None), run, self._sources_seen())
        self.lanes = {row["source"]: row for row in rows}

    def scope(self, population: str, first: date | None = None, last: date | None = None) -> Scope:
        return Scope.of(self.held, population, first or self.first, last or self.last, self.as_of, self.as_known)

    def ask(self, scope: Scope, by: Sequence[str] = ()) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        return questions.figures(self.held, scope, self.appeal_channels, by)

    def loaded(self, population: str) -> bool:
        """Whether some lane of the population brought data; without any, a 0 would be a guess."""
        sources = wording.APPEAL_SOURCES if population == "appeals" else sources_of(population)
        return any(self.lanes[source]["state"] != "absent" for source in sources)

    def _sources_seen(self) -> frozenset[str]:
        """Sources with tickets in the window, whatever their lanes say of it."""
        appeals, _ = self.ask(self.scope("appeals"), ("source",))
        cases, _ = self.ask(self.scope("cases"), ("source",))
        visits, _ = self.ask(self.scope("visits"), ("source",))
        return frozenset(str(row["by"]["source"]) for row in (*appeals, *cases, *visits) if row.get("received") or row.get("visits"))

    def totals(self, population: str) -> None:
        _, total = self.ask(self.scope(population))
        for key, value in total.items():
            self.figures.add(population, key, value if self.loaded(population) else None)
        if population != "visits":
            rest = total["open"] - total["not_due"] - total["overdue"] - total["not_started"]
            self.figures.add(population, "open_other", rest if self.loaded(population) else None)

    def groups(self, population: str, grouping: str, wanted: Sequence[str] = ()) -> None:
        """One figure per metric and group; groups of ``wanted`` that the answer lacks are 0, or not known where their lane is absent."""
        rows, total = self.ask(self.scope(population), (grouping,))
        answers = {row["by"][grouping]: row for row in rows}
        for value in wanted or answers:
            answer = answers.get(value)
            absent = grouping == "source" and self.lanes[str(value)]["state"] == "absent"
            for key in total:
                found = answer[key] if answer else _nothing(total[key])
                self.figures.add(population, key, None if absent else found, window=None, **{grouping: value})

    def notices(self) -> list[dict[str, Any]]:
        """What a reader must know before any figure."""
        told = [
            f"{lane['label']}：{lane['printed']}" + (f"（{lane['reservation']}）" if lane["reservation"] else "")
            for lane in self.lanes.values()
            if lane["state"] in data_state.IN_DOUBT
        ]
        return [{"text": f"数据不完整，请谨慎引用。{'；'.join(told)}。", "warning": True}] if told else []

    def overview(self) -> dict[str, Any]:
        appeals = wording.appeals(self.figures, self.first, self.last, self.as_of, self.lanes)
        return blocks.section(
            "overview",
            "群众诉求总体情况",
            self._paragraph("appeals", [*appeals, *wording.visits(self.figures, self.lanes)]),
            self._headlines("appeals"),
            blocks.note(
                "各项数字按登记时间统计。诉求件包括省一体化信访平台、网络问政、12345热线的全部件，"
                f"以及智慧城管平台中来源为“{'、'.join(self.appeal_channels)}”的案件。"
            ),
            self._platforms(),
            blocks.note(
                "“—”表示无从计算（分母为0）或数据未取得，不等于0或100 %。仍在办理时限内的件不计入按时办结率的分母；"
                "智慧城管平台不提供答复信息，不计回复率。"
            ),
        )

    def trend(self) -> dict[str, Any]:
        """Received, closed and open per day, month or year, as far as the data goes."""
        title = "受理、办结与未办结趋势"
        rows = self._trend_figures() if self.loaded("appeals") else []
        if not rows:
            return blocks.section("trend", title, blocks.note("统计时段内没有可供绘制的数据。"))
        told = {
            "受理量": ("received", "column"),
            "办结（当期）": ("flow_closed", "column"),
            "期末未办结": ("flow_closing", "line"),
        }
        labels = [label for label, _ in rows]
        series = [blocks.series(name, form, [ids[metric] for _, ids in rows]) for name, (metric, form) in told.items()]
        in_doubt = any(self.lanes[source]["state"] in data_state.IN_DOUBT for source in wording.APPEAL_SOURCES)
        return blocks.section(
            "trend",
            title,
            blocks.chart("trend_chart", f"{title}图", "column", "件", labels, series, table="trend"),
            blocks.table(
                "trend",
                title,
                [blocks.column("时段"), *(blocks.metric_column(metric) for metric in rows[0][1])],
                [blocks.row([label, *map(blocks.figure, ids.values())]) for label, ids in rows],
            ),
            blocks.note("部分平台数据不完整（见篇首提示），图中相应时段的数字可能偏低。", warning=True) if in_doubt else None,
            blocks.note(
                "受理量为本期登记且截至统计时有效的件；期初、期末未办结与办结（当期）按件的进出计算，含统计时段之前登记的件，"
                "故与上文按登记时间统计的数字口径不同。期初未办结＋登记＋重办＋恢复－办结－退出＝期末未办结。"
            ),
        )

    def indicators(self) -> dict[str, Any]:
        """One row per metric: its figure, and numerator and denominator where it is a rate."""
        rates = {rate.key: rate for rate in metrics.RATES}
        meanings = {term["metric"]: term["meaning"] for term in dictionary(set(INDICATORS))}
        rows = []
        for key in INDICATORS:
            if key in _ONLY_WHERE_IT_DIFFERS and not self.figures.differ("appeals", key, _ONLY_WHERE_IT_DIFFERS[key]):
                continue
            made_of = [rates[key].numerator, rates[key].denominator] if key in rates else []
            counts: list[blocks.Cell] = [blocks.figure(figure_id("appeals", one, {})) for one in made_of] or ["", ""]
            told = " ÷ ".join(map(printed, made_of)) or meanings[key]
            rows.append(blocks.row([printed(key), blocks.figure(figure_id("appeals", key, {})), *counts, told]))
        columns = [
            blocks.column("指标"),
            blocks.column("数值", "number"),
            blocks.column("分子", "number"),
            blocks.column("分母", "number"),
            blocks.column("构成"),
        ]
        return blocks.section("indicators", "主要指标", blocks.table("indicators", "诉求件主要指标", columns, rows))

    def cases(self) -> dict[str, Any]:
        labels = [(channel or "未注明来源", channel) for channel in self.figures.groups("cases", "received", "channel")]
        return blocks.section(
            "cases",
            "智慧城管平台案件",
            self._paragraph("cases", wording.cases(self.figures, self.first, self.last, self.as_of, self.lanes)),
            self._headlines("cases"),
            self._table("channels", "智慧城管平台案件来源", "案件来源", "cases", "channel", labels, BY_CHANNEL) if labels else None,
            blocks.note("智慧城管案件与群众诉求件是两个统计口径，互有重叠，不得相加。"),
        )

    def visits(self) -> dict[str, Any]:
        return blocks.section("visits", "群众来访", self._headlines("visits"))

    def data_state(self) -> dict[str, Any]:
        waiting = data_state.quarantine(self.held, self.scope("appeals").as_known)
        held = [
            blocks.row(
                [
                    row["label"],
                    row["printed"],
                    blocks.figure(self.figures.add("records", "quarantined", row["count"], source=row["source"], rule=row["rule"])),
                ]
            )
            for row in waiting
        ]
        columns = [blocks.column("平台"), blocks.column("原因"), blocks.column("记录数", "number")]
        provisional = [blocks.figure(figure_id(population, "provisional", {})) for population in ("appeals", "cases")]
        return blocks.section(
            "data",
            "数据状况",
            self._lane_table(),
            blocks.note("对账：接收记录＝新增或更新＋无变化＋隔离，且平台报数全部取到。"),
            *(blocks.note(f"{lane['label']}：{message}") for lane in self.lanes.values() for message in lane["messages"]),
            blocks.table("quarantine", "待处理的隔离记录", columns, held) if held else None,
            blocks.note("隔离记录未通过检查，不计入任何数字；修正后可重新载入。" if held else "没有待处理的隔离记录。"),
            blocks.table(
                "provisional",
                "暂定时限的未办结件",
                [blocks.column("统计口径"), blocks.metric_column("provisional")],
                [blocks.row([label, cell]) for label, cell in zip(("诉求件", "智慧城管案件"), provisional, strict=True)],
            ),
        )

    def ticket_lists(self, lists: Lists) -> dict[str, Any] | None:
        told = [(name, title) for name, title in (("appeals_overdue", "超期未办件"), ("appeals_open", "未办结件")) if name in lists]
        if not told:
            return None
        return blocks.section(
            "lists", "件清单", *(blocks.tickets(name, title, LIST_COLUMNS, lists[name].total, ROWS_ON_PAGE) for name, title in told)
        )

    def _paragraph(self, name: str, pieces: list[wording.Piece]) -> Block:
        return blocks.paragraph(name, pieces, wording.text(pieces, self.figures))

    def _headlines(self, population: str) -> Block:
        return blocks.headlines(population, [figure_id(population, key, {}) for key in HEADLINES[population]])

    def _platforms(self) -> Block:
        labels = [(SOURCE_LABELS[source], source) for source in wording.APPEAL_SOURCES]
        table = self._table("platforms", "各平台办理情况", "平台", "appeals", "source", labels, BY_PLATFORM)
        absent = [label for label, source in labels if self.lanes[source]["state"] == "absent"]
        table["rows"][-1]["cells"][0] = f"合计（不含{'、'.join(absent)}）" if absent else "合计"
        return table

    def _lane_table(self) -> Block:
        counted = ("batches", "landed", "new_versions", "unchanged", "quarantined")
        labels = ("状态", "数据覆盖至", "最近正常取数时间", "批次", "接收记录", "新增或更新", "无变化", "隔离", "对账")
        kinds = ("text", "time", "time", *("number" for _ in counted), "text")
        rows = []
        for lane in self.lanes.values():
            told = [str(lane[name]) for name in counted] if lane["batches"] else ["—" for _ in counted]
            balance = (f"{lane['unbalanced']}批不平" if lane["unbalanced"] else "相符") if lane["batches"] else "—"
            when = [blocks.time(lane["covered_until"]), blocks.time(lane["last_good_batch"])]
            rows.append(blocks.row([lane["label"], blocks.words(lane["printed"], lane["state"]), *when, *told, balance]))
        columns = [blocks.column("平台"), *map(blocks.column, labels, kinds)]
        return blocks.table("lanes", "取数与对账", columns, rows)

    def _trend_figures(self) -> list[tuple[str, dict[str, str]]]:
        """Label of each step, and its figures by metric."""
        rows = []
        for label, begins, ends in _buckets(self.first, min(self.last, self.as_of.date(), self._known_until())):
            scope = self.scope("appeals", begins, ends)
            window = {"from": begins.isoformat(), "to": ends.isoformat()}
            _, total = self.ask(scope)
            _, flow = questions.flow(self.held, scope, self.appeal_channels)
            ids = {"received": self.figures.add("appeals", "received", total["received"], window=window, period=label)}
            for name in FLOW:
                ids[f"flow_{name}"] = self.figures.add("appeals", f"flow_{name}", flow[name], window=window, period=label)
            rows.append((label, ids))
        return rows

    def lists(self) -> Lists:
        """The tickets behind the counts; a figure names its list. Also counts the provisional dues of the open ones."""
        lists: dict[str, TicketList] = {}
        for population, keys in LISTED.items():
            for key in keys:
                count = self.figures.value(population, key)
                if not count and (population, key) not in {("appeals", "open"), ("cases", "open")}:
                    continue
                rows = questions.tickets(self.held, self.scope(population), self.appeal_channels, key)
                if key == "open":
                    self.figures.add(
                        population, "provisional", sum(bool(row["provisional"]) for row in rows) if count is not None else None
                    )
                if count:
                    lists[f"{population}_{key}"] = TicketList(rows)
                    self.figures.book[figure_id(population, key, {})]["tickets"] = f"tickets/{population}_{key}.csv"
        return lists

    def _table(
        self,
        name: str,
        title: str,
        head: str,
        population: str,
        grouping: str,
        groups: Sequence[tuple[str, str | None]],
        keys: Sequence[str],
    ) -> Block:
        filters: list[dict[str, str | None]] = [*({grouping: value} for _, value in groups), {}]
        keys = [key for key in keys if self._worth_a_column(population, key, filters)]
        rows = [
            blocks.row([label, *(blocks.figure(figure_id(population, key, one)) for key in keys)], total=not one)
            for label, one in zip([*(label for label, _ in groups), "合计"], filters, strict=True)
        ]
        return blocks.table(name, title, [blocks.column(head), *map(blocks.metric_column, keys)], rows)

    def _worth_a_column(self, population: str, key: str, filters: Sequence[Mapping[str, str | None]]) -> bool:
        if key not in _ONLY_WHERE_IT_DIFFERS:
            return True
        other = _ONLY_WHERE_IT_DIFFERS[key]
        texts = self.figures.text
        return any(texts(figure_id(population, key, one)) != texts(figure_id(population, other, one)) for one in filters)

    def _known_until(self) -> date:
        known = self.scope("appeals").as_known
        return known.astimezone(BEIJING).date() if known else date.min


def _step(first: date, last: date) -> str:
    if (last - first).days < _BY_DAY:
        return "day"
    return "month" if (last.year - first.year) * 12 + last.month - first.month < _BY_MONTH else "year"


def _buckets(first: date, last: date) -> Iterator[tuple[str, date, date]]:
    """Label, first and last day of each step of a trend; the first and the last may be cut by the window."""
    by = _step(first, last)
    begins = first
    while begins <= last:
        if by == "day":
            following = begins + timedelta(days=1)
        elif by == "month":
            following = (begins.replace(day=1) + timedelta(days=31)).replace(day=1)
        else:
            following = date(begins.year + 1, 1, 1)
        label = {"day": f"{begins:%Y-%m-%d}", "month": f"{begins:%Y-%m}", "year": f"{begins:%Y}"}[by]
        yield label, begins, min(following - timedelta(days=1), last)
        begins = following


def _nothing(like: Any) -> Any:
    """The answer of a group without tickets, of the same kind as ``like``."""
    if isinstance(like, Mapping):
        return {"numerator": 0, "denominator": 0, "percent": None}
    return 0 if isinstance(like, int) else None


def _iso(at: datetime | None) -> str | None:
    return at.astimezone(BEIJING).isoformat() if at else None
