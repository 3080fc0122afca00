#!/usr/bin/env python3
"""The soak: everything random for a long time, and in the end all data must be there.

Two arenas run side by side, both into one MariaDB and into blackholes:

  tidb       a playground (a real TiDB) under the demo's load with DDL and a load of small transactions; three captures,
             which are killed, frozen, cut off from etcd and asked to resign, while tables move and changefeeds pause
  simulator  five simulated stores under a nemesis (splits, merges, moves, region errors, cut and stalled streams, store
             restarts, locks left behind), under two loads; one capture, which is killed

What is checked: the data is equal in the end; the resident memory of no capture passes its bound or grows from the
first third of its life to the last; the lag of no changefeed stays over its bound for longer than the faults last; every
changefeed is well in the end. The last line is the verdict, and so is the exit status.

  SOAK_MINUTES=20  how long
  SOAK_SEED=N      of loads and faults; one is drawn and printed otherwise
"""

from __future__ import annotations

import os
import random
import signal
import statistics
import sys
import tempfile
import time
import urllib.error
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(REPOSITORY / part) for part in ("tests/integration", "tests/tools", "tools")]

# pylint: disable=wrong-import-position
import demo_load  # noqa: E402
from compare_state import compare  # noqa: E402
from harness.cdc import Changefeed, CdcServer, write_config  # noqa: E402
from harness.cluster import SESSION_TTL_S, Cluster, Load, contents  # noqa: E402
from harness.databases import MariaDb, Playground  # noqa: E402
from harness.process import Failed, wait_until  # noqa: E402
from harness.simulator import Simulator  # noqa: E402

MINUTES = float(os.environ.get("SOAK_MINUTES", "20"))
SEED = int(os.environ.get("SOAK_SEED") or random.SystemRandom().randrange(1 << 32))
BUDGET_MIB = 512
RSS_MIB_MAX = BUDGET_MIB * 1.15
RSS_GROWTH_MIB_MAX = 64  # of the median of the last third over that of the first
LAG_S_MAX = 60  # longer than any fault, and the time that what follows it takes on a busy machine
CATCH_UP_S = 180
SMALL_TABLES = 8
SIM_TABLES = 3
SIM_PREFIX = (b"t" + (100_000 | 1 << 63).to_bytes(8, "big")).hex()


def say(text: str) -> None:
    print(f"[{time.strftime('%H:%M:%S')}] {text}", flush=True)


class Watched:
    """Resident memory of one program, over all the processes that it was; a kill begins a new one."""

    def __init__(self, program: CdcServer):
        self.program = program
        self.peak = 0.0
        self.lives: list[list[float]] = []
        self.pid = 0

    def look(self) -> None:
        if not self.program.alive():
            return
        pid = self.program.process.pid
        try:
            status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
        except OSError:
            return
        sizes = dict(line.split(":", 1) for line in status.splitlines() if line.startswith("Vm"))
        if "VmRSS" not in sizes:
            return
        if pid != self.pid:
            self.pid = pid
            self.lives.append([])
        self.lives[-1].append(int(sizes["VmRSS"].split()[0]) / 1024)
        self.peak = max(self.peak, int(sizes["VmHWM"].split()[0]) / 1024)

    def growth(self) -> float:
        """MiB, of the life with the most samples."""
        life = max(self.lives, key=len, default=[])
        third = len(life) // 3
        if third < 5:
            return 0.0
        return statistics.median(life[-third:]) - statistics.median(life[:third])


class Lag:
    """How far a changefeed is behind its upstream, and for how long it has been too far."""

    def __init__(self, feed: Changefeed, now_ts):
        self.feed = feed
        self.now_ts = now_ts
        self.samples: list[float] = []
        self.excused_until = 0.0

    def excuse(self, seconds: float) -> None:
        """A pause is meant to make it lag, and catching up takes as long again."""
        self.excused_until = max(self.excused_until, time.monotonic() + seconds)

    def look(self) -> None:
        try:
            checkpoint = self.feed.checkpoint_ts()
            lag = ((self.now_ts() >> 18) - (checkpoint >> 18)) / 1000
        except Exception:  # pylint: disable=broad-except
            return  # nobody answers just now
        if checkpoint and time.monotonic() > self.excused_until:
            self.samples.append(lag)

    def worst(self) -> float:
        return max(self.samples, default=0.0)

    def median(self) -> float:
        return statistics.median(self.samples) if self.samples else 0.0


