"""The region feed at scale: the simulator's load through `cdc server` to blackhole, and what many regions cost.

CPU and memory are those of the cdc process alone; `simulator_cpu_seconds` shows that the input was not what limited it.
"""
from __future__ import annotations

import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tests/integration"), str(ROOT / "tests/tools"), str(ROOT / "bench")]

# pylint: disable=wrong-import-position
from drain import Usage  # noqa: E402
from harness.cdc import CdcServer, write_config  # noqa: E402
from harness.process import wait_until  # noqa: E402
from harness.simulator import Simulator  # noqa: E402

RECORDING = ROOT / "tests/recordings/21_oltp"
ROW_BYTES = {"100B": 100, "400B": 400, "1KiB": 1024, "10KiB": 10240}
BYTES = 1 << 30  # of values, in each run
IDLE_S = 20


@contextmanager
def running(directory: Path, name: str, *flags: str):
    """A simulator and a server on it, and a function that creates a changefeed of the load tables."""
    simulator = Simulator(directory, RECORDING, "--no-play", *flags, name=f"simulator-{name}")
    simulator.start()
    server = CdcServer(directory, simulator.pd, name=f"cdc-{name}")
    config = write_config(directory / f"{name}.toml", ["load.*"], False, [])
    try:
        server.start()
        yield simulator, server, lambda feed, ts: server.cli.create(
            "blackhole://", f"bench-{feed}", f"--start-ts={ts}", f"--config={config}"
        )
    finally:
        server.stop()
        simulator.stop()


class Meter:
    """What a span of time cost."""

    def __init__(self, simulator: Simulator, server: CdcServer):
        self.programs = (server, simulator)
        self.before = [Usage.of(p.process.pid) for p in self.programs]
        self.begin = time.monotonic()

    def read(self) -> dict:
        wall = time.monotonic() - self.begin
        after = [Usage.of(p.process.pid) for p in self.programs]
        cpu, simulator_cpu = (a.cpu_seconds - b.cpu_seconds for a, b in zip(after, self.before))
        return {
            "wall_seconds": round(wall, 2),
            "cpu_seconds": round(cpu, 2),
            "simulator_cpu_seconds": round(simulator_cpu, 2),
            "rss_mib": round(after[0].peak_rss_mib),
        }


def throughput(directory: Path, size: str, updates: bool, live: bool) -> dict:
    """A backlog that scans send, or a live stream of transactions of 100 rows, as fast as it is taken."""
    row_bytes = ROW_BYTES[size]
    rows = min(4_000_000, BYTES // row_bytes // (2 if updates else 1))
    name = f"feed/{'live' if live else 'scan'}-{size}{'-old-value' if updates else ''}"
    flags = [f"--row-bytes={row_bytes}", "--tables=4", "--regions-per-table=4"] + ["--updates"] * updates
    with running(directory, name.replace("/", "-"), *flags) as (simulator, server, create):
        start_ts = simulator.now_ts()
        if live:
            feed = create("feed", start_ts)
            feed.wait_for(simulator.now_ts(), 60)
            meter = Meter(simulator, server)
            simulator.post("/load", kind="stream", rows=rows)
            wait_until("load", lambda: simulator.status()["loads"][0]["done"], 600)
        else:
            simulator.post("/load", kind="backlog", rows=rows)
            meter = Meter(simulator, server)
            feed = create("feed", start_ts)
        feed.wait_for(simulator.now_ts(), 600)
        used = meter.read()
    return {
        "name": name,
        "unit": "rows/s",
        "value": round(rows / used["wall_seconds"]),
        "rows_per_cpu_second": round(rows / used["cpu_seconds"]),
        "mb_per_s": round(rows * row_bytes / used["wall_seconds"] / 1e6),
        "rows": rows,
        **used,
    }


def regions(directory: Path, name: str, tables: int, per_table: int, feeds: int = 1) -> list[dict]:
    """From `changefeed create` until everything is resolved up to then; then what nothing costs."""
    flags = ["--stores=20", f"--tables={tables}", f"--regions-per-table={per_table}"]
    with running(directory, name, *flags) as (simulator, server, create):
        before = Usage.of(server.process.pid)
        created = []
        meter = Meter(simulator, server)
        begin = simulator.now_ts()
        for number in range(feeds):
            created.append(create(f"{name}-{number}", begin))
        wanted = simulator.now_ts()
        for feed in created:
            feed.wait_for(wanted, 600)
        started = meter.read()
        meter = Meter(simulator, server)
        time.sleep(IDLE_S)
        idle = meter.read()
    count = tables * per_table * feeds
    rss = idle["rss_mib"] - before.peak_rss_mib
    return [
        {"name": f"start/{name}", "unit": "s", "value": started["wall_seconds"], "regions": count, **started},
        {
            "name": f"idle/{name}",
            "unit": "% of a core",
            "value": round(100 * idle["cpu_seconds"] / idle["wall_seconds"], 1),
            "regions": count,
            "kib_per_region": round(rss * 1024 / count, 2),
            **idle,
        },
    ]


SHAPES = {  # tables, regions of each, changefeeds
    "100-regions": (1, 100, 1),
    "10k-regions": (100, 100, 1),
    "100k-regions": (1000, 100, 1),
    "1k-tables": (1000, 1, 1),
    "10k-tables": (10_000, 1, 1),
    "10-changefeeds": (10, 10, 10),
    "100-changefeeds": (10, 10, 100),
}


def run(only) -> list[dict]:
    """The benchmarks whose name `only` accepts."""
    results = []
    with tempfile.TemporaryDirectory(prefix="tidewire-bench-") as scratch:
        directory = Path(scratch)
        for live in (False, True):
            for size in ROW_BYTES:
                for updates in (False, True):
                    name = f"feed/{'live' if live else 'scan'}-{size}{'-old-value' if updates else ''}"
                    if only(name):
                        results.append(throughput(directory, size, updates, live))
        for name, (tables, per_table, feeds) in SHAPES.items():
            if only(f"start/{name}") or only(f"idle/{name}"):
                results += regions(directory, name, tables, per_table, feeds)
    return results
