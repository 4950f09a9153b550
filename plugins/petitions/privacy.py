"""Personal data, masked on the way in: names keep the surname, phones 138****0001, id numbers the first 6 and last 4.

The same person is recognised by one keyed hash of the phone or id number. The key is a secret of the home; it never enters the
warehouse, and without it nobody can try out all phone numbers against the hashes.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import re
import secrets
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from petitions.sifting import BORDER, as_one

KEY_BYTES = 32


@lru_cache(maxsize=1024)
def mask_name(text: str | None) -> str | None:
    """``李小明`` → ``李**``, ``欧阳小明`` → ``欧阳**``; several names in one field one by one. What names nobody (匿名) stays."""
    if not text:
        return None
    return _NAME.sub(_masked_name, _closed_up(text))


def mask_phone(text: str | None) -> str | None:
    """``13800000001`` → ``138****0001``; whatever else stands in a phone field does not leave it."""
    if not text:
        return None
    if len(text) == 11 and text[0] == "1" and text.isascii() and text.isdecimal():
        return f"{text[:3]}****{text[7:]}"
    masked = _masked_numbers(_masked_words(text))
    if masked != text:
        return _UNMASKED_REST.sub("**", masked)
    return _ends(text, 3, 4) if len(text) >= 11 else "****"


def mask_id_number(text: str | None) -> str | None:
    """``441322199001011234`` → ``441322********1234``; other documents keep their first and last two characters."""
    if not text:
        return None
    plain = re.sub(r"[\s-]", "", text)
    if len(plain) in (15, 18):
        return _ends(plain, 6, 4)
    return _ends(plain, 2, 2) if len(plain) > 6 else "****"


def mask_text(text: str | None, names: Iterable[str] = ()) -> str | None:
    """Free text with mobile and landline numbers, id numbers, e-mail addresses and the given names masked."""
    return _masked_numbers(_masked_words(text, names)) if text else None


def mask_each(texts: Iterable[str | None], names: Iterable[tuple[str, ...]]) -> list[str | None]:
    """:func:`mask_text` of many texts, each with names of its own."""
    worded = [
        _masked_words(text, told) if text and ("@" in text or (told and (told[0] in text or len(told) > 1))) else text
        for text, told in zip(texts, names, strict=True)
    ]
    return as_one(_masked_numbers, worded)


@lru_cache(maxsize=4096)
def mask_label(text: str | None) -> str | None:
    """The name of a unit, town, category or channel, in which people write telephone numbers too. Few of them: each is looked at once."""
    return mask_text(text)


def person_names(names: Iterable[str]) -> list[str]:
    """Of the names those that are a person's by all appearance: what else petitions (an office, a firm, a nickname taken from the county's
    name) may be part of a unit's name in honour, and a unit torn in two would be counted wrongly."""
    return [name for name in names if _PERSON.fullmatch(name)]


def names_in(text: str | None) -> tuple[str, ...]:
    """The names a petitioner field holds that are worth looking for in the record's free text, longest first.

    A single character or a short nickname is none: replacing it would spoil the text.
    """
    if not text or text in NOBODY:
        return ()
    if _PLAIN_NAME.fullmatch(text):
        return (text,)
    parts = {*_NAME_BREAK.split(_closed_up(text)), *([text] if _SPREAD.fullmatch(text) else [])}
    found = {part for part in parts if part not in NOBODY and "*" not in part and (len(part) >= 4 or _CHINESE_NAME.search(part))}
    return tuple(sorted(found, key=lambda part: (-len(part), part)))


def person_key(key: bytes, phone: str | None, id_number: str | None) -> str | None:
    """HMAC-SHA256 of the normalised phone, else of the id number, as 64 hex digits; None where there is neither.

    The phone goes first because every platform asks for it: one person has one key on all of them.
    """
    told = normal_phone(phone) or _normal_id(id_number)
    if not told:
        return None
    keyed = _keyed(key).copy()
    keyed.update(told.encode())
    return keyed.hexdigest()


@lru_cache(maxsize=8)
def _keyed(key: bytes) -> hmac.HMAC:
    return hmac.new(key, digestmod=hashlib.sha256)


def normal_phone(text: str | None) -> str | None:
    """Digits only, without the country code: the first mobile number in the text, else the whole as a landline."""
    if not text:
        return None
    if len(text) == 11 and text.isdecimal():
        return text
    mobile = _MOBILE.search(text)
    if mobile:
        return _NO_DIGIT.sub("", mobile.group())[-11:]
    digits = _NO_DIGIT.sub("", text)
    return digits if 7 <= len(digits) <= 16 else None


