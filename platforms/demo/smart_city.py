"""The county's year on the smart-city platform: 246 cases up to 24 October, one of them pending then, and the weeks after."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from platforms.demo import vocabulary as words
from platforms.demo.chance import Chance, spread
from platforms.demo.workdays import CLOSE_OF_BUSINESS, working_day_due, working_hours_after
from platforms.life import Fact, Life

# Cases of each channel received up to 24 October, and after it.
UNTIL_OCTOBER = {"工地扬尘监控": 29, "惠民城管通": 17, "公众举报": 3, "市局巡查": 40, "县局巡查": 157}
AFTER_OCTOBER = {"工地扬尘监控": 6, "惠民城管通": 4, "市局巡查": 10, "县局巡查": 38}
SOURCE_TYPE = {"工地扬尘监控": "transfer", "惠民城管通": "register", "公众举报": "register", "市局巡查": "leader", "县局巡查": "collector"}
MONTHS = (18, 16, 22, 24, 25, 26, 27, 27, 29, 26, 26, 26)

LAST_SEEN = date(2023, 10, 24)
OPEN_AT_YEAR_END, CHECKED_AT_YEAR_END = 7, 2
OUTSIDE = {"returned": 4, "not_accepted": 3, "cancelled": 2, "deleted": 2}
DEFECTS = ("unknown_status", "unreadable_limit", "no_report_time", "unknown_operation")
TWISTS = {"plain": 70, "rework": 6, "extended": 7, "paused": 4, "brought_back": 4, "urged": 5, "supervised": 3, "forwarded": 4}


def smart_city_year(chance: Chance) -> list[Life]:
    until = [channel for channel, amount in UNTIL_OCTOBER.items() for _ in range(amount)]
    until.remove("县局巡查")
    chance.shuffle(until)
    # The last of them is received early enough to be closed by 24 October, whatever its limit.
    days = spread(chance, len(until), MONTHS, date(2023, 1, 1), date(2023, 10, 19))
    lives = [_closed(chance, day, channel, datetime(2023, 10, 24, 17)) for day, channel in zip(days, until, strict=True)]
    lives.append(_pending_in_october(chance))
    lives += _after_october(chance)
    for ending, amount in OUTSIDE.items():
        lives += [_outside(chance, day, ending) for day in spread(chance, amount, MONTHS, date(2023, 1, 1), date(2023, 12, 10))]
    lives.append(_outside(chance, date(2023, 6, 8), "not_accepted", channel="公众举报"))
    for defect, day in zip(DEFECTS, spread(chance, len(DEFECTS), MONTHS, date(2023, 1, 1), date(2023, 12, 10)), strict=True):
        life = _closed(chance, day, "县局巡查", datetime(2023, 12, 29, 17), twist="plain")
        life.group, life.defect = "bad", defect
        lives.append(life)
    lives.sort(key=lambda life: life.received_at)
    for serial, life in enumerate(lives, 1):
        life.serial = serial
        life.number = f"{words.COUNTY_CODE}{life.received_at:%Y%m%d}{serial * 7:05d}"
    return lives


def _after_october(chance: Chance) -> list[Life]:
    channels = [channel for channel, amount in AFTER_OCTOBER.items() for _ in range(amount)]
    chance.shuffle(channels)
    late, rest = channels[: OPEN_AT_YEAR_END + CHECKED_AT_YEAR_END], channels[OPEN_AT_YEAR_END + CHECKED_AT_YEAR_END :]
    days = spread(chance, len(rest), MONTHS, date(2023, 10, 25), date(2023, 12, 22))
    lives = [_closed(chance, day, channel, datetime(2023, 12, 29, 17)) for day, channel in zip(days, rest, strict=True)]
    for index, channel in enumerate(late):
        life = _registered(chance, chance.office(chance.day(date(2023, 12, 26), date(2023, 12, 28))), channel, limit=("natural_day", 10))
        if index < CHECKED_AT_YEAR_END:
            # Disposal done, check still to come: open, and already on time.
            _happen(chance, life, ("signed", "handled"), datetime(2023, 12, 30, 17))
        elif index % 2:
            _happen(chance, life, ("signed",), datetime(2023, 12, 30, 17))
        lives.append(life)
    return lives


def _registered(chance: Chance, received: datetime, channel: str, limit: tuple[str, int] | None = None) -> Life:
    """Reported, registered within two working hours (a few are not), sent to a squad the same day."""
    big, small, component, days, seen, done = chance.choice(
        [case for case in words.CASES if (case[1] == "工地扬尘") == (channel == "工地扬尘监控")]
    )
    town, spot, person = chance.town(), chance.spot(), chance.person()
    urgent = limit is None and chance.random() < 0.05
    limit = limit or (("urgent_hour", 24) if urgent else ("work_day", days) if chance.random() < 0.85 else ("work_hour", 16))
    tail = f"，举报人电话{person.phone}" if channel in ("公众举报", "惠民城管通") and chance.random() < 0.5 else ""
    unit = chance.choice(words.CASE_UNITS)
    about = {
        "channel": channel,
        "source_type": SOURCE_TYPE[channel],
        "kind": component,
        "category": [big, small],
        "content": chance.dirt(f"{town}{spot}{seen}{tail}。"),
        "answer": f"{done}，现场照片已上传。",
        "area": town,
        "community": chance.choice(words.COMMUNITIES),
        "address": f"{words.COUNTY}{town}{spot}",
        "name": person.name,
        "phone": person.phone,
        "longitude": round(115 + chance.random() / 4, 6),
        "latitude": round(23 + chance.random() / 4, 6),
        "unit": unit,
        "urgency": "urgent" if urgent else "normal",
        "limit": list(limit),
    }
    life = Life("smart_city", received, about)
    tardy = channel != "公众举报" and chance.random() < 0.03
    accepted = working_hours_after(received, 2.6 if tardy else chance.uniform(0.2, 1.6)).replace(microsecond=0)
    dispatched = working_hours_after(accepted, chance.uniform(0.1, 0.9)).replace(microsecond=0)
    life.facts = [Fact("accepted", accepted, "县数字城管中心", "立案"), Fact("dispatched", dispatched, unit, "派遣")]
    if chance.random() < 0.75 or limit[0] == "natural_day":
        life.due = _due(dispatched, *limit)
        life.about["deadline_told"] = True
    return life


def _due(start: datetime, unit: str, amount: int) -> datetime:
    if unit == "urgent_hour":
        return start + timedelta(hours=amount)
    if unit == "work_hour":
        return working_hours_after(start, amount)
    if unit == "natural_day":
        return datetime.combine(start.date() + timedelta(days=amount), CLOSE_OF_BUSINESS)
    return working_day_due(start, amount, CLOSE_OF_BUSINESS)


def _happen(chance: Chance, life: Life, steps: tuple[str, ...], end: datetime) -> None:
    for kind, at in zip(steps, chance.between(life.updated_at, end, len(steps)), strict=True):
        life.facts.append(Fact(kind, at, life.about["unit"], life.about["answer"] if kind == "handled" else None))


def _closed(chance: Chance, day: date, channel: str, latest: datetime, twist: str | None = None) -> Life:
    life = _registered(chance, chance.waking(day), channel)
    twist = twist or chance.weighted(TWISTS)
    told = life.due is not None
    start = life.updated_at
    due = life.due or _due(start, *life.about["limit"])
    if twist in ("extended", "paused") and (not told or working_day_due(due, 2) > latest):
        twist = "plain"  # only a due that the platform tells is moved by it, and the pause must end before the case has to be closed
    if twist == "extended":
        at = chance.between(start, due, 1)[0]
        new = working_day_due(due, 3, CLOSE_OF_BUSINESS)
        life.facts.append(Fact("extended", at, life.about["unit"], "同意延期", old_due=due, new_due=new))
        due = new
    elif twist == "paused":
        at = chance.between(start, due, 1)[0]
        until = working_day_due(at, 2, CLOSE_OF_BUSINESS)
        life.facts.append(Fact("suspended", at, life.about["unit"], "需协调权属单位，缓办", old_due=due, value=str(until)))
        due = working_day_due(due, 2, CLOSE_OF_BUSINESS)
        life.facts.append(Fact("resumed", until, life.about["unit"], new_due=due))
    elif twist == "brought_back":
        first, second = chance.between(start, start + (due - start) * 0.3, 2)
        life.facts[-1].unit = chance.choice([unit for unit in words.CASE_UNITS if unit != life.about["unit"]])
        life.facts.append(Fact("returned", first, life.facts[-1].unit, "非本中队辖区"))
        life.facts.append(Fact("dispatched", second, life.about["unit"], "重新派遣"))
    elif twist == "forwarded":
        _happen(chance, life, (chance.choice(("forwarded", "revoked")),), start + (due - start) * 0.2)
    limit = min(due, latest - timedelta(hours=4))
    handled = chance.finish(life.updated_at, limit)
    _happen(chance, life, ("signed", *((twist,) if twist in ("urged", "supervised") else ())), handled)
    life.facts.append(Fact("handled", handled, life.about["unit"], life.about["answer"]))
    if twist == "rework":
        again = chance.finish(handled, limit)
        back = handled + (again - handled) * 0.4
        life.facts.append(Fact("reopened", back.replace(microsecond=0), life.about["unit"], "核查未通过，返工"))
        life.facts.append(Fact("handled", again, life.about["unit"], life.about["answer"]))
    closed = min(life.updated_at + timedelta(hours=chance.uniform(0.5, 20)), latest - timedelta(minutes=chance.randrange(1, 90)))
    life.facts.append(Fact("closed", closed.replace(microsecond=0), "县数字城管中心", "结案"))
    if channel in ("公众举报", "惠民城管通"):
        life.facts.append(Fact("rated", life.updated_at, value=chance.choice(("1", "1", "1", "2"))))
    if twist == "plain" and chance.random() < 0.02:
        # A flow row that arrives after the case row was last touched.
        life.facts.append(Fact("urged", life.updated_at + timedelta(hours=30), "县数字城管中心", "补录催办记录"))
    return life


def _pending_in_october(chance: Chance) -> Life:
    life = _registered(chance, datetime(2023, 10, 23, 15, 20, 11), "县局巡查", limit=("natural_day", 7))
    _happen(chance, life, ("signed",), datetime(2023, 10, 24, 17))
    life.facts.append(Fact("handled", datetime(2023, 10, 26, 10, 31, 8), life.about["unit"], life.about["answer"]))
    life.facts.append(Fact("closed", datetime(2023, 10, 26, 16, 2, 40), "县数字城管中心", "结案"))
    return life


def _outside(chance: Chance, day: date, ending: str, channel: str = "县局巡查") -> Life:
    life = _registered(chance, chance.waking(day), channel)
    life.group = "outside"
    if ending == "returned":
        _happen(chance, life, ("returned",), life.updated_at + timedelta(hours=6))
        return life
    life.facts = []
    at = working_hours_after(life.received_at, chance.uniform(0.5, 3)).replace(microsecond=0)
    text = {"not_accepted": "不属于城管事项，不予立案", "cancelled": "误报，作废", "deleted": "重复录入，删除"}[ending]
    life.due, life.about["left_by"] = None, ending
    life.about.pop("deadline_told", None)
    life.facts.append(Fact("not_accepted", at, "县数字城管中心", text))
    return life
