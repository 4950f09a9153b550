"""The county's year on the message board: 18 valid messages, 3 of them open, and rows that no one can read."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from platforms.demo import vocabulary as words
from platforms.demo.chance import Chance, spread
from platforms.demo.workdays import END_OF_DAY, working_day_due
from platforms.life import Fact, Life

MONTHS = (1, 1, 2, 1, 2, 2, 2, 2, 1, 2, 1, 1)
CLOSED, OPEN = 15, 3
OUTSIDE = ("not_accepted", "deleted", "returned", "duplicate")
DEFECTS = ("lost_digits", "no_number", "unreadable_time", "twice", "unknown_status")
RULE_WORKDAYS = 15  # time-limits.csv: online_politics
KINDS = {"complaint": 8, "help": 5, "consult": 4, "suggestion": 3}
RECEIPTS = (
    "您好！您的留言已收悉，现已转交{unit}调查处理。感谢您的留言！",
    "尊敬的网友：您好，您反映的问题已收悉。",
)


def online_politics_year(chance: Chance) -> list[Life]:
    first, last = date(2023, 1, 4), date(2023, 12, 8)
    lives = [_closed(chance, day, index) for index, day in enumerate(spread(chance, CLOSED, MONTHS, first, last))]
    lives += [_open(chance, date(2023, 12, day), receipt) for day, receipt in ((12, None), (18, RECEIPTS[0]), (26, RECEIPTS[1]))]
    lives += [_outside(chance, day, ending) for day, ending in zip(spread(chance, 4, MONTHS, first, last), OUTSIDE, strict=True)]
    for day, defect in zip(spread(chance, len(DEFECTS), MONTHS, first, date(2023, 10, 10)), DEFECTS, strict=True):
        life = _closed(chance, day, 0)
        life.group, life.defect = "bad", defect
        # The number lost its digits, and times are true cells, only in a spreadsheet.
        life.about["file"] = "xlsx" if defect in ("lost_digits", "unreadable_time") else "csv"
        lives.append(life)
    lives.sort(key=lambda life: life.received_at)
    for serial, life in enumerate(lives, 1):
        life.serial = serial
        life.about.setdefault("file", "xlsx" if serial % 2 else "csv")
        life.number = f"{'LY' if serial % 7 == 0 else '90'}{life.received_at:%Y%m%d}{serial * 1009:08d}"
    return lives


def _posted(chance: Chance, day: date) -> Life:
    received = chance.waking(day)
    kind = chance.weighted(KINDS)
    topic, town, spot, person = chance.choice(words.TOPICS), chance.town(), chance.spot(), chance.person()
    title, content = chance.petition_text(topic, town, spot, person, kind)
    about = {
        "title": title,
        "content": chance.dirt(content),
        "type": kind,
        "category": [chance.choice(words.BOARD_FIELDS)],
        "name": person.name,
        "phone": person.phone,
        "unit": topic.unit,
        "answer": chance.answer_text(topic, person),
    }
    life = Life("online_politics", received, about)
    if chance.random() < 0.5:
        life.due = datetime.combine(working_day_due(received, 12).date(), END_OF_DAY)
    life.facts.append(Fact("dispatched", chance.between(received, received + timedelta(days=2), 1)[0], topic.unit))
    return life


def _closed(chance: Chance, day: date, index: int) -> Life:
    """Answered, then closed; every third row tells no closing time, one was withdrawn after the answer."""
    life = _posted(chance, day)
    end = chance.finish(life.updated_at, life.due or working_day_due(life.received_at, RULE_WORKDAYS))
    replied = end if index % 3 == 1 else chance.between(life.updated_at, end, 1)[0]
    life.facts.append(Fact("replied", replied, life.about["unit"], life.about["answer"]))
    life.facts.append(Fact("withdrawn" if index == 6 else "closed", end, life.about["unit"]))
    life.about["same_instant"] = replied == end
    if index != 6:
        life.facts.append(Fact("rated", end, value=chance.choice(("满意", "满意", "基本满意", "未评价"))))
    return life


def _open(chance: Chance, day: date, receipt: str | None) -> Life:
    life = _posted(chance, day)
    life.due = None if receipt is None else working_day_due(life.received_at, 18)
    if receipt:
        at = chance.between(life.updated_at, life.updated_at + timedelta(days=2), 1)[0]
        life.facts.append(Fact("first_reply", at, life.about["unit"], receipt.format(unit=life.about["unit"])))
    return life


def _outside(chance: Chance, day: date, ending: str) -> Life:
    life = _posted(chance, day)
    life.group = "outside"
    at = chance.between(life.updated_at, life.updated_at + timedelta(days=4), 1)[0]
    life.facts.append(Fact("not_accepted" if ending == "deleted" else ending, at, life.about["unit"], value=ending))
    # Two of them tell no time for it: it then counts from the export date of the file.
    life.about["untimed"] = ending in ("deleted", "duplicate")
    return life
