"""What platforms write, and what it is read as."""

from __future__ import annotations

import hashlib
import html
import json
import re
from collections.abc import Iterable
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from petitions import values as module
from petitions.connections import Connection
from petitions.model import BEIJING, Event
from petitions.normalise import Normalised, Normaliser, normalise
from petitions.record import CONTENT, FieldMap, Record
from petitions.settings import CHECKOUT, Settings, SettingsError
from petitions.sources.base import Ask, LaneStopped, Page, Source
from petitions.values import clean

EXPORT = datetime(2023, 10, 24, 23, 59, 59, tzinfo=BEIJING)
MAP: dict[str, Any] = {
    "required": ["no", "at"],
    "known": ["state", "steps", "steps.kind", "steps.when", "steps.office", "steps.note"],
    "fields": {
        "source_no": "no",
        "updated_at": "touched",
        "received_at": "at",
        "channel": "way",
        "ticket_type": "type",
        "category": ["top", "sub"],
        "title": "title",
        "content": "text",
        "petitioner": "name",
        "phone": "phone",
        "persons": "persons",
        "repeat": "again",
        "restricted": "hidden",
        "due_at": "due",
        "limit_amount": "amount",
        "limit_unit": "unit_of_time",
    },
    "codes": {
        "ticket_type": {"投诉": "complaint", "未知": ""},
        "limit_unit": {"work_day": "working_day"},
        "step": {"10": "accepted", "90": ""},
    },
}


class Small(Source):
    """A platform of two fields and a list."""

    name = "small"

    def pages(self, ask: Ask) -> Iterable[Page]:  # type: ignore[override]
        return iter(())

    def events(self, record: Record) -> Iterable[Event]:
        yield Event("received", record.time("at"))
        for row in record.rows("steps"):
            kind = row.code("step", "kind")
            if kind:
                yield Event(kind, row.time("when"), row.text("office"), note=row.text("note"))


def read(export_at: datetime | None = None, told: dict[str, Any] | None = None, **raw: Any) -> Normalised:
    good = {"no": "A1", "at": "2023-10-01 08:00:00", "touched": "2023-10-02 08:00:00"}
    source = Small(Connection("small", "http"), Settings(Path("/nowhere"), CHECKOUT / "config"))
    return normalise(source, good | raw, export_at=export_at, file="f.xlsx" if export_at else "", field_map=told or MAP, key=b"k" * 32)


def record(value: Any, export_at: datetime | None = None) -> Record:
    return Record({"f": value}, MAP, export_at=export_at)


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ("反映问题", "反映问题"),
        ("\ufeff反映问题", "反映问题"),
        ("\n\t\t\t\t\t\n\t\t\t\t\t反映问题\n\t\t", "反映问题"),
        ("第一行_x000D_\n第二行", "第一行\n第二行"),
        ("第一行_x000D_第二行", "第一行\n第二行"),
        ("<p>第一段</p><p>第二<b>段</b></p>", "第一段\n第二段"),
        ("一<br/>二<BR>三", "一\n二\n三"),
        ("<style>p {color: red}</style>正文<!-- 注 -->", "正文"),
        ("A&amp;B&nbsp;&nbsp;C&lt;3", "A&B C<3"),
        ("&amp;nbsp;二次转义&amp;nbsp;", "二次转义"),
        ("３月１２日　下午", "3月12日 下午"),
        ("收入<5000元>与5>3", "收入<5000元>与5>3"),
        ("a\x00b\u200bc\ud800d", "abcd"),
        ("\r\n一\r\n\r\n二\r\n", "一\n二"),
        (" \u3000\t\n", None),
        ("", None),
        ("<p>&nbsp;</p>", None),
    ],
)
def test_text(told: str, expected: str | None) -> None:
    assert clean(told) == expected


@given(st.text())
def test_cleaned_text_is_padded_by_nothing_and_can_be_stored(told: str) -> None:
    found = clean(told)
    assert found is None or (found == found.strip() and found and "\x00" not in found and found.encode("utf-8"))


