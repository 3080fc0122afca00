"""How cost grows with changefeeds, tables and regions: 20 simulated stores, blackhole sinks.

Each point: the CPU until all is resolved after `changefeed create`, the CPU of 15 idle seconds (a resolved ts every 200 ms), and, with
changefeeds, the CPU of a live load that each of them replicates. A plot of what was measured, also by earlier runs, is written to docs/growth.svg.

  growth/changefeeds-N  N changefeeds on the same 10 tables of 10 regions
  growth/tables-N       N tables of one region
  growth/regions-N      N regions in up to 1000 tables
"""
from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tests/integration"), str(ROOT / "tests/tools"), str(ROOT / "bench")]

# pylint: disable=wrong-import-position
from drain import Usage  # noqa: E402
from feed import Meter, running  # noqa: E402
from harness.process import wait_until  # noqa: E402
from plot import Chart, Line, write  # noqa: E402

PLOT = ROOT / "docs/growth.svg"
IDLE_S = 15
LOAD_ROWS = 200_000  # of a live load, in transactions of 100 rows
DEADLINE_S = 900
# Name: changefeeds, tables, regions of each.
SHAPES = {
    "changefeeds-1": (1, 10, 10),
    "changefeeds-10": (10, 10, 10),
    "changefeeds-100": (100, 10, 10),
    "tables-1": (1, 1, 1),
    "tables-10": (1, 10, 1),
    "tables-100": (1, 100, 1),
    "tables-1000": (1, 1000, 1),
    "tables-10000": (1, 10_000, 1),
    "regions-100": (1, 1, 100),
    "regions-1000": (1, 10, 100),
    "regions-10000": (1, 100, 100),
    "regions-100000": (1, 1000, 100),
}


def measure(directory: Path, name: str, feeds: int, tables: int, per_table: int) -> dict:
    flags = ["--stores=20", f"--tables={tables}", f"--regions-per-table={per_table}"]
    with running(directory, name, *flags) as (simulator, server, create):
        empty = Usage.of(server.process.pid).peak_rss_mib
        meter, begin = Meter(simulator, server), simulator.now_ts()
        created = [create(f"{name}-{n}", begin) for n in range(feeds)]
        wanted = simulator.now_ts()
        for feed in created:
            feed.wait_for(wanted, DEADLINE_S)
        started = meter.read()
        time.sleep(3)  # what comes after a start
        meter = Meter(simulator, server)
        time.sleep(IDLE_S)
        idle = meter.read()
        meter = Meter(simulator, server)
        simulator.post("/load", kind="stream", rows=LOAD_ROWS, txn_rows=100)
        wait_until("load", lambda: simulator.status()["loads"][0]["done"], DEADLINE_S)
        loaded_ts = simulator.now_ts()
        for feed in created:
            feed.wait_for(loaded_ts, DEADLINE_S)
        loaded = meter.read()
    return {
        "name": f"growth/{name}",
        "unit": "% of a core, idle",
        "value": round(100 * idle["cpu_seconds"] / idle["wall_seconds"], 2),
        "changefeeds": feeds,
        "tables": tables,
        "regions": tables * per_table,
        "start_cpu_seconds": started["cpu_seconds"],
        "start_seconds": started["wall_seconds"],
        "rows": LOAD_ROWS * feeds,
        "rows_per_cpu_second": round(LOAD_ROWS * feeds / max(loaded["cpu_seconds"], 0.01)),
        "rss_mib": loaded["rss_mib"],
        "rss_mib_added_idle": round(idle["rss_mib"] - empty, 1),
    }


def known() -> dict[str, dict]:
    """What was measured before, the newest of each name: a plot may be put together by parts."""
    file = ROOT / "bench/results.jsonl"
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    return {result["name"]: result for result in map(json.loads, lines)}


def charts(results: dict[str, dict]) -> list[Chart]:
    drawn = []
    for what in ("changefeeds", "tables", "regions"):
        points = [results[f"growth/{name}"] for name in SHAPES if name.startswith(what) and f"growth/{name}" in results]
        if len(points) < 2:
            continue

        def line(label: str, key: str) -> Line:
            return Line(label, [(point[what], point[key]) for point in points])  # pylint: disable=cell-var-from-loop

        drawn.append(
            Chart(
                f"cost by {what}",
                what,
                "",
                [
                    line("idle, % of a core", "value"),
                    line("CPU s to start", "start_cpu_seconds"),
                    line("MiB added", "rss_mib_added_idle"),
                ],
            )
        )
    return drawn


def run(only) -> list[dict]:
    """The benchmarks whose name `only` accepts."""
    results = []
    with tempfile.TemporaryDirectory(prefix="tidewire-bench-") as scratch:
        for name, shape in SHAPES.items():
            if only(f"growth/{name}"):
                results.append(measure(Path(scratch), name, *shape))
    if results and (drawn := charts(known() | {result["name"]: result for result in results})):
        write(PLOT, drawn)
        print(f"a plot is in {PLOT.relative_to(ROOT)}")
    return results
