"""The whole path: a backlog of committed inserts in a real TiDB, drained by `cdc server` into a sink.

The workload is the one that TiCDC was measured with: one table of 7 columns (about 290 bytes a row), filled by transactions of
500 rows; then a changefeed from before the first row. Counted from `changefeed create` until the checkpoint has passed the
last row: wall time, CPU of the cdc process alone (user and system), its peak resident memory.
"""
from __future__ import annotations

import os
import random
import string
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tests/integration"), str(ROOT / "tests/tools")]

# pylint: disable=wrong-import-position
from harness.cdc import CdcServer  # noqa: E402
from harness.databases import MariaDb, Playground  # noqa: E402

ROWS_PER_TXN = 500


@dataclass
class Usage:
    cpu_seconds: float
    peak_rss_mib: float

    @staticmethod
    def of(pid: int) -> "Usage":
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        ticks = int(fields[11]) + int(fields[12])  # utime, stime: proc(5)
        status = Path(f"/proc/{pid}/status").read_text()
        peak_kib = int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")))
        return Usage(ticks / os.sysconf("SC_CLK_TCK"), peak_kib / 1024)


def load(playground: Playground, rows: int) -> None:
    chars = random.Random(1)

    def text(length: int) -> str:
        return "".join(chars.choices(string.ascii_letters, k=length))

    with playground.target().connect() as connection, connection.cursor() as cursor:
        cursor.execute("DROP DATABASE IF EXISTS bench")
        cursor.execute("CREATE DATABASE bench")
        cursor.execute(
            "CREATE TABLE bench.t (id BIGINT PRIMARY KEY, k INT, c CHAR(120), pad CHAR(60), "
            "d DECIMAL(12,2), at DATETIME(3), v VARCHAR(64), KEY (k))"
        )
        for first in range(0, rows, ROWS_PER_TXN):
            c, pad, v = text(110), text(55), text(40)
            values = ",".join(
                f"({i},{i % 1000},'{c}','{pad}',{i % 100000}.25,'2026-01-02 03:04:05.678','{v}')"
                for i in range(first, first + ROWS_PER_TXN)
            )
            cursor.execute(f"INSERT INTO bench.t VALUES {values}")
            connection.commit()


def drain(playground: Playground, sink_uri: str, directory: Path, name: str, start_ts: int, end_ts: int, rows: int) -> dict:
    server = CdcServer(directory, playground.pd, name=f"cdc-{name}")
    server.start()
    try:
        before = Usage.of(server.process.pid)
        begin = time.monotonic()
        feed = server.cli.create(sink_uri, f"bench-{name}", "--start-ts", str(start_ts))
        feed.wait_for(end_ts, deadline_s=600)
        wall = time.monotonic() - begin
        after = Usage.of(server.process.pid)
        feed.command("remove")
    finally:
        server.stop()
    cpu = after.cpu_seconds - before.cpu_seconds
    return {
        "name": f"drain/{name}",
        "unit": "rows/s",
        "value": round(rows / wall),
        "rows_per_cpu_second": round(rows / cpu) if cpu else None,
        "cpu_seconds": round(cpu, 2),
        "wall_seconds": round(wall, 2),
        "rss_mib": round(after.peak_rss_mib),
        "rows": rows,
    }


def run(rows: int, only) -> list[dict]:
    """The benchmarks whose name `only` accepts."""
    wanted = [name for name in ("blackhole", "mariadb") if only(f"drain/{name}")]
    if not wanted:
        return []
    results = []
    with tempfile.TemporaryDirectory(prefix="tidewire-bench-") as scratch:
        directory = Path(scratch)
        playground = Playground(directory, "upstream")
        playground.start()
        mariadb = MariaDb(directory) if "mariadb" in wanted else None
        try:
            start_ts = playground.now_ts()
            load(playground, rows)
            end_ts = playground.now_ts()
            for name in wanted:
                if name == "mariadb":
                    mariadb.start()
                uri = mariadb.sink_uri() if name == "mariadb" else "blackhole://"
                results.append(drain(playground, uri, directory, name, start_ts, end_ts, rows))
        finally:
            if mariadb:
                mariadb.stop()
            playground.stop()
    return results
