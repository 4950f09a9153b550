"""The county's year on the provincial platform: three valid petitions, some that left the population, some broken records."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from platforms.demo import vocabulary as words
from platforms.demo.chance import Chance
from platforms.demo.workdays import END_OF_DAY
from platforms.life import Fact, Life

OUTSIDE = (("not_accepted", date(2023, 3, 6)), ("duplicate", date(2023, 7, 12)), ("returned", date(2023, 9, 19)))
DEFECTS = (("unknown_action", date(2023, 4, 11)), ("no_registered", date(2023, 6, 20)), ("unreadable_time", date(2023, 8, 8)))
OFFICE = f"{words.COUNTY}信访局"


def provincial_year(chance: Chance) -> list[Life]:
    lives = [_old_record(chance), _accusation(chance), _open(chance)]
    lives += [_outside(chance, day, ending) for ending, day in OUTSIDE]
    for defect, day in DEFECTS:
        life = _answered(chance, _registered(chance, day))
        life.group, life.defect = "bad", defect
        lives.append(life)
    lives.sort(key=lambda life: life.received_at)
    for serial, life in enumerate(lives, 1):
        life.serial = serial
        life.number = f"{words.COUNTY_CODE}00{life.received_at:%Y%m%d}{serial * 113:06d}"
    return lives


def _registered(chance: Chance, day: date, **told: Any) -> Life:
    received = chance.office(day)
    topic, town, spot, person = chance.choice(words.TOPICS), chance.town(), chance.spot(), chance.person()
    title, content = chance.petition_text(topic, town, spot, person, "complaint")
    about = {
        "title": title,
        "content": chance.dirt(content),
        "channel": chance.choice(("letter", "visit", "online", "mobile", "phone")),
        "persons": chance.choice((1, 1, 1, 2, 5)),
        "name": person.name,
        "phone": person.phone,
        "id_number": person.id_number,
        "category": list(topic.category),
        "area": town,
        "unit": topic.unit,
        "answer": chance.answer_text(topic, person),
        "repeat": False,
        "anonymous": False,
        "public": True,
        "accusation": False,
        **told,
    }
    return Life(
        "provincial", received, about, facts=[Fact("dispatched", received + timedelta(hours=2), topic.unit, "转送有权处理机关", word="22")]
    )


def _accept(chance: Chance, life: Life) -> None:
    """Accepted within 15 days (信访工作条例 第二十三条), due 60 days later (第三十四条)."""
    at = chance.office(chance.day(life.received_at.date() + timedelta(days=2), life.received_at.date() + timedelta(days=9), working=True))
    life.facts.append(Fact("accepted", at, life.about["unit"], "予以受理"))
    life.due = datetime.combine(at.date() + timedelta(days=60), END_OF_DAY)


def _answered(chance: Chance, life: Life, *, limit: datetime | None = None) -> Life:
    if life.due is None:
        _accept(chance, life)
    assert life.due
    end = chance.finish(life.updated_at, limit or life.due)
    replied = chance.between(life.updated_at, end, 1)[0]
    life.facts.append(Fact("replied", replied, life.about["unit"], life.about["answer"]))
    life.facts.append(Fact("closed", end, life.about["unit"], "办结"))
    life.facts.append(Fact("rated", end + timedelta(days=3, minutes=chance.randrange(600)), OFFICE, value=chance.choice(("0", "0", "1"))))
    return life


def _old_record(chance: Chance) -> Life:
    """Without a list of steps, as records of the platform's first years: the events come from its columns."""
    return _answered(chance, _registered(chance, date(2023, 2, 14), no_steps=True, persons=1, repeat=True))


def _accusation(chance: Chance) -> Life:
    """Extended in time, supervised, answered, sent back once, answered again within the new due."""
    life = _registered(chance, date(2023, 5, 16), accusation=True, public=False)
    _accept(chance, life)
    assert life.due
    old = life.due
    asked = chance.office((old - timedelta(days=6)).date())
    life.facts.append(Fact("extended", asked, life.about["unit"], "情况复杂，延期三十日", old_due=old, new_due=old + timedelta(days=30)))
    life.facts.append(Fact("supervised", life.updated_at + timedelta(days=4), OFFICE, "实地督办"))
    _answered(chance, life, limit=old + timedelta(days=15))
    life.facts.pop()  # not rated before it is sent back
    again = life.updated_at + timedelta(days=5, minutes=13)
    due = datetime.combine(again.date() + timedelta(days=30), END_OF_DAY)
    life.facts.append(Fact("reopened", again, OFFICE, "答复不完整，重新办理", old_due=old + timedelta(days=30), new_due=due))
    return _answered(chance, life, limit=due - timedelta(days=2))


def _open(chance: Chance) -> Life:
    life = _registered(chance, date(2023, 12, 5), anonymous=True)
    _accept(chance, life)
    return life


def _outside(chance: Chance, day: date, ending: str) -> Life:
    life = _registered(chance, day)
    life.group = "outside"
    text = {"not_accepted": "依法应通过诉讼解决，不予受理", "duplicate": "与在办事项重复，并案处理", "returned": "不属于本单位职权范围"}[
        ending
    ]
    life.facts.append(
        Fact(ending, chance.office(chance.day(day + timedelta(days=2), day + timedelta(days=8), working=True)), life.about["unit"], text)
    )
    return life
