"""One clock of one ticket as sentences: whose due, start, days counted, extensions, pauses, due in force, done, verdict.

The facts are the rows that the ledger's steps leave behind for the ticket (metrics.md §4 of the specification); here they are
only picked and worded. What an office reads is Chinese.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from petitions.counted_days import Span, Stretch, duration, written
from petitions.model import BEIJING, CLASSES
from petitions.settings import Settings
from petitions.warehouse import Warehouse

CLOCK_NAMES = {"accept": "受理告知", "reply": "答复", "close": "办结"}
EVENT_NAMES = {
    "received": "登记",
    "accepted": "受理",
    "not_accepted": "不予受理",
    "duplicate": "并案",
    "dispatched": "派单",
    "signed": "签收",
    "returned": "退单",
    "extended": "延期",
    "suspended": "挂起",
    "resumed": "恢复",
    "urged": "催办",
    "supervised": "督办",
    "first_reply": "首次回复",
    "handled": "处置完成",
    "replied": "答复",
    "closed": "办结",
    "reopened": "重办",
    "withdrawn": "撤单",
    "rated": "评价",
}
AMOUNTS = {
    "calendar_day": "{}日（自然日）",
    "working_day": "{}个工作日",
    "hour": "{}小时（连续计时）",
    "working_hour": "{}工作时（办公时间内计时）",
}

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Step:
    """One step of a clock: ``step`` names its kind, ``told`` is the sentence, ``due_at`` the due after it, ``days`` what it counted.

    ``counts`` says of an extension whether it is effective, and of a pause whether it counts.
    """

    step: str
    told: str
    at: datetime | None = None
    due_at: datetime | None = None
    counts: bool | None = None
    days: tuple[Stretch, ...] = ()


@dataclass(frozen=True)
class Clock:
    """One clock at ``T``: the verdict of the ledger, and the steps that lead to it."""

    clock: str
    printed: str
    started_at: datetime | None
    due_at: datetime | None
    due_source: str | None
    rule_id: str | None
    basis: str | None
    provisional: bool
    done_at: datetime | None
    verdict: str
    steps: tuple[Step, ...]

    def plain(self) -> dict[str, Any]:
        """As nested dicts and lists; the verdict is ``class``, as in the lists of tickets."""
        told = {name: value for name, value in vars(self).items() if name not in ("verdict", "steps")}
        steps = [vars(step) | {"days": [vars(stretch) for stretch in step.days]} for step in self.steps]
        return told | {"class": self.verdict, "class_printed": CLASSES[self.verdict], "steps": steps}


@dataclass(frozen=True)
class Life:
    """What the steps of the ledger found about the version that stands at ``K``, up to ``T``."""

    as_of: datetime
    version: Row
    events: list[Row]
    later_events: list[Row]
    states: dict[datetime, Row]
    rules: dict[str, Row]
    steps: dict[int, Row]
    folds: dict[int, Row]
    rule_dues: dict[tuple[int, str, str], Row]
    span: Span

    @classmethod
    def read(cls, warehouse: Warehouse, settings: Settings, as_of: datetime, as_known: datetime) -> Life:
        """From the temporary tables of :func:`petitions.ledger.clocks_of`."""
        (version,) = warehouse.rows("select * from version where known_from <= :known and known_to > :known", {"known": as_known})

        def of(table: str, order: str) -> list[Row]:
            return list(warehouse.rows(f"select * from {table} where v = :v order by {order}", {"v": version["v"]}))

        rules = warehouse.rows(
            "select k.*, r.basis from clock_rule k left join core.rule r on r.rule_id = k.rule_id where k.v = :v", {"v": version["v"]}
        )
        events, dues = of("life", "ordinal"), of("rule_due", "step_no")
        told = [event["effect_at"] for event in events] + [due["due_at"] for due in dues if due["due_at"]]
        margin = timedelta(days=20)  # so that a roll over the longest holiday lies inside
        return cls(
            as_of=as_of,
            version=version,
            events=[event for event in events if event["effect_at"] <= as_of],
            later_events=[event for event in events if event["effect_at"] > as_of],
            states={state["effect_at"]: state for state in of("segment", "ordinal")},
            rules={rule["clock"]: rule for rule in rules if rule["rule_id"]},
            steps={step["step_no"]: step for step in of("due_step", "step_no")},
            folds={fold["step_no"]: fold for fold in of("due_fold", "step_no")},
            rule_dues={(due["step_no"], due["clock"], due["start_kind"]): due for due in dues},
            span=Span.read(warehouse, settings, _day(min(told) - margin), _day(max(told) + margin)),
        )

    @property
    def now(self) -> Row:
        """The state at ``T``."""
        return self.states[max(at for at in self.states if at <= self.as_of)]


@dataclass(frozen=True)
class _Judged:
    """One clock's facts: ``frame`` is the state that its class is that of, ``judged`` the one whose due it is judged by."""

    name: str
    life: Life
    frame: Row
    judged: Row
    rule: Row | None

    @property
    def platform_due(self) -> datetime | None:
        return self.judged["platform_due"] if self.name == "close" else None

    @property
    def start_kind(self) -> str | None:
        return self.judged[f"{self.name}_start"] if self.rule else None

    @property
    def start_at(self) -> datetime | None:
        """Where the clock runs from; None where it does not run."""
        if self.platform_due:
            return self.life.version["received_at"]
        if self.rule and self.start_kind == "event":
            return self.rule["start_at"]
        return self.life.version["received_at"] if self.start_kind else None

    @property
    def done_at(self) -> datetime | None:
        return self.frame[f"{self.name}_done_at"]

    @property
    def frozen_at(self) -> datetime | None:
        return self.life.now["withdrawn_at"] if self.name != "close" else None

    def own_due(self, step_no: int, start_kind: str | None) -> datetime | None:
        """The due by the clock's own platform or rule after a step, before any due change."""
        if self.platform_due:
            return self.platform_due
        row = self.life.rule_dues.get((0 if self.name == "accept" else step_no, self.name, start_kind or ""))
        return row["due_at"] if row else None

    def due_after(self, step_no: int, start_kind: str | None) -> datetime | None:
        own, change = self.own_due(step_no, start_kind), self.life.folds[step_no]["change_due"]
        if self.name == "close":
            return change or own
        return max(own, change) if self.name == "reply" and own and change else own


