"""The sections of a report, one function each: which figures stand where, and the words around them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from petitions import metrics, questions
from petitions.model import SOURCE_LABELS
from petitions.report import blocks, data_state, wording
from petitions.report.blocks import Block
from petitions.report.figures import dictionary, printed
from petitions.report.inquiry import APPEAL_SOURCES, COMPARED, Inquiry
from petitions.report.lists import CHANNELS, TYPES
from petitions.report.ticket_lists import TicketLists

Section = dict[str, Any]

NOT_TOLD = "未注明"
BY_PLATFORM = ("received", "closed", "open", "overdue", "closed_late", "closure_rate", "on_time_rate", "on_time_rate_closed", "reply_rate")
BY_CHANNEL = ("received", "closed", "open", "overdue", "closed_late", "closure_rate", "on_time_rate", "on_time_rate_closed")
BY_KIND = ("received", "closed", "open", "overdue", "closure_rate", "on_time_rate", "handling_days_median")
BY_UNIT = ("received", "closed", "open", "overdue", "closed_late", "due", "on_time_rate", "handling_days_median", "satisfaction_rate")
OPINION = ("rated", "satisfied", "satisfaction_rate", "rating_rate")
INDICATORS = (
    *("closure_rate", "on_time_rate", "on_time_rate_closed", "reply_rate", "first_reply_rate", "on_time_reply_rate"),
    *("acceptance_rate", "satisfaction_rate", "rating_rate", "repeat_rate"),
    *("suspended", "not_started", "no_deadline", "returned", "reworked", "extended", "handling_days_median", "handling_days_p90"),
    "negative_durations",
)
# A chart of more bars than these cannot be read; the table below it has them all.
_BARS = 20


def overview(asked: Inquiry) -> Section:
    for source in APPEAL_SOURCES:  # the paragraph names them
        asked.group("appeals", "received", "source", source)
    told = wording.appeals(asked.figures, asked.asked.first, asked.asked.last, asked.asked.as_of, asked.lanes)
    compared = asked.comparisons("appeals")
    told = wording.with_changes(told, asked.figures, compared["received"])
    return blocks.section(
        "overview",
        "群众诉求总体情况",
        _paragraph("appeals", [*told, *wording.visits(asked.figures, asked.lanes)], asked),
        _headlines(asked, "appeals", compared),
        _not_compared(compared),
        blocks.note(
            "各项数字按登记时间统计。诉求件包括省一体化信访平台、网络问政、12345热线的全部件，"
            f"以及智慧城管平台中来源为“{'、'.join(asked.appeal_channels)}”的案件。"
        ),
        _platforms(asked),
        blocks.note(
            "“—”表示无从计算（分母为0）或数据未取得，不等于0或100 %。仍在办理时限内的件不计入按时办结率的分母；"
            "智慧城管平台不提供答复信息，不计回复率。"
        ),
    )


def trend(asked: Inquiry, lists: TicketLists) -> Section:
    """Received, closed and open per day, month or year, as far as the data goes."""
    title = "受理、办结与未办结趋势"
    rows = asked.steps()
    lists.flow(rows)
    if not rows:
        return blocks.section("trend", title, blocks.note("统计时段内没有可供绘制的数据。"))
    told = {"受理量": ("received", "column"), "办结（当期）": ("flow_closed", "column"), "期末未办结": ("flow_closing", "line")}
    labels = [label for label, _ in rows]
    series = [blocks.series(name, form, [ids[metric] for _, ids in rows]) for name, (metric, form) in told.items()]
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
        blocks.note("部分平台数据不完整（见篇首提示），图中相应时段的数字可能偏低。", warning=True) if asked.in_doubt("appeals") else None,
        blocks.note(
            "受理量为本期登记且截至统计时有效的件；期初、期末未办结与办结（当期）按件的进出计算，含统计时段之前登记的件，"
            "故与上文按登记时间统计的数字口径不同。期初未办结＋登记＋重办＋恢复－办结－退出＝期末未办结。"
        ),
    )


def indicators(asked: Inquiry) -> Section:
    """One row per metric: its figure, and numerator and denominator where it is a rate."""
    rates = {rate.key: rate for rate in metrics.RATES}
    meanings = {term["metric"]: term["meaning"] for term in dictionary(set(INDICATORS))}
    rows = []
    for key in INDICATORS:
        if key in metrics.ONLY_WHERE_IT_DIFFERS and not asked.figures.differ("appeals", key, metrics.ONLY_WHERE_IT_DIFFERS[key]):
            continue
        made_of = [rates[key].numerator, rates[key].denominator] if key in rates else []
        counts: list[blocks.Cell] = [blocks.figure(asked.total("appeals", one)) for one in made_of] or ["", ""]
        told = " ÷ ".join(map(printed, made_of)) or meanings[key]
        rows.append(blocks.row([printed(key), blocks.figure(asked.total("appeals", key)), *counts, told]))
    numbers = [blocks.column(label, "number") for label in ("数值", "分子", "分母")]
    columns = [blocks.column("指标"), *numbers, blocks.column("构成")]
    return blocks.section("indicators", "主要指标", blocks.table("indicators", "诉求件主要指标", columns, rows))


def kinds(asked: Inquiry) -> Section | None:
    """What the appeals are about, how they came, and from where."""
    if not asked.figures.count("appeals", "received"):
        return None
    categories = asked.values("appeals", "category")
    return blocks.section(
        "kinds",
        "诉求类别、渠道与地区",
        _stacked(asked, "categories", "各类诉求受理量", "category", categories),
        _by_name(asked, "categories", "按诉求类别", "诉求类别", "appeals", "category", BY_KIND),
        _by_name(asked, "types", "按诉求类型", "诉求类型", "appeals", "ticket_type", BY_KIND, TYPES),
        _by_name(asked, "appeal_channels", "按诉求渠道", "诉求渠道", "appeals", "channel", BY_KIND, CHANNELS),
        _stacked(asked, "areas", "各地区诉求受理量", "area", asked.values("appeals", "area")),
        _by_name(asked, "areas", "按地区", "地区", "appeals", "area", BY_KIND),
    )


def units(asked: Inquiry) -> Section | None:
    """On time by unit, with the count behind it; a unit with few tickets that were due is marked and not ranked."""
    if not asked.figures.count("appeals", "received"):
        return None
    few = asked.options.reports.few_tickets
    named = [value for value in asked.values("appeals", "unit") if value is not None]
    due = {value: asked.answer("appeals", "unit", value)["due"] for value in named}
    ranked = sorted((value for value in named if due[value] >= few), key=lambda value: (-_share(asked, value), -due[value], value))
    small = [value for value in named if due[value] < few]
    without = [None] if None in asked.values("appeals", "unit") else []
    table = _table(
        asked,
        "units",
        "各承办单位办理情况",
        "承办单位",
        "appeals",
        "unit",
        [(value or NOT_TOLD, value) for value in (*ranked, *small, *without)],
        BY_UNIT,
        mark=lambda value, key: "small" if key == "on_time_rate" and (value is None or due[value] < few) else None,
    )
    shown = ranked[:_BARS]
    chart = blocks.chart(
        "units_chart",
        "各承办单位按时办结率",
        "bar",
        "%",
        [f"{value}（{due[value]}件）" for value in shown],
        [blocks.series("按时办结率", "bar", [asked.group("appeals", "on_time_rate", "unit", value) for value in shown])],
        table="units",
    )
    note = f"单位后括号内为应办结件数。应办结不足{few}件的单位（{len(small)}个）一件之差即影响比率，以“※”标明，不参加排序，列于其后。"
    more = f"图中列前{_BARS}个单位。" if len(ranked) > _BARS else ""
    return blocks.section("units", "承办单位按时办结情况", chart if shown else None, table, blocks.note(more + note))


def ageing(asked: Inquiry, cards: Mapping[str, Mapping[str, Sequence[Any]]]) -> Section:
    """How long the open ones have been open, how they stand to their due, and the red and yellow cards."""
    days = asked.options.reports.due_soon_days
    counted = [
        blocks.row([label, *(blocks.figure(asked.total(population, f"{card}_card")) for card in ("red", "yellow"))])
        for population, label in (("appeals", "诉求件"), ("cases", "智慧城管案件"))
    ]
    columns = [blocks.column("统计口径"), blocks.metric_column("red_card"), blocks.metric_column("yellow_card")]
    warned = blocks.table("cards", "红牌与黄牌", columns, counted)
    lists = [
        blocks.tickets(f"{population}_{card}", f"{label}{words}", CARD_COLUMNS, len(cards[population][card]), 50, folded=card == "yellow")
        for population, label in (("appeals", "诉求件"), ("cases", "智慧城管案件"))
        for card, words in (("red", "红牌件：已超过办结时限"), ("yellow", f"黄牌件：{days}个工作日内到期"))
        if cards[population][card]
    ]
    return blocks.section(
        "open",
        "未办结件与时限预警",
        *(_ageing_tables(asked) if asked.figures.count("appeals", "open") else [_nothing_open(asked)]),
        warned,
        blocks.note(f"红牌为未办结且已超期的件，黄牌为{days}个工作日内到期的件；二者不论何时登记，故与上文本期登记的件数口径不同。"),
        *lists,
    )


def two_dues(asked: Inquiry, lists: TicketLists) -> Section | None:
    """Of the tickets that a platform gives two dues those that were done within one and after the other."""
    rows = questions.met_one_due(asked.held, asked.scope("appeals"), asked.appeal_channels)
    lists.add("appeals_two_dues", rows, TWO_DUES_COLUMNS)
    if not rows:
        return None
    return blocks.section(
        "two_dues",
        "市、区县两级时限只达其一的件",
        blocks.note(
            f"12345热线的件有市交办、区县交办两个时限，本报告各项指标以区县交办时限（含有效延期）为准；{len(rows)}件只达到其中一个。"
        ),
        blocks.tickets("appeals_two_dues", "只达到一个时限的件", TWO_DUES_COLUMNS, len(rows), 50),
    )


TWO_DUES_COLUMNS = ("ticket_id", "title", "unit", "received_at", "due_at", "due_upper_at", "done_at", "met")
CARD_COLUMNS = ("ticket_id", "title", "unit", "received_at", "due_at", "working_days_left")


def opinion(asked: Inquiry, tells_repeats: Sequence[str]) -> Section | None:
    """Satisfaction and repeats by platform; a platform that never marks repeats has no number of them."""
    if not asked.figures.count("appeals", "received"):
        return None
    labels = [(SOURCE_LABELS[source], source) for source in APPEAL_SOURCES]
    rated = _table(asked, "satisfaction", "各平台满意度", "平台", "appeals", "source", labels, OPINION)
    told = [(label, source) for label, source in labels if source in tells_repeats]
    repeats = _table(asked, "repeats", "重复信访", "平台", "appeals", "source", told, ("repeat", "received", "repeat_rate"), total=False)
    others = "、".join(label for label, source in labels if source not in tells_repeats)
    return blocks.section(
        "opinion",
        "满意度与重复信访",
        rated,
        blocks.note("满意含基本满意；满意率以已评价件为分母，参评率以已办结件为分母。"),
        repeats if told else None,
        blocks.note(f"重复信访以平台自身的标记为准；{others}不作标记，不列。") if others else None,
    )


def cases(asked: Inquiry) -> Section:
    for channel in asked.values("cases", "channel"):
        asked.group("cases", "received", "channel", channel)
    told = wording.cases(asked.figures, asked.asked.first, asked.asked.last, asked.asked.as_of, asked.lanes)
    channels = asked.values("cases", "channel")
    compared = asked.comparisons("cases")
    bars = blocks.chart(
        "channels_chart",
        _by_outcome("智慧城管案件来源", channels),
        "bar",
        "件",
        [channel or "未注明来源" for channel in channels[:_BARS]],
        [
            blocks.series(printed(key), "bar", [asked.group("cases", key, "channel", channel) for channel in channels[:_BARS]], stack="件")
            for key in ("closed", "open")
        ],
        table="channels",
    )
    labels = [(channel or "未注明来源", channel) for channel in channels]
    return blocks.section(
        "cases",
        "智慧城管平台案件",
        _paragraph("cases", told, asked),
        _headlines(asked, "cases", compared),
        _not_compared(compared),
        bars if len(channels) > 1 else None,
        _table(asked, "channels", "智慧城管平台案件来源", "案件来源", "cases", "channel", labels, BY_CHANNEL) if channels else None,
        blocks.note("智慧城管案件与群众诉求件是两个统计口径，互有重叠，不得相加。"),
    )


def visits(asked: Inquiry) -> Section:
    compared = asked.comparisons("visits")
    return blocks.section("visits", "群众来访", _headlines(asked, "visits", compared), _not_compared(compared))


def data(asked: Inquiry) -> Section:
    """How far the figures can be trusted: lanes, reconciliation, quarantine, provisional dues."""
    waiting = data_state.quarantine(asked.held, asked.as_known)
    held = [
        blocks.row(
            [
                row["label"],
                row["printed"],
                blocks.figure(asked.figures.add("records", "quarantined", row["count"], source=row["source"], rule=row["rule"])),
            ]
        )
        for row in waiting
    ]
    columns = [blocks.column("平台"), blocks.column("原因"), blocks.column("记录数", "number")]
    provisional = [
        blocks.row([label, blocks.figure(asked.total(population, "provisional"))])
        for population, label in (("appeals", "诉求件"), ("cases", "智慧城管案件"))
    ]
    return blocks.section(
        "data",
        "数据状况",
        _lanes(asked),
        blocks.note("对账：接收记录＝新增或更新＋无变化＋隔离，且平台报数全部取到。"),
        _messages(asked),
        _batches(asked),
        blocks.table("quarantine", "待处理的隔离记录", columns, held) if held else None,
        blocks.note("隔离记录未通过检查，不计入任何数字；修正后可重新载入。" if held else "没有待处理的隔离记录。"),
        blocks.table("provisional", "时限暂定的未办结件", [blocks.column("统计口径"), blocks.metric_column("provisional")], provisional),
        blocks.note("工作日以国务院办公厅每年公布的安排为准；时限落在尚未公布的年份的，暂按平常周推算，公布后重算。"),
    )


def whole_lists(asked: Inquiry, lists: TicketLists) -> Section | None:
    """The list behind each population's figures, for a spreadsheet; too long for a page."""
    told = [
        blocks.tickets(population, f"{label}清单（逐件标明计入哪些指标）", LIST_COLUMNS, lists.all[population].total, 0)
        for population, label in metrics.POPULATIONS.items()
        if population in lists.all
    ]
    return blocks.section("lists", "件清单", *told) if told else None