def load_key(folder: Path) -> bytes:
    """The key of a home, ``<folder>/person_key``; made on first use, readable by the service alone.

    Several lanes may start at once on a fresh home: the file appears whole under its name or not at all, and the first one wins.

    :raises ValueError: where the file is there and holds no key.
    """
    path = folder / "person_key"
    if not path.exists():
        _create_key(path)
    told = path.read_text(encoding="ascii").strip()
    if not re.fullmatch(r"[0-9a-f]{32,}", told):
        raise ValueError(f"{path}: expected a key of at least 32 hex digits, found {len(told)} characters; restore it from the backup")
    return bytes.fromhex(told)


# --- the key file -------------------------------------------------------------------------------------------------------


def _create_key(path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    aside = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    handle = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(secrets.token_hex(KEY_BYTES))
        file.flush()
        os.fsync(file.fileno())
    with contextlib.suppress(FileExistsError):
        os.link(aside, path)  # fails where another lane was first; a rename would overwrite its key
    aside.unlink()


# --- names --------------------------------------------------------------------------------------------------------------

# Words that stand in a name field and name nobody.
NOBODY = frozenset(
    "匿名|匿名网友|匿名用户|网友|群众|市民|热心市民|居民|村民|业主|游客|用户|无|不详|无名氏|本人|先生|女士".split("|")  # noqa: SIM905
)
_COMPOUND = (
    "欧阳|太史|端木|上官|司马|东方|独孤|南宫|万俟|闻人|夏侯|诸葛|尉迟|公羊|赫连|澹台|皇甫|宗政|濮阳|公冶|太叔|申屠|公孙|慕容|仲孙|钟离|长孙"
    "|宇文|司徒|鲜于|司空|闾丘|子车|亓官|司寇|巫马|公西|颛孙|壤驷|公良|漆雕|乐正|宰父|谷梁|拓跋|夹谷|轩辕|令狐|段干|百里|呼延|东郭|南门|羊舌"
    "|微生|梁丘|左丘|东门|西门|第五"
)
_BREAK = r"\s、,，;；/|()（）"
_NAME_BREAK = re.compile(rf"[{_BREAK}]+")
# A name that is masked already comes out as it went in.
_NAME = re.compile(rf"(?P<kept>(?:{_COMPOUND})(?=[^{_BREAK}])|[^{_BREAK}])[^{_BREAK}]*")
_PLAIN_NAME = re.compile(r"[\u3400-\u9fff]{2,8}")
_CHINESE_NAME = re.compile(r"[\u3400-\u9fff\U00020000-\U0003ffff] ?[\u3400-\u9fff\U00020000-\U0003ffff]")
# Registers set short names wide: 李 四.
_SPREAD = re.compile(r"[\u3400-\u9fff](?: [\u3400-\u9fff]){1,3}")

# The surnames of nine persons in ten.
_SURNAMES = (
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林罗高郑梁谢宋唐许韩冯邓曹彭曾肖萧田董袁潘于蒋蔡余杜叶程苏魏吕丁任沈姚卢姜崔钟谭陆汪范金石廖贾夏韦付傅"
    "方白邹孟熊秦邱江尹薛闫阎段雷侯龙史陶黎贺顾毛郝龚邵万钱严覃武戴莫孔向汤温康施文牛樊葛邢安齐易乔伍庞颜倪庄聂章鲁岳翟殷詹申欧耿关兰焦俞左柳"
)
# A name of a person, which does not end as the names of offices, firms and places do.
_PERSON = re.compile(
    rf"(?:{_COMPOUND}|[{_SURNAMES}])(?: ?[\u3400-\u9fff\U00020000-\U0003ffff]){{1,3}}"
    r"(?<![局委办镇乡村所队司府站部院校区县市会处科股厅室组店厂])"
)


def _closed_up(text: str) -> str:
    return text.replace(" ", "") if _SPREAD.fullmatch(text) else text


def _masked_name(found: re.Match[str]) -> str:
    return found.group() if found.group() in NOBODY else found["kept"] + "**"


# --- numbers and addresses ----------------------------------------------------------------------------------------------

# A number is only taken where no further digit touches it: ticket numbers are longer runs and stay whole.
_ID_18 = r"(?<!\d)\d{6}[ -]?\d{4}[ -]?\d{4}[ -]?\d{3}[\dXxＸｘ](?!\d)"
_ID_15 = r"(?<!\d)[1-9]\d{5}\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{3}(?!\d)"
_GAP = r"[ \-－—–·]"
# A point parts a number only where it stands twice: with one it is a coordinate.
_GROUPS = rf"[3-9]\d{_GAP}?\d{{4}}{_GAP}?\d{{4}}|[3-9]\d\d{_GAP}\d{{3}}{_GAP}\d{{4}}|[3-9]\d\.\d{{4}}\.\d{{4}}"
_MOBILE_NUMBER = rf"(?<!\d)(?:(?:\+|00)?86{_GAP}?|0)?1(?:{_GROUPS}|\d{{10}})(?!\d)"
_LANDLINE = rf"(?<!\d)[(（]?0\d{{2,3}}[)）]?{_GAP}{{0,2}}\d{{3,4}}{_GAP}?\d{{4}}(?:[-转]\d{{1,6}})?(?!\d)"
# Without an area code seven digits may be anything; a word before them says that they are a telephone number.
_LOCAL = re.compile(r"[2-8]\d{2,3}[ -]?\d{4}")
_LOCAL_WORD = re.compile(rf"(?:电话|座机|固话|手机|号码|致电|拨打|联系|[Tt][Ee][Ll])[^\d\n{BORDER}]{{0,6}}$")
_EMAIL = re.compile(r"[A-Za-z0-9._%+-]+@((?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,})")

_NO_DIGIT = re.compile(r"\D")
# Raw text, as a page of quarantine shows it, may hold full-width digits.
_NARROW = {ord("０") + digit: str(digit) for digit in range(10)}
_MOBILE = re.compile(_MOBILE_NUMBER)
_NUMBERS = re.compile(rf"(?P<id>{_ID_18}|{_ID_15})|(?P<mobile>{_MOBILE_NUMBER})|(?P<landline>{_LANDLINE})")
# The two forms that most of them have, alone: what stays of them stands in groups.
_USUAL = re.compile(r"([+(（]?1[3-9][0-9])[0-9]{4}([0-9]{4})|(02[0-9]|0[3-9][0-9]{2})-[0-9]{5,6}([0-9]{2})")
# Digits and what may stand between them: the only places where the patterns above need to look. Most texts have none.
_BETWEEN = r"[\d() \-－—–·.（）转+]"
_RUN = re.compile(rf"[+(（\d](?:(?<=\d)|\d){_BETWEEN}{{5,}}[\dXxＸｘ]")
# In a phone field, what is left beside the masked number: a name, a further number.
_UNMASKED_REST = re.compile(r"[\u3400-\u9fff\U00020000-\U0003ffff]+|(?<!\*)\d{5,}")


def _masked_words(text: str, names: Iterable[str] = ()) -> str:
    for name in names:
        if name in text:
            text = text.replace(name, mask_name(name) or "")
    return _EMAIL.sub(lambda found: f"{found.group()[0]}***@{found[1]}", text) if "@" in text else text


def _masked_numbers(text: str) -> str:
    return _RUN.sub(_masked_run, text)


def _masked_run(found: re.Match[str]) -> str:
    told = found.group()
    if usual := _USUAL.fullmatch(told):
        return f"{usual[1] or usual[3]}****{usual[2] or usual[4]}"
    run = told if told.isascii() else told.translate(_NARROW)
    masked = _masked_in(run)
    if masked != run:
        return masked
    if _LOCAL.fullmatch(run) and _LOCAL_WORD.search(found.string[max(found.start() - 12, 0) : found.start()]):
        return f"****{run[-2:]}"
    return told


@lru_cache(maxsize=4096)
def _masked_in(run: str) -> str:
    """Kept, because the telephone of an office stands in all its answers."""
    return _NUMBERS.sub(_masked_number, run)


def _masked_number(found: re.Match[str]) -> str:
    text, kind = found.group(), found.lastgroup
    if kind == "id":
        return _ends(text.replace(" ", "").replace("-", ""), 6, 4)
    digits = _NO_DIGIT.sub("", text)
    if kind == "mobile":
        return f"{digits[-11:-8]}****{digits[-4:]}"
    area = 3 if digits[1] in "12" else 4  # 010, 02x: three digits
    return f"{digits[:area]}****{digits[-2:]}"


def _ends(text: str, first: int, last: int) -> str:
    return text[:first] + "*" * max(len(text) - first - last, 4) + text[-last:]


def _normal_id(text: str | None) -> str | None:
    plain = re.sub(r"[^0-9A-Za-z]", "", text or "").upper()
    return plain if len(plain) >= 6 else None
