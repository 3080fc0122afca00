"""etcd is killed and comes back under three captures: for a moment, and for longer than a lease."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from harness.cases import case_named
from harness.cdc import write_config
from harness.cluster import SESSION_TTL_S, Cluster
from harness.process import Program, wait_until
from harness.simulator import Simulator

TABLES = 2
DEADLINE_S = 90


class ChildEtcd(Program):
    """The etcd that the simulator started; started again here, with the same arguments."""

    def __init__(self, directory: Path, parent: int):
        super().__init__("etcd-child", directory / "etcd-child.log")
        self.pid = next(p for p in self._children(parent) if self._argv(p)[0].endswith("etcd"))
        self.argv = self._argv(self.pid)

    def stop_hard(self) -> None:
        if self.process is None:
            os.kill(self.pid, 9)
        else:
            self.kill()

    @staticmethod
    def _children(parent: int) -> list[int]:
        tasks = Path(f"/proc/{parent}/task").iterdir()
        return [int(pid) for task in tasks for pid in (task / "children").read_text().split()]

    @staticmethod
    def _argv(pid: int) -> list[str]:
        return Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8").split("\0")[:-1]


@pytest.fixture(name="cluster")
def _cluster(scratch):
    directory = scratch / "etcd-restart"
    directory.mkdir()
    flags = ("--no-play", "--stores=3", f"--tables={TABLES}", "--regions-per-table=3")
    simulator = Simulator(directory, case_named("21_oltp").path, *flags).start()
    try:
        cluster = Cluster(directory, simulator).start()
        try:
            yield cluster
        finally:
            cluster.stop()
    finally:
        simulator.stop()


def test_captures_outlive_an_etcd_that_restarts(cluster, scratch, mariadb):
    simulator = cluster.upstream
    mariadb.drop(["load"])
    mariadb.query("CREATE DATABASE `load`")
    for n in range(TABLES):
        mariadb.query(
            f"CREATE TABLE `load`.t{n} (id BIGINT PRIMARY KEY, k INT, c VARCHAR(255), pad CHAR(60))"
        )
    config = write_config(scratch / "etcd-restart.toml", ["load.*"], True, [])
    start_ts = simulator.now_ts()
    options = [f"--start-ts={start_ts}", f"--config={config}"]
    feed = cluster.cli.create(mariadb.sink_uri(), None, *options)
    simulator.post("/load", kind="oltp", rate=500, keys=200, txn_rows=4, seed=7)
    etcd = ChildEtcd(scratch, simulator.process.pid)
    try:
        for down_s in (1, SESSION_TTL_S + 2):
            before = feed.checkpoint_ts()
            wait_until("it makes progress", lambda b=before: feed.checkpoint_ts() > b, DEADLINE_S)
            ids = set(cluster.captures().values())
            etcd.stop_hard()
            time.sleep(down_s)
            if down_s > SESSION_TTL_S:
                assert not any(node.is_owner() for node in cluster.nodes), "no lease holds"
            etcd.launch(etcd.argv)
            cluster.wait_whole(DEADLINE_S)
            if down_s > SESSION_TTL_S:
                assert not ids & set(cluster.captures().values()), "new lives have new ids"
        end_ts = simulator.post("/load/stop")["ts"]
        feed.wait_for(end_ts, DEADLINE_S)
        for n in range(TABLES):
            have = dict(mariadb.query(f"SELECT id, k FROM `load`.t{n}"))
            assert have == simulator.rows(n, end_ts)
        cluster.check_owners()
    finally:
        etcd.stop()
