"""Promise 4: what does not fit into the memory budget goes to disk, and nobody is killed."""

import urllib.request
from pathlib import Path

import pytest

from harness.cases import case_named
from harness.cdc import CdcServer
from harness.process import wait_until
from harness.simulator import Simulator

BUDGET_MIB = 512
RSS_MIB_MAX = BUDGET_MIB * 1.15
ROW_BYTES = 1024
DEADLINE_S = 240


class BudgetedServer(CdcServer):
    def server_arguments(self) -> list[str]:
        return super().server_arguments() + [f"--max-memory-consumption={BUDGET_MIB << 20}"]

    def metric(self, name: str) -> float:
        with urllib.request.urlopen(f"http://{self.address}/metrics", timeout=10) as answer:
            lines = answer.read().decode().splitlines()
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(name))

    def peak_rss_mib(self) -> float:
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        return next(int(line.split()[1]) for line in status.splitlines() if "VmHWM" in line) / 1024


@pytest.fixture
def cluster(scratch, request):
    recording = case_named("21_oltp").path
    flags = ["--no-play", "--stores=2", "--tables=1", f"--row-bytes={ROW_BYTES}"]
    simulator = Simulator(scratch, recording, *flags, name=f"simulator-{request.node.name}")
    server = None
    try:
        simulator.start()
        server = BudgetedServer(scratch, simulator.pd, name=f"cdc-{request.node.name}")
        server.start()
        yield simulator, server
    finally:
        if server:
            server.stop()
        simulator.stop()


def test_transaction_larger_than_memory(cluster):
    simulator, server = cluster
    rows = 700_000  # of 1 KiB
    feed = server.cli.create("blackhole://", None, f"--start-ts={simulator.now_ts()}")
    feed.wait_for(simulator.now_ts(), 60)
    simulator.post("/load", kind="huge", rows=rows)
    wait_until(
        "the transaction is committed",
        lambda: all(load["done"] for load in simulator.status()["loads"]),
        DEADLINE_S,
    )
    feed.wait_for(simulator.now_ts(), DEADLINE_S)
    assert server.metric("ticdc_sink_total_rows_count") >= rows
    assert server.metric("ticdc_sorter_spilled_bytes_total") > rows * ROW_BYTES
    assert server.peak_rss_mib() <= RSS_MIB_MAX
    wait_until(
        "the disk is given back",
        lambda: server.metric("ticdc_sorter_on_disk_data_size_gauge") == 0,
        30,
    )
