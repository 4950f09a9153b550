"""What the two HTTP platforms share: a threaded server on a loopback port, a settable "now", and faults on demand.

Control end points (the stand-ins' own, no platform has them):
    POST /control/now       {"now": "2023-10-24T23:59:59"}
    POST /control/faults    {"faults": ["busy", {"fault": "html502", "times": -1}]}; consumed one per request in order,
                            "ok" lets one request pass, times -1 is for good, an empty list clears
    POST /control/settings  {"token_seconds": 1, "requests_per_second": 5}; what a platform lets one set
    GET  /control/state     {"now", "faults", "requests", "settings"}; requests counts those of the platform's own end points
"""

from __future__ import annotations

import json
import threading
import time
from abc import ABC, abstractmethod
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import TCPServer
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

from platforms.life import Life, changed, load_changes, load_lives

LOOPBACK = "127.0.0.1"
BAD_GATEWAY = "<html><head><title>502 Bad Gateway</title></head><body><center><h1>502 Bad Gateway</h1></center></body></html>"


@dataclass
class Request:
    method: str
    path: str
    query: dict[str, str]
    headers: Message
    body: bytes


@dataclass
class Answer:
    """``broken``: the connection ends in the middle of the body."""

    body: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    broken: bool = False

    def encoded(self) -> tuple[bytes, str]:
        if isinstance(self.body, str):
            return self.body.encode("utf-8"), "text/html; charset=utf-8"
        return json.dumps(self.body, ensure_ascii=False).encode("utf-8"), "application/json; charset=utf-8"


class Records:
    """The lives of one platform as of now, read again whenever the files under the home change."""

    def __init__(self, folder: Path, source: str, now: datetime) -> None:
        self._lives_file, self._changes_file = folder / "lives.json", folder / "changes.json"
        self._source = source
        self._lock = threading.Lock()
        self._stamp: tuple[Any, ...] | None = None
        self._shown: list[Life] = []
        self._moved: dict[str, datetime] = {}
        self.now = now

    def shown(self) -> list[Life]:
        """The platform's tickets at ``now``, by update time and number."""
        with self._lock:
            stamp = (self.now, *(path.stat().st_mtime_ns if path.exists() else 0 for path in (self._lives_file, self._changes_file)))
            if stamp != self._stamp:
                lives = changed(load_lives(self._lives_file), load_changes(self._changes_file), self.now)
                cut = [life.at(self.now) for life in lives if life.source == self._source]
                self._shown = [life for life in cut if life is not None]
                self._stamp = stamp
            for life in self._shown:
                if life.number in self._moved:
                    life.touched_at = self._moved[life.number]
            return sorted(self._shown, key=lambda life: (life.updated_at, life.number))

    def move(self, life: Life, at: datetime) -> None:
        """Somebody touches the ticket while a pull is under way: it moves to a later page."""
        with self._lock:
            self._moved[life.number] = at

    def set_now(self, now: datetime) -> None:
        with self._lock:
            self.now, self._stamp = now, None
            self._moved.clear()


class Platform(ABC):
    """One stand-in: sub-classes answer requests and say what their faults look like."""

    name: ClassVar[str]
    faults: ClassVar[frozenset[str]]

    def __init__(self, records: Records, settings: dict[str, float] | None = None) -> None:
        self.records = records
        self.settings = settings or {}
        self.requests = 0
        self._queue: deque[list[Any]] = deque()
        self.lock = threading.Lock()

    @abstractmethod
    def answer(self, request: Request, fault: str | None) -> Answer:
        """The platform's answer; ``fault`` is the one of this request, if any."""

    def handle(self, request: Request) -> Answer:
        if request.path.startswith("/control/"):
            return self._control(request)
        with self.lock:
            self.requests += 1
            fault = self._next_fault()
        if fault == "html502":
            return Answer(BAD_GATEWAY, 502)
        if fault == "html503":
            return Answer(BAD_GATEWAY.replace("502 Bad Gateway", "503 Service Unavailable"), 503)
        if fault == "empty200":
            return Answer("", 200)
        if fault == "slow":
            time.sleep(self.settings.get("slow_seconds", 2))
        answer = self.answer(request, fault)
        answer.broken = fault == "break_body"
        return answer

    def put_back(self, fault: str) -> None:
        """The fault did not fit this request: it waits for the next."""
        with self.lock:
            self._queue.appendleft([fault, 1])

    def _next_fault(self) -> str | None:
        if not self._queue:
            return None
        head = self._queue[0]
        head[1] -= 1 if head[1] > 0 else 0
        if head[1] == 0:
            self._queue.popleft()
        return None if head[0] == "ok" else str(head[0])

    def _control(self, request: Request) -> Answer:
        try:
            told = json.loads(request.body or b"{}")
            if request.path == "/control/now":
                self.records.set_now(datetime.fromisoformat(told["now"]).replace(tzinfo=None))
            elif request.path == "/control/faults":
                self._set_faults(told["faults"])
            elif request.path == "/control/settings":
                self.settings.update({key: float(value) for key, value in told.items()})
            elif request.path != "/control/state":
                return Answer({"error": f"no such control: {request.path}"}, 404)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            return Answer({"error": f"{type(error).__name__}: {error}"}, 400)
        waiting = [{"fault": name, "times": times} for name, times in self._queue]
        return Answer({"now": self.records.now.isoformat(), "faults": waiting, "requests": self.requests, "settings": self.settings})

    def _set_faults(self, told: list[Any]) -> None:
        wanted = [(item, 1) if isinstance(item, str) else (str(item["fault"]), int(item.get("times", 1))) for item in told]
        unknown = [name for name, _ in wanted if name not in self.faults | COMMON_FAULTS]
        if unknown:
            raise ValueError(f"expected one of {', '.join(sorted(self.faults | COMMON_FAULTS))}; found {', '.join(unknown)}")
        with self.lock:
            self._queue = deque([name, times] for name, times in wanted)


COMMON_FAULTS = frozenset(
    {"ok", "busy", "html502", "html503", "empty200", "retry_after", "break_body", "envelope", "slow", "new_field", "move"}
)


class Server(ThreadingHTTPServer):
    """Speaks for one platform. Port 0 takes a free one."""

    daemon_threads = True

    def __init__(self, platform: Platform, port: int = 0) -> None:
        super().__init__((LOOPBACK, port), _Handler)
        self.platform = platform

    def server_bind(self) -> None:
        # HTTPServer would ask the resolver for our name, which takes a second where there is none.
        TCPServer.server_bind(self)
        self.server_name, self.server_port = LOOPBACK, self.port

    @property
    def port(self) -> int:
        return int(self.server_address[1])


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def _serve(self) -> None:
        parts = urlsplit(self.path)
        query = {key: values[-1] for key, values in parse_qs(parts.query, keep_blank_values=True).items()}
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        answer = self.server.platform.handle(Request(self.command, parts.path, query, self.headers, body))
        content, kind = answer.encoded()
        self.send_response(answer.status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if answer.broken:
            self.close_connection = True
            content = content[: len(content) // 2]
        with suppress(ConnectionError):  # whoever asked has lost patience
            self.end_headers()
            self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet: a request line may carry ticket numbers."""
