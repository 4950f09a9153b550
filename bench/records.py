"""The landed records of a home as plain JSON lines, a folder per source: what the alternatives read.

They are spared the decompression, the sealing and the GB18030 of export files: whatever reads them starts from the easiest form there is.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from petitions.check import landed
from petitions.connections import Connection
from petitions.landing import Landing
from petitions.settings import CHECKOUT, Settings
from petitions.sources import create


def export(home: Path, folder: Path) -> int:
    """Write ``<folder>/<source>/<batch_id>.jsonl`` for every batch; how many records there are."""
    settings, count = Settings(home.absolute(), CHECKOUT / "config"), 0
    landing = Landing.of(settings)
    for manifest in landing.batches():
        source = create(manifest.source, Connection(f"petitions_{manifest.source}", ""), settings)
        target = folder / manifest.source / f"{manifest.batch_id}.jsonl"
        target.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as lines:
            for item in landed(manifest, landing, source):
                lines.write(json.dumps(item.raw, ensure_ascii=False, separators=(",", ":")).encode() + b"\n")
                count += 1
    return count
