"""The county's year on the 12345 hotline: 173 valid orders, 31 of them open and in time at the end of the year."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from itertools import pairwise

from platforms.demo import vocabulary as words
from platforms.demo.chance import Chance, spread
from platforms.demo.workdays import CLOSE_OF_BUSINESS, END_OF_DAY, working_day_due
from platforms.life import Fact, Life

# Working days that the county and the city give (the city's: 广东12345热线办法).
LIMITS = {"consult": (2, 2), "help": (8, 10), "suggestion": (8, 10), "complaint": (12, 15), "report": (12, 15), "praise": (12, 15)}
TYPES = {"complaint": 36, "help": 26, "consult": 16, "suggestion": 9, "report": 8, "praise": 3}
CHANNELS = {"phone": 52, "wechat": 20, "web": 12, "app": 10, "transfer": 6}
LETTER = {"phone": "", "wechat": "W", "web": "N", "app": "A", "transfer": "T"}
MONTHS = (9, 8, 12, 12, 13, 14, 15, 14, 13, 12, 12, 12)

CLOSED, OPEN = 142, 31
LAST_CLOSE = datetime(2023, 12, 29, 17, 30)
# How the closed ones that are not plain got there, and how many.
CLOSED_TWISTS = {
    "extended": 14,
    "reopened": 7,
    "brought_back": 8,
    "paused": 5,
    "urged": 9,
    "supervised": 5,
    "withdrawn": 4,
    "no_county_due": 5,
    "city_due_missed": 1,
}
OPEN_EXTENDED, OPEN_REOPENED, OPEN_PAUSED = 10, 2, 1
OUTSIDE = {"returned": 6, "not_accepted": 4, "duplicate": 4}
DEFECTS = ("unknown_action", "unknown_type", "no_created", "unreadable_time", "future_created")


def hotline_year(chance: Chance) -> list[Life]:
    first, last_closed = date(2023, 1, 2), date(2023, 12, 15)
    twists = [name for name, amount in CLOSED_TWISTS.items() for _ in range(amount)]
    twists += ["plain"] * (CLOSED - len(twists))
    chance.shuffle(twists)
    lives = [_closed(chance, day, twist) for day, twist in zip(spread(chance, CLOSED, MONTHS, first, last_closed), twists, strict=True)]
    lives += [_open_extended(chance) for _ in range(OPEN_EXTENDED)]
    lives += [_open_reopened(chance) for _ in range(OPEN_REOPENED)]
    lives += [_open_paused(chance) for _ in range(OPEN_PAUSED)]
    lives += [_open_late(chance) for _ in range(OPEN - OPEN_EXTENDED - OPEN_REOPENED - OPEN_PAUSED)]
    for ending, amount in OUTSIDE.items():
        lives += [_outside(chance, day, ending) for day in spread(chance, amount, MONTHS, first, date(2023, 12, 1))]
    for defect, day in zip(DEFECTS, spread(chance, len(DEFECTS), MONTHS, first, last_closed), strict=True):
        life = _closed(chance, day, "plain")
        life.group, life.defect = "bad", defect
        lives.append(life)
    return _numbered(lives)


# -- the lives -------------------------------------------------------------------------------------------------------------------


def _registered(chance: Chance, received: datetime, kind: str | None = None) -> Life:
    """An order as the hotline takes it: registered, accepted, sent to the county, sent on to the unit."""
    kind = kind or chance.weighted(TYPES)
    topic, town, spot, person = chance.choice(words.TOPICS), chance.town(), chance.spot(), chance.person()
    title, content = chance.petition_text(topic, town, spot, person, kind)
    county, city = LIMITS[kind]
    about = {
        "title": title,
        "content": chance.dirt(content),
        "type": kind,
        "channel": chance.weighted(CHANNELS),
        "urgency": chance.weighted({"normal": 88, "urgent": 9, "extra_urgent": 3}),
        "category": list(topic.category[: chance.choice((2, 3, 3))]),
        "area": town,
        "address": f"{words.COUNTY}{town}{spot}",
        "name": person.name,
        "phone": person.phone,
        "hidden": chance.random() < 0.07,
        "unit": topic.unit,
        "co_units": [f"{town}人民政府"] if chance.random() < 0.2 else [],
        "difficult": chance.random() < 0.04,
        "repeat": chance.random() < 0.08,
        "related": [],
        "answer": chance.answer_text(topic, person),
        "millis": chance.randrange(1000),
    }
    life = Life("hotline_12345", received, about)
    life.due = working_day_due(received, county, CLOSE_OF_BUSINESS)
    life.due_upper = working_day_due(received, city, END_OF_DAY)
    accepted = received + timedelta(minutes=chance.randrange(1, 12), seconds=chance.randrange(60))
    to_county = accepted + timedelta(minutes=chance.randrange(3, 50))
    to_unit = to_county + timedelta(minutes=chance.randrange(5, 90))
    life.facts = [
        Fact("accepted", accepted, "市12345热线"),
        Fact("dispatched", to_county, f"{words.COUNTY}12345分中心", word="派单"),
        Fact("dispatched", to_unit, topic.unit, word="转派"),
    ]
    return life


def _walk(chance: Chance, life: Life, steps: tuple[str, ...], end: datetime) -> None:
    """Let ``steps`` happen between the last fact and ``end``."""
    for kind, at in zip(steps, chance.between(life.updated_at, end, len(steps)), strict=True):
        life.facts.append(Fact(kind, at, life.about["unit"], _remark(chance, life, kind), word=_word(chance, kind)))


def _closed(chance: Chance, day: date, twist: str) -> Life:
    received = chance.waking(day)
    patient = ("complaint", "help", "report", "suggestion")
    life = _registered(chance, received, None if twist in ("plain", "urged") else chance.choice(patient))
    assert life.due
    if twist == "extended":
        _extend(chance, life)
    elif twist == "city_due_missed":
        life.about["upper_stays"] = True
        _extend(chance, life)
        assert life.due_upper
        _walk(chance, life, ("replied",), life.due_upper)
        _finish(chance, life, life.due_upper + timedelta(hours=12), closing_at=life.due_upper + timedelta(hours=10, minutes=17))
        return life
    elif twist == "brought_back":
        _bring_back(chance, life)
    elif twist == "paused":
        _walk(chance, life, ("signed", "first_reply", "suspended"), life.received_at + (life.due - life.received_at) * 0.5)
        _resume(chance, life)
    elif twist == "no_county_due":
        # The hotline's own limits by type then set the due (time-limits.csv): they are longer than the county's.
        life.about["no_county_due"] = True
    elif twist == "plain" and life.about["type"] == "consult" and chance.random() < 0.5:
        return _answered_on_the_phone(life)
    limit = min(_current_due(life), LAST_CLOSE)
    if twist == "reopened":
        _finish(chance, life, life.received_at + (limit - life.received_at) * 0.7)
        _reopen(chance, life, life.updated_at + timedelta(days=2))
        limit = min(_current_due(life), LAST_CLOSE)
    extra = {"urged": ("urged", "urged"), "supervised": ("supervised",)}.get(twist, ())
    _finish(chance, life, limit, extra, ending="withdrawn" if twist == "withdrawn" else "closed")
    return life


def _finish(
    chance: Chance, life: Life, limit: datetime, extra: tuple[str, ...] = (), ending: str = "closed", closing_at: datetime | None = None
) -> None:
    """The rest of an ordinary life, in time: signed, first contact, answer, close, rating."""
    end = closing_at or chance.finish(life.updated_at, limit)
    have = {fact.kind for fact in life.facts[-3:]}
    steps = tuple(kind for kind in ("signed", "first_reply") if kind not in have) + extra + ("replied",)
    if "replied" in have and ending == "closed" and not extra:
        steps = ()
    _walk(chance, life, steps, end)
    life.facts.append(Fact(ending, end, life.about["unit"], "诉求人申请撤单" if ending == "withdrawn" else "办结"))
    if ending == "withdrawn":
        return
    if chance.random() < 0.5:
        life.facts.append(Fact("archived", end + timedelta(hours=20, minutes=chance.randrange(200)), "市12345热线", "归档"))
    if chance.random() < 0.8:
        value = chance.weighted({"满意": 70, "基本满意": 16, "不满意": 6, "未评价": 8})
        life.facts.append(Fact("rated", end + timedelta(hours=30, minutes=chance.randrange(900)), "市12345热线", "电话回访", value=value))


def _answered_on_the_phone(life: Life) -> Life:
    at = life.facts[0].at + timedelta(minutes=8)
    life.about["unit"] = "市12345热线"
    life.facts = [
        life.facts[0],
        Fact("replied", at, "市12345热线", life.about["answer"], word="答复"),
        Fact("closed", at + timedelta(minutes=1), "市12345热线", "话务员直接答复办结"),
    ]
    return life


def _extend(chance: Chance, life: Life) -> None:
    """An extension asked for and approved before the due."""
    old = _current_due(life)
    at = chance.between(old - timedelta(days=4), old - timedelta(hours=3), 1)[0]
    _walk(chance, life, ("signed", "first_reply"), at)
    new = working_day_due(old, chance.randrange(5, 9), CLOSE_OF_BUSINESS)
    life.facts.append(Fact("extended", at, life.about["unit"], "情况复杂，申请延期，同意", old_due=old, new_due=new))


def _reopen(chance: Chance, life: Life, latest: datetime) -> None:
    """Sent back after the close, with a new due of its own; what follows the close is dropped."""
    closed = life.last("closed")
    assert closed
    old = _current_due(life)
    life.facts = [fact for fact in life.facts if fact.at <= closed.at]
    at = chance.between(closed.at + timedelta(hours=2), max(latest, closed.at + timedelta(hours=8)), 1)[0]
    new = max(old, working_day_due(at, 6, CLOSE_OF_BUSINESS))
    life.facts.append(Fact("reopened", at, life.about["unit"], "回访不满意，重新办理", old_due=old, new_due=new))
    life.facts.append(Fact("dispatched", at + timedelta(minutes=25), life.about["unit"], word="转派"))


def _bring_back(chance: Chance, life: Life) -> None:
    """Returned by the first unit and sent to another: back in the valid population."""
    assert life.due
    wrong = chance.choice([topic.unit for topic in words.TOPICS if topic.unit != life.about["unit"]])
    life.facts[-1].unit = wrong
    first, second = chance.between(life.updated_at, life.received_at + (life.due - life.received_at) * 0.35, 2)
    life.facts.append(Fact("returned", first, wrong, "不属于本单位职责，退单"))
    life.facts.append(Fact("dispatched", second, life.about["unit"], word="转派"))


def _resume(chance: Chance, life: Life) -> None:
    """The pause ends; the platform moves its own due by as much."""
    old, paused = _current_due(life), life.updated_at
    at = chance.between(paused + timedelta(days=1), paused + timedelta(days=6), 1)[0]
    life.facts.append(Fact("resumed", at, life.about["unit"], "恢复办理", new_due=old + (at.date() - paused.date())))


def _open_late(chance: Chance) -> Life:
    """Received so late in the year that its due lies in January."""
    while True:
        life = _registered(chance, chance.waking(chance.day(date(2023, 12, 14), date(2023, 12, 30))))
        if _current_due(life) >= datetime(2024, 1, 2) and life.about["type"] != "praise":
            break
    steps = ("signed", "first_reply", chance.choice(("urged", "replied")))
    _walk(chance, life, steps[: chance.randrange(4)], datetime(2023, 12, 31, 12))
    return life


def _open_extended(chance: Chance) -> Life:
    kind = chance.choice(("complaint", "help", "report"))
    life = _registered(chance, chance.waking(chance.day(date(2023, 11, 1), date(2023, 12, 1), working=True)), kind)
    _extend(chance, life)
    while _current_due(life) < datetime(2024, 1, 2):
        life.facts[-1].new_due = working_day_due(_current_due(life), 3, CLOSE_OF_BUSINESS)
    return life


def _open_reopened(chance: Chance) -> Life:
    life = _registered(chance, chance.waking(chance.day(date(2023, 11, 20), date(2023, 12, 4))), "complaint")
    assert life.due
    _finish(chance, life, life.due)
    closed = life.last("closed")
    assert closed
    _reopen(chance, life, max(closed.at + timedelta(hours=9), datetime(2023, 12, 26, 17)))
    again = life.last("reopened")
    assert again
    again.new_due = working_day_due(datetime(2023, 12, 29), chance.randrange(2, 5), CLOSE_OF_BUSINESS)
    return life


def _open_paused(chance: Chance) -> Life:
    life = _registered(chance, chance.waking(date(2023, 12, 15)), "complaint")
    _walk(chance, life, ("signed", "first_reply", "suspended"), datetime(2023, 12, 22, 17))
    return life


def _outside(chance: Chance, day: date, ending: str) -> Life:
    life = _registered(chance, chance.waking(day), "complaint")
    life.group = "outside"
    assert life.due
    if ending != "returned":
        life.facts = life.facts[: chance.choice((1, 2))]
    at = chance.between(life.updated_at, life.due, 1)[0]
    text = {"returned": "超出本单位职权范围，退单", "not_accepted": "无有效诉求", "duplicate": "与前单为同一事项，并单"}[ending]
    life.facts.append(Fact(ending, at, life.facts[-1].unit, text))
    return life


# -- small parts -----------------------------------------------------------------------------------------------------------------


def _current_due(life: Life) -> datetime:
    moved = [fact.new_due for fact in life.facts if fact.new_due]
    due = moved[-1] if moved else life.due
    assert due
    return due


def _word(chance: Chance, kind: str) -> str | None:
    return chance.choice(("答复", "答复", "反馈")) if kind == "replied" else None


def _remark(chance: Chance, life: Life, kind: str) -> str:
    plain: dict[str, Callable[[], str]] = {
        "replied": lambda: str(life.about["answer"]),
        "signed": lambda: "已签收",
        "first_reply": lambda: chance.choice(("已先行联系诉求人", f"已电话联系{life.about['name']}（{life.about['phone']}）了解情况")),
        "urged": lambda: "请加快办理",
        "supervised": lambda: "县督查室督办",
        "suspended": lambda: "需待第三方鉴定，挂起",
    }
    return plain.get(kind, lambda: "")()


def _numbered(lives: list[Life]) -> list[Life]:
    """Numbers in the order of registration; a repeat names the order before it. 20 digits, a letter before them for some channels."""
    lives.sort(key=lambda life: life.received_at)
    for serial, life in enumerate(lives, 1):
        life.serial = serial
        life.number = f"{LETTER[life.about['channel']]}{words.COUNTY_CODE}{life.received_at:%Y%m%d}{serial * 37:06d}"
    for before, life in pairwise(lives):
        if life.about["repeat"] or life.last("duplicate"):
            life.about["related"] = [before.number]
    return lives
