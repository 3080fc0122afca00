"""The whole server against simulated TiKV stores: recordings, and loads while everything breaks."""

import os
import time

import pytest

from compare_state import compare
from harness import expectations
from harness.cases import case_named
from harness.cdc import CdcServer, write_config
from harness.java_feed import read_feed
from harness.process import Failed, wait_until
from harness.simulator import Simulator

DEADLINE_S = 120
NEMESIS_S = float(os.environ.get("CDC_NEMESIS_S", "15"))
SEED = int(os.environ.get("CDC_SEED", "1"))
TABLES = 3
# A recording is as old as it is, which must not count as having fallen behind.
HUNDRED_YEARS = "--gc-ttl=3155760000"
LOAD_PREFIX = {n: (b"t" + (100_000 + n | 1 << 63).to_bytes(8, "big")).hex() for n in range(TABLES)}


@pytest.fixture
def running():
    """Starts programs that end with the test."""
    started = []

    def run(program):
        started.append(program)
        return program.start()

    yield run
    for program in reversed(started):
        program.stop()


def replicate(running, scratch, simulator, uri, start_ts, rules):
    name = f"cdc-{simulator.name}"
    server = running(CdcServer(scratch, simulator.pd, name, flags=(HUNDRED_YEARS,)))
    config = write_config(scratch / f"{simulator.name}.toml", rules, True, [])
    return server.cli.create(uri, None, f"--start-ts={start_ts}", f"--config={config}")


@pytest.mark.parametrize("name", ["20_bank", "21_oltp", "15_foreign_keys"])
def test_recording_arrives_from_twenty_stores(name, running, scratch, mariadb):
    case = case_named(name)
    simulator = running(
        Simulator(scratch, case.path, "--stores=20", name=f"simulator-{name}")
    )
    mariadb.drop(case.meta["databases"])
    start_ts, end_ts = case.meta["start_ts"], case.meta["end_ts"]
    exceptions = expectations.in_mariadb(case) + expectations.recorded(case)
    rules = expectations.excluding_rules(case, exceptions)
    feed = replicate(running, scratch, simulator, mariadb.sink_uri(), start_ts, rules)
    feed.wait_for(end_ts, DEADLINE_S)
    final = case.final_state()
    expected = expectations.arriving(final, case, exceptions, force_replicate=True)
    actual = mariadb.dump(case.meta["databases"], like=final)
    compare(expected, actual, expectations.rules_for(case, exceptions, schema=False)).check()


def make_load_tables(mariadb):
    mariadb.drop(["load"])
    mariadb.query("CREATE DATABASE `load`")
    for n in range(TABLES):
        mariadb.query(
            f"CREATE TABLE `load`.t{n} (id BIGINT PRIMARY KEY, k INT, c VARCHAR(255), pad CHAR(60))"
        )


def downstream_rows(mariadb, table: int) -> dict[int, int]:
    return dict(mariadb.query(f"SELECT id, k FROM `load`.t{table}"))


@pytest.mark.parametrize("kind", ["bank", "oltp"])
def test_load_under_nemesis_arrives_whole(kind, running, scratch, mariadb):
    """Splits, merges, moves, region errors, broken streams, store restarts, locks left behind."""
    case = case_named("21_oltp")
    flags = ("--no-play", "--stores=5", f"--tables={TABLES}", "--regions-per-table=4")
    simulator = running(Simulator(scratch, case.path, *flags, name=f"simulator-{kind}"))
    make_load_tables(mariadb)
    start_ts = simulator.now_ts()
    feed = replicate(running, scratch, simulator, mariadb.sink_uri(), start_ts, ["load.*"])
    simulator.post("/load", kind=kind, rate=3000, keys=300, txn_rows=8, seed=SEED)
    simulator.post("/nemesis", seed=SEED, interval_ms=100, down_ms=300, table_prefix=LOAD_PREFIX[0])
    time.sleep(NEMESIS_S)
    simulator.post("/nemesis", on=0)
    end_ts = simulator.post("/load/stop")["ts"]
    try:
        feed.wait_for(end_ts, DEADLINE_S)
    except Failed as failed:
        raise Failed(f"{failed}; regions: {simulator.get('/regions')}") from None
    status = simulator.status()
    assert status["loads"][0]["rows"] > 1000, status
    for table in range(TABLES):
        assert downstream_rows(mariadb, table) == simulator.rows(table, end_ts), status
    if kind == "bank":
        total = sum(sum(simulator.rows(table, end_ts).values()) for table in range(TABLES))
        assert total == 1000 * 300 * TABLES


def test_lag_is_back_to_normal_after_one_store_of_twenty_restarts(running, scratch):
    case = case_named("21_oltp")
    flags = ("--no-play", "--stores=20", f"--tables={TABLES}", "--regions-per-table=100")
    simulator = running(Simulator(scratch, case.path, *flags, name="simulator-restart"))
    start_ts = simulator.now_ts()
    feed = replicate(running, scratch, simulator, "blackhole://", start_ts, ["load.*"])
    simulator.post("/load", kind="stream", rate=20_000)

    def lag_s():
        return ((simulator.now_ts() >> 18) - (feed.checkpoint_ts() >> 18)) / 1000

    wait_until("normal lag", lambda: lag_s() < 2, DEADLINE_S)
    for store in (1, 2):
        simulator.post("/store/stop", store=store)
        simulator.post("/store/start", store=store)
        wait_until("normal lag after a restart", lambda: lag_s() < 2, 30)
    simulator.post("/load/stop")


def test_javas_client_reads_what_is_stored(running, scratch):
    """Live and by scan, with a stream for each region, as clients before EventFeedV2 do it."""
    case = case_named("21_oltp")
    flags = ("--no-play", "--tables=1", "--regions-per-table=4")
    simulator = running(Simulator(scratch, case.path, *flags, name="simulator-java"))
    start_ts = simulator.now_ts()
    simulator.post("/load", kind="oltp", rows=4000, rate=1000, keys=100, txn_rows=4)
    until_ts = start_ts + (5000 << 18)  # a second after the last row
    prefix = LOAD_PREFIX[0]
    rows = read_feed(simulator.pd, prefix + b"_r".hex(), prefix + b"_s".hex(), start_ts, until_ts)
    values = {(r["key"], r["start_ts"]): r["value"] for r in rows if r["type"] == "PREWRITE"}
    log = {}
    for row in rows:
        if row["type"] in ("COMMIT", "COMMITTED") and row["commit_ts"] <= until_ts:
            value = row["value"] or values.get((row["key"], row["start_ts"]))
            log[row["commit_ts"], row["key"]] = value if row["op"] == "PUT" else None
    state = {key: value for (_, key), value in sorted(log.items())}
    ids = {int(key[-16:], 16) - (1 << 63) for key, value in state.items() if value is not None}
    assert ids == set(simulator.rows(0, until_ts))
    assert len(log) >= 4000
