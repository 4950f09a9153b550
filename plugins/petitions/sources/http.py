"""Asking a platform over HTTP: one session per lane, one table of what can go wrong, and bounded patience.

A platform's module says how a question is put and how an answer is told from an error; everything else is here: the rate limit
towards the platform, time-outs, broken and foreign bodies, retries with backoff and jitter, and the checks of the envelope.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Literal

import requests
import urllib3
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from tenacity import RetryCallState, Retrying, retry_if_exception, wait_exponential_jitter

from petitions import privacy
from petitions.connections import Connection
from petitions.said import Said
from petitions.sources.base import LaneDown, LaneStopped, Raw

Do = Literal["retry", "wait", "stop"]

#: A platform that is down for good gets at most 60 requests from a lane; one question never takes more than this.
MOST_TRIES = 50


@dataclass(frozen=True)
class Remedy:
    """What the lane does about an error, what a person does when the lane gave up, and what the report says of it."""

    do: Do
    cure: str
    printed: str


# The one table of errors. ``retry``: again, with backoff. ``wait``: again, when the platform said. ``stop``: nothing will change
# by itself. {connection} is the variable of the connection. Bad records are no errors here: they are landed, and quarantined later.
REMEDIES: dict[str, Remedy] = {
    # on the way to the platform
    "unreachable": Remedy(
        "retry",
        "see whether the platform is up and host and port in {connection} are right",
        "连接不上平台，请查看平台是否开机、地址和端口是否正确",
    ),
    "timeout": Remedy(
        "retry",
        "see whether the platform is slow or a firewall swallows the request; extra.timeout_s in {connection} is the time allowed",
        "平台在规定时间内没有应答，请查看平台是否过慢或网络是否被拦截",
    ),
    "certificate": Remedy(
        "stop",
        "install the authority of the platform's certificate, or correct host and schema in {connection}",
        "平台的安全证书不受信任，请安装其证书机构或更正地址",
    ),
    "address": Remedy("stop", "correct schema, host and port in {connection}", "平台地址无法使用，请更正连接的地址和端口"),
    # by HTTP status
    "redirect": Remedy(
        "stop",
        "correct schema, host and port in {connection}: the platform's own address, not a log-in page",
        "平台转到了别的网址，请更正连接的地址",
    ),
    "http_400": Remedy(
        "stop",
        "the platform refuses the question: compare its interface document with plugins/petitions/sources/{source}.py",
        "平台不接受本次查询，请对照平台接口文档",
    ),
    "http_401": Remedy("stop", "correct login and password in {connection}", "平台拒绝登录，请更正连接的账号和密钥"),
    "http_403": Remedy(
        "stop", "ask the platform to authorise the login in {connection} for this interface", "账号未获授权使用该接口，请联系平台方授权"
    ),
    "http_404": Remedy(
        "stop", "correct host, port and schema in {connection}: this interface is not there", "该地址没有此接口，请更正连接的地址和端口"
    ),
    "http_4xx": Remedy(
        "stop",
        "the platform refuses the question: ask its operator, and correct {connection}",
        "平台不接受本次查询，请联系平台方并更正连接",
    ),
    "http_408": Remedy("retry", "ask the platform's operator", "平台等待超时，请联系平台方"),
    "http_429": Remedy(
        "wait",
        "lower extra.requests_per_second in {connection}, or run at a quieter hour",
        "平台限制访问次数，请调低每秒请求数或改在空闲时段取数",
    ),
    "http_5xx": Remedy("retry", "ask the platform's operator, and run again when it is up", "平台暂时不可用，恢复后重新取数"),
    # in the body
    "broken_body": Remedy(
        "retry",
        "ask the platform's operator whether a gateway cuts answers off; a smaller extra.page_size in {connection} may help",
        "平台应答中途断开，请联系平台方查看网关",
    ),
    "html_body": Remedy(
        "retry",
        "a gateway answers in the platform's place: ask its operator, and see that host in {connection} is the platform",
        "网关代替平台作了应答（网页而非数据），请联系平台方",
    ),
    "empty_body": Remedy("retry", "ask the platform's operator why answers are empty", "平台应答为空，请联系平台方"),
    "not_json": Remedy("retry", "ask the platform's operator why the answer is no JSON", "平台应答不是约定的数据格式，请联系平台方"),
    "short_page": Remedy(
        "retry",
        "ask the platform's operator why a page holds fewer records than its total says",
        "平台一页的记录数少于其报数，请联系平台方",
    ),
    # codes in the body of the provincial platform
    "code_40101": Remedy(
        "stop",
        "wrong signature: correct password (the app secret) and login (the app id) in {connection}",
        "签名错误，请更正连接的应用编号和密钥",
    ),
    "code_40102": Remedy("stop", "this machine's clock is off by more than 300 s: set it by NTP", "本机时钟相差超过300秒，请校准时间"),
    "code_40301": Remedy(
        "stop",
        "not authorised: correct login (the app id) in {connection}, or have the province authorise it for this interface",
        "应用未获授权，请更正应用编号或请省平台授权",
    ),
    "code_42901": Remedy(
        "wait",
        "lower extra.requests_per_second in {connection}, or run at a quieter hour",
        "平台限制访问次数，请调低每秒请求数或改在空闲时段取数",
    ),
    "code_50001": Remedy("retry", "the platform stays busy: run again later", "平台一直繁忙，请稍后重新取数"),
    "code_unknown": Remedy(
        "stop",
        "ask the platform's operator, with this line, what the code means and how it is cured",
        "平台返回了未登记的错误码，请联系平台方",
    ),
    # of the token of the hotline
    "token_refused": Remedy(
        "stop",
        "wrong secret: correct login (client id) and password (client secret) in {connection}",
        "平台拒绝发放令牌，请更正连接的账号和密钥",
    ),
    "token_short_lived": Remedy(
        "stop",
        "a token just issued is refused: ask the platform's operator, and compare both clocks",
        "刚取得的令牌即被拒绝，请联系平台方并核对双方时钟",
    ),
    # in the envelope and the paging
    "envelope": Remedy(
        "stop",
        "the platform's interface changed: compare its document, then correct [envelope] of config/sources/{source}.toml",
        "平台接口的数据结构变了，请对照其文档更正配置",
    ),
    "page_loop": Remedy("stop", "ask the platform's operator why its pages do not go on", "平台翻页不前进，请联系平台方"),
}


class Fault(Exception):
    """One request failed. ``key`` is a row of :data:`REMEDIES`; ``found`` says what came, without personal data."""

    def __init__(self, key: str, found: str, *, wait_s: float | None = None) -> None:
        super().__init__(found)
        self.key, self.found, self.wait_s = key, found, wait_s

    @property
    def do(self) -> Do:
        return REMEDIES[self.key].do


class HttpExtra(BaseModel):
    """The keys of a connection's ``extra`` that the two HTTP platforms take."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    page_size: int = Field(500, ge=1, le=500)
    #: for the answer as a whole, and to connect
    timeout_s: float = Field(30, gt=0)
    #: of one question; waiting because the platform asked for it does not count
    max_attempts: int = Field(6, ge=1, le=MOST_TRIES)
    requests_per_second: float = Field(10, gt=0)
    #: the longest time without one good answer before the lane gives up
    patience_s: float = Field(300, gt=0)


