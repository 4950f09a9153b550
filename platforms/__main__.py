"""``python -m platforms``: build, start, change the stand-in platforms of the demo county."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from platforms.home import DemoHome, write_private
from platforms.life import UnknownChange

_home = click.option(
    "--home",
    type=click.Path(file_okay=False, path_type=Path),
    default=lambda: os.environ.get("PETITIONS_HOME", ".petitions"),
    help="Home folder; everything goes into its platforms/ (default: PETITIONS_HOME, else .petitions).",
)


def _moment(_context: click.Context, _option: click.Parameter, text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise click.BadParameter(f"expected a time such as 2023-10-24T23:59:59, or a date (its end is meant); found {text!r}") from None
    return moment.replace(hour=23, minute=59, second=59) if len(text) == 10 else moment.replace(tzinfo=None)


_now = click.option("--now", callback=_moment, help="What time it is on the platforms (default: as before; at first the end of 2023).")
_seed = click.option("--seed", type=int, default=None, help="Seed of the made-up year (default: as before; at first 2023).")


def _ports(command: Callable[..., Any]) -> Callable[..., Any]:
    command = click.option("--provincial-port", type=int, default=0, help="0: a free port.")(command)
    return click.option("--hotline-port", type=int, default=0, help="0: a free port.")(command)


@click.group()
def main() -> None:
    """Stand-in platforms: two HTTP servers, an exchange database and two drop folders with a made-up county's 2023."""


@main.command()
@_home
@_now
@_seed
@_ports
def up(home: Path, now: datetime | None, seed: int | None, provincial_port: int, hotline_port: int) -> None:
    """Start the platforms, write platforms/connections.json, and wait until interrupted."""
    from platforms.processes import running

    demo = DemoHome(home)
    moment = demo.build(now, seed)
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    with running(demo, {"provincial": provincial_port, "hotline_12345": hotline_port}) as ports:
        write_private(demo.connections_file, demo.connections(ports))
        click.echo(f"platforms at {moment:%Y-%m-%d %H:%M:%S}: {', '.join(f'{name} on port {port}' for name, port in ports.items())}")
        click.echo(f"connections: {demo.connections_file}")
        sys.stdout.flush()
        stopped.wait()
        demo.connections_file.unlink(missing_ok=True)


@main.command("exec", context_settings={"ignore_unknown_options": True})
@_home
@_now
@_seed
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
def execute(home: Path, now: datetime | None, seed: int | None, command: tuple[str, ...]) -> None:
    """Run COMMAND (after --) with the platforms up and AIRFLOW_CONN_PETITIONS_* set, and end with its code.

    A connection that is already set in the environment is left alone.
    """
    from platforms.processes import running

    demo = DemoHome(home)
    demo.build(now, seed)
    with running(demo) as ports:
        told = {f"AIRFLOW_CONN_{name.upper()}": json.dumps(value) for name, value in demo.connections(ports).items()}
        try:
            child = subprocess.Popen(command, env={**told, **os.environ})
        except OSError as error:
            raise click.ClickException(f"expected a command that can be run, found {command[0]!r}: {error.strerror}") from None
        # An interrupt reaches the command by itself (same terminal); a SIGTERM is passed on. Either way we stop after it.
        signal.signal(signal.SIGINT, lambda *_: None)
        signal.signal(signal.SIGTERM, lambda *_: child.terminate())
        code = child.wait()
    sys.exit(code if code >= 0 else 128 - code)


@main.command()
@_home
@click.argument("ticket_id")
@click.argument("field")
@click.argument("value")
def change(home: Path, ticket_id: str, field: str, value: str) -> None:
    """Change one fact of a demo ticket, as of the platforms' now; the next pull sees it.

    \b
    FIELD is due, an attribute (title, unit, area …), defect (VALUE none: a bad record is put right),
    or an event (closed, replied, extended …) with its time as VALUE.
    Example: change hotline_12345:44139920231215006438 due 2023-12-29T18:00:00
    """
    try:
        DemoHome(home).change(ticket_id, field, value)
    except UnknownChange as wrong:
        raise click.ClickException(str(wrong)) from None
    click.echo(f"{ticket_id}: {field} changed")


@main.command()
@_home
@click.argument("moment", callback=_moment)
def now(home: Path, moment: datetime) -> None:
    """Set what time it is on the platforms (a date: its end). Servers that run are told by POST /control/now."""
    click.echo(f"platforms at {DemoHome(home).build(moment):%Y-%m-%d %H:%M:%S}")


@main.command(hidden=True)
@click.argument("name", type=click.Choice(["provincial", "hotline_12345"]))
@_home
@click.option("--port", type=int, default=0)
def serve(name: str, home: Path, port: int) -> None:
    """One HTTP platform in this process; started by up and exec."""
    from platforms.processes import serve as serve_platform

    serve_platform(name, DemoHome(home), port)


if __name__ == "__main__":
    main(prog_name="python -m platforms")