NINE = datetime(2019, 1, 2, 9, 5, 3, tzinfo=BEIJING)
TIMES = [
    ("2019-01-02 09:05:03", NINE),
    ("2019/1/2 9:05:03", NINE),
    ("2019-01-02 09:05", NINE.replace(second=0)),
    ("2019/1/2 9:05", NINE.replace(second=0)),
    ("2019年1月2日 9时05分03秒", NINE),
    ("2019年1月2日9时5分", NINE.replace(second=0)),
    ("2019年01月02日09:05:03", NINE),
    ("2019年1月2日9点5分3秒", NINE),
    ("2019年1月2日 9时", NINE.replace(minute=0, second=0)),
    ("２０１９－０１－０２　０９：０５：０３", NINE),
    ("\n\t2019-01-02 09:05:03 ", NINE),
    ("2019-01-02", datetime(2019, 1, 2, tzinfo=BEIJING)),
    ("2019/1/2", datetime(2019, 1, 2, tzinfo=BEIJING)),
    ("2019-01-02T09:05:03+08:00", NINE),
    ("2019-01-02T01:05:03Z", NINE),
    ("2019-01-02T01:05:03.987Z", NINE),
    ("2019-01-02 09:05:03.987654", NINE),
    ("2019-01-01T20:05:03-0500", NINE),
    (datetime(2019, 1, 2, 9, 5, 3, 999999), NINE),
    (date(2019, 1, 2), datetime(2019, 1, 2, tzinfo=BEIJING)),
    (43467.378506944445, NINE),
    ("43467.3785069444", NINE),
    (43467, datetime(2019, 1, 2, tzinfo=BEIJING)),
    (1546391103000, NINE),
    (1546391103999, NINE),
    ("1546391103999", NINE),
]


@pytest.mark.parametrize(("told", "expected"), TIMES)
def test_time(told: Any, expected: datetime) -> None:
    one = record(told)
    assert (one.time("f"), one.faults) == (expected, [])
    assert str(one.time("f")).endswith("+08:00")


@given(st.datetimes(datetime(1992, 1, 1), datetime(2100, 1, 1)))
def test_a_time_is_the_same_in_every_form(told: datetime) -> None:
    whole = told.replace(microsecond=0)
    serial = (whole - datetime(1899, 12, 30)).total_seconds() / 86400
    forms: list[Any] = [
        str(whole),
        f"{whole.year}/{whole.month}/{whole.day} {whole.hour}:{whole:%M:%S}",
        whole.isoformat() + "+08:00",
        int(whole.replace(tzinfo=BEIJING).timestamp() * 1000),
        told,
        serial,
        repr(serial),
    ]
    assert {record(form).time("f") for form in forms} == {whole.replace(tzinfo=BEIJING)}


@pytest.mark.parametrize(
    "told",
    [
        "不详",
        "2023-13-01 00:00:00",
        "2023-02-30",
        "24:00",
        "0000-00-00 00:00:00",
        "2023-10-24 25:00:00",
        "2023-10-249:00",
        "2023年10月24日9",
        "2023-10-24 9:",
        20231024,
        1546391103,
        0.5,
        True,
        "12",
        -5,
    ],
)
def test_what_is_no_time_is_a_fault(told: Any) -> None:
    one = record(told)
    assert one.time("f") is None
    assert [rule for rule, _ in one.faults] == ["unreadable_time"]


@pytest.mark.parametrize("told", [None, "", "  ", "\n\t"])
def test_empty_is_no_fault(told: Any) -> None:
    one = record(told, EXPORT)
    assert (one.text("f"), one.time("f"), one.due("f"), one.code("ticket_type", "f"), one.number("f"), one.limit("f")) == (None,) * 6
    assert one.flag("f") is False
    assert (one.rows("f"), one.row("f"), one.faults) == ([], None, [])


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ("2023-10-24", "2023-10-24 23:59:59"),
        ("2023/10/24", "2023-10-24 23:59:59"),
        (datetime(2023, 10, 24), "2023-10-24 23:59:59"),  # a date cell
        (45223, "2023-10-24 23:59:59"),
        ("2023-10-24 00:00:00", "2023-10-24 00:00:00"),  # a time that is told stands
        ("2023-10-24 17:30:00", "2023-10-24 17:30:00"),
    ],
)
def test_a_due_of_a_date_alone_is_its_last_second(told: Any, expected: str) -> None:
    assert f"{record(told).due('f'):%Y-%m-%d %H:%M:%S}" == expected


