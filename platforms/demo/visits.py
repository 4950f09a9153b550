"""The county's year at the reception desk: 40 visits, every one received."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from platforms.demo import vocabulary as words
from platforms.demo.chance import Chance, spread
from platforms.life import Fact, Life

VISITS = 40
MONTHS = (3, 2, 3, 3, 4, 4, 3, 3, 4, 4, 3, 3)
DEFECTS = ("no_number", "unreadable_time")


def visit_year(chance: Chance) -> list[Life]:
    days = spread(chance, VISITS + len(DEFECTS), MONTHS, date(2023, 1, 3), date(2023, 12, 28))
    lives = [_visit(chance, chance.office(chance.day(day, day + timedelta(days=4)) if day.day < 3 else day)) for day in days]
    for defect, life in zip(DEFECTS, (lives[7], lives[19]), strict=True):
        life.group, life.defect = "bad", defect
    lives.sort(key=lambda life: life.received_at)
    for serial, life in enumerate(lives, 1):
        life.serial = serial
        life.number = f"LF{life.received_at:%Y%m%d}{serial * 3:06d}"
    return lives


def _visit(chance: Chance, arrived: datetime) -> Life:
    topic, town, person = chance.choice(words.TOPICS), chance.town(), chance.person()
    about = {
        "persons": chance.choice((1, 1, 1, 2, 3, 6)),
        "name": person.name,
        "content": f"{town}{topic.problem}" + (f"，电话{person.phone}" if chance.random() < 0.2 else ""),
        "officer": chance.choice(words.OFFICERS),
        "related": "",
    }
    life = Life("visits", arrived, about)
    life.facts.append(Fact("received", arrived + timedelta(minutes=chance.randrange(3, 60))))
    return life
