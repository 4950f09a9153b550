"""Measuring: a generator of landed records at any size, and the benchmarks that `make bench` runs over them.

Nothing of it belongs to the running system. It stands beside the demo's platforms, whose words and lives it multiplies.
"""

import sys
from pathlib import Path

# Where the tests' servers, which are measured too, find their parts.
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "scripts"))
