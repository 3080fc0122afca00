"""Memory and disk under a budget: what does not fit is spilled, and nobody is killed.

Upstream is bin/tikv-simulator, whose rows are computed as they are sent. Counted of the cdc process alone: peak resident memory, the most
that its data directory ever held, CPU, and the time from the moment given until the changefeed's checkpoint has passed the last row.

  memory/huge    one transaction, far larger than the budget, to blackhole
  memory/stall   MariaDB stands still under load (SIGSTOP), then goes on: from there on
  memory/tables  10,000 tables, one of which gets nearly all rows
"""
from __future__ import annotations

import os
import signal
import sys
import tempfile
import threading
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tests/integration"), str(ROOT / "tests/tools")]

# pylint: disable=wrong-import-position
from drain import Usage  # noqa: E402
from harness.cdc import CdcServer  # noqa: E402
from harness.databases import MariaDb  # noqa: E402
from harness.simulator import Simulator  # noqa: E402

RECORDING = ROOT / "tests/recordings/21_oltp"
BUDGET_MIB = int(os.environ.get("BENCH_BUDGET_MIB", "1024"))
HUGE_ROWS = int(os.environ.get("BENCH_HUGE_ROWS", "20000000"))
STALL_S = int(os.environ.get("BENCH_STALL_S", "600"))
TABLES = int(os.environ.get("BENCH_TABLES", "10000"))
STALL_TABLES = 4
STALL_ROWS_PER_S = int(os.environ.get("BENCH_STALL_ROWS_PER_S", "4000"))
ROW_BYTES = 1024
DEADLINE_S = 3600


class BudgetedServer(CdcServer):
    @property
    def data_dir(self) -> Path:
        return self.directory / f"{self.name}-data"

    def server_arguments(self) -> list[str]:
        return super().server_arguments() + [f"--max-memory-consumption={BUDGET_MIB << 20}"]


class DiskWatch:
    """The most that a directory ever held, looked at every half second."""

    def __init__(self, directory: Path):
        self.directory = directory
        self.peak = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._stop.wait(0.5):
            total = 0
            for folder, _, files in os.walk(self.directory):
                for name in files:
                    try:
                        total += os.stat(os.path.join(folder, name)).st_blocks * 512
                    except FileNotFoundError:
                        pass
            self.peak = max(self.peak, total)

    def stop(self) -> int:
        self._stop.set()
        self._thread.join()
        return self.peak


@contextmanager
def simulated(*flags: str):
    """A simulator, a server under the budget and a directory for everything."""
    with tempfile.TemporaryDirectory(prefix="tidewire-bench-") as scratch:
        directory = Path(scratch)
        simulator = Simulator(directory, RECORDING, "--no-play", *flags).start()
        try:
            server = BudgetedServer(directory, simulator.pd)
            server.start()
            try:
                yield directory, simulator, server
            finally:
                server.stop()
        finally:
            simulator.stop()


def metric(server: CdcServer, name: str) -> float:
    with urllib.request.urlopen(f"http://{server.address}/metrics", timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(name))


def check_rows(server: CdcServer, rows: int) -> None:
    written = metric(server, "ticdc_sink_total_rows_count")
    if written < rows:
        raise RuntimeError(f"{written:.0f} of {rows} rows arrived")


def loads_done(simulator: Simulator) -> bool:
    return all(load.get("done") for load in simulator.status().get("loads", []))


def result(name: str, rows: int, seconds: float, server: CdcServer, before: Usage, disk: DiskWatch, **more) -> dict:
    usage = Usage.of(server.process.pid)
    cpu = usage.cpu_seconds - before.cpu_seconds
    return {
        "name": f"memory/{name}",
        "unit": "s",
        "value": round(seconds, 1),
        "rss_mib": round(usage.peak_rss_mib),
        "budget_mib": BUDGET_MIB,
        "disk_mib": disk.stop() >> 20,
        "spilled_mib": int(metric(server, "ticdc_sorter_spilled_bytes_total")) >> 20,
        "rows": rows,
        "row_bytes": ROW_BYTES,
        "rows_per_cpu_second": round(rows / cpu) if cpu else None,
        "cpu_seconds": round(cpu, 1),
        **more,
    }


