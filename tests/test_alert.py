"""The message of a failed run reaches a real mail server and a bot that checks its calls as DingTalk and WeCom do; no secret is told."""

from __future__ import annotations

import base64
import email
import email.policy
import hashlib
import hmac
import json
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

from petitions import alert
from petitions.connections import Connection
from petitions.said import Said
from tests.sources.loopback import Asked, Loopback, Reply, free_port, serving

KEY, SECRET, MAIL_PASSWORD = "key-of-the-robot-0001", "SECof-the-robot-0002", "password-of-the-mailbox-0003"
NOW = 1700000000.0
CAUSE = Said("40101 wrong signature; correct the password of connection petitions_provincial", "签名错误，请技术人员核对密钥")
RED = [("provincial", (CAUSE,))]


def message() -> alert.Alert:
    return alert.of_run("信访件每夜入库与报表", "scheduled__2026-11-25", RED, "", "http://localhost:8080/dags/petition_nightly/runs/x")


def robot(asked: Asked, key_name: str, signed: bool) -> Reply:
    """What the vendors' servers do with a call."""
    if asked.query.get(key_name) != KEY:
        return Reply({"errcode": 300001, "errmsg": f"token {asked.query.get(key_name)} is not exist"})
    if signed:
        moment = asked.query["timestamp"]
        wanted = base64.b64encode(hmac.new(SECRET.encode(), f"{moment}\n{SECRET}".encode(), hashlib.sha256).digest()).decode()
        if asked.query["sign"] != wanted or int(moment) != NOW * 1000:
            return Reply({"errcode": 310000, "errmsg": "sign not match"})
    told = json.loads(asked.body)
    assert told["msgtype"] == "text"
    return Reply({"errcode": 0, "errmsg": "ok"})


def bot(port: int, kind: str, **extra: Any) -> Connection:
    return Connection("petitions_alert_webhook", "http", "127.0.0.1", port, password=KEY, schema="http", extra={"bot": kind, **extra})


def text(server: Loopback) -> str:
    return str(json.loads(server.asked[-1].body)["text"]["content"])


def test_what_it_says() -> None:
    told = message()
    assert told.subject == "【信访件】信访件每夜入库与报表失败：省一体化信访平台"
    assert told.text.splitlines() == [
        told.subject,
        "运行 run: scheduled__2026-11-25",
        "● 省一体化信访平台 provincial",
        "  签名错误，请技术人员核对密钥",
        "  原因 cause: 40101 wrong signature",
        "  处置 cure: correct the password of connection petitions_provincial",
        "http://localhost:8080/dags/petition_nightly/runs/x",
    ]


@pytest.mark.parametrize(
    ("kind", "path", "key_name", "extra"),
    [
        ("dingtalk", "/robot/send", "access_token", {}),
        ("dingtalk", "/robot/send", "access_token", {"sign_secret": SECRET}),
        ("wecom", "/cgi-bin/webhook/send", "key", {}),
        ("wecom", "/gateway/wecom", "key", {"path": "/gateway/wecom"}),
    ],
)
def test_a_bot_takes_it(kind: str, path: str, key_name: str, extra: dict[str, str]) -> None:
    with serving(lambda asked: robot(asked, key_name, "sign_secret" in extra)) as server:
        alert.send(bot(server.port, kind, **extra), message(), NOW)
    assert [one.path for one in server.asked] == [path]
    assert text(server) == message().text


def test_wecom_takes_two_kilobytes_of_text() -> None:
    long = alert.Alert("长", "信访件" * 1000)
    with serving(lambda asked: robot(asked, "key", False)) as server:
        alert.send(bot(server.port, "wecom"), long)
    assert len(text(server).encode()) in range(2044, 2049)
    assert text(server).endswith("信…") or text(server).endswith("件…") or text(server).endswith("访…")


def refuses(errcode: int) -> Callable[[Asked], Reply]:
    return lambda asked: Reply({"errcode": errcode, "errmsg": f"bad {asked.query}"})


@pytest.mark.parametrize(
    ("script", "calls", "told"),
    [
        (refuses(310000), 1, "errcode 310000"),  # signature or key word: the same again would be refused again
        (lambda _asked: Reply("<html>busy</html>", status=502), 3, "HTTP 502"),
        (lambda _asked: Reply("<html>log in</html>"), 3, "JSONDecodeError"),
        (lambda _asked: Reply({"errcode": 0}, cut=3), 3, "Error"),
    ],
)
def test_a_bot_that_does_not_take_it(
    script: Callable[[Asked], Reply], calls: int, told: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alert, "PAUSE_S", 0.01)
    with serving(script) as server, pytest.raises(alert.NotSent) as failed:
        alert.send(bot(server.port, "dingtalk", sign_secret=SECRET), message())
    assert len(server) == calls
    assert told in str(failed.value) and "petitions_alert_webhook" in str(failed.value)
    assert KEY not in str(failed.value) + caplog.text


