"""What leaves the landing zone after a while: raw records are personal data, kept no longer than the office sets.

A rebuild needs the landing zone: what only a removed batch brought can be computed no more, and `petitions rebuild` refuses until it is
restored from a backup or given up (``--without-removed``). Set ``[retention] landing_days`` with that in mind; 0 keeps everything.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from petitions import questions, warehouse
from petitions.landing import Landing, Manifest
from petitions.settings import Settings

log = logging.getLogger("petitions.retention")


def sweep_landing(settings: Settings, now: datetime) -> list[str]:
    """Remove the batches that were fetched more than ``landing_days`` before ``now``. Done again it removes nothing more.

    Kept however old: a batch that is not loaded yet, and one with a bad record that is open, for a replay needs it.

    :returns: the ids of the removed batches.
    """
    days = settings.options.retention.landing_days
    if not days:
        return []
    landing = Landing.of(settings)
    old = [manifest for manifest in landing.batches() if manifest.fetched_at < now - timedelta(days=days)]
    removed = [manifest for manifest in old if manifest.batch_id not in _needed(settings, old)] if old else []
    for manifest in removed:
        landing.remove(manifest)
        log.info("%s removed from the landing zone: fetched %s", manifest.batch_id, f"{manifest.fetched_at:%Y-%m-%d}")
    return [manifest.batch_id for manifest in removed]


def _needed(settings: Settings, batches: list[Manifest]) -> set[str]:
    try:
        with warehouse.reader(settings) as held:
            loaded = {row["batch_id"] for row in held.rows("select batch_id from control.batch")}
            open_records = {row["id"] for row in questions.quarantine(held) if row["status"] == "open"}
            sightings = held.rows("select record_id, batch_id from control.quarantine_sighting")
    except warehouse.NoWarehouse:
        loaded, open_records, sightings = set(), set(), []
    waiting = {manifest.batch_id for manifest in batches} - loaded
    return waiting | {row["batch_id"] for row in sightings if row["record_id"] in open_records}