@pytest.mark.parametrize(
    ("told", "in_file", "expected"),
    [
        ("441322202310240001", True, "441322202310240001"),
        (" 4413222023１０240001\t", True, "441322202310240001"),
        ("XF2023E001", True, "XF2023E001"),
        (188006, True, "188006"),
        (188006.0, True, "188006"),
        (999999999999999, True, "999999999999999"),
        (10**15, True, None),
        (441322202310240001, True, None),
        (4.4132220231024e17, True, None),
        (12.5, True, None),
        ("4.41322E+17", True, None),
        ("4E+17", True, None),
        ("4.41322e17", True, None),
        ("４．４１３２２Ｅ＋１７", True, None),
        (441322202310240001, False, "441322202310240001"),  # JSON keeps whole numbers exactly
    ],
)
def test_ticket_number(told: Any, in_file: bool, expected: str | None) -> None:
    one = record(told, EXPORT if in_file else None)
    assert one.number("f") == expected
    assert [rule for rule, _ in one.faults] == ([] if expected else ["lost_digits"])


@pytest.mark.parametrize(
    ("told", "expected"), [("投诉", "complaint"), (" 投诉\n", "complaint"), ("未知", None), ("其他", "fault"), (7, "fault")]
)
def test_code(told: Any, expected: str | None) -> None:
    one = record(told)
    assert one.code("ticket_type", "f") == (None if expected == "fault" else expected)
    assert [rule for rule, _ in one.faults] == (["unknown_code"] if expected == "fault" else [])


def test_a_code_may_come_as_a_number() -> None:
    assert [record(told).code("step", "f") for told in (10, 10.0, "10", "１０")] == ["accepted"] * 4


def test_a_missing_code_table_is_our_error() -> None:
    with pytest.raises(LaneStopped, match=r"\[codes.nothing\]"):
        record("x").code("nothing", "f")


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (0, False),
        (1, True),
        ("0", False),
        ("1", True),
        (True, True),
        ("false", False),
        ("TRUE", True),
        ("是", True),
        ("否", False),
        (2, None),
        ("也许", None),
    ],
)
def test_flag(told: Any, expected: bool | None) -> None:
    one = record(told)
    assert one.flag("f") is bool(expected)
    assert [rule for rule, _ in one.faults] == ([] if expected is not None else ["unknown_code"])


def test_a_fault_names_a_rule() -> None:
    with pytest.raises(ValueError, match="missing_field"):
        record("x").fault("bad", "f")


def test_a_ticket() -> None:
    found = read(
        way="网页",
        type="投诉",
        top="城建",
        sub=" 道路 ",
        name="李小明",
        phone="13800000001",
        persons="3人",
        again="是",
        due="2023-10-30",
        title="李小明来信",
        text="我电话是13800000001",
        steps=[{"kind": 10, "when": "2023-10-01 09:00:00", "note": "已联系李小明"}, {"kind": "90", "when": ""}],
    )
    ticket = found.ticket
    assert ticket is not None
    assert (found.faults, found.unknown, found.out_of_order) == ([], set(), False)
    assert (ticket.ticket_id, ticket.channel, ticket.ticket_type, ticket.category) == ("small:A1", "网页", "complaint", "城建/道路")
    assert (ticket.persons, ticket.repeat, ticket.restricted) == (3, True, False)
    assert f"{ticket.due_at:%F %T}" == "2023-10-30 23:59:59"
    assert (ticket.petitioner, ticket.phone, ticket.title, ticket.content) == ("李**", "138****0001", "李**来信", "我电话是138****0001")
    assert [(event.event_type, event.note) for event in ticket.events] == [("received", None), ("accepted", "已联系李**")]