def clock(name: str, life: Life, posting: Row) -> Clock:
    """One clock; verdict and due are the posting's, which every figure counts."""
    now = life.now
    frame = life.states[now["withdrawn_at"]] if name != "close" and now["withdrawn_at"] else now
    done_at = frame[f"{name}_done_at"]
    judged = life.states[max(done_at, life.version["received_at"])] if done_at else frame
    seen = _Judged(name, life, frame, judged, life.rules.get(name))
    due_at, verdict = posting[f"{name}_due_at"], posting[f"{name}_class"]
    changed = due_at is not None and due_at != seen.own_due(judged["step_no"], seen.start_kind)
    by_rule = due_at is not None and not seen.platform_due and not changed
    if name == "close":
        by_rule = posting["close_due_source"] == "rule"
    provisional = bool(by_rule and judged[f"{name}_own_provisional"])
    return Clock(
        clock=name,
        printed=CLOCK_NAMES[name],
        started_at=_here(seen.start_at),
        due_at=_here(due_at),
        due_source=None if due_at is None else "rule" if by_rule else "platform",
        rule_id=seen.rule["rule_id"] if seen.rule and not seen.platform_due else None,
        basis=_basis(seen.rule) if seen.rule and not seen.platform_due else None,
        provisional=provisional,
        done_at=_here(done_at),
        verdict=verdict,
        steps=tuple(_steps(seen, due_at, provisional, verdict, posting["valid"])),
    )


def _steps(seen: _Judged, due_at: datetime | None, provisional: bool, verdict: str, valid: bool) -> Iterator[Step]:
    yield _whose(seen)
    if seen.rule or seen.platform_due:
        yield _start(seen)
    if seen.rule and not seen.platform_due and seen.start_kind:
        yield _count(seen)
    yield from _happenings(seen)
    if due_at is not None:
        yield _due_in_force(seen, due_at, provisional)
    yield _done(seen)
    yield _verdict(seen, due_at, verdict, valid)


def _whose(seen: _Judged) -> Step:
    if seen.platform_due:
        first = next(
            (
                e
                for e in (*seen.life.events, *seen.life.later_events)
                if e["event_type"] in ("extended", "reopened") and e["new_due"] and e["old_due"]
            ),
            None,
        )
        told = f"时限由平台提供：{written(seen.platform_due)}"
        if first:
            told += f"（取自{EVENT_NAMES[first['event_type']]}记录所载的原时限，平台自己的时限栏此后已被改写）"
        return Step("whose", told + ("；规则不适用" if seen.rule else ""), due_at=_here(seen.platform_due))
    if seen.rule is None:
        return Step("whose", "平台未提供时限，也没有适用的规则" if seen.name == "close" else "没有适用的规则")
    start = EVENT_NAMES[seen.rule["start_event"]]
    return Step("whose", f"时限依规则：{_amount(seen.rule)}，自{start}起算；依据 {_basis(seen.rule)}；规则 {seen.rule['rule_id']}")


