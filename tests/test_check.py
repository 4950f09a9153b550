"""A landed batch becomes a staged one: what loads, what goes to quarantine and why, and that the figures add up."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import subprocess
import sys
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

import petitions.check
from petitions import crew
from petitions.check import EVENTS, QUARANTINE, TICKETS, Checked, check, check_each
from petitions.connections import Connection
from petitions.examine import Part, Stretch
from petitions.landing import Landing, Manifest
from petitions.model import BEIJING
from petitions.quality import ROW, Refusal, Suite
from petitions.settings import CHECKOUT, Settings
from petitions.sources.base import LaneStopped, Source, Window
from petitions.sources.online_politics import OnlinePolitics
from petitions.sources.provincial import Provincial

FETCHED = datetime(2023, 10, 24, 2, 30, tzinfo=BEIJING)
PERSON = {"xm": "李小明", "lxdh": "13800000001", "zjhm": "441322199001011234", "tsnr": "我是李小明，电话13800000001"}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(tmp_path / "home", CHECKOUT / "config")


def petition(number: str = "P0000001", touched: str = "2023-10-02 08:00:00", **other: Any) -> dict[str, Any]:
    told = {"xfjbh": number, "djsj": "2023-10-01 08:00:00", "lastmodifytime": touched, "xfxs": 300, "nrflmc": "城建", "zrdwmc": "住建局"}
    return told | PERSON | other


def land(settings: Settings, source: str, records: list[dict[str, Any]], files: dict[str, str] | None = None) -> Manifest:
    window = Window(FETCHED.replace(hour=0), FETCHED)
    with Landing(settings.landing).open_batch(source, window, window, started=FETCHED) as batch:
        for name, text in (files or {}).items():
            given = settings.home / name
            given.write_text(text, encoding="utf-8")
            digits = "".join(filter(str.isdigit, name))
            batch.copy(given, export_date=date(int(digits[:4]), int(digits[4:6]), int(digits[6:8])))
        if files is None:
            batch.write(records)
            return batch.complete(fetched_at=FETCHED, platform_total=len({record.get("xfjbh") for record in records}))
        return batch.complete(fetched_at=FETCHED)


def stage(settings: Settings, *records: dict[str, Any]) -> dict[str, Any]:
    """The staged batch: its summary, and its three tables as rows."""
    return examined(settings, Provincial(Connection("petitions_provincial", "http"), settings), land(settings, "provincial", list(records)))


def stage_files(settings: Settings, **files: str) -> dict[str, Any]:
    source = OnlinePolitics(Connection("petitions_online_politics", "fs"), settings)
    return examined(settings, source, land(settings, "online_politics", [], {f"留言_{day[1:]}.csv": text for day, text in files.items()}))


def examined(settings: Settings, source: Source, manifest: Manifest) -> dict[str, Any]:
    summary = check(manifest, Landing(settings.landing), settings, source)
    folder = settings.staging / manifest.batch_id
    assert json.loads((folder / "summary.json").read_text(encoding="utf-8")) == summary
    assert sorted(path.name for path in folder.iterdir()) == ["events.parquet", "quarantine.parquet", "summary.json", "tickets.parquet"]
    assert [path.name for path in settings.staging.iterdir()] == [manifest.batch_id]
    tables = {name: pq.read_table(folder / f"{name}.parquet") for name in ("tickets", "events", "quarantine")}
    assert [table.schema for table in tables.values()] == [TICKETS, EVENTS, QUARANTINE]
    found = {name: table.to_pylist() for name, table in tables.items()}
    assert summary["landed"] == len(found["tickets"]) + len(found["quarantine"])
    assert summary["quarantined"] == len(found["quarantine"])
    assert {event["content_id"] for event in found["events"]} == {ticket["content_id"] for ticket in found["tickets"]}
    return found | summary


def texts(staged: dict[str, Any]) -> str:
    return "\n".join(message["text"] for message in staged["messages"])


def test_a_clean_batch(settings: Settings) -> None:
    staged = stage(settings, petition("P0000001"), petition("P0000002", xbjzsj="2023-11-30"))
    assert (staged["numbers"], staged["landed"], staged["quarantined"]) == (2, 2, 0)
    assert "platform_total" not in staged  # the platform has told it
    one = staged["tickets"][1]
    assert (one["ticket_id"], one["channel"], one["petitioner"], one["phone"]) == ("provincial:P0000002", "online", "李**", "138****0001")
    assert one["due_at"] == datetime(2023, 11, 30, 23, 59, 59, tzinfo=BEIJING)
    assert [event["event_type"] for event in staged["events"]] == ["received", "received"]


def test_an_empty_batch(settings: Settings) -> None:
    staged = stage(settings)
    assert (staged["numbers"], staged["landed"], staged["messages"]) == (0, 0, [])


def test_an_empty_batch_needs_no_judge(settings: Settings) -> None:
    """Great Expectations takes seconds to start, in every night of every lane to which nobody wrote."""
    manifest = land(settings, "provincial", [])
    code = f"import sys; from petitions.nightly import check; check({manifest.batch_id!r}); sys.exit('great_expectations' in sys.modules)"
    told = {"PETITIONS_HOME": str(settings.home), "AIRFLOW_CONN_PETITIONS_PROVINCIAL": "http://127.0.0.1:9/"}
    done = subprocess.run([sys.executable, "-c", code], env=os.environ | told, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert (settings.staging / manifest.batch_id / "summary.json").exists()


@pytest.mark.parametrize(
    ("fault", "rule", "reason", "number"),
    [
        ({"xfjbh": " "}, "missing_field", "xfjbh", None),
        ({"djsj": ""}, "missing_field", "djsj", "P0000001"),
        ({"lastmodifytime": None}, "missing_field", "lastmodifytime", "P0000001"),
        ({"xfxs": 999}, "unknown_code", "xfxs = 999", "P0000001"),
        ({"blfs": [{"blfs": "99", "blsj": "2023-10-01 09:00:00"}]}, "unknown_code", "99", "P0000001"),
        ({"djsj": "李小明13800000001"}, "unreadable_time", "李**138****0001", "P0000001"),
        ({"xfxs": "甲" * 32 + "13800000001"}, "unknown_code", "甲138****", "P0000001"),
        ({"djsj": "2023-10-24 02:30:01"}, "future_received", "later", "P0000001"),
        ({"xfjbh": "4.41322E+17"}, "lost_digits", "xfjbh", None),
        ({"djsj": "2029-01-01", "xfxs": 999}, "unknown_code", "xfxs", "P0000001"),
    ],
)
def test_a_bad_record_goes_alone(settings: Settings, fault: dict[str, Any], rule: str, reason: str, number: str | None) -> None:
    staged = stage(settings, petition("P0000009"), petition(**{"xfjbh": "P0000001"} | fault))
    [bad] = staged["quarantine"]
    assert (bad["rule"], bad["source_no"], bad["file"], bad["line"]) == (rule, number, "records.jsonl.gz", 2)
    assert reason in bad["reason"]
    assert [ticket["source_no"] for ticket in staged["tickets"]] == ["P0000009"]
    assert staged["numbers"] == 2
    assert f"1 record in quarantine ({rule} 1)" in texts(staged)


TWICE = [
    # records of one number as (touched, title) → tickets, quarantined
    ("the same again", [("01", "a"), ("01", "a")], ["a"], 0),
    ("the same, touched again", [("02", "a"), ("01", "a")], ["a"], 0),
    ("two versions", [("02", "b"), ("01", "a")], ["a", "b"], 0),
    ("two contents at one time", [("01", "a"), ("01", "b")], [], 2),
    ("one of the two comes again", [("01", "a"), ("01", "b"), ("01", "a")], [], 2),
    ("a later one stands", [("01", "a"), ("01", "b"), ("02", "c")], ["c"], 2),
]


@pytest.mark.parametrize(("records", "titles", "bad"), [pytest.param(*case[1:], id=case[0]) for case in TWICE])
def test_a_number_that_comes_twice(settings: Settings, records: list[tuple[str, str]], titles: list[str], bad: int) -> None:
    staged = stage(settings, *[petition(touched=f"2023-10-{day} 08:00:00", gkxx=title) for day, title in records])
    assert sorted(ticket["title"] for ticket in staged["tickets"]) == titles
    assert [one["rule"] for one in staged["quarantine"]] == ["duplicate_number"] * bad
    assert staged["numbers"] == 1
    assert max((ticket["updated_at"].astimezone(BEIJING).day for ticket in staged["tickets"]), default=0) == (
        0 if not titles else int(max(records)[0])
    )


def test_a_bad_record_beside_a_good_one_of_its_number_takes_both(settings: Settings) -> None:
    staged = stage(settings, petition(), petition(xfxs=999))
    assert sorted(one["rule"] for one in staged["quarantine"]) == ["duplicate_number", "unknown_code"]


def test_one_bad_record_is_one_row_under_one_id(settings: Settings, tmp_path: Path) -> None:
    first = stage(settings, petition(xfxs=999), petition(xfxs=999, touched="2023-10-03 08:00:00"))
    again = stage(Settings(tmp_path / "other", settings.config), petition(xfxs=999, touched="2023-10-05 08:00:00"))
    assert [one["line"] for one in first["quarantine"]] == [2]
    assert {one["record_id"] for one in first["quarantine"]} == {one["record_id"] for one in again["quarantine"]}
    assert first["numbers"] == 1


def test_order_and_chunks_do_not_matter(settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    records = [petition(f"P{number:07}", gkxx=f"题{number}") for number in range(8)] + [petition("P0000003"), petition("P0000004", xfxs=7)]
    records += [petition("P0000005", gkxx="题5", touched="2023-10-09 08:00:00")]

    def key(staged: dict[str, Any]) -> Any:
        tickets = sorted((ticket["source_no"], ticket["title"], ticket["updated_at"]) for ticket in staged["tickets"])
        return tickets, sorted((one["source_no"], one["rule"], one["record_id"]) for one in staged["quarantine"]), staged["messages"]

    expected = stage(settings, *records)
    assert len(expected["quarantine"]) == 4
    monkeypatch.setattr(petitions.check, "PART", 3)
    for seed in range(3):
        monkeypatch.setattr(petitions.check, "_MANY", 1 if seed == 0 else 1_000)  # the first by several processes
        shuffled = random.Random(seed).sample(records, len(records))
        home = Settings(tmp_path / str(seed), settings.config)
        (home.home / "secrets").mkdir(parents=True)
        (home.home / "secrets" / "person_key").write_bytes((settings.secrets / "person_key").read_bytes())
        assert key(stage(home, *shuffled)) == key(expected)


def test_what_stops_the_crew_stops_the_lane(settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Each of its processes, with parts still waiting for one of them."""
    monkeypatch.setattr(petitions.check, "PART", 1)
    monkeypatch.setattr(petitions.check, "_MANY", 1)
    shutil.copytree(settings.config, tmp_path / "config")
    told = tmp_path / "config" / "sources" / "provincial.toml"
    told.write_text(told.read_text(encoding="utf-8").replace("[codes.event]", "[codes.events]"), encoding="utf-8")
    steps = [{"blfs": 50, "blsj": "2023-10-02 09:00:00"}]
    with pytest.raises(LaneStopped, match=r"expected a table \[codes\.event\]"):
        stage(Settings(settings.home, tmp_path / "config"), *(petition(f"P{number:07}", blfs=steps) for number in range(9)))


