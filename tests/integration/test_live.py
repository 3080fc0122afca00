"""Every workload, live: SQL on a TiDB, the server in between, two downstreams.

The changefeed into TiDB replicates all tables (force-replicate), the one into MariaDB goes by the
default rules: tables without a usable key must not be there.
"""

from dataclasses import dataclass, field

import pytest

import run_case
from compare_state import compare
from harness import expectations
from harness.cdc import Changefeed, write_config
from state import State

DEADLINE_S = 90


@dataclass
class Live:
    """One run of a case's workload, and the changefeeds that follow it."""

    outcome: run_case.Outcome
    end_ts: int
    state: State  # of the upstream, at the end
    feeds: dict[str, Changefeed] = field(default_factory=dict)

    def remove_feeds(self) -> None:
        for changefeed in self.feeds.values():
            changefeed.cli.run("changefeed", "remove", "-c", changefeed.id)


@dataclass
class Feed:
    name: str
    sink_uri: str
    exceptions: list
    force_replicate: bool

    def start(self, cdc, case, start_ts: int, ignore_start_ts: list[int], folder) -> Changefeed:
        config = write_config(
            folder / f"{self.name}.toml",
            expectations.excluding_rules(case, self.exceptions),
            self.force_replicate,
            ignore_start_ts,
        )
        options = [f"--start-ts={start_ts}", f"--config={config}"]
        return cdc.cli.create(self.sink_uri, None, *options)


def into_mariadb(case) -> list:
    return expectations.in_mariadb(case) + expectations.by_default_rules(case)


def run_live(case, cdc, upstream, downstreams, folder) -> Live:
    for server in (upstream, *downstreams.values()):
        server.drop(case.meta["databases"])
    feeds = [
        Feed("tidb", downstreams["tidb"].sink_uri(), expectations.in_live_tidb(case), True),
        Feed("mariadb", downstreams["mariadb"].sink_uri(), into_mariadb(case), False),
    ]
    start_ts, last_job = upstream.now_ts(), upstream.last_ddl_job()
    # A DDL to leave out is known by its start ts, so its changefeed cannot begin before it has run.
    late = {feed.name for feed in feeds if expectations.skipped_ddls(feed.exceptions)}
    running = {
        f.name: f.start(cdc, case, start_ts, [], folder) for f in feeds if f.name not in late
    }
    outcome = run_case.run(case.path, upstream.target())
    for feed in feeds:
        if feed.name in late:
            patterns = expectations.skipped_ddls(feed.exceptions)
            skipped = [ts for p in patterns for ts in upstream.ddl_start_ts(p, last_job)]
            running[feed.name] = feed.start(cdc, case, start_ts, skipped, folder)
    return Live(outcome, upstream.now_ts(), upstream.dump(case.meta["databases"]), running)


@pytest.fixture(scope="session")
def runs():
    """What has run last. A case's tests come one after another and share its run: a second one would
    meet the first one's changefeeds, which are removed but may not have stopped yet."""
    last: dict[str, Live] = {}
    yield last
    for run in last.values():
        run.remove_feeds()


@pytest.fixture
def live(case, cdc, runs, upstream, tidb, mariadb, tmp_path):
    if case.name not in runs:
        for run in runs.values():
            run.remove_feeds()
        runs.clear()
        downstreams = {"tidb": tidb, "mariadb": mariadb}
        runs[case.name] = run_live(case, cdc, upstream, downstreams, tmp_path)
    return runs[case.name]


def test_workload_does_upstream_what_was_recorded(case, live):
    """Not about cdc: shows that the playground is a TiDB, and that the other tests compare with
    what they should."""
    assert live.outcome.failures == 0, "\n".join(live.outcome.wrong)
    rules = expectations.rules_for(case, expectations.in_another_run(case), schema=True)
    compare(case.final_state(), live.state, rules).check()


def test_workload_arrives_in_tidb(case, live, tidb):
    live.feeds["tidb"].wait_for(live.end_ts, DEADLINE_S)
    exceptions = expectations.in_live_tidb(case)
    expected = expectations.arriving(live.state, case, exceptions, force_replicate=True)
    actual = tidb.dump(case.meta["databases"])
    compare(expected, actual, expectations.rules_for(case, exceptions, schema=True)).check()


def test_workload_arrives_in_mariadb(case, live, mariadb):
    live.feeds["mariadb"].wait_for(live.end_ts, DEADLINE_S)
    exceptions = into_mariadb(case)
    expected = expectations.arriving(live.state, case, exceptions, force_replicate=False)
    actual = mariadb.dump(case.meta["databases"], like=live.state)
    compare(expected, actual, expectations.rules_for(case, exceptions, schema=False)).check()