class Soak:
    mariadb: MariaDb
    upstream: Playground
    cluster: Cluster
    simulator: Simulator
    alone: "BudgetedServer"
    demo: demo_load.Load
    small: Load
    tidb_start_ts: int
    sim_start_ts: int

    def __init__(self, folder: Path, stack: ExitStack):
        self.random = random.Random(SEED)
        self.folder = folder
        self.stack = stack
        self.faults: Counter[str] = Counter()
        self.undo: list[tuple[float, object]] = []
        self.lags: list[Lag] = []
        self.watched: list[Watched] = []
        self.failures: list[str] = []

    def running(self, program):
        self.stack.callback(program.stop)
        return program.start()

    # ---- Set-up ----

    def start(self) -> None:
        self.mariadb = self.running(MariaDb(self.folder))
        self.upstream = self.running(Playground(self.folder, "tidb"))
        self.cluster = Cluster(self.folder, self.upstream)
        for node in self.cluster.nodes:
            node.config.write_text(
                f"capture-session-ttl = {SESSION_TTL_S}\nmax-memory-consumption = {BUDGET_MIB << 20}\n",
                encoding="utf-8",
            )
        self.running(self.cluster)
        case = REPOSITORY / "tests/recordings/21_oltp"
        flags = ("--no-play", "--stores=5", f"--tables={SIM_TABLES}", "--regions-per-table=4")
        self.simulator = self.running(Simulator(self.folder, case, *flags))
        self.alone = self.running(BudgetedServer(self.folder, self.simulator.pd, "alone"))
        self.watched = [Watched(program) for program in [*self.cluster.nodes, self.alone]]
        self.start_loads()
        self.create_feeds()

    def start_loads(self) -> None:
        self.tidb_start_ts = self.upstream.now_ts()  # the changefeeds make the tables downstream
        self.demo = demo_load.Load(self.upstream.host, self.upstream.port, SEED)
        self.demo.prepare()
        self.small = Load(self.upstream, "soak", SMALL_TABLES, SEED)
        self.small.__enter__()
        self.stack.callback(self.demo.stop)
        self.stack.callback(self.small.__exit__)
        self.sim_start_ts = self.simulator.now_ts()
        self.simulator.post("/load", kind="bank", rate=300, keys=300, seed=SEED % 1000)
        self.simulator.post("/load", kind="oltp", rate=300, keys=300, txn_rows=8, seed=SEED % 997)
        self.demo.start()

    def create_feeds(self) -> None:
        def add(cli, name: str, uri: str, rules: list[str], now_ts, *more: str) -> None:
            config = write_config(self.folder / f"{name}.toml", rules, True, [])
            feed = cli.create(uri, name, f"--config={config}", *more)
            self.lags.append(Lag(feed, now_ts))

        self.mariadb.query("CREATE DATABASE `load`")
        for n in range(SIM_TABLES):
            self.mariadb.query(
                f"CREATE TABLE `load`.t{n} (id BIGINT PRIMARY KEY, k INT, c VARCHAR(255), pad CHAR(60))"
            )
        uri, tidb_ts, sim_ts = self.mariadb.sink_uri("worker-count=4"), self.upstream.now_ts, self.simulator.now_ts
        start = f"--start-ts={self.tidb_start_ts}"
        add(self.cluster.cli, "demo", uri, ["demo.*"], tidb_ts, start)
        add(self.cluster.cli, "small", uri, ["soak.*"], tidb_ts, start)
        add(self.cluster.cli, "void", "blackhole://", ["demo.*", "soak.*"], tidb_ts, start)
        start = f"--start-ts={self.sim_start_ts}"
        add(self.alone.cli, "load", uri, ["load.*"], sim_ts, start)
        add(self.alone.cli, "load-void", "blackhole://", ["load.*"], sim_ts, start)

    # ---- Faults ----

    def later(self, seconds: float, action) -> None:
        self.undo.append((time.monotonic() + seconds, action))

    def do_due(self) -> None:
        due = [action for at, action in self.undo if at <= time.monotonic()]
        self.undo = [entry for entry in self.undo if entry[0] > time.monotonic()]
        for action in due:
            action()

    def strike(self) -> None:
        faults = [
            self.kill_node, self.kill_node, self.freeze_node, self.cut_node, self.resign, self.rebalance,
            self.pause_feed, self.kill_alone, self.nemesis, self.nemesis,
        ]
        fault = self.random.choice(faults)
        try:
            fault()
            self.faults[fault.__name__] += 1
        except (OSError, urllib.error.URLError, Failed, StopIteration):
            self.faults["not possible just now"] += 1  # no owner, a node on its way up

    def any_node(self):
        return self.random.choice(self.cluster.nodes)

    def kill_node(self) -> None:
        node = self.any_node()
        node.kill()
        self.later(self.random.uniform(0.1, 8), lambda: node.alive() or node.start(wait=False))

    def freeze_node(self) -> None:
        node = self.any_node()
        if not node.alive():
            raise Failed("it does not run")
        node.freeze()
        self.later(self.random.uniform(0.5, SESSION_TTL_S + 4), node.thaw)

    def cut_node(self) -> None:
        gate = self.any_node().gate
        self.random.choice([gate.stall, gate.shut])()
        self.later(self.random.uniform(0.5, SESSION_TTL_S + 4), gate.open)

    def resign(self) -> None:
        self.cluster.owner(deadline_s=5).post("/capture/owner/resign")

    def rebalance(self) -> None:
        feed = self.random.choice(["demo", "small", "void"])
        self.cluster.owner(deadline_s=5).post("/capture/owner/rebalance_trigger", **{"cf-id": feed})

    def pause_feed(self) -> None:
        lag = self.random.choice(self.lags)
        seconds = self.random.uniform(1, 15)
        lag.feed.command("pause")
        lag.excuse(2 * seconds + 30)
        self.later(seconds, lambda: self.resume(lag.feed))

    def resume(self, feed: Changefeed) -> None:
        try:
            feed.command("resume")
        except Failed:
            self.later(2, lambda: self.resume(feed))

    def kill_alone(self) -> None:
        self.alone.kill()
        self.later(self.random.uniform(0.1, 5), lambda: self.alone.alive() or self.alone.start(wait=False))

    def nemesis(self) -> None:
        seed = self.random.randrange(1 << 30)
        self.simulator.post("/nemesis", seed=seed, interval_ms=100, down_ms=300, table_prefix=SIM_PREFIX)
        self.later(self.random.uniform(5, 20), lambda: self.simulator.post("/nemesis", on=0))

    # ---- The run ----

    def run(self) -> None:
        end, next_fault, next_look, next_told = time.monotonic() + MINUTES * 60, 0.0, 0.0, 0.0
        while (now := time.monotonic()) < end:
            self.do_due()
            if now >= next_fault:
                next_fault = now + self.random.uniform(1, 8)
                self.strike()
            if now >= next_look:
                next_look = now + 2
                for watched in self.watched:
                    watched.look()
                for lag in self.lags:
                    lag.look()
            if now >= next_told:
                next_told = now + 30
                self.tell()
            if self.demo.failure:
                raise Failed(f"the load failed: {self.demo.failure}")
            time.sleep(0.2)

    def tell(self) -> None:
        rss = ", ".join(f"{w.program.name} {w.lives[-1][-1]:.0f}" for w in self.watched if w.lives)
        lag = ", ".join(f"{lag.feed.id} {lag.samples[-1]:.1f}" for lag in self.lags if lag.samples)
        say(f"{sum(self.faults.values())} faults | RSS MiB: {rss} | lag s: {lag}")

    def heal(self) -> None:
        self.simulator.post("/nemesis", on=0)
        for node in self.cluster.nodes:
            node.thaw()
            node.gate.open()
            if not node.alive():
                node.start(wait=False)
        if not self.alone.alive():
            self.alone.start(wait=False)
        self.undo.clear()
        self.cluster.wait_whole(120)
        self.alone.wait_ready(self.alone.registered, 60)
        for lag in self.lags:
            if lag.feed.query()["info"]["state"] == "stopped":
                self.resume(lag.feed)

    def check(self) -> None:
        self.demo.stop()
        self.small.__exit__()
        tidb_ts, sim_ts = self.upstream.now_ts(), self.simulator.post("/load/stop")["ts"]
        stopped = time.monotonic()
        for lag in self.lags:
            tidb = lag.feed.cli is self.cluster.cli
            lag.feed.wait_for(tidb_ts if tidb else sim_ts, CATCH_UP_S)
        say(f"caught up {time.monotonic() - stopped:.1f} s after the end of the loads")
        self.expect_equal(sim_ts)
        for watched in self.watched:
            name, growth = watched.program.name, watched.growth()
            say(f"{name}: {len(watched.lives)} lives, peak RSS {watched.peak:.0f} MiB, growth {growth:+.0f} MiB")
            self.expect(watched.peak <= RSS_MIB_MAX, f"{name} held {watched.peak:.0f} MiB")
            self.expect(growth <= RSS_GROWTH_MIB_MAX, f"{name} grew by {growth:.0f} MiB")
        for lag in self.lags:
            say(f"{lag.feed.id}: lag {lag.median():.1f} s (median), {lag.worst():.1f} s (worst)")
            self.expect(lag.worst() <= LAG_S_MAX, f"{lag.feed.id} was {lag.worst():.0f} s behind")

    def expect(self, holds: bool, what: str) -> None:
        if not holds:
            self.failures.append(what)

    def expect_equal(self, sim_ts: int) -> None:
        expected = self.upstream.dump(["demo"])
        report = compare(expected, self.mariadb.dump(["demo"], like=expected), limit=5)
        self.expect(report.equal, f"demo differs: {report}")
        want = contents(self.upstream, "soak", self.small.tables)
        self.expect(contents(self.mariadb, "soak", self.small.tables) == want, "soak differs")
        rows = sum(len(table) for table in want.values())
        for table in range(SIM_TABLES):
            found = dict(self.mariadb.query(f"SELECT id, k FROM `load`.t{table}"))
            self.expect(found == self.simulator.rows(table, sim_ts), f"load.t{table} differs")
            rows += len(found)
        say(f"compared demo ({sum(len(t.rows) for t in expected.tables.values())} rows) and {rows} rows more")


class BudgetedServer(CdcServer):
    def server_arguments(self) -> list[str]:
        return super().server_arguments() + [f"--max-memory-consumption={BUDGET_MIB << 20}"]

    def registered(self) -> bool:
        return self._registered()


def main() -> int:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    say(f"soak of {MINUTES:g} minutes, SOAK_SEED={SEED}")
    with tempfile.TemporaryDirectory(prefix="tidewire-soak-") as folder, ExitStack() as stack:
        soak = Soak(Path(folder), stack)
        try:
            soak.start()
            soak.run()
            soak.heal()
            soak.check()
        except (Failed, AssertionError) as failed:
            soak.failures.append(str(failed))
        faults = ", ".join(f"{name} {count}" for name, count in sorted(soak.faults.items()))
        say(f"faults: {faults}")
        if not soak.failures:
            say(f"SOAK PASSED: {MINUTES:g} minutes, seed {SEED}, all data equal")
            return 0
        for failure in soak.failures:
            say(failure)
        say(f"SOAK FAILED: seed {SEED}")
        return 1


if __name__ == "__main__":
    sys.exit(main())
