"""A bad record is shown without its person, loaded after all when its map is corrected, or set aside by a person with a note."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from petitions import check, nightly, quarantine, questions, rebuild, warehouse
from petitions.landing import Landing
from petitions.record import FieldMap
from petitions.settings import CHECKOUT, Settings
from tests.engines import EmptyWarehouse
from tests.nightly.office import County, Office, figures, state, unlike

# Codes that the demo's platforms send and that no code table holds.
CORRECTIONS = {'"归档" = ""': '"归档" = ""\n"会办" = "dispatched"', '"表扬" = "praise"': '"表扬" = "praise"\n"吐槽" = "complaint"'}


def corrected(folder: Path) -> Path:
    """The office's own configuration, in which the hotline's unknown codes are known."""
    text = (CHECKOUT / "config/sources/hotline_12345.toml").read_text(encoding="utf-8")
    for before, after in CORRECTIONS.items():
        assert before in text
        text = text.replace(before, after)
    (folder / "sources").mkdir(parents=True)
    (folder / "sources/hotline_12345.toml").write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def office(loaded_year: Office, home: Path) -> Office:
    return loaded_year.copy(home)


@pytest.fixture
def mended(office: Office, tmp_path: Path) -> Office:
    return replace(office, config=corrected(tmp_path / "config"))


def unknown_codes(office: Office, status: str = "open") -> list[dict[str, Any]]:
    return [row for row in office.quarantine() if (row["source"], row["rule"], row["status"]) == ("hotline_12345", "unknown_code", status)]


def replayed(office: Office, *ids: str) -> dict[str, list[str]]:
    told: dict[str, list[str]] = {"replayed": [], "open": []}
    for one in office.command("quarantine", "replay", *ids, "--format", "json").json:
        told[one["status"]].append(one["id"])
    return told


def everything(office: Office) -> dict[str, Any]:
    held: dict[str, Any] = dict(state(office, knowledge=True))
    return held | {"batches": office.batches(), "quarantine": office.quarantine(), "figures": figures(office)}


def untouched(office: Office) -> list[str]:
    """Everything but what the records in question could change."""
    return sorted(
        repr(row) for row in office.rows("select ticket_id, content_id, batch_id, known_at, updated_at, made_version from core.sighting")
    )


def test_what_became_good_is_loaded_into_its_batch(mended: Office, loaded_year: Office) -> None:
    bad = {row["id"]: row for row in unknown_codes(mended)}
    assert len(bad) == 2
    before, others = {batch["batch_id"]: batch for batch in mended.batches()}, untouched(mended)
    told = replayed(mended)
    assert sorted(told["replayed"]) == sorted(bad)
    assert len(told["open"]) == len(loaded_year.quarantine()) - 2
    assert {row["id"] for row in unknown_codes(mended, "replayed")} == set(bad)
    assert set(others) <= set(untouched(mended)) and len(untouched(mended)) == len(others) + 2
    for batch in mended.batches():
        more = 2 if batch["source"] == "hotline_12345" else 0
        was = before[batch["batch_id"]]
        assert (batch["new_versions"], batch["quarantined"]) == (was["new_versions"] + more, was["quarantined"] - more)
        assert {key: batch[key] for key in ("landed", "numbers", "platform_total", "fetched_at")} == {
            key: was[key] for key in ("landed", "numbers", "platform_total", "fetched_at")
        }
    known = mended.rows("select distinct known_at, fetched_at from core.sighting s join control.batch b on b.batch_id = s.batch_id")
    assert all(row["known_at"] == row["fetched_at"] for row in known)


def test_again_it_changes_nothing_and_a_rebuild_is_the_same_with_or_without_it(mended: Office, loaded_year: Office, tmp_path: Path) -> None:
    other = replace(loaded_year.copy(tmp_path / "other" / "home"), config=mended.config)
    assert len(replayed(mended)["replayed"]) == 2
    after = everything(mended)
    assert replayed(mended)["replayed"] == []
    assert everything(mended) == after
    for office in (mended, other):
        assert office.command("rebuild").code == 0
        assert everything(office) == after


def test_one_by_its_id_and_the_other_stays(mended: Office) -> None:
    one, other = (row["id"] for row in unknown_codes(mended))
    assert replayed(mended, one) == {"replayed": [one], "open": []}
    assert [row["id"] for row in unknown_codes(mended)] == [other]
    assert "unknown_code 1" in str([batch["messages"] for batch in mended.batches("hotline_12345")])
    assert replayed(mended, one) == {"replayed": [], "open": []}  # loaded already
    assert replayed(mended, other, one) == {"replayed": [other], "open": []}


def test_what_is_still_bad_says_so(office: Office) -> None:
    before = office.quarantine(), office.batches(), state(office, knowledge=True)
    ended = office.command("quarantine", "replay")
    assert ended.code == 0
    assert "0 loaded" in ended.err and "会办" in ended.out
    assert (office.quarantine(), office.batches(), state(office, knowledge=True)) == before


def test_dismissed_with_a_note(office: Office) -> None:
    one = office.quarantine()[0]
    ended = office.command("quarantine", "dismiss", one["id"], "--note", "电话13800000001核实：测试数据")
    assert ended.code == 0, ended.err
    shown = office.command("quarantine", "show", one["id"], "--format", "json").json
    assert (shown["status"], shown["note"]) == ("dismissed", "电话138****0001核实：测试数据")
    assert one["id"] not in replayed(office)["open"]
    assert unlike(office.batches()) == []


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("show", "nothing"), "quarantine list"),
        (("replay", "nothing"), "quarantine list"),
        (("dismiss", "nothing", "--note", "x"), "quarantine list"),
        (("dismiss", "nothing"), "--note"),
    ],
)
def test_wrong_usage_is_one_line(loaded_year: Office, arguments: tuple[str, ...], told: str) -> None:
    ended = loaded_year.command("quarantine", *arguments)
    assert ended.code == 2
    (line,) = [line for line in ended.err.splitlines() if line.startswith("Error")]
    assert told in line


def test_every_bad_record_is_shown_without_its_person(loaded_year: Office, demo_county: County) -> None:
    secrets = {str(life.about[key]) for life in demo_county.demo.lives() for key in ("name", "phone", "id_number") if life.about.get(key)}
    secrets -= {str(life.about.get("officer")) for life in demo_county.demo.lives()}
    rows = loaded_year.quarantine()
    shown = [quarantine.show(loaded_year.settings, row["id"]) for row in rows]
    assert all(one["record"] and f"replay {one['id']}" in one["cure"] for one in shown)
    commands = [loaded_year.command("quarantine", "show", rows[0]["id"], "--format", form) for form in ("table", "json")]
    for ended in commands:
        assert ended.code == 0, ended.err
        assert rows[0]["rule"] in ended.out and rows[0]["batch_id"] in ended.out and "personal" in commands[0].out
    told = str(shown) + "".join(ended.out + ended.err for ended in commands)
    assert not any(secret in told for secret in secrets if len(secret) > 1)


MAP = FieldMap(
    "x", {"fields": {"source_no": "no", "petitioner": "name", "phone": "tel", "restricted": "secret"}, "known": ["text", "flow.note", "n"]}
)


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ({"no": 441322199001011234, "name": "李小明"}, {"no": 441322199001011234, "name": "李**"}),  # a ticket number is no id number
        ({"name": "李小明", "text": "李小明 13800000001", "n": 7}, {"name": "李**", "text": "李** 138****0001", "n": 7}),
        ({"tel": 13800000001, "n": None}, {"tel": "138****0001", "n": None}),
        ({"name": "李小明", "flow": [{"note": "答李小明"}]}, {"name": "李**", "flow": [{"note": "答李**"}]}),
        ({"mother": "王小红"}, {"mother": "(3 characters; the map does not know this field)"}),
        ({"flow": [{"who": "王小红"}]}, {"flow": [{"who": "(3 characters; the map does not know this field)"}]}),
        ({"no": "1", "secret": 1, "text": "x"}, {"no": "1", "secret": "(confidential)", "text": "(confidential)"}),
        ({"no": "1", "secret": "maybe", "text": "x"}, {"no": "1", "secret": "(confidential)", "text": "(confidential)"}),
    ],
)
def test_masks(raw: dict[str, Any], shown: dict[str, Any]) -> None:
    assert quarantine.masked(raw, MAP) == shown


@pytest.fixture
def loaded(empty_warehouse: EmptyWarehouse, office: Office, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The year's landing zone, loaded into a warehouse of each engine in this process."""
    with empty_warehouse("quarantine") as engine:
        monkeypatch.setenv("PETITIONS_HOME", str(office.home))
        if engine == "postgres":
            rebuild.rebuild(office.settings)
        yield office.settings


