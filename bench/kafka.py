"""To Kafka: a backlog drained into a topic, and how late rows of a steady load arrive there.

Lag: from the commit in TiDB (its ts) to the append in the broker's log (the topic has LogAppendTime), for each row of a load of
small transactions. TiDB, server, broker and load share the machine.
"""
from __future__ import annotations

import json
import tempfile
import threading
import time
from contextlib import closing
from pathlib import Path

import drain
from harness.cdc import CdcServer
from harness.databases import Playground
from harness.kafka import KafkaBroker

PROTOCOLS = {
    "open-protocol": "protocol=open-protocol",
    "canal-json": "protocol=canal-json&enable-tidb-extension=true",
}
LAG_SECONDS = 20
LAG_SESSIONS = 4


def steady_load(playground: Playground, session: int, end: float) -> None:
    """Inserts of 5 rows a transaction, about 50 transactions a second."""
    with playground.target().connect() as connection, connection.cursor() as cursor:
        next_id = session * 10_000_000
        while time.monotonic() < end:
            begin = time.monotonic()
            values = ",".join(f"({next_id + i},{i},'{'x' * 100}')" for i in range(5))
            cursor.execute(f"INSERT INTO bench_lag.t VALUES {values}")
            connection.commit()
            next_id += 5
            time.sleep(max(0.0, 0.02 - (time.monotonic() - begin)))


def lags_ms(kafka: KafkaBroker, topic: str) -> list[int]:
    lags = []
    for append_ms, value in kafka.timed_values(topic):
        row = json.loads(value)
        if not row["isDdl"] and row["type"] != "TIDB_WATERMARK":
            lags.append(append_ms - (row["_tidb"]["commitTs"] >> 18))
    return sorted(lags)


def lag(playground: Playground, kafka: KafkaBroker, directory: Path) -> dict:
    playground.query("CREATE DATABASE bench_lag")
    playground.query("CREATE TABLE bench_lag.t (id BIGINT PRIMARY KEY, k INT, v VARCHAR(200))")
    kafka.create_topic("lag", 3, message_timestamp_type="LogAppendTime")
    server = CdcServer(directory, playground.pd, name="cdc-lag")
    server.start()
    try:
        feed = server.cli.create(kafka.sink_uri("lag", PROTOCOLS["canal-json"]), "bench-lag")
        feed.wait_for(playground.now_ts(), deadline_s=60)
        before, end = drain.Usage.of(server.process.pid), time.monotonic() + LAG_SECONDS
        sessions = [
            threading.Thread(target=steady_load, args=(playground, i, end)) for i in range(LAG_SESSIONS)
        ]
        for session in sessions:
            session.start()
        for session in sessions:
            session.join()
        feed.wait_for(playground.now_ts(), deadline_s=60)
        after = drain.Usage.of(server.process.pid)
        feed.command("remove")
    finally:
        server.stop()
    lags = lags_ms(kafka, "lag")
    return {
        "name": "lag/kafka",
        "unit": "ms (p99)",
        "value": lags[len(lags) * 99 // 100],
        "p50_ms": lags[len(lags) // 2],
        "max_ms": lags[-1],
        "rows": len(lags),
        "rows_per_second": round(len(lags) / LAG_SECONDS),
        "cpu_percent": round(100 * (after.cpu_seconds - before.cpu_seconds) / LAG_SECONDS, 1),
    }


def run(rows: int, only) -> list[dict]:
    """The benchmarks whose name `only` accepts."""
    wanted = [name for name in PROTOCOLS if only(f"drain/kafka-{name}")]
    if not wanted and not only("lag/kafka"):
        return []
    results = []
    with tempfile.TemporaryDirectory(prefix="tidewire-bench-") as scratch:
        directory = Path(scratch)
        playground = Playground(directory, "upstream")
        with closing(Stopping(playground)), closing(Stopping(KafkaBroker(directory))) as broker:
            playground.start()
            kafka = broker.program.start()
            if only("lag/kafka"):
                results.append(lag(playground, kafka, directory))
            if wanted:
                start_ts = playground.now_ts()
                drain.load(playground, rows)
                end_ts = playground.now_ts()
            for name in wanted:
                uri = kafka.sink_uri(f"bench-{name}", PROTOCOLS[name])
                results.append(
                    drain.drain(playground, uri, directory, f"kafka-{name}", start_ts, end_ts, rows)
                )
    return results


class Stopping:
    """Stops a program when it is closed, whether it was started or not."""

    def __init__(self, program):
        self.program = program

    def close(self) -> None:
        self.program.stop()
