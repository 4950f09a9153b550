"""``docs/benchmarks.md`` from the results that are kept: ratios first, then figures, then how to repeat it.

What no measurement can say — what was tried and did not help — stands in ``bench/tried.md`` and is taken over as it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.results import Result, kept, machine, versions
from petitions.settings import CHECKOUT

DOCUMENT = CHECKOUT / "docs" / "benchmarks.md"
TRIED = Path(__file__).with_name("tried.md")
_ENGINES = {"duckdb": "DuckDB", "postgres": "PostgreSQL"}


def write() -> Path:
    """Write the page from all results that are kept."""
    DOCUMENT.write_text("\n".join(_page(kept())) + "\n", encoding="utf-8")
    return DOCUMENT


def _page(results: list[Result]) -> Iterator[str]:
    yield "# Benchmarks"
    yield ""
    yield "Written by `make bench`; do not edit. Ours and the alternatives read the same input on one machine, one after the other."
    yield "The first ratio compares processor time, of all processes that took part, a database server's too; other work on the machine"
    yield "disturbs it least. Beside it stand wall time and the peak of memory over all these processes."
    busy = max((result.busy for result in results), default=0.0)
    if busy > 3:
        yield f"**The machine was busy with other work while this was measured (load averages up to {busy}): its wall times tell little.**"
    yield ""
    for part, told in (
        ("load", _load),
        ("night", _night),
        ("questions", _questions),
        ("extract", _extract),
        ("backfill", _backfill),
        ("airflow", _airflow),
        ("generate", _generate),
    ):
        of_part = [result for result in results if result.part == part]
        if of_part:
            yield from told(of_part)
    yield from _closing(results)


def _load(results: list[Result]) -> Iterator[str]:
    yield "## End to end: landed records to marts"
    yield ""
    yield "Ours checks, normalises, masks, quarantines, loads and computes versions, clocks, ledger and marts; the others only load."
    yield "A ratio above 1 says how many times longer the other takes for one record. Small histories tell of starts: each of our eight or"
    yield "more batches starts its checks anew. Where a history holds more than 100 thousand records"
    yield "the alternatives load a sample of so many, some of every batch, and are compared by the record, starts of processes included."
    yield ""
    for engine, tickets in sorted({(result.engine, result.tickets) for result in results}):
        case = {result.what: result for result in results if (result.engine, result.tickets) == (engine, tickets)}
        if "ours" not in case:
            continue
        ours = case["ours"]
        rows = [_load_row(result, ours) for what, result in case.items() if not what.startswith("bare")]
        yield f"### {tickets:,} tickets ({ours.amount:,} records) on {_ENGINES[engine]}"
        yield ""
        yield from _table(
            ("", "ratio", "of wall time", "records", "records/s", "seconds", "processor s", "peak MiB"),
            sorted(rows, key=lambda row: row[0] != "**ours**"),
        )
        steps = ours.best.told.get("steps", {})
        yield "Ours, step by step: " + ", ".join(f"{name} {seconds:.1f} s" for name, seconds in steps.items()) + "."
        bare = [result for what, result in case.items() if what.startswith("bare")]
        if bare and steps.get("load"):
            told = (f"{result.what.removeprefix('bare ')} {result.best.told['steps']['insert']:.1f} s" for result in bare)
            fastest = min(result.best.told["steps"]["insert"] for result in bare)
            yield f"The bulk load of the staged rows alone, bare, into tables without keys: {', '.join(told)}. Our step `load` takes"
            yield f"{steps['load'] / fastest:.1f} times the fastest of them; it writes contents, events, sightings and the reconciliation."
        yield ""
    notes = sorted({f"`{result.what}`: {result.note}" for result in results if result.note})
    yield from (f"- {note}" for note in notes)
    yield ""


def _load_row(result: Result, ours: Result) -> tuple[str, ...]:
    each, mine = result.best.seconds / result.amount, ours.best.seconds / ours.amount
    processor, my_processor = result.best.cpu / result.amount, ours.best.cpu / ours.amount
    own = result is ours
    return (
        f"**{result.what}**" if own else result.what,
        "1" if own else f"{processor / my_processor:.1f}",
        "1" if own else f"{each / mine:.1f}",
        f"{result.amount:,}",
        f"{1 / each:,.0f}",
        f"{result.best.seconds:.1f}",
        f"{result.best.cpu:.1f}",
        f"{result.peak_mib:,.0f}",
    )


def _night(results: list[Result]) -> Iterator[str]:
    yield "## The night: touched tickets on top of a history"
    yield ""
    yield "Four lanes' batches are landed; check, load, refresh and publishing for readers are measured, the start of the process included."
    yield ""
    rows = []
    for engine in sorted({result.engine for result in results}):
        own = sorted((result for result in results if result.engine == engine), key=lambda result: result.tickets)
        first = next((result for result in own if result.tickets >= 100_000), own[0])
        for result in own:
            rows.append(
                (
                    _ENGINES[engine],
                    f"{result.tickets:,}",
                    f"{result.amount:,}",
                    f"{result.best.cpu / first.best.cpu:.2f}",
                    f"{result.best.seconds:.1f}",
                    f"{result.median:.1f}",
                    f"{result.best.cpu:.1f}",
                    f"{result.peak_mib:,.0f}",
                    _steps(result),
                )
            )
    yield from _table(("engine", "history", "touched", "ratio", "least s", "median s", "processor s", "peak MiB", "least, by step"), rows)


def _questions(results: list[Result]) -> Iterator[str]:
    yield "## Questions"
    yield ""
    yield "Median seconds of a question at a random moment `T` and state of knowledge `K`, in a process that is up."
    yield ""
    asked = list(dict.fromkeys(what for result in results for what in result.best.told["steps"]))
    columns = sorted(results, key=lambda result: (result.engine, result.tickets))
    rows = [(what, *(f"{result.best.told['steps'].get(what, float('nan')):.2f}" for result in columns)) for what in asked]
    yield from _table(("", *(f"{_ENGINES[result.engine]}, {result.tickets:,}" for result in columns)), rows)


def _extract(results: list[Result]) -> Iterator[str]:
    yield "## Extraction: HTTP pages"
    yield ""
    yield "A stand-in hotline answers 500 records a page from memory. Ours follows the cursor, checks every envelope, and lands compressed,"
    yield "hashed and synced files; the others parse the pages and drop them."
    yield ""
    ours = next(result for result in results if result.what == "ours")
    rows = [
        (
            f"**{result.what}**" if result is ours else result.what,
            f"{result.best.cpu / ours.best.cpu:.2f}",
            f"{_inner(result) / _inner(ours):.2f}",
            f"{result.amount / _inner(result):,.0f}",
            f"{_inner(result):.2f}",
            f"{result.best.cpu:.1f}",
            f"{result.peak_mib:,.0f}",
        )
        for result in sorted(results, key=lambda result: result is not ours)
    ]
    yield from _table(("", "ratio", "of wall time", "records/s", "seconds", "processor s with start", "peak MiB"), rows)


def _backfill(results: list[Result]) -> Iterator[str]:
    yield "## Backfill: a window of days in one run and day by day"
    yield ""
    by_days = {result.what: result for result in results}
    one, many = by_days.get("one run"), by_days.get("daily runs")
    if one and many:
        ratio = many.best.cpu / one.best.cpu
        yield f"{many.amount} daily runs take **{ratio:.0f} times** as long as one run over the same days."
        yield f"Equal tables afterwards: {'yes' if one.best.told.get('tables') == many.best.told.get('tables') else 'NO'}."
        yield ""
    rows = [
        (result.what, f"{result.amount}", f"{result.best.seconds:.1f}", f"{result.best.cpu:.1f}", f"{result.peak_mib:,.0f}")
        for result in results
    ]
    yield from _table(("", "runs", "seconds", "processor s", "peak MiB"), rows)


def _airflow(results: list[Result]) -> Iterator[str]:
    yield "## Airflow"
    yield ""
    told = {result.what: result for result in results}
    if {"import of airflow", "import of airflow and all DAG files"} <= told.keys():
        base, files = told["import of airflow"], told["import of airflow and all DAG files"]
        yield f"- The DAG files add {files.best.cpu - base.best.cpu:.2f} s of processor to Airflow's own import ({base.best.cpu:.2f} s)."
    if {"nightly DAG", "DAG of empty tasks"} <= told.keys():
        ours, empty = told["nightly DAG"].best.told, told["DAG of empty tasks"].best.told
        yield (
            f"- Overhead of a task in `petition_nightly` (run less the tasks themselves): {ours['overhead']:.3f} s; of a task in a DAG "
            f"of as many empty tasks: {empty['overhead']:.3f} s; ratio {ours['overhead'] / empty['overhead']:.2f}."
        )
    if "make run again" in told:
        yield f"- A second `make run`: {told['make run again'].best.seconds:.1f} s, {told['make run again'].best.cpu:.1f} s of processor."
    yield ""


def _generate(results: list[Result]) -> Iterator[str]:
    yield "## The generator"
    yield ""
    rows = [
        (
            f"{one.tickets:,}",
            f"{one.tickets / one.best.seconds:,.0f}",
            f"{one.best.seconds:.1f}",
            f"{one.best.cpu:.1f}",
            f"{one.peak_mib:,.0f}",
        )
        for one in sorted(results, key=lambda one: one.tickets)
    ]
    yield from _table(("tickets", "tickets/s", "seconds", "processor s", "peak MiB"), rows)


def _closing(results: list[Result]) -> Iterator[str]:
    yield "## On what, and how to repeat it"
    yield ""
    yield from (f"- {name}: {told}" for name, told in machine().items())
    yield "- " + ", ".join(f"{name} {told}" for name, told in versions().items())
    moments = sorted(result.at for result in results)
    if moments:
        yield f"- measured {moments[0]} to {moments[-1]}, at {', '.join(sorted({result.commit for result in results}))}"
    yield ""
    yield "```"
    yield "make bench                                  # 10 and 100 thousand tickets, every part"
    yield "make bench SIZES=1000000 ENGINES=duckdb PARTS=load,night,questions"
    yield "make bench SIZES=10000000 ENGINES=duckdb PARTS=night,questions"
    yield "```"
    yield ""
    yield "Results stay in `.cache/bench/results`, one file a case, and this page is written from all of them; `python -m bench write`"
    yield "writes it again. `python -m bench generate` makes the input from the words of the demo county: four lanes over two years,"
    yield "80 % hotline, 12 % smart city, 5 % provincial, 3 % message board; tickets that move come again, 0.2 % are bad records."
    yield "A load whose reconciliation or headline figures differ from the generator's own count is no result: the run stops."
    yield ""
    if TRIED.exists():
        yield TRIED.read_text(encoding="utf-8").strip()


def _steps(result: Result) -> str:
    return ", ".join(f"{name} {seconds:.1f}" for name, seconds in result.best.told.get("steps", {}).items())


def _inner(result: Result) -> float:
    return min(float(run.told["seconds"]) for run in result.runs)


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    yield "| " + " | ".join(head) + " |"
    yield "|---" + "|---:" * (len(head) - 1) + "|"
    yield from ("| " + " | ".join(row) + " |" for row in rows)
    yield ""
