"""Explanations: tables of cases a person can check with the official notice in hand, and agreement with the ledger on random lives."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from random import Random

import pytest

from petitions import kinds, ledger, questions
from petitions import warehouse as warehouses
from petitions.clock_steps import Clock, Step
from petitions.explain import Explanation, explain
from petitions.model import BEIJING, Event
from petitions.settings import Settings
from petitions.warehouse import Warehouse
from tests import worlds
from tests.reference import lives
from tests.reference.evaluator import Version

World = tuple[Warehouse, Settings]
Explain = Callable[..., Explanation]
NUMBER = "hotline_12345:4400000000000001"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BEIJING)


def opened(folder: Path) -> Iterator[World]:
    (folder / "config").mkdir()
    worlds.write_rules(folder / "config", lives.rules())
    settings = Settings(home=folder / "home", config=folder / "config")
    with warehouses.writer(settings, publish=False) as warehouse:
        yield warehouse, settings


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    yield from opened(tmp_path)


@pytest.fixture
def explained(world: World) -> Explain:
    """Load one ticket whose life is told as (event, time[, new due]) and explain it."""
    warehouse, settings = world

    def tell(events: list[tuple[str, ...]], as_of: str, **attributes: object) -> Explanation:
        told = [Event(kind, at(when), new_due=at(rest[0]) if rest else None) for kind, when, *rest in events]
        ticket_id = str(attributes.pop("ticket_id", NUMBER))
        fetched = at("2026-11-01T02:30")
        worlds.fill(
            warehouse,
            [
                Version(
                    ticket_id=ticket_id,
                    source=ticket_id.partition(":")[0],
                    known_at=fetched,
                    updated_at=fetched,
                    payload_hash=lives.content_hash(Version(ticket_id, "", fetched, fetched, "", fetched, title=str(events))),
                    received_at=told[0].occurred_at or fetched,
                    title="路灯不亮",
                    events=told,
                    **attributes,  # type: ignore[arg-type]
                )
            ],
        )
        ledger.refresh(warehouse, settings)
        return explain(warehouse, settings, ticket_id, at(as_of))

    return tell


def clock(explanation: Explanation, name: str) -> Clock:
    return next(one for one in explanation.clocks if one.clock == name)


def step(explanation: Explanation, name: str, kind: str) -> Step:
    return next(one for one in clock(explanation, name).steps if one.step == kind)


SPRING_FESTIVAL_2024 = [
    "第1日 2024-02-09 周五",
    "不计 2024-02-10 周六 至 2024-02-17 周六（春节，8天）",
    "第2日 2024-02-18 周日（春节调休上班）",
]
COUNTS = [
    # received, type, due, the days counted; each line ends in its weekdays
    ("2024-02-08T10:00", "consult", "2024-02-18T23:59:59", SPRING_FESTIVAL_2024),  # Thu → Fri 9th, the make-up Sunday 18th
    (
        "2024-02-02T17:00",
        "consult",
        "2024-02-05T23:59:59",  # Fri → Saturday off, make-up Sunday 4th, Mon 5th
        ["不计 2024-02-03 周六（周末）", "第1日 2024-02-04 周日（春节调休上班）", "第2日 2024-02-05 周一"],
    ),
    (
        "2026-02-13T09:00",
        "consult",
        "2026-02-24T23:59:59",  # Fri → make-up Saturday 14th; Spring Festival 15–23; Tue 24th
        ["第1日 2026-02-14 周六（春节调休上班）", "不计 2026-02-15 周日 至 2026-02-23 周一（春节，9天）", "第2日 2026-02-24 周二"],
    ),
    (
        "2023-09-28T23:00",
        "consult",
        "2023-10-08T23:59:59",  # Thu → National Day 29 Sep to 6 Oct; make-up Saturday 7th and Sunday 8th
        ["第1–2日 2023-10-07 周六 至 2023-10-08 周日"],
    ),
]


@pytest.mark.parametrize(("received", "ticket_type", "due", "days"), COUNTS)
def test_the_days_counted_are_those_of_the_notice(explained: Explain, received: str, ticket_type: str, due: str, days: list[str]) -> None:
    told = explained([("received", received)], as_of="2026-10-01", ticket_type=ticket_type)
    count = step(told, "close", "count")
    lines = [stretch.told for stretch in count.days]
    assert count.due_at == clock(told, "close").due_at == at(due)
    assert sum(stretch.counted for stretch in count.days) == 2
    assert [any(line.startswith(day) for line in lines) for day in days] == [True] * len(days), lines


def test_office_hours_are_listed_day_by_day(explained: Explain) -> None:
    # two office hours from Fri 2024-02-09 17:00: one on that day, none over the festival, one on the make-up Sunday from 08:00
    told = explained([("received", "2024-02-09T17:00")], "2024-02-20", ticket_id="smart_city:1", urgency="normal")
    count = step(told, "accept", "count")
    assert count.due_at == at("2024-02-18T09:00")
    assert [(stretch.first.day, stretch.counted) for stretch in count.days] == [(9, 3600), (10, 0), (18, 3600)]


RECEIVED = ("received", "2024-03-04T09:00")  # Monday; consult: 2 working days → Wed 2024-03-06 23:59:59
EVENTS = [
    # events after `received`, as of, step, does it count, words of the sentence, due, class
    (
        [("extended", "2024-03-06T23:59:59", "2024-03-15T23:59:59")],  # Wed, the last second → Fri 15th
        ("extension", True, "有效", "2024-03-15T23:59:59", "not_due"),
    ),
    (
        [("extended", "2024-03-07T00:00:00", "2024-03-15T23:59:59")],  # Thu: too late, Wed 6th stands
        ("extension", False, "晚于当时的时限 2024-03-06 周三 23:59:59，无效", "2024-03-06T23:59:59", "overdue"),
    ),
    ([("extended", "2024-03-05T09:00")], ("extension", False, "没有载明新时限", "2024-03-06T23:59:59", "overdue")),
    (
        [("suspended", "2024-03-05T09:00"), ("resumed", "2024-03-11T09:00")],  # Tue → Mon: Wed, Thu, Fri, Mon = 4 → Wed 6th + 4 = Tue 12th
        ("pause_end", None, "顺延4个工作日", "2024-03-12T23:59:59", "overdue"),
    ),
    (
        [("suspended", "2024-03-07T09:00"), ("resumed", "2024-03-11T09:00")],  # Thu: began after the due, does not count
        ("pause", False, "不计入", "2024-03-06T23:59:59", "overdue"),
    ),
    (
        [("suspended", "2024-03-06T09:00")],  # Wed, still paused: never overdue
        ("verdict", None, "在计入的挂起期内", "2024-03-06T23:59:59", "not_due"),
    ),
    (
        [("closed", "2024-03-05T09:00"), ("reopened", "2024-03-06T09:00", "2024-03-13T23:59:59"), ("closed", "2024-03-13T10:00")],
        ("reopening", True, "此前的处置完成和办结不再算数，新时限 2024-03-13 周三", "2024-03-13T23:59:59", "on_time"),
    ),
]


@pytest.mark.parametrize(("events", "expected"), EVENTS)
def test_extensions_and_pauses_say_whether_they_count_and_why(
    explained: Explain, events: list[tuple[str, ...]], expected: tuple[str, bool | None, str, str, str]
) -> None:
    kind, counts, words, due, verdict = expected
    told = explained([RECEIVED, *events], as_of="2024-03-13T12:00" if verdict != "not_due" else "2024-03-14", ticket_type="consult")
    shown = step(told, "close", kind)
    assert (shown.counts, words in shown.told) == (counts, True), shown.told
    assert (clock(told, "close").due_at, clock(told, "close").verdict) == (at(due), verdict)


def test_a_withdrawal_freezes_the_reply_clock(explained: Explain) -> None:
    told = explained([RECEIVED, ("withdrawn", "2024-03-05T10:00"), ("replied", "2024-03-06T10:00")], "2024-06-01", ticket_type="consult")
    reply, close = clock(told, "reply"), clock(told, "close")
    assert (reply.verdict, reply.done_at) == ("not_due", None)
    assert "以撤单时（2024-03-05 周二 10:00:00）为准" in reply.steps[-1].told
    assert (close.verdict, close.done_at) == ("on_time", at("2024-03-05T10:00"))
    assert "撤单：2024-03-05 周二" in step(told, "close", "done").told


def test_a_due_in_an_unpublished_year_is_marked_provisional(explained: Explain) -> None:
    told = explained([("received", "2026-12-30T09:00")], "2026-12-31", ticket_type="complaint")
    assert clock(told, "close").provisional
    assert "暂定" in step(told, "close", "due").told


def test_a_confidential_ticket_is_explained_without_its_title(explained: Explain) -> None:
    told = explained([RECEIVED], "2024-03-05", ticket_type="consult", restricted=True)
    assert told.title is None
    assert "路灯" not in str(told) + repr(told.plain())
    assert "广东12345热线办法 咨询2个工作日" in str(told)


def test_the_page_reads_as_a_person_reads(explained: Explain) -> None:
    text = str(explained([RECEIVED, ("closed", "2024-03-07T09:00")], "2024-03-31", ticket_type="consult"))
    assert "办结　超时" in text
    assert "  6. 结论：超时（完成晚于时限）" in text
    assert "← 采用" in text


def test_before_its_registration_a_ticket_has_no_clocks(explained: Explain) -> None:
    told = explained([RECEIVED], "2024-03-01", ticket_type="consult")
    assert (told.state, told.clocks) == (None, ())
    assert "此时尚未登记" in str(told)


def test_an_unknown_ticket_is_refused(explained: Explain, world: World) -> None:
    explained([RECEIVED], "2024-03-05")
    with pytest.raises(questions.WrongQuestion, match="expected the id of a loaded ticket"):
        explain(*world, "hotline_12345:1")
    with pytest.raises(questions.WrongQuestion, match="expected a time at or after 2026-11-01T02:30"):
        explain(*world, NUMBER, as_known=at("2026-10-31"))


def test_settings_that_changed_since_are_told(explained: Explain, world: World, tmp_path: Path) -> None:
    told = explained([RECEIVED], "2024-03-05", ticket_type="consult")
    assert told.remarks == ()
    (tmp_path / "config" / "closures.csv").write_text("date,kind,name\n2024-03-05,closed,停电\n", encoding="utf-8")
    assert "工作日历" in explain(*world, NUMBER).remarks[0]


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Warehouse, Settings, list[Version]]]:
    for warehouse, settings in opened(tmp_path_factory.mktemp("many")):
        versions = lives.random_lives(20240210, 1500)
        worlds.fill(warehouse, versions)
        ledger.refresh(warehouse, settings)
        yield warehouse, settings, versions


@pytest.mark.parametrize("count", [80, pytest.param(600, marks=pytest.mark.slow)])
def test_the_steps_lead_to_what_the_ledger_says(many: tuple[Warehouse, Settings, list[Version]], count: int) -> None:
    """Of random lives at random (T, K): class and due are the posting's, and the last step that moves the due arrives at it."""
    warehouse, settings, versions = many
    chance = Random(count)
    last = max(version.known_at for version in versions)
    busy = [version for version in versions if len(version.events) > 3]
    for version in chance.sample(busy, count):
        T, K = lives.random_moment(chance, version), chance.choice([last, version.known_at])
        found = explain(warehouse, settings, version.ticket_id, T, K)
        rows = warehouse.rows(
            f"select * from {kinds.POSTINGS} where ticket_id = :ticket_id and {questions.STANDING}",
            {"ticket_id": version.ticket_id, "as_of": T, "as_known": K},
        )
        assert bool(found.state) == bool(rows)
        for one in found.clocks:
            (row,) = rows
            assert (one.verdict, one.due_at) == (row[f"{one.clock}_class"], row[f"{one.clock}_due_at"]), str(found)
            assert arrived(one) == one.due_at, str(found)
            assert one.clock != "close" or (one.provisional, one.due_source) == (row["provisional"], row["close_due_source"])
        assert str(found) and found.plain()


