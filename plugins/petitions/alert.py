"""The one message about a run that failed: which lane, why, what to do. Written here; sent by e-mail through Airflow, or to a group's bot.

Its words are the causes that the lanes keep, which are free of personal data.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from petitions.connections import Connection
from petitions.model import SOURCE_LABELS
from petitions.said import printed


class NotSent(Exception):
    """The bot did not take the message. Says why and which connection to see, and no secret."""


@dataclass(frozen=True)
class Alert:
    """``subject`` is one line; ``text`` says all, subject included."""

    subject: str
    text: str


@dataclass(frozen=True)
class Bot:
    """What a kind of group bot expects: the path, the query parameter of its key, and the most bytes of a text that it takes."""

    path: str
    key: str
    most: int


#: By ``extra.bot`` of the connection. Both take ``{"msgtype":"text","text":{"content":…}}`` and answer ``{"errcode":0}``.
BOTS = {"dingtalk": Bot("/robot/send", "access_token", 20000), "wecom": Bot("/cgi-bin/webhook/send", "key", 2048)}
ATTEMPTS, PAUSE_S, TIMEOUT_S = 3, 2.0, 10


def of_run(title: str, run_id: str, lanes_red: Sequence[tuple[str, Sequence[str]]], otherwise: str, address: str | None = None) -> Alert:
    """
    :param title: the job, as the office calls it.
    :param lanes_red: source and causes of every red lane; a cause is written as ``what was found; what to do``, and in Chinese
        too where it is :class:`petitions.said.Said`.
    :param otherwise: what is told where no lane is red.
    :param address: where to read on.
    """
    subject = f"【信访件】{title}失败" + (f"：{'、'.join(SOURCE_LABELS[source] for source, _ in lanes_red)}" if lanes_red else "")
    lines = [subject, f"运行 run: {run_id}"]
    for source, causes in lanes_red:
        for cause in causes or ("",):
            found, _, cure = cause.partition("; ")
            chinese = printed(cause)
            lines += [f"● {SOURCE_LABELS[source]} {source}", *([f"  {chinese}"] if chinese != cause else [])]
            lines += [f"  原因 cause: {found}", *([f"  处置 cure: {cure}"] if cure else [])]
    if not lanes_red:
        lines.append(otherwise)
    if address:
        lines.append(address)
    return Alert(subject, "\n".join(lines))


def send(bot: Connection, alert: Alert, now: float | None = None) -> None:
    """Give the message to the bot of a group; a busy or broken way is tried again twice.

    :param bot: connection ``petitions_alert_webhook``: host, port and schema (``https`` where none is told), password = the key in the
        robot's address, ``extra.bot`` one of :data:`BOTS`, ``extra.path`` where a gateway has another, ``extra.sign_secret`` for a
        robot of DingTalk that wants signed calls.
    :param now: seconds since 1970, for the signature; the present by default.
    :raises NotSent: without the address in it, which holds the key.
    """
    from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_incrementing

    kind = BOTS.get(bot.extra.get("bot", ""))
    if kind is None or not bot.host:
        raise NotSent(f"connection {bot.conn_id}: expected a host and extra.bot one of {', '.join(BOTS)}, found {bot.extra.get('bot')!r}")
    attempts = Retrying(
        retry=retry_if_exception_type(_Away),
        stop=stop_after_attempt(ATTEMPTS),
        wait=wait_incrementing(start=PAUSE_S, increment=PAUSE_S),
        reraise=True,
    )
    try:
        refused = attempts(_post, bot, kind, alert, now)
    except _Away as away:
        refused = str(away)
    if refused:
        raise NotSent(f"{bot.extra['bot']} bot at {bot.host} did not take the message ({refused}); see connection {bot.conn_id}")


class _Away(Exception):
    """The bot could not be reached, or what stands before it is broken or busy. Says why, without the address."""


def _post(bot: Connection, kind: Bot, alert: Alert, now: float | None) -> str | None:
    """What the bot refuses the message with: the key, the signature, or a word that it wants in every message. None where it took it.

    :raises _Away: where it did not read the message.
    """
    import requests

    body = {"msgtype": "text", "text": {"content": _cut(alert.text, kind.most)}}
    try:
        answer = requests.post(_address(bot, kind, time.time() if now is None else now), json=body, timeout=TIMEOUT_S)
        found: Any = answer.json() if answer.ok else {}
    except (requests.RequestException, ValueError) as error:
        raise _Away(type(error).__name__) from None  # its words hold the address
    errcode = found.get("errcode") if isinstance(found, dict) else None
    told = f"HTTP {answer.status_code}, errcode {errcode}"
    if not answer.ok:
        raise _Away(told)
    return None if errcode == 0 else told


def _address(bot: Connection, kind: Bot, now: float) -> str:
    query = {kind.key: bot.password or ""}
    if secret := bot.extra.get("sign_secret"):
        moment = str(round(now * 1000))
        digest = hmac.new(secret.encode(), f"{moment}\n{secret}".encode(), hashlib.sha256).digest()
        query |= {"timestamp": moment, "sign": base64.b64encode(digest).decode()}
    port = f":{bot.port}" if bot.port else ""
    return f"{bot.schema or 'https'}://{bot.host}{port}{bot.extra.get('path', kind.path)}?{urlencode(query)}"


def _cut(text: str, most: int) -> str:
    """At most so many bytes, cut between characters."""
    if len(text.encode()) <= most:
        return text
    return text.encode()[: most - len("…".encode())].decode(errors="ignore") + "…"