LIST_COLUMNS = ("ticket_id", "title", "unit", "received_at", "due_at", "class")


def _paragraph(name: str, pieces: list[wording.Piece], asked: Inquiry) -> Block:
    return blocks.paragraph(name, pieces, wording.text(pieces, asked.figures))


def _headlines(asked: Inquiry, population: str, compared: Mapping[str, Sequence[Mapping[str, str]]]) -> Block:
    return blocks.headlines(population, [(asked.total(population, key), compared[key]) for key in COMPARED[population]])


def _not_compared(compared: Mapping[str, Sequence[Mapping[str, str]]]) -> Block | None:
    """Said where there is nothing to compare with, so that a missing line is not taken for no change."""
    told = {one["label"] for several in compared.values() for one in several}
    missing = [words for label, words in (("同比", "上年同期"), ("环比", "上期")) if label not in told]
    names = [label for label in ("同比", "环比") if label not in told]
    return blocks.note(f"{'、'.join(missing)}数据未完整取得，不作{'、'.join(names)}。") if missing else None


def _platforms(asked: Inquiry) -> Block:
    labels = [(SOURCE_LABELS[source], source) for source in APPEAL_SOURCES]
    table = _table(asked, "platforms", "各平台办理情况", "平台", "appeals", "source", labels, BY_PLATFORM)
    absent = [label for label, source in labels if asked.lanes[source]["state"] == "absent"]
    table["rows"][-1]["cells"][0] = f"合计（不含{'、'.join(absent)}）" if absent else "合计"
    return table


