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
# A load average that a measured run, with its processes and a server, does not reach by itself.
_BUSY = 5
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
    busy = {result.part: result.busy for result in sorted(results, key=lambda one: one.busy) if result.busy > _BUSY}
    if busy:
        most, parts = max(busy.values()), ", ".join(sorted(busy))
        yield f"**The machine had other work (load averages up to {most}) while this was measured: {parts}. Wall times there tell little.**"
    yield ""
    for part, told in (
        ("load", _load),
        ("staged", _staged),
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
    yield "A ratio above 1 says how many times longer the other takes for one record. Small histories tell of starts: the processes that"
    yield "check start once, and each of our eight or more batches is judged by itself. Where a history holds over 100 thousand records"
    yield "the alternatives load a sample of so many, some of every batch, and are compared by the record, starts of processes included."
    yield ""
    for engine, tickets in sorted({(result.engine, result.tickets) for result in results}):
        case = {result.what: result for result in results if (result.engine, result.tickets) == (engine, tickets)}
        if "ours" not in case:
            continue
        ours = case["ours"]
        rows = [_load_row(result, ours) for what, result in case.items() if what.partition(" ")[0] not in _LIMITS]
        yield f"### {tickets:,} tickets ({ours.amount:,} records) on {_ENGINES[engine]}"
        yield ""
        yield from _table(
            ("", "ratio", "of wall time", "records", "records/s", "seconds", "processor s", "peak MiB"),
            sorted(rows, key=lambda row: row[0] != "**ours**"),
        )
        steps = ours.best.told.get("steps", {})
        yield "Ours, step by step: " + ", ".join(f"{name} {seconds:.1f} s" for name, seconds in steps.items()) + "."
        yield from _limits(case, steps)
        yield ""
    notes = sorted({f"`{result.what}`: {result.note}" for result in results if result.note})
    yield from (f"- {note}" for note in notes)
    yield ""


# What no way of loading can spare: the rows into tables without keys, the staged ones and those of the end; reading the records.
_LIMITS = ("bare", "written", "decoded")


def _limits(case: dict[str, Result], steps: dict[str, float]) -> Iterator[str]:
    """The physical limits, and what of our time they are."""
    bare, written = (
        {what.removeprefix(f"{kind} "): result.best.told["steps"]["insert"] for what, result in case.items() if what.startswith(f"{kind} ")}
        for kind in ("bare", "written")
    )
    if bare and steps.get("load"):
        yield f"The bulk load of the staged rows alone, bare, into tables without keys: {_ways(bare)}. Our step `load` takes"
        yield f"{steps['load'] / min(bare.values()):.1f} times the fastest; it writes contents, events, sightings and the reconciliation."
    if written and "decoded" in case:
        decoded, ours = case["decoded"], case["ours"]
        reading = decoded.best.told["steps"]["decode"] / decoded.amount * ours.amount
        least = reading + min(written.values())
        others = [one.best.seconds / one.amount * ours.amount for what, one in case.items() if what.startswith("dlt")]
        most = min(others, default=0.0) / least
        yield f"What no way to the same tables can spare: to read the JSON, by orjson on all cores, {reading:.1f} s, and to write all rows"
        yield f"that the warehouse holds in the end, bare: {_ways(written)}. Together {100 * least / ours.best.seconds:.0f} % of our time:"
        yield f"more than {most:.1f} times as fast as the fastest of dlt's ways, which writes the records alone, nothing can be."


def _ways(seconds: dict[str, float]) -> str:
    return ", ".join(f"{way} {took:.1f} s" for way, took in seconds.items())


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


def _staged(results: list[Result]) -> Iterator[str]:
    yield "## Very large histories: staged batches to marts"
    yield ""
    yield "The batches are made as `check` leaves them: checks cost the same for each record, whatever stands in the warehouse."
    yield ""
    rows = [
        (
            _ENGINES[one.engine],
            f"{one.tickets:,}",
            f"{one.amount:,}",
            f"{one.best.seconds:.0f}",
            f"{one.best.cpu:.0f}",
            f"{one.peak_mib:,.0f}",
            _steps(one),
        )
        for one in results
    ]
    yield from _table(("engine", "tickets", "records", "seconds", "processor s", "peak MiB", "by step"), rows)


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
    yield "All steps of a night, the report too, in one process that is up: neither scheduling nor starts are in these figures."
    yield ""
    case = {result.what: result for result in results}
    if {"the year in one run", "one run", "daily runs"} <= case.keys():
        year, one, many = (case[what] for what in ("the year in one run", "one run", "daily runs"))
        each = many.best.told["cpu"] / many.amount
        ratio = 365 * each / year.best.told["cpu"]
        at = "" if many.amount == 365 else f", at the rate of {many.amount}"
        yield f"365 daily runs take **{ratio:.0f} times** the processor time of one run over the year{at}."
        equal = "yes" if one.best.told["tables"] == many.best.told["tables"] else "NO"
        yield f"Equal tables after {many.amount} daily runs and one run over the same days: {equal}."
        yield ""
    rows = [
        (result.what, result.note, f"{result.amount}", f"{_inner(result):.1f}", f"{result.best.told['cpu']:.1f}", f"{result.peak_mib:,.0f}")
        for result in results
    ]
    yield from _table(("", "of", "runs", "seconds", "processor s", "peak MiB"), rows)


def _airflow(results: list[Result]) -> Iterator[str]:
    yield "## Airflow"
    yield ""
    case = {result.what: result for result in results}
    if {"import of airflow", "import of airflow and all DAG files"} <= case.keys():
        base, files = case["import of airflow"].best, case["import of airflow and all DAG files"].best
        yield f"- The DAG files add {files.cpu - base.cpu:.2f} s of processor to Airflow's own import ({base.cpu:.2f} s)."
    if "make run again" in case:
        yield f"- A second `make run`: {case['make run again'].best.seconds:.1f} s, {case['make run again'].best.cpu:.1f} s of processor."
    runs = [case[what] for what in ("empty_nightly", "workless_nightly", "petition_nightly", "the year in one run") if what in case]
    if {"empty_nightly", "workless_nightly"} <= case.keys():
        empty, ours = (case[what].best.cpu / case[what].best.told["tasks"] for what in ("empty_nightly", "workless_nightly"))
        yield (
            f"- Overhead of a task in `petition_nightly` (its steps left empty): {ours:.3f} s of processor; of a task in a DAG of as many "
            f"empty tasks: {empty:.3f} s; ratio {ours / empty:.2f}."
        )
    if {"petition_nightly", "the year in one run"} <= case.keys():
        daily, year = case["petition_nightly"], case["the year in one run"].best
        each = daily.best.cpu / daily.amount
        yield (
            f"- The demo year by `airflow backfill create` in 365 daily runs takes {365 * each / year.cpu:.0f} times the processor time of "
            f"one run over it, at the rate of {daily.amount} days ({each:.1f} s of processor a day)."
        )
    yield ""
    if runs:
        yield "In the services of `make up` (metadata in PostgreSQL, scheduler, LocalExecutor), one run after the other; wall time from the"
        yield "start of the first to the end of the last, processor time of all services less what they use at rest:"
        yield ""
        rows = [
            (
                result.what,
                f"{result.amount}",
                f"{result.best.told['tasks']}",
                f"{result.best.seconds / result.amount:.1f}",
                f"{result.best.cpu / result.amount:.1f}",
                f"{result.best.cpu / result.best.told['tasks']:.2f}",
            )
            for result in runs
        ]
        yield from _table(("", "runs", "tasks", "seconds a run", "processor s a run", "a task"), rows)


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
    yield "make bench SIZES=10000000 ENGINES=duckdb PARTS=night,questions   # from staged batches"
    yield "make bench PARTS=backfill BACKFILL=365      # each of the 365 days, and not a sample of them"
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
