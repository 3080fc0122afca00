"""The MySQL sink against MariaDB: throughput by workers and mix, and the lag of rows at half of that load.

  sink/<mix>-<n>-workers  a backlog, drained: `free` are new rows, `hot` are changes of ten rows a table
  lag/mariadb             from the begin of a row's transaction until the statement that writes it begins in MariaDB (a column's default
                          tells), at half of the rate that 16 workers reached; the shares of the stages are means of the server's metrics
"""
from __future__ import annotations

import statistics
import sys
import tempfile
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tests/integration"), str(ROOT / "tests/tools"), str(ROOT / "bench")]

# pylint: disable=wrong-import-position
from feed import RECORDING, Meter  # noqa: E402
from harness.cdc import CdcServer, write_config  # noqa: E402
from harness.databases import MariaDb  # noqa: E402
from harness.process import wait_until  # noqa: E402
from harness.simulator import Simulator  # noqa: E402

WORKERS = (1, 16, 64)
MIXES = {"free": ("backlog", 200_000, 10), "hot": ("hot", 100_000, 4)}  # load, rows, of a transaction
TABLES = 4
LAG_S = 20
LAG_RATE = 5000  # rows/s where no throughput was measured before


@contextmanager
def running(directory: Path, mariadb: MariaDb, name: str):
    flags = ("--no-play", f"--tables={TABLES}", "--regions-per-table=4", "--row-bytes=200")
    simulator = Simulator(directory, RECORDING, *flags, name=f"simulator-{name}")
    server = None
    try:
        simulator.start()
        mariadb.drop(["load"])
        mariadb.query("CREATE DATABASE `load`")
        for n in range(TABLES):
            mariadb.query(
                f"CREATE TABLE `load`.t{n} (id BIGINT PRIMARY KEY, k INT, c VARCHAR(255), pad CHAR(60), "
                "at TIMESTAMP(3) DEFAULT CURRENT_TIMESTAMP(3))"
            )
        server = CdcServer(directory, simulator.pd, name=f"cdc-{name}")
        server.start()
        yield simulator, server
    finally:
        if server:
            server.stop()
        simulator.stop()


def create(directory: Path, server: CdcServer, mariadb: MariaDb, workers: int, start_ts: int):
    config = write_config(directory / "sink.toml", ["load.*"], False, [])
    uri = mariadb.sink_uri(f"worker-count={workers}")
    return server.cli.create(uri, "bench", f"--start-ts={start_ts}", f"--config={config}")


def throughput(directory: Path, mariadb: MariaDb, mix: str, workers: int) -> dict:
    kind, rows, txn_rows = MIXES[mix]
    name = f"{mix}-{workers}-workers"
    with running(directory, mariadb, name) as (simulator, server):
        start_ts = simulator.now_ts()
        simulator.post("/load", kind=kind, rows=rows, txn_rows=txn_rows)
        wait_until("load", lambda: simulator.status()["loads"][0]["done"], 300)
        rows = simulator.status()["loads"][0]["rows"]
        end_ts = simulator.now_ts()
        meter = Meter(simulator, server)
        create(directory, server, mariadb, workers, start_ts).wait_for(end_ts, 600)
        used = meter.read()
    return {
        "name": f"sink/{name}",
        "unit": "rows/s",
        "value": round(rows / used["wall_seconds"]),
        "rows_per_cpu_second": round(rows / used["cpu_seconds"]),
        "cpu_us_per_row": round(1e6 * used["cpu_seconds"] / rows, 2),
        "rows": rows,
        **used,
    }


def metrics(server: CdcServer) -> dict[str, float]:
    """Sums over all labels."""
    with urllib.request.urlopen(f"http://{server.address}/metrics", timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    sums: dict[str, float] = {}
    for line in lines:
        if not line.startswith("#"):
            name, value = line.split("{")[0].split(" ")[0], float(line.rsplit(" ", 1)[1])
            sums[name] = sums.get(name, 0) + value
    return sums


def mean_ms(before: dict[str, float], after: dict[str, float], name: str) -> float:
    count = after.get(name + "_count", 0) - before.get(name + "_count", 0)
    total = after.get(name + "_sum", 0) - before.get(name + "_sum", 0)
    return 1000 * total / count if count else 0.0


def lag(directory: Path, mariadb: MariaDb, rate: int) -> dict:
    with running(directory, mariadb, "lag") as (simulator, server):
        feed = create(directory, server, mariadb, 16, simulator.now_ts())
        feed.wait_for(simulator.now_ts(), 60)
        before, meter, resolved = metrics(server), Meter(simulator, server), []
        simulator.post("/load", kind="timed", rate=rate, txn_rows=10)
        end = time.monotonic() + LAG_S
        while time.monotonic() < end:
            time.sleep(0.5)
            resolved.append(1000 * metrics(server).get("ticdc_processor_resolved_ts_lag", 0))
        used = meter.read()
        simulator.post("/load/stop")
        feed.wait_for(simulator.now_ts(), 120)
        after = metrics(server)
    union = " UNION ALL ".join(f"SELECT id, k, at FROM `load`.t{n}" for n in range(TABLES))
    found = mariadb.query(f"SELECT MOD(ROUND(UNIX_TIMESTAMP(at) * 1000), 86400000) - k FROM ({union}) AS rows_")
    lags = sorted(int(ms) for (ms,) in found)
    flushed = mean_ms(before, after, "ticdc_sink_flush_event_duration_seconds")
    executed = mean_ms(before, after, "ticdc_sink_txn_exec_duration")
    p50 = lags[len(lags) // 2]
    return {
        "name": "lag/mariadb",
        "unit": "ms (p99)",
        "value": lags[len(lags) * 99 // 100],
        "p50_ms": p50,
        "max_ms": lags[-1],
        "mean_ms": round(statistics.fmean(lags), 1),
        "mean_resolved_ms": round(statistics.fmean(resolved), 1),
        "mean_in_sink_ms": round(flushed, 2),
        "mean_of_which_in_mariadb_ms": round(executed, 2),
        "rows": len(lags),
        "rows_per_second": rate,
        "rows_per_cpu_second": round(len(lags) / used["cpu_seconds"]) if used["cpu_seconds"] else None,
        **used,
    }


def run(only) -> list[dict]:
    """The benchmarks whose name `only` accepts."""
    wanted = [(mix, n) for mix in MIXES for n in WORKERS if only(f"sink/{mix}-{n}-workers")]
    if not wanted and not only("lag/mariadb"):
        return []
    results = []
    with tempfile.TemporaryDirectory(prefix="tidewire-bench-") as scratch:
        directory = Path(scratch)
        mariadb = MariaDb(directory)
        mariadb.start()
        try:
            for mix, workers in wanted:
                results.append(throughput(directory, mariadb, mix, workers))
            if only("lag/mariadb"):
                full = [r["value"] for r in results if r["name"] == "sink/free-16-workers"]
                results.append(lag(directory, mariadb, full[0] // 2 if full else LAG_RATE))
        finally:
            mariadb.stop()
    return results
