"""Measuring: a generator of landed records at any size, and the benchmarks that `make bench` runs over them.

Nothing of it belongs to the running system. It stands beside the demo's platforms, whose words and lives it multiplies.
"""