def test_both_engines(loaded: Settings, tmp_path: Path) -> None:
    mended = replace(loaded, config=corrected(tmp_path / "mended"))
    outcomes = quarantine.replay(mended)
    assert sum(one.status == "replayed" for one in outcomes) == 2
    assert [one.status for one in quarantine.replay(mended)] == ["open"] * (len(outcomes) - 2)
    with warehouse.reader(mended) as held:
        assert unlike(questions.reconciliation(held)) == []
        statuses = [row["status"] for row in questions.quarantine(held)]
        assert (statuses.count("replayed"), statuses.count("open")) == (2, len(outcomes) - 2)


def test_a_replay_that_is_killed_in_between_changes_nothing(mended: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the check and the end of the transaction of a batch."""
    settings, before = mended.settings, (mended.quarantine(), mended.batches())
    stopped: Callable[..., Any] = lambda *_: (_ for _ in ()).throw(KeyboardInterrupt)  # noqa: E731
    with monkeypatch.context() as patch:
        patch.setattr("petitions.ledger._tell", stopped)
        with pytest.raises(KeyboardInterrupt):
            quarantine.replay(settings)
    assert (mended.quarantine(), mended.batches()) == before
    assert len(replayed(mended)["replayed"]) == 2
    assert not (mended.home / "staging/replay").exists()


def test_a_batch_that_is_gone_leaves_its_records_open(office: Office) -> None:
    landing = Landing.of(office.settings)
    for manifest in landing.batches("visits"):
        landing.remove(manifest)
    told = [one for one in office.command("quarantine", "replay", "--format", "json").json if one["source"] == "visits"]
    assert told and all(one["status"] == "open" and "expected a folder" in one["reason"] for one in told)
    shown = office.command("quarantine", "show", told[0]["id"], "--format", "json").json
    assert shown["record"] is None and "expected a folder" in shown["landing"]


def test_a_batch_loaded_again_keeps_what_was_replayed(mended: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """Airflow may load a batch again, long after."""
    replayed(mended)
    before = state(mended, knowledge=True), mended.batches(), mended.quarantine()
    for name, value in mended.environment.items():
        monkeypatch.setenv(name, value)
    (batch,) = mended.batches("hotline_12345")
    assert nightly.load(batch["batch_id"], "again")["quarantine"] == batch["quarantined"]
    nightly.refresh()
    assert (state(mended, knowledge=True), mended.batches(), mended.quarantine()) == before
    assert check.quarantine_message([]) is None
