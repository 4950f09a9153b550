"""Masks, the key of a person, and the key file."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from petitions import privacy


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ("李四", "李**"),
        ("李小明", "李**"),
        ("李 四", "李**"),
        ("欧阳小明", "欧阳**"),
        ("欧阳", "欧**"),
        ("李四、王五", "李**、王**"),
        ("李先生", "李**"),
        ("阿卜杜拉·买买提", "阿**"),
        ("A000102948", "A**"),
        ("匿名", "匿名"),
        ("李**", "李**"),
        (None, None),
    ],
)
def test_name(told: str | None, expected: str | None) -> None:
    assert privacy.mask_name(told) == expected


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ("13800000001", "138****0001"),
        ("+86 138-0000-0001", "138****0001"),
        ("13800000001/13900000002", "138****0001/139****0002"),
        ("13800000001 李四", "138****0001 **"),
        ("0752-6123456", "0752****56"),
        ("6123456", "****"),
        ("李四", "****"),
        (None, None),
    ],
)
def test_phone(told: str | None, expected: str | None) -> None:
    assert privacy.mask_phone(told) == expected


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ("441322199001011234", "441322********1234"),
        ("44132219900101123X", "441322********123X"),
        ("441322900101123", "441322*****1123"),
        ("G12345678", "G1*****78"),
        ("123", "****"),
    ],
)
def test_id_number(told: str, expected: str) -> None:
    assert privacy.mask_id_number(told) == expected


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ("我的电话13800000001，请回", "我的电话138****0001，请回"),
        ("138 0000 0001或8613900000002", "138****0001或139****0002"),
        ("138－0000－0001，1380-000-0001，138.0000.0001，138—0000—0001", "138****0001，138****0001，138****0001，138****0001"),
        ("0752-338-0000，0752 3380 0000", "0752****00，0752****00"),
        ("身份证441322199001011234", "身份证441322********1234"),
        ("身份证44132219900101123x。", "身份证441322********123x。"),
        ("441322 19900101 1234", "441322********1234"),
        ("请致电0752-6123456转801", "请致电0752****01"),
        ("(0752)6123456", "0752****56"),
        ("020-81234567", "020****67"),
        ("联系电话：6123456", "联系电话：****56"),
        ("邮箱li.si@qq.com", "邮箱l***@qq.com"),
        ("电话１３８００００００01，共１２３４５６件", "电话138****0001，共１２３４５６件"),
        # no personal data: a longer run is a ticket number, days and sums are what they are
        ("工单441322202310240001123已办", "工单441322202310240001123已办"),
        ("2023-10-24 10:20:30至2023-10-25", "2023-10-24 10:20:30至2023-10-25"),
        ("补偿100000000元，面积6123456平方米", "补偿100000000元，面积6123456平方米"),
        ("拨打12345", "拨打12345"),
        ("位于东经139.12345678，北纬23.17", "位于东经139.12345678，北纬23.17"),
    ],
)
def test_free_text(told: str, expected: str) -> None:
    assert privacy.mask_text(told) == expected


def test_the_petitioner_is_masked_in_free_text() -> None:
    assert privacy.mask_text("李小明与欧阳小红来信", privacy.names_in("李小明、欧阳小红")) == "李**与欧阳**来信"
    assert privacy.mask_text("李四您好，李 四", privacy.names_in("李 四")) == "李**您好，李**"
    assert privacy.names_in("匿名") == privacy.names_in("李") == privacy.names_in(None) == ()


@given(st.text(alphabet="，。的我 ab\n"), st.from_regex(r"1[3-9][0-9]{9}", fullmatch=True), st.text(alphabet="，。的我 ab\n"))
def test_no_mobile_number_gets_through(before: str, number: str, after: str) -> None:
    masked = privacy.mask_text(before + number + after) or ""
    assert number not in masked
    assert masked == before + number[:3] + "****" + number[-4:] + after


def test_one_person_has_one_key() -> None:
    key = b"k" * 32
    same = {privacy.person_key(key, told, "441322199001011234") for told in ("13800000001", "+86 138-0000-0001", "电话:13800000001")}
    assert len(same) == 1
    assert privacy.person_key(key, None, "44132219900101123x") == privacy.person_key(key, "", "44132219900101123X")
    assert privacy.person_key(key, None, None) is None
    assert privacy.person_key(b"x" * 32, "13800000001", None) not in same


def test_the_key_is_made_once_and_readable_by_the_service_alone(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(lambda _: privacy.load_key(tmp_path / "secrets"), range(32)))
    assert len(keys) == 1
    assert [path.name for path in (tmp_path / "secrets").iterdir()] == ["person_key"]
    assert stat.S_IMODE((tmp_path / "secrets" / "person_key").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "secrets").stat().st_mode) == 0o700


def test_a_broken_key_is_refused(tmp_path: Path) -> None:
    (tmp_path / "person_key").write_text("")
    with pytest.raises(ValueError, match="restore it"):
        privacy.load_key(tmp_path)


_DIGITS_IN_TEXT = st.text(st.sampled_from("0123456789138 -()（）.+转—·电话号码xX@a路３"), max_size=40)


@given(_DIGITS_IN_TEXT)
def test_a_text_that_is_left_alone_holds_no_number(text: str) -> None:
    every_run = privacy._RUN.sub(privacy._masked_run, privacy._EMAIL.sub(lambda found: f"{found.group()[0]}***@{found[1]}", text))
    assert (privacy.mask_text(text) or "") == every_run


@given(st.from_regex(r"1\d{10}", fullmatch=True) | st.from_regex(r"[0-9]{11}", fullmatch=True))
def test_a_plain_mobile_number_is_masked_like_any_other(text: str) -> None:
    masked = privacy._masked_numbers(text)
    expected = privacy._UNMASKED_REST.sub("**", masked) if masked != text else privacy._ends(text, 3, 4)
    assert privacy.mask_phone(text) == expected


@given(st.from_regex(privacy._USUAL, fullmatch=True))
def test_a_number_of_a_usual_form_is_masked_like_any_other(run: str) -> None:
    assert privacy.mask_text(run) == privacy._NUMBERS.sub(privacy._masked_number, run) != run


_NAMES = st.lists(st.sampled_from(["李小明", "欧阳小红", "138", "明"]), max_size=2).map(tuple)


_LETTERS = st.sampled_from("0123456789138 -()（）.+转—·电话号码xX@a.路３李小明欧阳红\0\n")


@given(st.lists(st.tuples(st.none() | st.text(_LETTERS, max_size=30), _NAMES)))
def test_many_texts_are_masked_like_each(told: list[tuple[str | None, tuple[str, ...]]]) -> None:
    texts, names = [text for text, _ in told], [names for _, names in told]
    assert privacy.mask_each(texts, names) == list(map(privacy.mask_text, texts, names))


@pytest.mark.parametrize(
    "texts", [["请拨打电话", "5551234"], ["+", "13800000001"], ["138", "00000001"], ["a@b", ".com"], ["电话\0", "5551234"]]
)
def test_no_text_is_read_on_into_the_next(texts: list[str]) -> None:
    assert privacy.mask_each(texts, [()] * 2) == [privacy.mask_text(text) for text in texts]


@given(st.text(st.sampled_from("李小明王五欧阳匿名、, *a"), max_size=8))
def test_a_plain_name_is_found_like_any_other(text: str) -> None:
    careful = {part for part in privacy._NAME_BREAK.split(text) if part} if " " not in text else None
    found = privacy.names_in(text)
    if careful == {text} and text not in privacy.NOBODY and "*" not in text and privacy._CHINESE_NAME.search(text):
        assert found == (text,)