def test_a_bot_that_comes_back_gets_it_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alert, "PAUSE_S", 0.01)
    answers = iter([Reply("", status=503), Reply({"errcode": 0})])
    with serving(lambda _asked: next(answers)) as server:
        alert.send(bot(server.port, "wecom"), message())
    assert len(server) == 2


@pytest.mark.parametrize("extra", [{}, {"bot": "fax"}])
def test_a_connection_that_names_no_kind_of_bot(extra: dict[str, str]) -> None:
    with pytest.raises(alert.NotSent, match=r"extra\.bot one of dingtalk, wecom"):
        alert.send(Connection("petitions_alert_webhook", "http", "127.0.0.1", password=KEY, extra=extra), message())


# --- as Airflow calls it -------------------------------------------------------------------------------------------------


class Mailbox:
    """A mail server on loopback that wants a password."""

    def __init__(self) -> None:
        self.letters: list[tuple[list[str], Any]] = []

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        self.letters.append((envelope.rcpt_tos, email.message_from_bytes(envelope.content, policy=email.policy.default)))
        return "250 OK"


@contextmanager
def mail_server() -> Iterator[tuple[Mailbox, int]]:
    def allowed(_server: Any, _session: Any, _envelope: Any, _mechanism: str, told: Any) -> AuthResult:
        return AuthResult(success=told.password == MAIL_PASSWORD.encode(), handled=False)

    box = Mailbox()
    port = free_port()
    running = Controller(box, hostname="127.0.0.1", port=port, authenticator=allowed, auth_require_tls=False)
    running.start()
    try:
        yield box, port
    finally:
        running.stop()


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """The callback, for a night with one red lane."""
    from petitions import nightly
    from petitions_alert import alert as callback

    red = nightly.Lane("provincial", 0, 0, 0, 0, "red", RED[0][1], RED[0][1])
    green = nightly.Lane("visits", 1, 1, 0, 0, "green", ())
    monkeypatch.setattr(nightly, "lanes", lambda _run_id: [red, green])
    for name in ("AIRFLOW_CONN_SMTP_DEFAULT", "AIRFLOW_CONN_PETITIONS_ALERT_WEBHOOK", "AIRFLOW__PETITIONS__ALERT_EMAIL"):
        monkeypatch.delenv(name, raising=False)
    dag = SimpleNamespace(dag_id="petition_nightly", dag_display_name="信访件每夜入库与报表")
    return lambda: callback({"dag": dag, "run_id": "scheduled__2026-11-25", "reason": "task_failure"})


def smtp(port: int, password: str = MAIL_PASSWORD) -> str:
    extra = {"from_email": "petitions@example.org", "disable_ssl": True, "disable_tls": True}
    return json.dumps({"conn_type": "smtp", "host": "127.0.0.1", "port": port, "login": "petitions", "password": password, "extra": extra})


def webhook(port: int) -> str:
    extra = {"bot": "wecom"}
    return json.dumps({"conn_type": "http", "host": "127.0.0.1", "port": port, "schema": "http", "password": KEY, "extra": extra})


def test_by_mail_and_to_the_bot(call: Callable[[], None], monkeypatch: pytest.MonkeyPatch) -> None:
    with mail_server() as (box, port), serving(lambda asked: robot(asked, "key", False)) as server:
        monkeypatch.setenv("AIRFLOW_CONN_SMTP_DEFAULT", smtp(port))
        monkeypatch.setenv("AIRFLOW__PETITIONS__ALERT_EMAIL", "duty@example.org, head@example.org")
        monkeypatch.setenv("AIRFLOW_CONN_PETITIONS_ALERT_WEBHOOK", webhook(server.port))
        call()
    ((recipients, letter),) = box.letters
    assert recipients == ["duty@example.org", "head@example.org"]
    assert letter["Subject"] == message().subject
    content = letter.get_body(("html", "plain")).get_content()
    assert "correct the password of connection petitions_provincial" in content and "省一体化信访平台" in content
    assert len(server) == 1
    assert "40101 wrong signature" in text(server) and "来访登记" not in text(server)


def test_a_mail_server_that_says_no_does_not_stop_the_bot(
    call: Callable[[], None], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with mail_server() as (box, port), serving(lambda asked: robot(asked, "key", False)) as server:
        monkeypatch.setenv("AIRFLOW_CONN_SMTP_DEFAULT", smtp(port, "a-wrong-password-0004"))
        monkeypatch.setenv("AIRFLOW__PETITIONS__ALERT_EMAIL", "duty@example.org")
        monkeypatch.setenv("AIRFLOW_CONN_PETITIONS_ALERT_WEBHOOK", webhook(server.port))
        call()
    assert (len(box.letters), len(server)) == (0, 1)
    assert "no e-mail sent (SMTPAuthenticationError)" in caplog.text
    assert not [word for word in (KEY, MAIL_PASSWORD, "a-wrong-password-0004") if word in caplog.text]


def test_where_nothing_is_set_it_is_in_the_log(call: Callable[[], None], caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "petitions.alert"):
        call()
    assert "40101 wrong signature" in caplog.text
    assert "nobody is told: set [petitions] alert_email" in caplog.text