def _by_name(
    asked: Inquiry,
    name: str,
    title: str,
    head: str,
    population: str,
    grouping: str,
    keys: Sequence[str],
    words: Mapping[str, str] | None = None,
) -> Block | None:
    """The table of a grouping by name, the most tickets first; none where no ticket tells the name."""
    values = asked.values(population, grouping)
    if not any(values):
        return None
    labels = [(NOT_TOLD if value is None else (words or {}).get(value, value), value) for value in values]
    return _table(asked, name, title, head, population, grouping, labels, keys)


def _table(
    asked: Inquiry,
    name: str,
    title: str,
    head: str,
    population: str,
    grouping: str,
    groups: Sequence[tuple[str, str | None]],
    keys: Sequence[str],
    *,
    total: bool = True,
    mark: Callable[[str | None, str], str | None] = lambda value, key: None,
) -> Block:
    """One row per group and one for all of them; ``mark`` says how a cell looks."""
    keys = [key for key in keys if _worth_a_column(asked, population, key, grouping, [value for _, value in groups])]
    rows = [
        blocks.row([label, *(blocks.figure(asked.group(population, key, grouping, value), mark(value, key)) for key in keys)])
        for label, value in groups
    ]
    if total:
        rows.append(blocks.row(["合计", *(blocks.figure(asked.total(population, key)) for key in keys)], total=True))
    return blocks.table(name, title, [blocks.column(head), *map(blocks.metric_column, keys)], rows)


