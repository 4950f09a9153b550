"""What the office reads of its lanes is Chinese, whatever happened to them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from petitions.said import UNTOLD, Said, printed, said
from petitions.settings import CHECKOUT
from petitions.sources.base import LaneStopped
from petitions.sources.http import REMEDIES
from tests.nightly.office import YEAR, County, Office

#: A sentence of Chinese with at most names in Latin letters in it.
ENGLISH = re.compile(r"[A-Za-z]{2,} [A-Za-z]{2,}")


def chinese(text: str) -> bool:
    return bool(re.search(r"[\u4e00-\u9fff]{4}", text)) and not ENGLISH.search(text)


def test_a_message_is_its_english_and_carries_its_chinese() -> None:
    told = Said("no answer", "平台没有应答")
    assert (told, f"{told}", json.dumps([told]), printed(told)) == ("no answer", "no answer", '["no answer"]', "平台没有应答")
    assert said(LaneStopped(told)).printed == "平台没有应答"
    assert said(ValueError("x")).printed == printed("x") == UNTOLD
    assert str(LaneStopped(told)) == "no answer"


@pytest.mark.parametrize("key", REMEDIES)
def test_every_error_of_a_platform_has_a_sentence_for_the_office(key: str) -> None:
    assert chinese(REMEDIES[key].printed)


@pytest.mark.parametrize("key", REMEDIES)
def test_every_file_that_a_cure_names_is_there(key: str) -> None:
    cure = REMEDIES[key].cure.format(connection="AIRFLOW_CONN_X", source="hotline_12345")
    assert [path for path in re.findall(r"[\w.]+(?:/[\w.]+)+", cure) if not (CHECKOUT / path).exists()] == []


@pytest.mark.parametrize("file", sorted((CHECKOUT / "expectations").glob("*.json")), ids=lambda file: file.stem)
def test_every_yellow_check_has_a_sentence_for_the_office(file: Path) -> None:
    for one in json.loads(file.read_text(encoding="utf-8"))["expectations"]:
        if one["meta"]["level"] == "yellow":
            figures = {"count": 3, "total": 9, "percent": "33.3 %"}
            told, words = one["meta"]["sentence"].format(**figures), one["meta"]["printed"].format(**figures)
            assert chinese(words)
            assert set(re.findall(r"\b(?:3|9|33\.3)\b", told)) == set(re.findall(r"(?<![\d.])(?:33\.3|3|9)(?![\d.])", words)), words


def lane_messages(office: Office) -> dict[str, list[str]]:
    (report,) = office.home.glob("reports/*/report.json")
    told = json.loads(report.read_text(encoding="utf-8"))
    return {lane["source"]: lane["messages"] for lane in told["lanes"]}


def test_the_report_of_a_night_with_red_and_yellow_lanes_is_chinese(demo_county: County, home: Path, tmp_path: Path) -> None:
    (tmp_path / "drop").mkdir()
    (tmp_path / "drop" / "网络问政_20231024.xlsx").write_bytes(b"PK broken")
    office = demo_county.office(home).told(
        provincial=demo_county.connection("provincial") | {"password": "wrong"},
        smart_city=None,
        online_politics={"conn_type": "fs", "extra": {"path": str(tmp_path / "drop")}},
    )
    assert office.run(*YEAR).code == 3
    messages = lane_messages(office)
    assert {source: len(told) > 0 for source, told in messages.items()} == {
        "provincial": True,
        "smart_city": True,
        "online_politics": True,
        "hotline_12345": True,
        "visits": True,
    }
    assert [text for told in messages.values() for text in told if not chinese(text) or text == UNTOLD] == []
    assert "签名错误" in messages["provincial"][0]
