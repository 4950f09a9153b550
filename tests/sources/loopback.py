"""A small HTTP server on a loopback port whose answers a test scripts, for faults that no well-behaved stand-in shows."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass
class Asked:
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes


@dataclass
class Reply:
    """``cut``: bytes of the body that are sent before the connection ends; ``drip_s``: pause after each byte; ``hang_s``: before all."""

    body: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    cut: int | None = None
    drip_s: float = 0
    hang_s: float = 0

    @property
    def content(self) -> bytes:
        if isinstance(self.body, bytes):
            return self.body
        return self.body.encode() if isinstance(self.body, str) else json.dumps(self.body, ensure_ascii=False).encode()


@dataclass
class Loopback:
    port: int
    asked: list[Asked] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.asked)


@contextmanager
def serving(script: Callable[[Asked], Reply]) -> Iterator[Loopback]:
    """A server that answers by ``script`` and keeps what it was asked."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def _serve(self) -> None:
            parts = urlsplit(self.path)
            query = {key: values[-1] for key, values in parse_qs(parts.query, keep_blank_values=True).items()}
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            asked = Asked(self.command, parts.path, query, dict(self.headers.items()), body)
            told.asked.append(asked)
            self._send(script(asked))

        do_GET = do_POST = _serve

        def _send(self, reply: Reply) -> None:
            time.sleep(reply.hang_s)
            content = reply.content
            self.send_response_only(reply.status)
            # Each once, for a script may tell another time than the clock's.
            for name, value in {"Content-Length": str(len(content)), "Date": self.date_time_string(), **reply.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            if reply.drip_s:
                for byte in content:
                    self.wfile.write(bytes([byte]))
                    self.wfile.flush()
                    time.sleep(reply.drip_s)
                return
            self.wfile.write(content[: reply.cut])
            if reply.cut is not None:
                self.wfile.flush()
                self.connection.shutdown(socket.SHUT_RDWR)
                self.close_connection = True

        def handle(self) -> None:
            try:
                super().handle()
            except OSError:  # the client went away in the middle, as some tests want it to
                self.close_connection = True

        def log_message(self, *_: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

    server = Server(("127.0.0.1", 0), Handler)
    told = Loopback(server.server_address[1])
    thread = Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield told
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