def huge() -> dict:
    with simulated("--stores=3", "--tables=1", "--regions-per-table=12", f"--row-bytes={ROW_BYTES}") as (_, simulator, server):
        feed = server.cli.create("blackhole://", "huge", f"--start-ts={simulator.now_ts()}")
        feed.wait_for(simulator.now_ts(), 60)
        before, disk, begin = Usage.of(server.process.pid), DiskWatch(server.data_dir), time.monotonic()
        simulator.post("/load", kind="huge", rows=HUGE_ROWS)
        while not loads_done(simulator):
            time.sleep(0.5)
        committed = time.monotonic() - begin
        feed.wait_for(simulator.now_ts(), DEADLINE_S)
        check_rows(server, HUGE_ROWS)
        return result("huge", HUGE_ROWS, time.monotonic() - begin, server, before, disk, committed_after_s=round(committed, 1))


def stall() -> dict:
    with simulated("--stores=3", f"--tables={STALL_TABLES}", "--regions-per-table=8", f"--row-bytes={ROW_BYTES}") as (directory, simulator, server):
        mariadb = MariaDb(directory)
        mariadb.start()
        try:
            mariadb.query("CREATE DATABASE `load`")
            for table in range(STALL_TABLES):
                mariadb.query(f"CREATE TABLE `load`.t{table} (id BIGINT PRIMARY KEY, k INT, c TEXT, pad TEXT)")
            uri = mariadb.sink_uri("read-timeout=1h&write-timeout=1h")
            feed = server.cli.create(uri, "stall", f"--start-ts={simulator.now_ts()}")
            feed.wait_for(simulator.now_ts(), 60)
            before, disk = Usage.of(server.process.pid), DiskWatch(server.data_dir)
            simulator.post("/load", kind="stream", rows=0, rate=STALL_ROWS_PER_S, txn_rows=100)
            time.sleep(5)
            os.kill(mariadb.process.pid, signal.SIGSTOP)
            time.sleep(STALL_S)
            os.kill(mariadb.process.pid, signal.SIGCONT)
            begin = time.monotonic()
            simulator.post("/load/stop")
            rows = sum(load["rows"] for load in simulator.status()["loads"])
            feed.wait_for(simulator.now_ts(), DEADLINE_S)
            arrived = sum(mariadb.query(f"SELECT COUNT(*) FROM `load`.t{table}")[0][0] for table in range(STALL_TABLES))
            if arrived < rows:
                raise RuntimeError(f"{arrived} of {rows} rows arrived")
            return result("stall", rows, time.monotonic() - begin, server, before, disk, stalled_s=STALL_S)
        finally:
            mariadb.stop()


def tables() -> dict:
    flags = ("--stores=3", f"--tables={TABLES}", "--regions-per-table=1", f"--row-bytes={ROW_BYTES}")
    with simulated(*flags) as (_, simulator, server):
        feed = server.cli.create("blackhole://", "tables", f"--start-ts={simulator.now_ts()}")
        feed.wait_for(simulator.now_ts(), 300)
        before, disk, begin = Usage.of(server.process.pid), DiskWatch(server.data_dir), time.monotonic()
        rows = 2_000_000
        simulator.post("/load", kind="stream", rows=rows // 50, txn_rows=2)
        simulator.post("/load", kind="stream", rows=rows, txn_rows=100, tables=1)
        while not loads_done(simulator):
            time.sleep(0.5)
        feed.wait_for(simulator.now_ts(), DEADLINE_S)
        check_rows(server, rows)
        return result("tables", rows, time.monotonic() - begin, server, before, disk, tables=TABLES)


def run(only) -> list[dict]:
    """The benchmarks whose name `only` accepts."""
    return [bench() for bench in (huge, stall, tables) if only(f"memory/{bench.__name__}")]


if __name__ == "__main__":
    for line in run(lambda name: len(sys.argv) < 2 or sys.argv[1] in name):
        print(line)