class HttpLane:
    """One lane's conversation with its platform."""

    def __init__(self, source: str, connection: Connection) -> None:
        self.source = source
        self.connection = connection
        self.variable = f"AIRFLOW_CONN_{connection.conn_id.upper()}"
        self.extra = _extra(source, connection, self.variable)
        self.base = self._base()
        self.session = requests.Session()
        self.session.auth = _no_netrc
        self._next_request = 0.0

    def secret(self) -> tuple[str, str]:
        """Login and password of the connection.

        :raises LaneStopped: naming what is not set.
        """
        login, password = self.connection.login, self.connection.password
        if not login or not password:
            raise LaneStopped(
                f"{self.source}: expected login and password in {self.variable}, found no {'password' if login else 'login'}; add it"
            )
        return login, password

    def ask(self, ask_once: Callable[[], Raw]) -> Raw:
        """Put one question until it is answered, as the table says.

        ``ask_once`` puts it once, by :meth:`request`, and raises :class:`Fault` where the answer is none.

        :raises LaneStopped: when the table says so or patience is at its end.
        """
        patience = _Patience(self.extra)
        attempts = Retrying(retry=retry_if_exception(_goes_on), stop=patience.at_its_end, wait=patience.pause, reraise=True)
        try:
            return attempts(ask_once)
        except Fault as fault:
            raise self.stopped(fault, patience.tries) from None

    def request(self, method: str, path: str, **options: Any) -> Raw:
        """One request; the JSON object it brought.

        :raises Fault: for everything else.
        """
        self._keep_to_rate()
        deadline = time.monotonic() + self.extra.timeout_s
        try:
            with self.session.request(
                method, self.base + path, timeout=self.extra.timeout_s, stream=True, allow_redirects=False, **options
            ) as answer:
                body = _body(answer, deadline)
        except requests.exceptions.SSLError:
            raise Fault("certificate", "a certificate that this machine does not trust") from None
        except requests.exceptions.Timeout:
            raise Fault("timeout", f"no answer within {self.extra.timeout_s:g} s") from None
        except requests.exceptions.ConnectionError as error:
            raise Fault("unreachable", _network_words(error)) from None
        except (requests.exceptions.ChunkedEncodingError, requests.exceptions.ContentDecodingError):
            raise Fault("broken_body", "an answer that breaks off") from None
        except (requests.exceptions.RequestException, ValueError) as error:
            raise Fault("address", f"an address that cannot be used ({type(error).__name__})") from None
        _refuse_status(answer, body)
        return _json_object(body)

    def stopped(self, fault: Fault, tries: int = 1) -> LaneStopped:
        """The one line of a lane that gave up."""
        cure = REMEDIES[fault.key].cure.format(connection=self.variable, source=self.source)
        asked = f", asking to wait {fault.wait_s:.0f} s" if fault.wait_s else ""
        again = f" ({tries} attempts)" if tries > 1 else ""
        kind = LaneStopped if fault.do == "stop" else LaneDown
        text = f"{self.source}: expected an answer from {self.base}, found {fault.found}{asked}{again}; {cure}"
        return kind(Said(text, REMEDIES[fault.key].printed))

    def checked(self, answer: Raw, envelope: Mapping[str, str]) -> Raw:
        """The answer, where every key of ``envelope`` (dotted path → type) is there and of its type.

        :raises LaneStopped: naming the key.
        """
        for path, wanted in envelope.items():
            found: Any = answer
            for key in path.split("."):
                found = found.get(key, _ABSENT) if isinstance(found, dict) else _ABSENT
            if not _is_of(found, wanted):
                told = "no such key" if found is _ABSENT else _kind(found)
                raise self.stopped(Fault("envelope", f"under the key {path} not {wanted} but {told}"))
        return answer

    def _base(self) -> str:
        host, port = self.connection.host, self.connection.port
        if not host:
            raise LaneStopped(f"{self.source}: expected host in {self.variable}, found none; add host, port and schema (http or https)")
        if "://" in host:
            scheme, _, host = host.partition("://")
        else:
            scheme = self.connection.schema or ("https" if self.connection.conn_type == "https" else "http")
        if scheme not in ("http", "https"):
            raise LaneStopped(f"{self.source}: expected schema http or https in {self.variable}, found {scheme!r}; correct it")
        place, slash, path = host.rstrip("/").partition("/")
        return f"{scheme}://{place}{f':{port}' if port else ''}{slash}{path}"

    def _keep_to_rate(self) -> None:
        time.sleep(max(0.0, self._next_request - time.monotonic()))
        self._next_request = time.monotonic() + 1 / self.extra.requests_per_second