def _start(seen: _Judged) -> Step:
    at = seen.start_at
    if at is None:
        assert seen.rule is not None
        return Step("start", f"起算事件“{EVENT_NAMES[seen.rule['start_event']]}”尚未发生，未起算")
    if seen.platform_due or seen.rule is None:
        return Step("start", f"自登记起算：{written(at)}", at=_here(at))
    event = EVENT_NAMES[seen.rule["start_event"]]
    if seen.start_kind == "received":
        return Step("start", f"完成时起算事件“{event}”尚未发生，自登记起算：{written(at)}", at=_here(at))
    return Step("start", f"自{event}起算：{written(at)}", at=_here(at))


def _count(seen: _Judged) -> Step:
    rule, start, due = seen.rule, seen.start_at, seen.own_due(0, seen.start_kind)
    assert rule is not None and start is not None and due is not None
    first, last = _day(start), _day(due)
    days: tuple[Stretch, ...] = ()
    told = f"计{_amount(rule)}"
    if rule["unit"] == "working_day":
        told += "，起算当日不计"
        days = seen.life.span.working_days(first, last)
    elif rule["unit"] == "working_hour":
        days = seen.life.span.office_time(start.astimezone(BEIJING), due.astimezone(BEIJING))
    elif rule["unit"] == "calendar_day":
        told += "，起算当日不计" + _rolled(seen, first + timedelta(days=rule["amount"]), last)
    return Step("count", f"{told}：{written(due)}", due_at=_here(due), days=days)


def _rolled(seen: _Judged, plain: Any, last: Any) -> str:
    if plain == last:
        return ""
    return f"，期满日 {seen.life.span.told(plain)} 不是工作日，顺延到下一工作日 {seen.life.span.told(last)}"


def _happenings(seen: _Judged) -> Iterator[Step]:
    """Extensions, re-openings and pauses up to the moment that the class is of, in order of effect."""
    for event in seen.life.events:
        if event["effect_at"] > seen.frame["effect_at"]:
            return
        step_no, kind = event["step_no"], event["event_type"]
        after = event["effect_at"] > seen.judged["effect_at"]
        if kind == "extended" and seen.name == "close":
            yield _extension(seen, event, after)
        elif kind == "reopened" and seen.name == "close":
            yield _reopening(seen, event)
        elif event["pause_begins"] and not after and (seen.rule or seen.platform_due or seen.life.folds[step_no]["change_due"]):
            yield _pause_begins(seen, event)
        elif event["pause_ends"] and not after and seen.life.folds[step_no - 1][f"{seen.name}_held"]:
            step = _pause_ends(seen, event)
            if step:
                yield step


def _extension(seen: _Judged, event: Row, after: bool) -> Step:
    at, new_due = event["effect_at"], event["new_due"]
    told = f"延期 {written(at)}"
    if new_due is None:
        return Step("extension", f"{told}：没有载明新时限，无效", at=_here(at), counts=False)
    before, change = _before(seen, event), seen.life.folds[event["step_no"]]["change_due"]
    held = seen.life.folds[event["step_no"] - 1]["change_due"]
    effective = change == new_due and (held != new_due or at <= held)
    told += f"，新时限 {written(new_due)}"
    if not effective:
        assert before is not None
        return Step("extension", f"{told}：晚于当时的时限 {written(before)}，无效", at=_here(at), due_at=_here(before), counts=False)
    why = f"未晚于当时的时限 {written(before)}" if before else "当时没有时限"
    late = "；发生在完成之后，不影响结论" if after else ""
    return Step("extension", f"{told}：{why}，有效{late}", at=_here(at), due_at=_here(new_due), counts=True)


def _reopening(seen: _Judged, event: Row) -> Step:
    at, new_due = event["effect_at"], event["new_due"]
    told = f"重办 {written(at)}：此前的处置完成和办结不再算数"
    if new_due is not None:
        told += f"，新时限 {written(new_due)}"
    return Step("reopening", told, at=_here(at), due_at=_here(new_due), counts=new_due is not None)


def _pause_begins(seen: _Judged, event: Row) -> Step:
    at, before = event["effect_at"], _before(seen, event)
    told = f"挂起 {written(at)}"
    counts = bool(seen.life.folds[event["step_no"]][f"{seen.name}_held"])
    if not counts:
        assert before is not None
        return Step("pause", f"{told}：晚于当时的时限 {written(before)}，不计入", at=_here(at), due_at=_here(before), counts=False)
    why = f"未晚于当时的时限 {written(before)}" if before else "当时没有时限"
    return Step("pause", f"{told}：{why}，计入，挂起期间不判超期", at=_here(at), due_at=_here(before), counts=True)


