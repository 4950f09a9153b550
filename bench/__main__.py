"""``python -m bench``: make landed records of any size, and measure."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import click


@click.group()
def main() -> None:
    """Landed records of any size, and the benchmarks over them."""


@main.command()
@click.option("--tickets", type=click.IntRange(min=1), required=True, help="how many tickets in two years")
@click.option("--home", type=click.Path(path_type=Path), required=True, help="the home whose landing zone is filled")
@click.option("--seed", default=1, show_default=True)
@click.option("--windows", default=0, help="windows the history was pulled in; 0: by size")
@click.option("--jobs", type=int, help="processes; all processors where left out")
def generate(tickets: int, home: Path, seed: int, windows: int, jobs: int | None) -> None:
    """Land the history of a province's platforms, as `extract` would have left it."""
    from bench.generate import generate as land

    begun = time.perf_counter()
    made = land(home, tickets, seed=seed, windows=windows, jobs=jobs)
    took = time.perf_counter() - begun
    told = f"{tickets} tickets, {made['records']} records in {len(made['batches'])} batches"
    click.echo(f"{told}: {took:.1f} s, {tickets / took:,.0f} tickets/s", sys.stderr)


@main.command()
@click.option("--touched", default=2000, show_default=True, type=click.IntRange(min=1), help="tickets registered or moved")
@click.option("--home", type=click.Path(path_type=Path, exists=True), required=True)
def night(touched: int, home: Path) -> None:
    """Land one more batch per lane on top of a generated history."""
    from bench.generate import night as land

    made = land(home, touched)
    click.echo(f"as of {made['as_of']}", sys.stderr)


@main.command()
@click.option("--home", type=click.Path(path_type=Path, exists=True), required=True)
def load(home: Path) -> None:
    """Check, load and refresh what is landed in a generated home; exit 1 where the figures are not the generator's."""
    from bench.ours import differences, environment
    from bench.ours import load as run

    os.environ.update(environment(home.absolute()))
    for step, seconds in run(home).items():
        click.echo(f"{step} {seconds:.2f} s", sys.stderr)
    found = differences(home)
    for line in found:
        click.echo(line)
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main(prog_name="python -m bench")