def wait_asked_for(told: Any, *, sent: str | None = None) -> float | None:
    """The seconds of a ``Retry-After`` or ``retryAfter``: a number, or an HTTP date seen from the platform's own clock ``sent``."""
    if told is None or isinstance(told, bool):
        return None
    try:
        seconds = float(told)
        return max(0.0, seconds) if seconds < float("inf") else None
    except (TypeError, ValueError):
        pass
    try:
        until = parsedate_to_datetime(str(told))
        since = parsedate_to_datetime(sent) if sent else datetime.now(UTC)
        return max(0.0, (_zoned(until) - _zoned(since)).total_seconds())
    except (TypeError, ValueError):
        return None


# --- retries ----------------------------------------------------------------------------------------------------------------


class _Patience:
    """How long one question is put again: ``max_attempts`` failures, :data:`MOST_TRIES` tries, ``patience_s`` seconds."""

    def __init__(self, extra: HttpExtra) -> None:
        self.extra = extra
        self.tries = 0
        self._failures = 0
        self._began = time.monotonic()
        self._backoff = wait_exponential_jitter(multiplier=0.5, max=8, jitter=0.5)

    def pause(self, state: RetryCallState) -> float:
        """Never sooner than the platform asked for, and ever later where it goes on asking."""
        return max(self._backoff(state), (_fault_of(state).wait_s or 0.0) * 1.02)

    def at_its_end(self, state: RetryCallState) -> bool:
        """Asked after :meth:`pause`, whose answer is ``upcoming_sleep``."""
        self.tries = state.attempt_number
        self._failures += _fault_of(state).do == "retry"
        late = time.monotonic() - self._began + state.upcoming_sleep > self.extra.patience_s
        return late or self._failures >= self.extra.max_attempts or self.tries >= MOST_TRIES