def _worth_a_column(asked: Inquiry, population: str, key: str, grouping: str, groups: Sequence[str | None]) -> bool:
    if key not in metrics.ONLY_WHERE_IT_DIFFERS:
        return True
    other = metrics.ONLY_WHERE_IT_DIFFERS[key]
    answers = [asked.answer(population, grouping, value) for value in groups]
    return asked.figures.differ(population, key, other) or any(row[key]["percent"] != row[other]["percent"] for row in answers)


def _stacked(asked: Inquiry, table: str, title: str, grouping: str, values: Sequence[str | None]) -> Block | None:
    """Closed and open of the largest groups, one bar each."""
    named = [value for value in values if value is not None]
    if len(named) < 2:
        return None
    told = named[:_BARS]
    series = [
        blocks.series(printed(key), "bar", [asked.group("appeals", key, grouping, value) for value in told], stack="件")
        for key in ("closed", "open")
    ]
    return blocks.chart(f"{table}_chart", _by_outcome(title, named), "bar", "件", told, series, table=table)


def _by_outcome(title: str, groups: Sequence[str | None]) -> str:
    """The title of a chart of closed and open; it says where it does not show all groups."""
    return f"{title}（按办结情况{f'，前{_BARS}位' if len(groups) > _BARS else ''}）"