def test_numbers_of_persons_in_the_names_of_units_and_categories_are_masked() -> None:
    steps = [{"kind": 10, "when": "2023-10-01", "office": "城管局13800000001"}]
    found = read(way="网页（13800000001）", top="城建0752-6123456", sub="道路", steps=steps)
    ticket = found.ticket
    assert ticket is not None
    assert (ticket.channel, ticket.category) == ("网页（138****0001）", "城建0752****56/道路")
    assert [event.unit for event in ticket.events] == [None, "城管局138****0001"]


@pytest.mark.parametrize(
    ("name", "unit", "masked"),
    [
        ("李小明", "县住建局（李小明反映）", "县住建局（李**反映）"),
        ("王五、欧阳小明", "欧阳小明专班", "欧阳**专班"),
        ("李 四", "李四专班", "李**专班"),
        # what is no person keeps its name: the unit would be torn in two
        ("平山街道", "平山街道办事处", "平山街道办事处"),
        ("惠东", "惠东县住建局", "惠东县住建局"),
        ("高新区", "高新区管委会", "高新区管委会"),
        ("匿名", "匿名来信办", "匿名来信办"),
    ],
)
def test_the_petitioner_is_masked_in_the_names_of_units(name: str, unit: str, masked: str) -> None:
    told = MAP | {"fields": MAP["fields"] | {"unit": "desk"}}
    steps = [{"kind": 10, "when": "2023-10-01", "office": office} for office in (unit, "城管局")]
    ticket = read(told=told, name=name, desk=unit, steps=steps).ticket
    assert ticket is not None
    assert ticket.unit == masked
    assert [event.unit for event in ticket.events] == [None, masked, "城管局"]


@pytest.mark.parametrize(
    ("raw", "rules"),
    [
        ({"no": ""}, ["missing_field"]),
        ({"at": None}, ["missing_field"]),
        ({"touched": ""}, ["missing_field"]),
        ({"at": "昨天"}, ["unreadable_time", "unreadable_time"]),
        ({"type": "怪"}, ["unknown_code"]),
        ({"steps": [{"kind": "11", "when": "2023-10-01 09:00:00"}]}, ["unknown_code"]),
        ({"steps": [{"kind": "10", "when": ""}]}, ["missing_field"]),
        ({"steps": "oops"}, ["missing_field"]),
        ({"due": "尽快"}, ["unreadable_time"]),
        ({"amount": "尽快"}, ["unreadable_limit"]),
        ({"amount": "0", "unit_of_time": "work_day"}, ["unreadable_limit"]),
        ({"amount": 5}, ["unreadable_limit"]),
        ({"amount": 999999, "unit_of_time": "work_day"}, ["unreadable_limit"]),
        ({"amount": 5, "due": "2023-10-30"}, []),
        ({"type": "怪", "no": ""}, ["missing_field", "unknown_code"]),
    ],
)
def test_faults_are_collected(raw: dict[str, Any], rules: list[str]) -> None:
    found = read(**raw)
    assert [rule for rule, _ in found.faults] == rules
    assert (found.ticket is None) == bool(rules)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ({"amount": 5, "unit_of_time": "work_day"}, (5, "working_day")),
        ({"amount": "5.0", "unit_of_time": "work_day"}, (5, "working_day")),
        ({"amount": "2紧急工作时"}, (2, "hour")),
        ({"amount": " 5工作日"}, (5, "working_day")),
        ({"unit_of_time": "work_day"}, (None, None)),
    ],
)
def test_limit(raw: dict[str, Any], expected: tuple[int | None, str | None]) -> None:
    ticket = read(**raw).ticket
    assert ticket is not None
    assert (ticket.limit_amount, ticket.limit_unit) == expected


@pytest.mark.parametrize(("told", "due", "amount"), [("2023-10-30", "2023-10-30 23:59:59", None), ("5个工作日", "None", 5)])
def test_a_field_may_hold_a_due_or_a_limit(told: str, due: str, amount: int | None) -> None:
    fields = {name: field for name, field in MAP["fields"].items() if not name.startswith(("due", "limit"))} | {"due_or_limit": "due"}
    ticket = read(told=MAP | {"fields": fields}, due=told).ticket
    assert ticket is not None
    assert (str(ticket.due_at)[:19], ticket.limit_amount) == (due, amount)