def _fault_of(state: RetryCallState) -> Fault:
    assert state.outcome is not None
    fault = state.outcome.exception()
    assert isinstance(fault, Fault)
    return fault


def _goes_on(error: BaseException) -> bool:
    return isinstance(error, Fault) and error.do != "stop"


# --- answers ----------------------------------------------------------------------------------------------------------------

_ABSENT = object()
_KINDS: dict[str, tuple[type, ...]] = {
    "whole number": (int,),
    "number": (int, float),
    "text": (str,),
    "list of records": (list,),
    "object": (dict,),
}


def _body(answer: requests.Response, deadline: float) -> bytes:
    """The whole body, within the time allowed: a platform that sends byte by byte is no longer waited for."""
    parts: list[bytes] = []
    try:
        while part := answer.raw.read1(1 << 16, decode_content=True):
            parts.append(part)
            if time.monotonic() > deadline:
                raise requests.exceptions.Timeout
    except urllib3.exceptions.ReadTimeoutError:
        raise requests.exceptions.Timeout from None
    except urllib3.exceptions.HTTPError:
        raise requests.exceptions.ChunkedEncodingError from None
    return b"".join(parts)


def _refuse_status(answer: requests.Response, body: bytes) -> None:
    status = answer.status_code
    if 200 <= status < 300:
        return
    told = _told_by(body)
    found = f"HTTP status {status}" + (f" ({told})" if told else "")
    wait_s = wait_asked_for(answer.headers.get("Retry-After"), sent=answer.headers.get("Date")) if status in (429, 503) else None
    raise Fault(_status_key(status), found, wait_s=wait_s)


def _status_key(status: int) -> str:
    if f"http_{status}" in REMEDIES:
        return f"http_{status}"
    return "redirect" if 300 <= status < 400 else "http_4xx" if 400 <= status < 500 else "http_5xx"


def _json_object(body: bytes) -> Raw:
    text = body.strip().removeprefix(b"\xef\xbb\xbf")
    if not text:
        raise Fault("empty_body", "an empty answer")
    if text.startswith(b"<"):
        raise Fault("html_body", "HTML in place of JSON")
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        raise Fault("not_json", "an answer that is no JSON") from None
    if not isinstance(found, dict):
        raise Fault("not_json", f"JSON that is no object but {_kind(found)}")
    return found


def told_in_words(told: Any) -> str:
    """What the platform said of an error, for a message: short, on one line, without numbers that could be a person's."""
    if not isinstance(told, str):
        return ""
    line = re.sub(r"\s+", " ", privacy.mask_text(told) or "").strip()
    return line[:160]


def _told_by(body: bytes) -> str:
    try:
        found = _json_object(body)
    except Fault:
        return ""
    return next((words for key in ("error_description", "message", "msg", "error") if (words := told_in_words(found.get(key)))), "")


def _is_of(found: Any, wanted: str) -> bool:
    kinds = [kind.strip() for kind in wanted.split(" or ")]
    if found is None:
        return "nothing" in kinds
    if isinstance(found, bool):
        return False
    fits = any(isinstance(found, _KINDS[kind]) for kind in kinds if kind != "nothing")
    return fits and not (isinstance(found, list) and any(not isinstance(row, dict) for row in found))


def _kind(found: Any) -> str:
    names = {bool: "true or false", int: "a whole number", float: "a number", str: "text", list: "a list", dict: "an object"}
    if isinstance(found, list) and any(not isinstance(row, dict) for row in found):
        return "a list that holds other things than records"
    return names.get(type(found), "nothing")


# --- the connection ---------------------------------------------------------------------------------------------------------


def _extra(source: str, connection: Connection, variable: str) -> HttpExtra:
    try:
        return HttpExtra.model_validate(connection.extra)
    except ValidationError as error:
        told = "; ".join(f"extra.{item['loc'][0]}: {item['msg']}, found {item['input']!r}" for item in error.errors(include_url=False))
        raise LaneStopped(f"{source}: {told}; correct {variable}") from None


def _no_netrc(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """The platforms sign by themselves. Without this, requests would put what ~/.netrc holds in place of our token."""
    return request


def _network_words(error: Exception) -> str:
    told = str(error)
    if "refused" in told:
        return "a refused connection"
    if "resolve" in told or "NameResolution" in told:
        return "a host name that nobody knows"
    return "a broken connection"


def _zoned(told: datetime) -> datetime:
    return told if told.tzinfo else told.replace(tzinfo=UTC)
