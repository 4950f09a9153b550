"""The two HTTP platforms as child processes, and the loop that each of them runs."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from platforms.home import DemoHome
from platforms.hotline import Hotline
from platforms.http_service import Platform, Records, Server
from platforms.provincial import Provincial

HTTP_PLATFORMS: dict[str, type[Provincial] | type[Hotline]] = {"provincial": Provincial, "hotline_12345": Hotline}
_CHECKOUT = Path(__file__).resolve().parent.parent


class NotStarted(Exception):
    """A platform's process ended before it listened."""


def platform(name: str, home: DemoHome) -> Platform:
    records = Records(home.folder, name, home.now)
    secret = home.secret(name)
    return HTTP_PLATFORMS[name](records, secret["login"], secret["password"])


def serve(name: str, home: DemoHome, port: int) -> None:
    """Serve until SIGTERM or until standard input ends: a platform does not outlive the process that started it."""
    server = Server(platform(name, home), port)

    def stop(*_: object) -> None:
        threading.Thread(target=server.shutdown, daemon=True).start()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides
    threading.Thread(target=_until_input_ends, args=(stop,), daemon=True).start()
    print(server.port, flush=True)
    server.serve_forever(poll_interval=0.1)
    server.server_close()


def _until_input_ends(stop: Callable[[], None]) -> None:
    # The bare descriptor: a thread inside sys.stdin would hold its lock when the interpreter ends.
    while os.read(0, 1024):
        pass
    stop()


@contextlib.contextmanager
def running(home: DemoHome, wanted: dict[str, int] | None = None) -> Iterator[dict[str, int]]:
    """Both platforms as processes of their own; yields their ports. ``wanted`` names fixed ports, 0 or none: a free one.

    :raises NotStarted: with the platform's last words.
    """
    with contextlib.ExitStack() as stack:
        children = {name: _start(stack, name, home, (wanted or {}).get(name, 0)) for name in HTTP_PLATFORMS}
        yield {name: _port(name, child) for name, child in children.items()}


def _start(stack: contextlib.ExitStack, name: str, home: DemoHome, port: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "platforms", "serve", name, "--home", str(home.root.resolve()), "--port", str(port)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, (str(_CHECKOUT), os.environ.get("PYTHONPATH"))))}
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment, start_new_session=True)
    stack.callback(_stop, child)
    return child


def _port(name: str, child: subprocess.Popen[str]) -> int:
    assert child.stdout
    line = child.stdout.readline().strip()
    if not line.isdigit():
        raise NotStarted(f"stand-in platform {name}: expected a port, the process ended with code {child.wait()}; its error is above")
    return int(line)


def _stop(child: subprocess.Popen[str]) -> None:
    child.terminate()
    try:
        child.wait(timeout=5)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
    for stream in (child.stdin, child.stdout):
        if stream:
            stream.close()
