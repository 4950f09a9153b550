"""Extraction: a stand-in hotline that answers as fast as it can, and our pull beside a bare loop and dlt's REST client."""

from __future__ import annotations

import asyncio
import itertools
import json
import multiprocessing
import re
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from bench import generate, measure
from bench.load import PYTHON, SCRIPTS
from bench.results import Result

PAGE, PAGES, TIMES = 500, 60, 3
_CURSOR = re.compile(rb"[?&]cursor=(\d+)")


def measured() -> None:
    """Ours and the alternatives, each a few times over the same pages."""
    with stand_in() as port:
        url = f"http://127.0.0.1:{port}"
        ours = [measure.run([sys.executable, "-m", "bench", "pull", "--port", str(port)]) for _ in range(TIMES)]
        Result("extract", "ours", amount=PAGE * PAGES, runs=ours).keep().say()
        for way, what in (("requests", "bare requests loop"), ("dlt", "dlt REST client")):
            runs = [measure.run([PYTHON, SCRIPTS / "pages.py", way, url], env={"PYTHONPATH": ""}) for _ in range(TIMES)]
            Result("extract", what, amount=PAGE * PAGES, runs=runs).keep().say()


def pull(port: int) -> dict[str, Any]:
    """Our extract step over the stand-in's pages, into a landing zone of its own."""
    from petitions.connections import Connection
    from petitions.extract import extract
    from petitions.landing import Landing
    from petitions.model import BEIJING
    from petitions.settings import CHECKOUT, Settings
    from petitions.sources import create
    from petitions.sources.base import Window

    extra = {"requests_per_second": 1_000_000, "page_size": PAGE}
    connection = Connection("petitions_hotline_12345", "http", "127.0.0.1", port, "bench", "bench", "http", extra)
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(Path(folder), CHECKOUT / "config")
        window = Window(datetime(2022, 1, 1, tzinfo=BEIJING), datetime(2023, 12, 31, tzinfo=BEIJING))
        source, begun = create("hotline_12345", connection, settings), time.perf_counter()
        manifest = extract(
            source, window, landing=Landing.of(settings), open_numbers=(), now=datetime(2024, 1, 1, tzinfo=BEIJING), look_back_days=3
        )
        return {"records": manifest.records, "seconds": round(time.perf_counter() - begun, 3)}


@contextmanager
def stand_in() -> Iterator[int]:
    """The server's port, as long as the block lasts. It is a process of its own and holds its answers ready."""
    context = multiprocessing.get_context("forkserver")
    told, other = context.Pipe()
    process = context.Process(target=_serve, args=(other,), daemon=True)
    process.start()
    try:
        yield int(told.recv())
    finally:
        process.terminate()
        process.join()


def _serve(told: Any) -> None:
    answers = _answers()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await reader.readuntil(b"\r\n\r\n"):
            length = re.search(rb"(?i)content-length: (\d+)", head)
            if length:
                await reader.readexactly(int(length[1]))
            if head.startswith(b"POST"):
                body = b'{"access_token":"bench","expires_in":3600}'
            else:
                found = _CURSOR.search(head)
                body = answers[int(found[1]) if found else 0]
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
            await writer.drain()

    async def serve() -> None:
        async def quiet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                await talk(reader, writer)
            except (asyncio.IncompleteReadError, ConnectionError):
                writer.close()

        server = await asyncio.start_server(quiet, "127.0.0.1", 0)
        told.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(serve())


def _answers() -> list[bytes]:
    """The bodies of all pages."""
    plan = generate.Plan(PAGE * PAGES * 2)
    drawn, _, stages = generate._brought(plan, 0, generate.START, generate.END)
    lines = itertools.chain.from_iterable(generate._lines(plan, 0, drawn.at(slice(0, PAGE * PAGES)), stages[: PAGE * PAGES]))
    pages = []
    for number in range(PAGES):
        items = ",".join(itertools.islice(lines, PAGE))
        cursor = json.dumps(str(number + 1) if number + 1 < PAGES else None)
        pages.append(f'{{"total":{PAGE * PAGES},"items":[{items}],"nextCursor":{cursor}}}'.encode())
    return pages
