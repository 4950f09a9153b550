"""Seeded draws: days, office moments, people, texts. The same seed gives the same year on every machine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from random import Random
from typing import TypeVar

from platforms.demo import vocabulary as words
from platforms.demo.workdays import into_office, is_workday

T = TypeVar("T")
_ID_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


@dataclass(frozen=True)
class Person:
    name: str
    phone: str
    id_number: str


class Chance(Random):
    """``random.Random`` with the draws that a made-up petition office needs."""

    def day(self, first: date, last: date, *, working: bool = False) -> date:
        days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
        return self.choice([day for day in days if is_workday(day)] if working else days)

    def waking(self, day: date) -> datetime:
        """When people write or call: 07:00 to 22:00."""
        return datetime.combine(day, time(7)) + timedelta(seconds=self.randrange(15 * 3600))

    def office(self, day: date) -> datetime:
        begin = self.choice((time(8, 5), time(14, 5)))
        return datetime.combine(day, begin) + timedelta(seconds=self.randrange(3 * 3600 + 2400))

    def between(self, start: datetime, end: datetime, amount: int) -> list[datetime]:
        """``amount`` rising moments strictly inside (start, end), in office hours where there is room for it."""
        found: list[datetime] = []
        last = start
        for share in sorted(self.uniform(0.03, 0.97) for _ in range(amount)):
            moment = into_office(start + (end - start) * share)
            if not last < moment < end:
                moment = last + (end - last) * self.uniform(0.2, 0.5)
            last = moment.replace(microsecond=0)
            found.append(last)
        return found

    def finish(self, start: datetime, limit: datetime) -> datetime:
        """When something due at ``limit`` gets done: in good time, in office hours if possible, never after it."""
        moment = into_office(start + (limit - start) * self.uniform(0.35, 0.85))
        if moment >= limit:
            moment = start + (limit - start) * 0.8
        return moment.replace(microsecond=0)

    def weighted(self, table: dict[T, int]) -> T:
        return self.choices(list(table), weights=list(table.values()))[0]

    def town(self) -> str:
        return self.choices(words.TOWNS, weights=words.TOWN_WEIGHTS)[0]

    def spot(self) -> str:
        return f"{self.choice(words.ROADS)}{self.randrange(1, 200)}号{self.choice(words.PLACES)}"

    def person(self) -> Person:
        """A name, a phone of the made-up block 1380000…, an id number of a county code that does not exist (with its check digit)."""
        born = date(1950, 1, 1) + timedelta(days=self.randrange(18000))
        body = f"{words.COUNTY_CODE}{born:%Y%m%d}{self.randrange(1, 999):03d}"
        check = "10X98765432"[sum(int(digit) * weight for digit, weight in zip(body, _ID_WEIGHTS, strict=True)) % 11]
        return Person(self.choice(words.SURNAMES) + self.choice(words.GIVEN), f"1380000{self.randrange(10000):04d}", body + check)

    def petition_text(self, topic: words.Topic, town: str, spot: str, person: Person, kind: str) -> tuple[str, str]:
        """Title and text; some texts carry personal data, some the dirt of web forms."""
        if kind == "consult":
            title, body = f"咨询{topic.question}", f"您好，我是{town}居民，想咨询{topic.question}，请告知办理流程。"
        elif kind == "suggestion":
            title, body = f"关于{town}{topic.category[1]}工作的建议", f"{town}{spot}{topic.problem}，建议相关部门建立长效机制。"
        elif kind == "praise":
            title, body = f"表扬{topic.unit}工作人员", f"{topic.unit}工作人员热情负责，很快解决了{town}{spot}的问题，特此表扬。"
        else:
            title, body = f"反映{town}{topic.problem}", f"{town}{spot}{topic.problem}，严重影响群众，请尽快处理。"
        return title, body + self._personal_tail(person)

    def answer_text(self, topic: words.Topic, person: Person) -> str:
        tail = self.choice(
            ("", "", "", f"如有疑问请致电0752-555{self.randrange(10000):04d}。", f"经办人已拨打{person.phone}告知办理结果。")
        )
        return f"您好，您反映的问题{topic.unit}已核查，{topic.answer}。{tail}感谢您的关注与支持！"

    def dirt(self, text: str) -> str:
        """The same text as web forms and spreadsheets leave it."""
        form = self.randrange(8)
        if form == 0:
            return f"\n\t\t\t\t\t{text}\n\t\t\t\t"
        if form == 1:
            return f"<p>{text}&nbsp;</p>"
        if form == 2:
            return text.replace("。", "。_x000D_\n", 1)
        if form == 3:
            return text.translate(str.maketrans("0123456789", "０１２３４５６７８９"))
        return text

    def _personal_tail(self, person: Person) -> str:
        form = self.randrange(9)
        if form == 0:
            return f"联系电话{person.phone}。"
        if form == 1:
            return f"本人{person.name}，身份证号{person.id_number}，手机{person.phone}。"
        if form == 2:
            return f"请回电0752-555{self.randrange(10000):04d}或发邮件至petitioner{self.randrange(100)}@example.com。"
        return ""


def spread(chance: Chance, total: int, months: Sequence[int], first: date, last: date) -> list[date]:
    """``total`` days between ``first`` and ``last``, month by month in the proportion of ``months`` (January first), in order."""
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    return sorted(chance.choices(days, weights=[months[day.month - 1] for day in days], k=total))
