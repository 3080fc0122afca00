"""What a row costs at the allocator, on its whole way from the stores to a blackhole.

  allocations/<live|scan>  calls and bytes for each row, in the steady state: between two moments under load. A library that is preloaded
                           into `cdc server` counts (count_allocations.c); memory that is reused without the allocator does not count.
"""
from __future__ import annotations

import struct
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tests/integration"), str(ROOT / "tests/tools"), str(ROOT / "bench")]

# pylint: disable=wrong-import-position
from drain import Usage  # noqa: E402
from feed import RECORDING  # noqa: E402
from harness import programs  # noqa: E402
from harness.cdc import CdcServer, write_config  # noqa: E402
from harness.process import wait_until  # noqa: E402
from harness.simulator import Simulator  # noqa: E402

ROWS = 500_000
ROW_BYTES = 400


class CountedServer(CdcServer):
    def start(self, wait: bool = True) -> "CountedServer":
        library = self.directory / "count_allocations.so"
        if not library.exists():
            source = ROOT / "bench/count_allocations.c"
            subprocess.run(["gcc", "-O2", "-shared", "-fPIC", "-o", library, source], check=True)
        env = {"LD_PRELOAD": str(library), "ALLOCATION_COUNTS": str(self.counts_file)}
        self.launch([programs.find("cdc"), "server", *self.server_arguments()], env)
        self.wait_ready(self._registered, 40)
        return self

    @property
    def counts_file(self) -> Path:
        return self.directory / f"{self.name}.allocations"

    def counts(self) -> tuple[int, int]:
        return struct.unpack("<QQ", self.counts_file.read_bytes())


def measure(directory: Path, live: bool) -> dict:
    name = "live" if live else "scan"
    flags = ("--no-play", f"--row-bytes={ROW_BYTES}", "--tables=4", "--regions-per-table=4")
    simulator = Simulator(directory, RECORDING, *flags, name=f"simulator-{name}").start()
    server = CountedServer(directory, simulator.pd, name=f"cdc-{name}")
    config = write_config(directory / f"{name}.toml", ["load.*"], False, [])
    try:
        server.start()
        start_ts = simulator.now_ts()

        def create():
            return server.cli.create("blackhole://", name, f"--start-ts={start_ts}", f"--config={config}")

        feed = create() if live else None
        if feed:  # what comes only once is over
            simulator.post("/load", kind="stream", rows=ROWS // 10)
            wait_until("load", lambda: simulator.status()["loads"][0]["done"], 300)
            feed.wait_for(simulator.now_ts(), 300)
        else:
            simulator.post("/load", kind="backlog", rows=ROWS)
        before, cpu = server.counts(), Usage.of(server.process.pid).cpu_seconds
        if feed:
            simulator.post("/load", kind="stream", rows=ROWS)
            wait_until("load", lambda: simulator.status()["loads"][-1]["done"], 300)
        else:
            feed = create()
        feed.wait_for(simulator.now_ts(), 300)
        after, usage = server.counts(), Usage.of(server.process.pid)
    finally:
        server.stop()
        simulator.stop()
    calls, taken = (b - a for a, b in zip(before, after))
    return {
        "name": f"allocations/{name}",
        "unit": "calls/row",
        "value": round(calls / ROWS, 3),
        "bytes_allocated_per_row": round(taken / ROWS),
        "row_bytes": ROW_BYTES,
        "rows": ROWS,
        "rows_per_cpu_second": round(ROWS / (usage.cpu_seconds - cpu)),
        "rss_mib": round(usage.peak_rss_mib),
    }


def run(only) -> list[dict]:
    """The benchmarks whose name `only` accepts."""
    with tempfile.TemporaryDirectory(prefix="tidewire-bench-") as scratch:
        return [measure(Path(scratch), live) for live in (True, False) if only(f"allocations/{'live' if live else 'scan'}")]
