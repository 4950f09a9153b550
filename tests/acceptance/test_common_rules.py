"""sources.md, common rules, night after night at the province and the hotline: windows, look-ups, versions, quarantine, and faults."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import partial
from typing import Any

import pytest

from tests.acceptance.platforms import HTML, Desk, Fault, Hotline, Province, Row, always, millis, reconciled, served
from tests.acceptance.test_hotline import did as hotline_did
from tests.acceptance.test_hotline import item
from tests.acceptance.test_provincial import did, petition
from tests.nightly.office import Ended, Office, Started
from tests.sources.loopback import Asked, Loopback, Reply

NOVEMBER = ("2023-11-01", "2023-11-30")
LANES = ("provincial", "hotline_12345")
SECRETS = ("王小二", "13712345678", "441322198805054321", "0752-6543210", "wang@example.com")


# --- three nights ----------------------------------------------------------------------------------------------------------


@dataclass
class World:
    """The same tickets at both platforms, by name; a ticket that is taken away is no longer answered."""

    province: Province = field(default_factory=Province)
    hotline: Hotline = field(default_factory=Hotline)

    def put(self, name: str, updated: str, *, closed: str | None = None, broken: bool = False, padding: str = "") -> None:
        self.take_away(name)
        blfs = [did("10", "2023-11-01 09:00:00"), *([did("60", closed)] if closed else []), *([did("99", "02")] if broken else [])]
        person = {"xm": SECRETS[0], "lxdh": SECRETS[1], "zjhm": SECRETS[2]}
        fields = {"zrdwmc": "省" + name, "tsnr": f"{padding}内容{padding}", "blfs": blfs, "lastmodifytime": f"2023-11-{updated}"}
        self.province.rows.append(petition("P" + name, **person, **fields))
        flow = [*([_millis(1, "办结", closed)] if closed else []), *([_millis(2, "转圈", "2023-11-02 09:00:00")] if broken else [])]
        told = {"leadUnit": "热" + name, "content": f"{padding}内容{padding}", "flow": flow, "updatedAt": millis(f"2023-11-{updated}")}
        self.hotline.rows.append(item("H" + name, contactName=SECRETS[0], contactPhone=SECRETS[1], **told))

    def looked_up(self) -> dict[str, set[str]]:
        """The names asked for by number since this was last asked."""
        province = {name[1:] for data in self.province.questions for name in data.get("xfjbhList", [])}
        hotline = {name[1:] for query in self.hotline.questions for name in query.get("orderNos", "").split(",") if name}
        self.province.questions.clear()
        self.hotline.questions.clear()
        return {"provincial": province, "hotline_12345": hotline}

    def take_away(self, name: str) -> None:
        self.province.rows = [row for row in self.province.rows if row["xfjbh"] != "P" + name]
        self.hotline.rows = [row for row in self.hotline.rows if row["orderNo"] != "H" + name]


def _millis(seq: int, action: str, when: str) -> Row:
    return hotline_did(seq, action, "01") | {"at": millis(when)}


@dataclass
class Nights:
    office: Office
    ended: list[Ended] = field(default_factory=list)
    batches: list[list[Row]] = field(default_factory=list)
    quarantine: list[list[Row]] = field(default_factory=list)
    figures: list[dict[str, Row]] = field(default_factory=list)
    known: list[str] = field(default_factory=list)
    looked_up: list[dict[str, set[str]]] = field(default_factory=list)

    def batch(self, night: int, source: str) -> Row:
        (found,) = (batch for batch in self.batches[night] if batch["source"] == source)
        return found


def first_night(world: World) -> None:
    """The 6th; the look-back begins with the 3rd."""
    world.put("回看界", "03 00:00:00")
    world.put("止界", "06 23:59:59")
    world.put("界外", "02 23:59:59")
    world.put("未变", "05 10:00:00")
    world.put("将失", "05 10:00:00")
    world.put("将结", "05 10:00:00")
    world.put("将坏", "05 10:00:00")
    world.put("已结", "06 10:00:00", closed="2023-11-05 09:00:00")
    world.put("坏", "06 10:00:00", broken=True)


def second_night(world: World) -> None:
    """The 10th: most are asked for by number."""
    world.put("回看界", "10 00:00:00", padding="\n\t<br/>")  # touched, and the same content
    world.put("将结", "05 10:00:00", closed="2023-11-08 09:00:00")  # the platform did not even touch it
    world.put("新", "10 10:00:00")
    world.put("坏", "10 10:00:00", broken=True)
    world.put("将坏", "10 11:00:00", broken=True)
    world.take_away("将失")


def third_night(world: World) -> None:
    """The 14th: a bad record is mended, another one is only touched, and a ticket is again as we held it once."""
    world.put("坏", "14 10:00:00")
    world.put("将结", "14 11:00:00")
    world.put("将坏", "14 12:00:00", broken=True)


NIGHTS: tuple[tuple[str, Callable[[World], None]], ...] = (
    ("2023-11-06", first_night),
    ("2023-11-10", second_night),
    ("2023-11-14", third_night),
)


@pytest.fixture(scope="module")
def nights(faulty: dict[str, Faulty], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nights]:
    world = World()
    with served(world.province) as province, served(world.hotline) as hotline:
        desk = Desk.at(
            tmp_path_factory.mktemp("nights") / "home",
            provincial=world.province.connection(province.port),
            hotline_12345=world.hotline.connection(hotline.port),
        )
        nights = Nights(desk.office)
        seen: set[str] = set()
        for day, change in NIGHTS:
            change(world)
            nights.ended.append(desk.run(day, day))
            batches = desk.office.batches()
            nights.batches.append([batch for batch in batches if batch["batch_id"] not in seen])
            seen |= {batch["batch_id"] for batch in batches}
            nights.quarantine.append(desk.office.quarantine())
            nights.figures.append(desk.units(*NOVEMBER))
            nights.known.append(desk.office.latest())
            nights.looked_up.append(world.looked_up())
        yield nights


def test_every_night_reconciles(nights: Nights) -> None:
    assert [ended.code for ended in nights.ended] == [0, 0, 0], [ended.err for ended in nights.ended]
    for batches in nights.batches:
        assert {batch["source"] for batch in batches} == set(LANES)
        assert all(reconciled(batch) for batch in batches), batches


EQUATIONS = (
    # platform_total, numbers, landed, new, unchanged, quarantined
    (8, 8, 8, 7, 0, 1),
    (4 + 3, 7, 7, 2, 3, 2),  # of four asked for by number three are answered
    (3 + 4, 7, 7, 2, 4, 1),
)


@pytest.mark.parametrize("source", LANES)
@pytest.mark.parametrize("night", range(3))
def test_the_equation(nights: Nights, night: int, source: str) -> None:
    batch = nights.batch(night, source)
    keys = ("platform_total", "numbers", "landed", "new_versions", "unchanged", "quarantined")
    assert tuple(batch[key] for key in keys) == EQUATIONS[night]


@pytest.mark.parametrize("source", LANES)
def test_open_tickets_that_were_not_seen_are_asked_for_by_number(nights: Nights, source: str) -> None:
    assert [told[source] for told in nights.looked_up] == [
        set(),
        {"止界", "未变", "将失", "将结"},
        {"回看界", "止界", "未变", "将失", "新"},
    ]


@pytest.mark.parametrize("source", LANES)
def test_a_number_that_is_no_longer_answered_is_listed(nights: Nights, source: str) -> None:
    batch = nights.batch(1, source)
    assert batch["status"] == "yellow"
    assert any(source[0].upper() + "将失" in message for message in batch["messages"]), batch["messages"]
    assert nights.figures[2][("省" if source == "provincial" else "热") + "将失"]["open"] == 1


@pytest.mark.parametrize("letter", ["省", "热"])
def test_what_is_known_of_each_ticket_night_by_night(nights: Nights, letter: str) -> None:
    def state(name: str) -> str:
        counts = [figures.get(letter + name) for figures in nights.figures]
        return "".join("-" if count is None else "c" if count["closed"] else "o" for count in counts)

    told = {name: state(name) for name in ("回看界", "止界", "界外", "未变", "将失", "将结", "将坏", "已结", "坏", "新")}
    assert told == {
        "回看界": "ooo",
        "止界": "ooo",
        "界外": "---",
        "未变": "ooo",
        "将失": "ooo",
        "将结": "oco",
        "将坏": "ooo",
        "已结": "ccc",
        "坏": "--o",
        "新": "-oo",
    }


@pytest.mark.parametrize("night", range(3))
def test_a_night_is_reproduced_as_it_was_known(nights: Nights, night: int) -> None:
    again = nights.office.figures("appeals", "unit", "--as-known", nights.known[night], window=("--from", NOVEMBER[0], "--to", NOVEMBER[1]))
    assert again == nights.figures[night]


@pytest.mark.parametrize("source", LANES)
def test_one_bad_record_is_one_row(nights: Nights, source: str) -> None:
    def row(night: int, name: str) -> Row | None:
        found = [one for one in nights.quarantine[night] if one["source_no"] == source[0].upper() + name]
        assert len(found) < 2
        return found[0] if found else None

    fetched = [nights.batch(night, source)["fetched_at"] for night in range(3)]
    bad = [row(night, "坏") for night in range(3)]
    assert [one and (one["rule"], one["status"], one["first_seen"], one["last_seen"]) for one in bad] == [
        ("unknown_code", "open", fetched[0], fetched[0]),
        ("unknown_code", "open", fetched[0], fetched[1]),
        ("unknown_code", "replayed", fetched[0], fetched[1]),
    ]
    assert len({one["id"] for one in bad if one}) == 1
    broken = row(2, "将坏")
    assert broken and (broken["status"], broken["first_seen"], broken["last_seen"]) == ("open", fetched[1], fetched[2])


def test_nothing_personal_is_told_or_kept_outside_the_landing_zone(nights: Nights) -> None:
    tables = nights.office.rows("select table_schema, table_name from information_schema.tables where table_schema <> 'pg_catalog'")
    assert len(tables) > 10
    told = [str(nights.office.rows(f'select * from "{one["table_schema"]}"."{one["table_name"]}"')) for one in tables]
    assert any("137****5678" in text for text in told) and any("441322********4321" in text for text in told)
    told += [text for ended in nights.ended for text in (ended.out, ended.err)]
    key = (nights.office.home / "secrets" / "person_key").read_text().strip()
    for secret in (*SECRETS, key):
        assert not any(secret in text for text in told)


# --- faults -----------------------------------------------------------------------------------------------------------------


@dataclass
class Faulty:
    """One run at platforms with faults."""

    started: Started
    office: Office
    servers: dict[str, Loopback]
    _ended: Ended | None = None

    @property
    def ended(self) -> Ended:
        self._ended = self._ended or self.started.wait()
        return self._ended

    def batch(self, source: str) -> Row | None:
        return next((batch for batch in self.office.batches() if batch["source"] == source), None)


@dataclass
class Stamped:
    """Keeps when a question came, and answers it with a fault."""

    reply: Callable[[], Reply]
    at: float = 0.0

    def __call__(self, _: Asked) -> Reply:
        self.at = time.time()
        return self.reply()


def slow_down_by_date() -> Reply:
    """At the earliest in 1.5 seconds; an HTTP date knows whole seconds only."""
    until = datetime.fromtimestamp(int(time.time() + 2.5), UTC)
    return Reply({"error": "slow"}, 429, {"Retry-After": format_datetime(until, usegmt=True)})


def code(number: int, **data: Any) -> Reply:
    return Reply({"code": number, "msg": f"no {SECRETS[1]}", "data": data})


WAITS = {
    "provincial": Stamped(lambda: code(42901, retryAfter=2)),
    "seconds": Stamped(lambda: Reply({"error": "slow"}, 429, {"Retry-After": "2"})),
    "date": Stamped(slow_down_by_date),
}
AFTER: dict[str, float] = {}


def note(name: str) -> Fault:
    """Lets the question through, and keeps when it came."""

    def keep(_: Asked) -> None:
        AFTER[name] = time.time()

    return keep


def envelope(**changed: Any) -> Fault:
    return always(Reply({"code": 0, "msg": "", "data": {"total": 1, "pageNo": 1, "pageSize": 7, "list": []} | changed}))


def orders(**changed: Any) -> Fault:
    told = {"total": 1, "items": [item("H1")], "nextCursor": None} | changed
    reply = Reply({key: value for key, value in told.items() if value is not ...})
    return lambda asked: reply if asked.path == "/v1/workorders" else None


def in_use(province: Province) -> None:
    """Between two questions the ticket that was touched longest ago is touched again and moves to the last page, and one arrives."""
    moved = min(province.rows, key=lambda row: str(row["lastmodifytime"]))
    step = len(province.rows)
    if step < 40:
        moved["lastmodifytime"] = f"2023-11-20 10:00:{step:02d}"
        province.rows.append(petition(f"P2024{step:02d}", lastmodifytime=f"2023-11-20 10:01:{step:02d}"))


BROKEN = Reply({"code": 0, "msg": "", "data": {"total": 1}}, cut=9)
CASES: dict[str, tuple[Province, Hotline, Row]] = {
    "mended": (
        Province(
            faults=deque(
                [always(Reply(HTML, 502)), WAITS["provincial"], note("provincial"), always(Reply(b"")), always(code(50001)), always(BROKEN)]
            )
        ),
        Hotline(
            faults=deque(
                [
                    WAITS["seconds"],
                    note("seconds"),
                    WAITS["date"],
                    note("date"),
                    always(Reply(b"")),
                    always(Reply(HTML, 503)),
                    always(BROKEN),
                ]
            ),
            token_uses=2,
        ),
        {},
    ),
    "wrong secret": (Province(), Hotline(), {"password": "guessed"}),
    "not authorised": (
        Province(for_good=always(code(40301))),
        Hotline(for_good=lambda one: None if "token" in one.path else Reply({"error": "limit?"}, 400)),
        {},
    ),
    "changed": (Province(for_good=envelope(list=None)), Hotline(for_good=orders(total="1")), {}),
    "left out": (Province(for_good=always(Reply({"code": 0, "msg": "", "data": {"total": 0, "pageNo": 1, "pageSize": 7}}))), Hotline(), {}),
    "loop": (Province(for_good=always(code(40102))), Hotline(for_good=orders(total=9, nextCursor="same")), {}),
    "missed": (Province(), Hotline(for_good=orders(total=2)), {}),
}


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Faulty]]:
    """All of them begin before the nights do: patience takes time, but no work."""
    with ExitStack() as stack:
        begun: dict[str, Faulty] = {}
        for name, (province, hotline, changed) in CASES.items():
            about = {"zrdwmc": "某局", "nrflmc": "城建/噪声", "lxdh": "13800000001"}
            province.rows = [petition(f"P2023{place:02d}", lastmodifytime=f"2023-11-10 10:00:{place:02d}", **about) for place in range(30)]
            hotline.rows = [item(f"H2023{place:02d}", leadUnit="某局") for place in range(30)]
            platforms: dict[str, Province | Hotline] = {"provincial": province, "hotline_12345": hotline}
            servers = {source: stack.enter_context(served(platform)) for source, platform in platforms.items()}
            if name == "missed":
                province.touch = partial(in_use, province)
            connections = {source: platform.connection(servers[source].port) | changed for source, platform in platforms.items()}
            desk = Desk.at(tmp_path_factory.mktemp("faulty") / "home", **connections)
            begun[name] = Faulty(desk.start(*NOVEMBER), desk.office, servers)
        yield begun


def test_passing_faults_are_mended(faulty: dict[str, Faulty]) -> None:
    run = faulty["mended"]
    assert run.ended.code == 0, run.ended.err
    for source in LANES:
        batch = run.batch(source)
        assert batch and (batch["status"], batch["platform_total"], batch["numbers"], batch["new_versions"]) == ("green", 30, 30, 30)


@pytest.mark.parametrize(("name", "seconds"), [("provincial", 2), ("seconds", 2), ("date", 1.4)])
def test_a_wait_that_is_asked_for_is_kept(faulty: dict[str, Faulty], name: str, seconds: float) -> None:
    assert faulty["mended"].ended.code == 0
    assert seconds <= AFTER[name] - WAITS[name].at < seconds + 4


RED = {
    # source, words of the cause, most requests
    "wrong secret": {"provincial": ("signature", 2), "hotline_12345": ("wrong secret", 2)},
    "not authorised": {"provincial": ("40301", 1), "hotline_12345": ("limit?", 2)},
    "changed": {"provincial": ("data.list", 1), "hotline_12345": ("total", 2)},
    "loop": {"provincial": ("clock", 1), "hotline_12345": ("cursor", 20)},
}


@pytest.mark.parametrize("source", LANES)
@pytest.mark.parametrize("name", RED)
def test_a_lane_that_cannot_go_on_is_red_and_says_why_on_one_line(faulty: dict[str, Faulty], name: str, source: str) -> None:
    run, (words, most) = faulty[name], RED[name][source]
    assert run.ended.code == 3
    (cause,) = (line for line in run.ended.causes if line.startswith(f"red {source}:"))
    assert words in cause and SECRETS[1] not in run.ended.err
    assert len(run.servers[source]) <= most
    assert run.batch(source) is None


def test_one_lane_stops_and_the_other_goes_on(faulty: dict[str, Faulty]) -> None:
    run = faulty["left out"]
    assert run.ended.code == 3
    assert [line for line in run.ended.causes if "data.list" in line] == run.ended.causes
    batch = run.batch("hotline_12345")
    assert batch and (batch["status"], batch["landed"]) == ("green", 30)


def test_a_province_in_use_loses_nothing_while_it_is_read(faulty: dict[str, Faulty]) -> None:
    run = faulty["missed"]
    assert run.ended.code == 3  # the other lane
    batch = run.batch("provincial")
    assert batch and batch["status"] != "red" and reconciled(batch)
    assert (batch["platform_total"], batch["numbers"], batch["quarantined"]) == (40, 40, 0)


def test_fewer_than_the_platform_tells_is_red(faulty: dict[str, Faulty]) -> None:
    run = faulty["missed"]
    assert run.ended.code == 3
    batch = run.batch("hotline_12345")
    assert batch and (batch["status"], batch["platform_total"], batch["numbers"]) == ("red", 2, 1)
