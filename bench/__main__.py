"""``python -m bench``: make landed records of any size, and measure."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

import click

PARTS = ("load", "night", "questions", "extract", "backfill", "airflow")
HOME = click.option("--home", type=click.Path(path_type=Path, exists=True), required=True, help="a generated home")


@click.group()
def main() -> None:
    """Landed records of any size, and the benchmarks over them."""


@main.command()
@click.option("--tickets", type=click.IntRange(min=1), required=True, help="how many tickets in two years")
@click.option("--home", type=click.Path(path_type=Path), required=True, help="the home whose landing zone is filled")
@click.option("--seed", default=1, show_default=True)
@click.option("--windows", default=0, help="windows the history was pulled in; 0: by size")
@click.option("--jobs", type=int, help="processes; all processors where left out")
@click.option("--staged", is_flag=True, help="the shortcut to very large histories: batches as if checked, without landed files")
def generate(tickets: int, home: Path, seed: int, windows: int, jobs: int | None, staged: bool) -> None:
    """Land the history of a province's platforms, as `extract` would have left it."""
    from bench.generate import generate as land

    begun = time.perf_counter()
    made = land(home, tickets, seed=seed, windows=windows, jobs=jobs, staged=staged)
    took = time.perf_counter() - begun
    told = f"{tickets} tickets, {made['records']} records in {len(made['batches'])} batches"
    click.echo(f"{told}: {took:.1f} s, {tickets / took:,.0f} tickets/s", sys.stderr)


@main.command()
@click.option("--touched", default=2000, show_default=True, type=click.IntRange(min=1), help="tickets registered or moved")
@HOME
def night(touched: int, home: Path) -> None:
    """Land one more batch per lane on top of a generated history."""
    from bench.generate import night as land

    made = land(home, touched)
    click.echo(f"as of {made['as_of']}", sys.stderr)


@main.command()
@HOME
@click.option("--keep", type=click.Path(path_type=Path), help="where the staged files stay")
def load(home: Path, keep: Path | None) -> None:
    """Check, load and refresh what is landed in a generated home and not loaded; seconds of each step."""
    from bench import ours

    _settle(home)
    click.echo(json.dumps({"steps": {name: round(seconds, 3) for name, seconds in ours.load(keep).items()}}))


@main.command()
@HOME
def compare(home: Path) -> None:
    """Hold a loaded home against the generator's own count: reconciliation of each batch, headline figures. Exit 1 where they differ."""
    from bench import ours

    _settle(home)
    found = ours.differences(home)
    for line in found:
        click.echo(line, sys.stderr)
    click.echo(json.dumps({"differences": len(found)}))
    sys.exit(1 if found else 0)


@main.command(hidden=True)
@HOME
@click.option("--into", "folder", type=click.Path(path_type=Path), required=True, help="the folder that is made")
def tables(home: Path, folder: Path) -> None:
    """Write what the warehouse of a loaded home holds as Parquet."""
    from bench import ours

    _settle(home)
    click.echo(json.dumps({"rows": ours.tables(folder)}))


@main.command()
@HOME
@click.option("--times", default=5, show_default=True)
def ask(home: Path, times: int) -> None:
    """Ask a loaded home at random moments; the median of each question's seconds."""
    from bench import ours
    from bench.generate import MADE

    _settle(home)
    made = json.loads((home / MADE).read_text(encoding="utf-8"))
    click.echo(json.dumps({"steps": ours.ask(made, times)}, ensure_ascii=False))


@main.command()
@click.option("--sizes", default="10000,100000", show_default=True, help="tickets, separated by commas")
@click.option("--parts", default=",".join(PARTS), show_default=True)
@click.option("--engines", default="duckdb,postgres", show_default=True)
@click.option("--backfill", default=30, show_default=True, type=click.IntRange(1, 365), help="days of the demo year run one by one")
def run(sizes: str, parts: str, engines: str, backfill: int) -> None:
    """Measure, and keep the results."""
    from bench import load as loads

    wanted, asked = [int(size) for size in sizes.split(",")], parts.split(",")
    if wrong := set(asked) - set(PARTS):
        raise click.BadParameter(f"expected some of {', '.join(PARTS)}, found {', '.join(sorted(wrong))}")
    if {"load", "night", "questions"} & set(asked):
        with loads.engines(engines.split(",")) as found:
            for tickets in wanted:
                for fresh in found.values():
                    loads.sized(tickets, fresh, asked)
    if "extract" in asked:
        from bench import pages

        pages.measured()
    if "backfill" in asked:
        from bench import days

        days.measured(backfill)
    if "airflow" in asked:
        from bench import airflow

        airflow.measured()


@main.command()
def write() -> None:
    """Write docs/benchmarks.md from all results that are kept."""
    from bench.document import write as put

    click.echo(put(), sys.stderr)


@main.command(hidden=True)
@HOME
@click.option("--days", "amount", type=int, required=True)
@click.option("--daily", is_flag=True)
def backfill(home: Path, amount: int, daily: bool) -> None:
    """Days of the demo year in one run or one by one, on the stand-in platforms whose connections stand."""
    from bench import days

    os.environ["PETITIONS_HOME"] = str(home)
    click.echo(json.dumps(days.pull(amount, daily)))


@main.command(hidden=True)
@click.option("--port", type=int, required=True)
def pull(port: int) -> None:
    """Our extract step over the pages of the stand-in."""
    from bench.pages import pull as ask_for

    click.echo(json.dumps(ask_for(port)))


def _settle(home: Path) -> None:
    """The settings of the home, where none stand."""
    from bench import ours

    os.environ.update({name: told for name, told in ours.environment(home.absolute()).items() if name not in os.environ})


if __name__ == "__main__":
    main(prog_name="python -m bench")