def _share(asked: Inquiry, unit: str) -> float:
    rate = asked.answer("appeals", "unit", unit)["on_time_rate"]
    return rate["numerator"] / rate["denominator"] if rate["denominator"] else 0.0


def _ageing_tables(asked: Inquiry) -> list[Block]:
    ages = [asked.group("appeals", "open", "age", value) for value in metrics.AGES]
    dues = [(label, value) for value, label in metrics.DUE_IN.items()]
    held = [(label, value) for label, value in dues if asked.answer("appeals", "due_in", value)["open"]]
    return [
        blocks.chart(
            "ages_chart",
            "未办结件已登记天数",
            "column",
            "件",
            list(metrics.AGES.values()),
            [blocks.series(printed("open"), "column", ages)],
            table="ages",
        ),
        _table(
            asked,
            "ages",
            "未办结件已登记天数",
            "已登记天数",
            "appeals",
            "age",
            [(label, value) for value, label in metrics.AGES.items()],
            ("open", "overdue"),
        ),
        _table(asked, "dues", "未办结件距办结时限", "距办结时限", "appeals", "due_in", held, ("open",)),
        blocks.note("天数为截至统计时的日历天数。"),
    ]


def _nothing_open(asked: Inquiry) -> Block:
    known = asked.figures.known("appeals", "open")
    return blocks.note("本期登记的诉求件中没有未办结件。" if known else "诉求件数据未取得，未办结件无从统计。")


