"""The warehouse made anew from the landing zone, the maps and the rules; the old one serves until the new one is complete.

Every landed batch is checked again by today's maps and loaded; runs of lanes and the history of quarantine, which the landing zone does
not hold, are taken over. A bad record that today's maps can read is loaded, as a replay would have done.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Sequence
from dataclasses import dataclass

from petitions import ledger, warehouse
from petitions.landing import Landing, Manifest
from petitions.progress import counted
from petitions.settings import Settings, SettingsError
from petitions.sources.base import LaneStopped
from petitions.warehouse import NoWarehouse, Warehouse

log = logging.getLogger("petitions.rebuild")


class BatchesMissing(SettingsError):
    """The landing zone no longer holds what the warehouse was loaded from."""


@dataclass(frozen=True)
class Rebuilt:
    """``batches`` loaded and ``tickets`` computed; ``left_out``: batches that were never loaded and cannot be checked today either."""

    batches: int
    tickets: int
    left_out: tuple[str, ...]


def rebuild(settings: Settings, *, without_removed: bool = False) -> Rebuilt:
    """Build a fresh warehouse and put it in the place of the present one, atomically. Interrupted it changes nothing.

    :param without_removed: go on where batches were removed from the landing zone (retention): what only they brought is lost.
    :raises BatchesMissing: where batches were removed; nothing is built then.
    :raises LaneStopped: where a batch that is loaded cannot be checked today; the warehouse stays as it is.
    """
    ledger.fingerprints(settings)  # rules and calendar that cannot be used are told before anything is built
    warehouse.bring_up_to_date(settings)
    landing = Landing.of(settings)
    batches, loaded = landing.batches(), _loaded(settings)
    _see_complete(batches, loaded, landing, without_removed)
    staging = settings.staging / "rebuild"
    with warehouse.rebuilt(settings) as fresh:
        shutil.rmtree(staging, ignore_errors=True)
        staging.mkdir(parents=True, mode=0o700)
        try:
            left_out = _load_all(fresh, settings, landing, batches, loaded)
        finally:
            shutil.rmtree(staging, ignore_errors=True)
        for table in ("quarantine_sighting", "quarantine_replay"):
            fresh.execute(f"delete from control.{table} where batch_id not in (select batch_id from control.batch)")
        told = ledger.refresh(fresh, settings)
    return Rebuilt(len(batches) - len(left_out), told["tickets"], left_out)


def _load_all(
    fresh: Warehouse, settings: Settings, landing: Landing, batches: Sequence[Manifest], loaded: frozenset[str]
) -> tuple[str, ...]:
    from petitions.check import check_each

    left_out = []
    checked = check_each(batches, landing, settings, staging=settings.staging / "rebuild")
    for number, one in enumerate(counted(checked, "batches", len(batches)), 1):
        batch_id = one.manifest.batch_id
        log.info("batch %d of %d: %s", number, len(batches), batch_id)
        if isinstance(one.wrong, LaneStopped) and batch_id not in loaded:
            log.warning("%s left out, as it was never loaded: %s", batch_id, one.wrong)
            left_out.append(batch_id)
            continue
        if one.wrong:
            raise one.wrong
        ledger.load(fresh, one.manifest, one.staged, one.summary, settings)
        shutil.rmtree(one.staged)
    return tuple(left_out)


def _loaded(settings: Settings) -> frozenset[str]:
    """The batches of the present warehouse; none where there is no warehouse."""
    try:
        with warehouse.reader(settings) as held:
            return frozenset(row["batch_id"] for row in held.rows("select batch_id from control.batch"))
    except NoWarehouse:
        return frozenset()


def _see_complete(batches: Sequence[Manifest], loaded: frozenset[str], landing: Landing, without_removed: bool) -> None:
    if not batches and not loaded:
        raise BatchesMissing(f"expected landed batches in {landing.root}, found none: see that PETITIONS_HOME is the home that is meant")
    missing = sorted(loaded - {manifest.batch_id for manifest in batches})
    if missing and not without_removed:
        raise BatchesMissing(
            f"expected the {len(loaded)} loaded batches in {landing.root}, found {len(missing)} of them removed (such as {missing[0]}): "
            "restore them from the backup, or give --without-removed and lose what only they brought"
        )