def test_a_list_of_category_levels_is_joined() -> None:
    told = MAP | {"fields": MAP["fields"] | {"category": "levels"}}
    assert [read(told=told, levels=levels).ticket.category for levels in (["a", " b ", None], [], "a / b")] == ["a/b", None, "a/b"]  # type: ignore[union-attr]


def test_content_is_what_was_told_not_when_it_was_touched() -> None:
    first = read(title="题目")
    same = [read(title=" 题目\n", touched="2023-11-01 00:00:00"), read(title="<p>题目</p>", extra=1)]
    other = [
        read(title="题目", type="投诉"),
        read(title="题目", steps=[{"kind": 10, "when": "2023-10-01 09:00:00"}]),
        read(title="题目", phone="1"),
    ]
    assert {one.content_id for one in same} == {first.content_id}
    assert first.content_id not in {one.content_id for one in other}
    assert len(first.content_id or "") == 32


def test_a_record_of_a_file_is_dated_by_the_file() -> None:
    found = read(export_at=EXPORT, steps=[{"kind": 10, "when": None}])
    assert (found.updated_at, found.update_key, found.export_at) == (EXPORT, "f.xlsx", EXPORT)
    assert found.ticket is not None
    assert found.ticket.events[1].occurred_at is None


def test_an_event_before_registration_is_flagged() -> None:
    found = read(steps=[{"kind": 10, "when": "2023-09-30 09:00:00"}])
    assert (found.out_of_order, found.faults) == (True, [])


def test_a_bad_record_keeps_its_id_when_only_touched() -> None:
    one, touched, other = read(type="怪"), read(type="怪", touched="2023-12-01 00:00:00"), read(type="怪!")
    assert one.record_id == touched.record_id != other.record_id


def test_unknown_fields_are_named_also_nested_ones() -> None:
    assert read(new=1, steps=[{"kind": "90", "when": None, "who": "x"}]).unknown == {"new", "steps.who"}


def test_a_map_is_refused_by_name() -> None:
    with pytest.raises(SettingsError, match="unknown attribute colour"):
        FieldMap("small", {"fields": {"colour": "f"}})


def test_a_source_must_tell_one_registration() -> None:
    class Silent(Small):
        def events(self, record: Record) -> Iterable[Event]:
            return ()

    source = Silent(Connection("small", "http"), Settings(Path("/nowhere"), CHECKOUT / "config"))
    with pytest.raises(LaneStopped, match="one event received"):
        Normaliser(source, MAP, b"k" * 32)({"no": "A1", "at": "2023-10-01 08:00:00", "touched": "2023-10-02 08:00:00"})


# --- the quick ways give what the careful ones give ---------------------------------------------------------------------------

_AWKWARD = st.text(
    st.sampled_from(" \n\t\r\x00\x0b\x1f\x7f\x85\xa0\xad\u2003\u200b\u2028\u3000\ufeff\ufffe\ud800\U0010ffff０９5aX<>&_x;-路")
    | st.characters()
)


_TEXTS = _AWKWARD | st.sampled_from(["_x000D_", "a_x0041_", "&amp;lt;", "<br>", " a", "a ", "a  b", "a b", "<b", "a&b"])


@given(
    st.datetimes(datetime(1900, 1, 1), datetime(3001, 1, 1)).map(lambda at: f"{at:%Y-%m-%d %H:%M:%S}".rjust(19, "0"))
    | st.from_regex(r"[0-9]{4}-[0-9T:+-]{5} [0-9]{2}:[0-9:.,+-]{5}", fullmatch=True)
    | st.sampled_from(["2023-10-01 08:00:60", "2023-10-01 08:00Z+0", "2023-10-01 24:00:00", "２023-10-01 08:00:00", "2023-W01-1 08:00:00"])
)
def test_a_plain_time_is_stamped_as_it_is_read(text: str) -> None:
    found = module.plain_stamp(text)
    if found is not None:
        assert module.stamp(module.read_time(text)[0]) == found > 0
        assert module.read_time(text)[1] is False
    elif re.fullmatch(r"(199[2-9]|2\d{3})-\d\d-\d\d \d\d:\d\d:\d\d", text, re.ASCII):
        with pytest.raises(ValueError):
            datetime.fromisoformat(text)


