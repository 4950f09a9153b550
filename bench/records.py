"""The landed records of a home as plain JSON lines, a folder per source: what the alternatives read.

They are spared the decompression, the sealing and the GB18030 of export files: whatever reads them starts from the easiest form there is.
"""

from __future__ import annotations

import json
import os
from itertools import islice
from pathlib import Path

from bench.generate import MADE
from petitions.check import landed
from petitions.landing import Landing
from petitions.settings import CHECKOUT, Settings
from petitions.sources import unasked


def export(home: Path, folder: Path, most: int) -> int:
    """Write ``<folder>/<source>/<batch_id>.jsonl``: all records, or of every batch its first ones, so that they are at most ``most``.

    :returns: how many records were written.
    """
    settings, count = Settings(home.absolute(), CHECKOUT / "config"), 0
    landing, made = Landing.of(settings), json.loads((home / MADE).read_text(encoding="utf-8"))
    holds = {batch["batch_id"]: batch["landed"] for batch in made["batches"]}
    # One record of every batch, and an equal share of the rest.
    share = (most - len(holds)) / made["records"] if most < made["records"] else 1
    for manifest in landing.batches():
        source = unasked(manifest.source, settings)
        target = folder / manifest.source / f"{manifest.batch_id}.jsonl"
        target.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as lines:
            for item in islice(landed(manifest, landing, source), 1 + int(holds[manifest.batch_id] * share)):
                lines.write(json.dumps(item.raw, ensure_ascii=False, separators=(",", ":")).encode() + b"\n")
                count += 1
    return count
