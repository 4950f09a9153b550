"""JSON records read and dropped: `python decode.py FOLDER PROCESSES`, in the benchmarks' own environment.

FOLDER holds one folder of ``*.jsonl`` per source. Prints how long the reading took, without the start of the processes, as JSON.
"""

from __future__ import annotations

import json
import sys
import time
from multiprocessing import Pool
from pathlib import Path


def main(folder: Path, processes: int) -> dict[str, object]:
    files = sorted(folder.glob("*/*.jsonl"))
    with Pool(processes) as pool:
        begun = time.perf_counter()
        records = sum(pool.imap_unordered(_read, files))
        return {"records": records, "steps": {"decode": round(time.perf_counter() - begun, 3)}}


def _read(file: Path) -> int:
    import orjson

    count = 0
    with file.open("rb") as lines:
        for line in lines:
            orjson.loads(line)
            count += 1
    return count


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]), int(sys.argv[2]))))