def test_a_process_of_the_crew_ends_with_the_one_that_asked(settings: Settings, tmp_path: Path) -> None:
    """In the middle of a part: a retry may be at work in the same folder by then."""
    worker = crew._started()
    assert worker.stdin and worker.stdout
    records = [petition(f"P{number:07}") for number in range(20_000)]
    part = Part(0, 0, (Stretch("records.jsonl.gz", 1, None, records, len(records)),))
    crew._send(worker.stdin, (crew.Task("provincial", settings, tmp_path, FETCHED), part))
    worker.stdin.close()
    assert (worker.stdout.read(), worker.wait(timeout=120)) == (b"", 1)
    worker.stdout.close()
    assert not list(tmp_path.glob("*.parquet"))


def started(monkeypatch: pytest.MonkeyPatch) -> list[subprocess.Popen[bytes]]:
    """The processes of every crew from now on; one part is enough for a crew."""
    found: list[subprocess.Popen[bytes]] = []
    start = crew._started

    def noted() -> subprocess.Popen[bytes]:
        found.append(start())
        return found[-1]

    monkeypatch.setattr(crew, "_started", noted)
    monkeypatch.setattr(petitions.check, "PART", 1)
    monkeypatch.setattr(petitions.check, "_MANY", 1)
    return found


def test_one_crew_checks_batch_after_batch(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """In their order, and what goes wrong with one is its own: its file is damaged, or a map of its lane."""
    processes, landing = started(monkeypatch), Landing(settings.landing)
    batches = [land(settings, "provincial", [petition(f"P{batch}{number:06}") for number in range(4)]) for batch in range(3)]
    (landing.folder(batches[1]) / "records.jsonl.gz").write_bytes(b"")
    done = list(check_each(batches, landing, settings))
    assert [one.manifest for one in done] == batches
    assert [one.summary.get("landed") for one in done] == [4, None, 4]
    assert isinstance(done[1].wrong, LaneStopped) and "sha256" in str(done[1].wrong)
    assert sorted(path.name for path in settings.staging.iterdir()) == [batches[0].batch_id, batches[2].batch_id]
    assert len(processes) == crew.size() and all(process.poll() is not None for process in processes)


def test_a_process_that_ends_by_itself_stops_its_batch_alone(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    processes, landing = started(monkeypatch), Landing(settings.landing)
    batches = [land(settings, "provincial", [petition(f"P{batch}{number:06}") for number in range(30)]) for batch in range(3)]
    found: list[Checked] = []
    for one in check_each(batches, landing, settings):
        if not found:
            processes[0].kill()
        found.append(one)
    wrong = [one for one in found if one.wrong]
    assert len(found) == 3 and len(wrong) <= 1 and all("ended by itself" in str(one.wrong) for one in wrong)
    assert all(one.summary["landed"] == 30 for one in found if not one.wrong)
    assert all(process.poll() is not None for process in processes)


def test_a_crew_is_dismissed_where_nobody_waits_for_it(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asked for the batches stops in between, with parts at work and others done."""
    processes, landing = started(monkeypatch), Landing(settings.landing)
    batches = [land(settings, "provincial", [petition(f"P{batch}{number:06}") for number in range(20)]) for batch in range(3)]
    checked = check_each(batches, landing, settings)
    assert next(checked).summary["landed"] == 20
    checked.close()
    assert processes and all(process.poll() is not None for process in processes)


def test_checking_again_writes_the_same(settings: Settings) -> None:
    source = Provincial(Connection("petitions_provincial", "http"), settings)
    manifest = land(settings, "provincial", [petition(), petition("P0000002", xfxs=999)])
    (settings.staging / f".{manifest.batch_id}.partial").mkdir(parents=True)  # of a killed run
    assert examined(settings, source, manifest) == examined(settings, source, manifest)


def test_an_unknown_field_is_told_once(settings: Settings) -> None:
    staged = stage(settings, petition("P0000001", colour="red"), petition("P0000002", colour="blue"))
    assert texts(staged).count("unknown field colour in 2 records") == 1
    assert len(staged["tickets"]) == 2


@pytest.mark.parametrize(("good", "bad", "told"), [(19, 1, ""), (18, 2, "10.0 % of the batch in quarantine, expected at most 5 %")])
def test_a_large_share_in_quarantine_is_told(settings: Settings, good: int, bad: int, told: str) -> None:
    records = [petition(f"P{number:07}", xfxs=999 if number < bad else 300) for number in range(good + bad)]
    assert re.findall(r".*of the batch in quarantine, expected at most 5 %", texts(stage(settings, *records))) == [told] * bool(told)


def test_nothing_personal_is_staged(settings: Settings) -> None:
    steps = [{"blfs": 50, "blsj": "2023-10-02 09:00:00", "hfnr": "李小明同志，13800000001"}]
    staged = stage(
        settings,
        petition(blfs=steps, gkxx="李小明反映"),
        petition("P0000002", xfxs="李小明13800000001"),
        petition("P0000003", djsj="441322199001011234"),
    )
    assert len(staged["quarantine"]) == 2
    told = repr(staged)
    assert not [secret for secret in ("李小明", "13800000001", "441322199001011234") if secret in told]


HEAD = "留言编号,留言用户,留言主题,留言时间,留言详情,答复意见,答复时间,留言状态\n"


def test_files(settings: Settings) -> None:
    first = HEAD + "1,甲一,题,2023/10/1 9:05:03,文,,,待回复\n2,甲一,题,2023/10/1 9:05:03,文,,,已办结\n,甲一,题,2023/10/1 9:05:03,文,,,\n"
    later = (
        HEAD
        + "1,甲一,题,2023/10/1 9:05:03,文,好,2023/10/3 9:05:03,已办结\n"
        + "2,甲一,题,2023/10/1 9:05:03,文,,,已办结\n1.5E+15,,题,2023/10/1 9:05,,,,\n"
    )
    staged = stage_files(settings, d20231010=first, d20231020=later)
    assert (staged["numbers"], staged["platform_total"], staged["landed"]) == (4, 4, 5)
    assert sorted((one["rule"], one["source_no"], one["file"], one["line"]) for one in staged["quarantine"]) == [
        ("lost_digits", None, "留言_20231020.csv", 3),
        ("missing_field", None, "留言_20231010.csv", 3),
    ]
    told = sorted((one["source_no"], one["updated_at"].day, one["update_key"], one["export_at"].day) for one in staged["tickets"])
    assert told == [  # 2 is the same in both: as of the later file, shown since the older
        ("1", 10, "留言_20231010.csv", 10),
        ("1", 20, "留言_20231020.csv", 20),
        ("2", 20, "留言_20231020.csv", 10),
    ]
    assert staged["tickets"][0]["export_at"] == datetime(2023, 10, 10, 23, 59, 59, tzinfo=BEIJING)
    assert [event["occurred_at"] for event in staged["events"] if event["event_type"] == "closed"].count(None) == 1
    assert "answered" not in texts(staged)


def test_answers_that_stop_are_told(settings: Settings) -> None:
    staged = stage_files(settings, d20231010=HEAD + "1,甲一,题,2023/10/1 9:05:03,文,,,\n")
    assert "None of 1 messages is answered" in texts(staged)


def test_a_suite_that_lets_faults_through_stops_the_lane(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("petitions.quality.Suite.refuse", lambda suite, frame: {})
    with pytest.raises(LaneStopped, match="expected a red expectation for unknown_code"):
        stage(settings, petition(xfxs=999))


def test_what_a_suite_alone_refuses_is_read_again_once(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over however many parts and judgements it is spread: a batch may be large. Each record is told with its own place."""
    read: list[int] = []
    blocks = Landing.blocks

    def counted(landing: Landing, manifest: Manifest, size: int) -> Any:
        read.append(size)
        return blocks(landing, manifest, size)

    def refuse(suite: Suite, frame: Any) -> dict[int, Refusal]:
        return {row: Refusal("missing_field", "an odd row") for row in frame[ROW] if row % 2} if suite.name == "provincial" else {}

    monkeypatch.setattr(Landing, "blocks", counted)
    monkeypatch.setattr(Suite, "refuse", refuse)
    monkeypatch.setattr(petitions.check, "PART", 3)
    monkeypatch.setattr(petitions.check, "_MANY", 1_000)
    monkeypatch.setattr("petitions.judge._AT_ONCE", 3)
    staged = stage(settings, *(petition(f"P{row:07}") for row in range(12)))
    assert sorted((one["source_no"], one["line"]) for one in staged["quarantine"]) == [(f"P{row:07}", row + 1) for row in range(1, 12, 2)]
    assert [one["source_no"] for one in staged["tickets"]] == [f"P{row:07}" for row in range(0, 12, 2)]
    assert len(read) == 2