@given(_TEXTS)
def test_a_text_is_cleaned_as_step_by_step(text: str) -> None:
    assert clean(text) == (_step_by_step(text) or None)
    assert Record({"f": text}, MAP).text("f") == clean(text)


@given(st.lists(st.none() | _TEXTS))
def test_many_texts_are_cleaned_like_each(texts: list[str | None]) -> None:
    assert module.cleaned(texts) == [None if text is None else clean(text) for text in texts]


def _step_by_step(text: str) -> str:
    text = module._ESCAPED.sub(lambda found: chr(int(found[1], 16)), text)
    for _ in range(3):
        text = html.unescape(text)
    text = module._TAG.sub("", module._BREAK.sub("\n", module._UNSEEN.sub("", text)))
    text = re.sub(r"\r\n?|[\x0b\x0c\x85\u2028\u2029]", "\n", module._INVISIBLE.sub("", text))
    text = text.translate(str.maketrans("０１２３４５６７８９", "0123456789"))
    text = re.sub(r"[ \t\xa0\u1680\u2000-\u200a\u202f\u205f\u3000]+", " ", text)
    return re.sub(r" ?\n[ \n]*", "\n", text).strip()


@given(st.datetimes(datetime(1900, 1, 2), datetime(2999, 12, 31)))
def test_the_usual_forms_of_a_time_are_read_as_the_unusual_ones(at: datetime) -> None:
    expected = at.replace(microsecond=0, tzinfo=BEIJING, fold=0)
    assert record(f"{expected:%Y-%m-%d %H:%M:%S}").time("f") == record(f"{expected:%Y/%m/%d %H:%M:%S}").time("f") == expected
    assert module.stamp(expected) == int(expected.timestamp())


@given(st.integers(10**11, 10**13 - 1))
def test_epoch_milliseconds_are_cut_to_seconds(millis: int) -> None:
    at = record(millis).time("f")
    assert at is not None and at.utcoffset() == at.astimezone(BEIJING).utcoffset()
    assert module.stamp(at) == int(at.timestamp()) == millis // 1000


_MOMENT = st.none() | st.datetimes(datetime(1950, 1, 1), datetime(2100, 1, 1), timezones=st.just(BEIJING)).map(
    lambda at: at.replace(microsecond=0)
)
_WORDS = st.none() | st.text(st.characters(exclude_categories=["Cs"])).map(clean)


_RAW = st.fixed_dictionaries(
    {
        "title": _WORDS,
        "text": _WORDS,
        "name": st.sampled_from([None, "李小明", "匿名"]),
        "phone": st.sampled_from([None, "13800000001"]),
        "persons": st.none() | st.integers(0, 99),
        "again": st.booleans(),
        "due": _MOMENT,
        "steps": st.lists(st.fixed_dictionaries({"kind": st.just("10"), "when": _MOMENT.filter(bool), "note": _WORDS}), max_size=3),
    }
)


@given(_RAW)
def test_a_content_is_named_by_its_canonical_json(raw: dict[str, Any]) -> None:
    """Names outlive versions of the program: what is loaded today must be known again tomorrow."""

    def stamp(at: datetime | None) -> int | None:
        return None if at is None else int(at.timestamp())

    found = read(**raw)
    ticket = found.ticket
    assert ticket is not None
    told: dict[str, Any] = {name: getattr(ticket, name) for name in CONTENT}
    told |= {name: stamp(told[name]) for name in ("received_at", "due_at", "due_upper_at")}
    told = {name: value for name, value in told.items() if value is not None and value is not False}
    told["events"] = [
        [one.event_type, stamp(one.occurred_at), one.unit, stamp(one.old_due), stamp(one.new_due), one.satisfaction, one.note]
        for one in ticket.events
    ]
    text = json.dumps(told, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    assert found.content_id == hashlib.sha256(text.encode()).hexdigest()[:32]