def arrived(one: Clock) -> datetime | None:
    """The due that the steps lead to, followed as a reader does."""
    due, changed = None, False
    for each in one.steps:
        if each.step in ("whose", "count"):
            due = each.due_at
        elif (each.step == "extension" and each.counts and "不影响结论" not in each.told) or (each.step == "reopening" and each.counts):
            due, changed = each.due_at, True
        elif (each.step == "pause_end" and each.due_at and not changed) or (each.step == "due" and one.clock == "reply"):
            due = each.due_at
    return due


def test_every_day_of_a_count_is_told_once(many: tuple[Warehouse, Settings, list[Version]]) -> None:
    warehouse, settings, versions = many
    for version in Random(5).sample(versions, 20):
        for one in explain(warehouse, settings, version.ticket_id, at("2027-06-01")).clocks:
            for each in one.steps:
                for before, after in zip(each.days, each.days[1:], strict=False):
                    assert (after.first - before.last).days == 1
                if each.step == "count" and each.days:
                    rule = warehouse.rows("select amount, unit from core.rule where rule_id = :id", {"id": one.rule_id})
                    seconds = {"working_day": 1, "working_hour": 3600}
                    assert not rule or sum(day.counted for day in each.days) == rule[0]["amount"] * seconds[rule[0]["unit"]]