def _lanes(asked: Inquiry) -> Block:
    counted = ("batches", "landed", "new_versions", "unchanged", "quarantined")
    labels = ("状态", "数据覆盖至", "最近正常取数时间", "批次", "接收记录", "新增或更新", "无变化", "隔离", "对账")
    columns = ("text", "time", "time", *("number" for _ in counted), "text")
    rows = []
    for lane in asked.lanes.values():
        told = [str(lane[name]) for name in counted] if lane["batches"] else ["—" for _ in counted]
        balance = (f"{lane['unbalanced']}批不平" if lane["unbalanced"] else "相符") if lane["batches"] else "—"
        when = [blocks.time(lane["covered_until"]), blocks.time(lane["last_good_batch"])]
        rows.append(blocks.row([lane["label"], blocks.words(lane["printed"], lane["state"]), *when, *told, balance]))
    return blocks.table("lanes", "取数与对账", [blocks.column("平台"), *map(blocks.column, labels, columns)], rows)


def _messages(asked: Inquiry) -> Block | None:
    """What the lanes have to say, each once."""
    told = dict.fromkeys((lane["label"], message) for lane in asked.lanes.values() for message in lane["messages"])
    return (
        blocks.table("messages", "取数提示", [blocks.column("平台"), blocks.column("提示")], list(map(blocks.row, told))) if told else None
    )


# Batches in the table: the newest, and before them all that did not reconcile.
_BATCHES = 15


def _batches(asked: Inquiry) -> Block | None:
    newest = asked.batches[-_BATCHES:]
    told = [batch for batch in asked.batches[:-_BATCHES] if batch["status"] == "red"] + newest
    if not told:
        return None
    counted = ("platform_total", "numbers", "landed", "new_versions", "unchanged", "quarantined")
    columns = [
        blocks.column("平台"),
        blocks.column("取数时间", "time"),
        blocks.column("取数时段"),
        *(blocks.column(label, "number") for label in ("平台报数", "取得件数", "接收记录", "新增或更新", "无变化", "隔离")),
        blocks.column("对账"),
    ]
    rows = [
        blocks.row(
            [
                SOURCE_LABELS[batch["source"]],
                blocks.time(batch["fetched_at"]),
                f"{batch['window_from']:%Y-%m-%d}至{batch['window_to']:%Y-%m-%d}",
                *(str(batch[name]) for name in counted),
                blocks.words("不平" if batch["status"] == "red" else "相符", batch["status"]),
            ]
        )
        for batch in reversed(told)
    ]
    many = f"（最近{_BATCHES}批及此前对账不平的批次，共{len(asked.batches)}批）" if len(asked.batches) > len(told) else ""
    return blocks.table("batches", f"各批次对账{many}", columns, rows)
