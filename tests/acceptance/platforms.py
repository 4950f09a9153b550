"""The province and the hotline as sources.md tells them, and a desk that runs the command against them.

Written from that page alone: what these servers answer is what an unknown platform would, not what the project's own stand-ins do.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from tests.nightly.office import Ended, Office, Started
from tests.sources.loopback import Asked, Loopback, Reply, serving

BEIJING = timezone(timedelta(hours=8))
Row = dict[str, Any]
#: Something that a platform answers in place of what it was asked; called with the question, None lets the question through.
Fault = Callable[[Asked], Reply | None]
HTML = "<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"


def always(reply: Reply) -> Fault:
    return lambda _: reply


def distinct(rows: list[Row], number: str) -> int:
    """How many tickets rows are: a row without a number counts by itself."""
    return len({row.get(number) or f"row {place}" for place, row in enumerate(rows)})


def millis(told: str) -> int:
    return int(datetime.fromisoformat(told).replace(tzinfo=BEIJING).timestamp() * 1000)


@dataclass
class Province:
    """省一体化信访平台. ``touch`` runs after each answer to a window: the platform is in use while it is read."""

    rows: list[Row] = field(default_factory=list)
    faults: deque[Fault] = field(default_factory=deque)
    for_good: Fault | None = None
    largest_page: int = 500
    touch: Callable[[], None] | None = None
    questions: list[Row] = field(default_factory=list)
    _nonces: set[str] = field(default_factory=set)

    def __call__(self, asked: Asked) -> Reply:
        for fault in (self.for_good, self.faults.popleft() if self.faults else None):
            if fault and (reply := fault(asked)) is not None:
                return reply
        if (asked.method, asked.path) != ("POST", "/api/xfj/query"):
            return Reply({"error": "not found"}, 404)
        told = json.loads(asked.body)
        refusal = self._refusal(told)
        if refusal:
            return Reply({"code": refusal, "msg": "refused"})
        data = told["data"]
        self.questions.append(data)
        found = self._found(data)
        page, size = data.get("pageNo", 1), min(data.get("pageSize", 200), self.largest_page)
        part = found[(page - 1) * size : page * size]
        total = distinct(found, "xfjbh")
        reply = Reply({"code": 0, "msg": "", "data": {"total": total, "pageNo": page, "pageSize": size, "list": part}})
        reply.body = json.loads(json.dumps(reply.body, ensure_ascii=False))  # as it is now, whatever is touched next
        if self.touch and "xfjbhList" not in data:
            self.touch()
        return reply

    def _refusal(self, told: Row) -> int | None:
        canonical = json.dumps(told["data"], sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        text = f"{told['appId']}\n{told['timestamp']}\n{told['nonce']}\n{canonical}"
        if not isinstance(told["timestamp"], str) or abs(int(told["timestamp"]) - time.time()) > 300:
            return 40102
        if len(told["nonce"]) < 16 or told["nonce"] in self._nonces:
            return 40101
        self._nonces.add(told["nonce"])
        right = hmac.new(b"app-secret", text.encode(), hashlib.sha256).hexdigest()
        return None if (told["appId"], told["sign"]) == ("county", right) else 40101

    def _found(self, data: Row) -> list[Row]:
        if "xfjbhList" in data:
            assert len(data["xfjbhList"]) <= 200
            return [row for row in self.rows if str(row.get("xfjbh")).strip() in data["xfjbhList"]]
        begins, ends = data["lastmodifytimeBegin"], data["lastmodifytimeEnd"]
        # A row whose update time cannot be read is in every window, at its end.
        found = [row for row in self.rows if str(row.get("lastmodifytime"))[:2] != "20" or begins <= row["lastmodifytime"] <= ends]
        return sorted(found, key=lambda row: (str(row.get("lastmodifytime")), str(row.get("xfjbh"))))

    def connection(self, port: int, **changed: Any) -> Row:
        return _http(port, "county", "app-secret") | changed


@dataclass
class Hotline:
    """县12345热线. A token is good for ``token_uses`` questions."""

    rows: list[Row] = field(default_factory=list)
    faults: deque[Fault] = field(default_factory=deque)
    for_good: Fault | None = None
    token_uses: int = 1000
    questions: list[Row] = field(default_factory=list)
    tokens: dict[str, int] = field(default_factory=dict)

    def __call__(self, asked: Asked) -> Reply:
        if self.for_good and (reply := self.for_good(asked)) is not None:
            return reply
        if asked.path == "/oauth/token":
            return self._token(asked)
        for fault in [self.faults.popleft()] if self.faults else []:
            if (reply := fault(asked)) is not None:
                return reply
        bearer = asked.headers.get("Authorization", "").removeprefix("Bearer ")
        if self.tokens.get(bearer, 0) < 1:
            return Reply({"error": "invalid_token"}, 401)
        self.tokens[bearer] -= 1
        return self._page(asked.query)

    def _token(self, asked: Asked) -> Reply:
        if asked.body != b"grant_type=client_credentials&client_id=county&client_secret=client-secret":
            return Reply({"error": "invalid_client"}, 401)
        name = f"token-{len(self.tokens)}"
        self.tokens[name] = self.token_uses
        return Reply({"access_token": name, "expires_in": 300})

    def _page(self, query: dict[str, str]) -> Reply:
        self.questions.append(query)
        if "orderNos" in query:
            wanted = query["orderNos"].split(",")
            assert len(wanted) <= 100
            found = [row for row in self.rows if str(row.get("orderNo")).strip() in wanted]
        else:
            begins, ends = (datetime.fromisoformat(query[name]).timestamp() * 1000 for name in ("updatedFrom", "updatedTo"))
            assert query["updatedFrom"].endswith("+08:00")
            found = [row for row in self.rows if not isinstance(row.get("updatedAt"), int) or begins <= row["updatedAt"] < ends + 1000]
        start, size = int(query.get("cursor") or 0), int(query.get("limit", 100))
        assert size <= 500
        more = str(start + size) if start + size < len(found) else None
        return Reply({"total": distinct(found, "orderNo"), "items": found[start : start + size], "nextCursor": more})

    def connection(self, port: int, **changed: Any) -> Row:
        return _http(port, "county", "client-secret") | changed


@dataclass(frozen=True)
class Desk:
    """An office that has connections to these platforms only."""

    office: Office
    sources: tuple[str, ...]

    @classmethod
    def at(cls, home: Path, **connections: Row) -> Desk:
        return cls(Office(home).told(**connections), tuple(connections))

    def start(self, start: str, end: str) -> Started:
        return self.office.start("run", "--from", start, "--to", end, *(part for name in self.sources for part in ("--source", name)))

    def run(self, start: str, end: str) -> Ended:
        return self.start(start, end).wait()

    def units(self, start: str, end: str, *more: str) -> dict[str, Row]:
        """The metrics of the appeals by unit. Each ticket of these worlds has a unit of its own, so that one question asks for all."""
        return self.office.figures("appeals", "unit", *more, window=("--from", start, "--to", end))

    def tickets(self, start: str, end: str, metric: str = "received", *more: str) -> dict[str, Row]:
        arguments = ("tickets", metric, "--population", "appeals", "--from", start, "--to", end, "--format", "json", *more)
        return {row["ticket_id"]: row for row in self.office.command(*arguments).json}


@contextmanager
def served(platform: Province | Hotline) -> Iterator[Loopback]:
    with serving(platform) as server:
        yield server


def reconciled(batch: Row) -> bool:
    """The equation of sources.md, common rules."""
    landed = batch["new_versions"] + batch["unchanged"] + batch["quarantined"]
    return bool(batch["landed"] == landed and batch["numbers"] >= batch["platform_total"])


def marked(counts: Row, keys: Iterable[str]) -> set[str]:
    """Of ``keys`` those that count the one ticket of the group."""
    assert all(counts[key] in (0, 1) for key in keys), counts
    return {key for key in keys if counts[key]}


def _http(port: int, login: str, password: str) -> Row:
    told = {"conn_type": "http", "host": "127.0.0.1", "port": port, "schema": "http", "login": login, "password": password}
    return told | {"extra": {"page_size": 7, "requests_per_second": 200}}
