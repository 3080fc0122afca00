"""An idle cluster: three captures, a hundred changefeeds of ten tables each, nobody writes.

Counted over a minute after all have started: CPU of each node (user and system, the worst is given), and the writes
that reach etcd. The tables are partitions of a hundred tables, which a changefeed follows one by one as it does tables.
"""
from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tests/integration"), str(ROOT / "tests/tools")]

# pylint: disable=wrong-import-position
from drain import Usage  # noqa: E402
from harness import etcd  # noqa: E402
from harness.cluster import Cluster  # noqa: E402
from harness.databases import Playground  # noqa: E402
from harness.process import wait_until  # noqa: E402

CHANGEFEEDS = 100
TABLES_EACH = 10
SETTLE_S = 20
MEASURE_S = 60


def run(only) -> list[dict]:
    if not only("idle_cluster"):
        return []
    with tempfile.TemporaryDirectory() as scratch:
        directory = Path(scratch)
        upstream = Playground(directory).start()
        try:
            return [measure(directory, upstream)]
        finally:
            upstream.stop()


def measure(directory: Path, upstream: Playground) -> dict:
    upstream.query("CREATE DATABASE idle")
    for i in range(CHANGEFEEDS):
        upstream.query(f"CREATE TABLE idle.t{i} (id INT PRIMARY KEY) PARTITION BY HASH (id) PARTITIONS {TABLES_EACH}")
    cluster = Cluster(directory, upstream).start()
    try:
        for i in range(CHANGEFEEDS):
            config = directory / f"feed{i}.toml"
            config.write_text(f"[filter]\nrules = ['idle.t{i}']\n", encoding="utf-8")
            cluster.cli.create("blackhole://", f"feed{i}", f"--config={config}")
        statuses = etcd.PREFIX + "job/"
        start = upstream.now_ts()

        def all_run() -> bool:
            known = etcd.get_prefix(upstream.pd, statuses).values()
            return len(known) == CHANGEFEEDS and all(json.loads(status)["checkpoint-ts"] > start for status in known)

        wait_until("all changefeeds run", all_run, 300, 1)
        time.sleep(SETTLE_S)
        before = [Usage.of(node.process.pid).cpu_seconds for node in cluster.nodes]
        writes, begin = etcd.revision(upstream.pd), time.monotonic()
        time.sleep(MEASURE_S)
        took = time.monotonic() - begin
        after = [Usage.of(node.process.pid) for node in cluster.nodes]
        shares = [(now.cpu_seconds - was) / took * 100 for now, was in zip(after, before)]
        return {
            "name": "idle_cluster",
            "unit": "% of a core",
            "value": round(max(shares), 2),
            "each": [round(share, 2) for share in shares],
            "owner": [node.is_owner() for node in cluster.nodes].index(True),
            "etcd_writes_per_s": round((etcd.revision(upstream.pd) - writes) / took, 1),
            "rss_mib": round(max(usage.peak_rss_mib for usage in after)),
        }
    finally:
        cluster.stop()
