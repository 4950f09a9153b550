"""Slices of changed tickets are folded while the one before is posted: the tables are those of one slice, and all of it or nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from threading import Barrier, current_thread, main_thread
from typing import Any

import pytest

from petitions import ledger, workbench
from petitions import warehouse as warehouses
from petitions.warehouse import Warehouse
from tests import worlds
from tests.engines import EmptyWarehouse
from tests.reference import lives
from tests.test_against_reference import with_test_rules
from tests.test_loaded_again import TABLES


def tables(held: Warehouse) -> list[list[str]]:
    return [sorted(map(str, held.rows(f"select * from {name}"))) for name in (*TABLES, "control.touched", "control.fingerprint")]


def stops_at(monkeypatch: pytest.MonkeyPatch, step: str, call: int) -> None:
    """One of the steps of a slice ends with an error when it is called for the ``call``-th time."""
    plain: Callable[..., None] = getattr(ledger, step)
    calls = iter(range(1, 1_000))

    def stopping(*arguments: Any) -> None:
        plain(*arguments)
        if next(calls) == call:
            raise InterruptedError(step)

    monkeypatch.setattr(ledger, step, stopping)


@pytest.mark.parametrize("step", ["_take", "_fold", "_post"])
def test_one_that_breaks_leaves_nothing_and_the_next_refresh_is_as_if_there_had_been_none(
    empty_warehouse: EmptyWarehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    settings = with_test_rules(tmp_path)
    versions = sorted(lives.random_lives(5, 120), key=lambda version: version.known_at)
    cut = len(versions) // 2
    with empty_warehouse("at_once"), warehouses.writer(settings, publish=False) as held:
        for part in (versions[:cut], versions[cut:]):
            worlds.fill(held, part)
            ledger.refresh(held, settings)
        undisturbed = tables(held)
    monkeypatch.setattr(workbench, "MANY", 0)
    monkeypatch.setattr(ledger, "SLICE", 20)
    (tmp_path / "other").mkdir()
    settings = with_test_rules(tmp_path / "other")
    with empty_warehouse("in_flight"), warehouses.writer(settings, publish=False) as held:
        for part in (versions[:cut], versions[cut:]):
            worlds.fill(held, part)
            before = tables(held)
            with monkeypatch.context() as patch:
                stops_at(patch, step, call=3)
                with pytest.raises(InterruptedError, match=step):
                    ledger.refresh(held, settings)
            assert tables(held) == before
            ledger.refresh(held, settings)
        assert tables(held) == undisturbed


def test_a_slice_is_folded_while_the_one_before_is_posted(
    empty_warehouse: EmptyWarehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each waits for the other to have begun: one after the other neither would end."""
    settings = with_test_rules(tmp_path)
    monkeypatch.setattr(workbench, "MANY", 0)
    monkeypatch.setattr(ledger, "SLICE", 20)
    met, fold, post = Barrier(2, timeout=60), ledger._fold, ledger._post
    folds, posts = iter(range(100)), iter(range(100))

    def folding(*arguments: Any) -> None:
        assert current_thread() is not main_thread()
        if next(folds) == 1:
            met.wait()
        fold(*arguments)

    def posting(*arguments: Any) -> None:
        if next(posts) == 0:
            met.wait()
        post(*arguments)

    monkeypatch.setattr(ledger, "_fold", folding)
    monkeypatch.setattr(ledger, "_post", posting)
    with empty_warehouse("at_work"), warehouses.writer(settings, publish=False) as held:
        worlds.fill(held, lives.random_lives(6, 60))
        ledger.refresh(held, settings)