def _pause_ends(seen: _Judged, event: Row) -> Step | None:
    at, told = event["effect_at"], f"挂起结束（{EVENT_NAMES[event['event_type']]}）{written(event['effect_at'])}"
    if seen.platform_due:
        return Step("pause_end", f"{told}：平台的时限已含挂起，不再顺延", at=_here(at), due_at=_here(seen.platform_due))
    if seen.rule is None or not seen.rule["pausable"] or seen.name == "accept":
        return Step("pause_end", f"{told}：这一时限不因挂起顺延", at=_here(at))
    if seen.start_kind is None:
        return Step("pause_end", f"{told}：尚未起算", at=_here(at))
    moved, was, due = _moved(seen, event["step_no"])
    amount = {"hour": duration, "working_hour": duration}.get(seen.rule["unit"])
    by = amount(moved) if amount else f"{moved}{'个工作日' if seen.rule['unit'] == 'working_day' else '日'}"
    told += f"：规则时限顺延{by}"
    if seen.rule["unit"] in ("working_day", "calendar_day"):
        told += "（挂起当日不计，结束当日计入）"
    if due is not None and was is not None:
        told += f"，{written(was)} → {written(due)}"
    change = seen.life.folds[event["step_no"]]["change_due"]
    if change is not None:
        told += f"；时限另已改定为 {written(change)}"
    days = seen.life.span.working_days(_day(was), _day(due)) if was and due and seen.rule["unit"] == "working_day" else ()
    return Step("pause_end", told, at=_here(at), due_at=_here(due), days=days)


def _moved(seen: _Judged, step_no: int) -> tuple[int, datetime | None, datetime | None]:
    """By how much a pause moved the rule's due on the scale of its unit, and the due before and after."""
    shift = f"{seen.name}_shift_{seen.start_kind}"
    moved = seen.life.folds[step_no][shift] - seen.life.folds[step_no - 1][shift]
    return moved, seen.own_due(step_no - 1, seen.start_kind), seen.own_due(step_no, seen.start_kind)


def _before(seen: _Judged, event: Row) -> datetime | None:
    """The due in force just before an event that may change it."""
    step_no = event["step_no"]
    return seen.due_after(step_no - 1, seen.life.steps[step_no][f"{seen.name}_start"])


def _due_in_force(seen: _Judged, due_at: datetime, provisional: bool) -> Step:
    at = "完成时" if seen.done_at else "撤单时" if seen.frozen_at else "此时"
    told = f"{at}适用的时限：{written(due_at)}"
    change = seen.judged["change_due"]
    if seen.name == "reply" and change is not None:
        own = seen.own_due(seen.judged["step_no"], seen.start_kind)
        told += f"（办结时限改定为 {written(change)}，{'晚于自身时限，从其晚' if due_at != own else '不晚于自身时限，不改变答复时限'}）"
    if provisional:
        told += "（暂定：所及年份的放假安排尚未公布，按平常周推算，公布后重算）"
    return Step("due", told, due_at=_here(due_at))


def _done(seen: _Judged) -> Step:
    name = CLOCK_NAMES[seen.name]
    if seen.done_at is None:
        until = f"撤单（{written(seen.frozen_at)}）时" if seen.frozen_at else f"截至 {written(seen.life.as_of)}"
        return Step("done", f"{until} 未{'受理' if seen.name == 'accept' else name}")
    if seen.name == "close":
        name = "处置完成" if seen.frame["handle_mark"] is not None else "撤单" if seen.done_at == seen.frame["withdrawn_at"] else "办结"
    elif seen.name == "accept":
        name = "受理"
    return Step("done", f"{name}：{written(seen.done_at)}", at=_here(seen.done_at))


def _verdict(seen: _Judged, due_at: datetime | None, verdict: str, valid: bool) -> Step:
    why = {
        "on_time": "完成不晚于时限",
        "late": "完成晚于时限",
        "overdue": "时限已过而未完成，且不在计入的挂起期内",
        "not_due": "未完成，时限未到",
        "no_deadline": "没有时限可比",
        "not_started": "时限尚未起算",
    }[verdict]
    if verdict == "not_due" and due_at is not None and due_at < (seen.frozen_at or seen.life.as_of):
        why = "未完成，时限已过，但在计入的挂起期内"
    told = f"结论：{CLASSES[verdict]}（{why}）"
    if seen.frozen_at:
        told += f"；撤单后不再变化，以撤单时（{written(seen.frozen_at)}）为准"
    if not valid:
        told += "；该件此时不在有效件中，不计入指标"
    return Step("verdict", told)


def _amount(rule: Row) -> str:
    return AMOUNTS[rule["unit"]].format(rule["amount"])


def _basis(rule: Row) -> str:
    return rule["basis"] or ("案件自带的处置时限" if rule["rule_id"].endswith(":time_limit") else "规则表未载明")


def _day(at: datetime) -> Any:
    return at.astimezone(BEIJING).date()


def _here(at: datetime | None) -> datetime | None:
    return at.astimezone(BEIJING) if at else None
