"""Fail points of the test build (bin/cdc-failpoints), set by environment and over HTTP."""

from __future__ import annotations

import json
import urllib.error
import urllib.request

import pytest

from harness import programs
from harness.cdc import CdcServer
from harness.cluster import Load, contents
from harness.databases import Playground
from harness.process import wait_until

DATABASE = "failpoints"
TABLES = 2
SEED = 4
DEADLINE_S = 60

# From the start on; each of them would stop all for good if it were not met.
FROM_THE_START = {
    "capture-campaign-compacted-error": "1*return(true)",
    "kvClientForceReconnect": "return(true)",
    "MySQLSinkTxnRandomError": "5%return(true)",
}


class FaultyServer(CdcServer):
    """`cdc server` of the test build."""

    def start(self, wait: bool = True) -> "FaultyServer":
        points = ";".join(f"{name}={terms}" for name, terms in FROM_THE_START.items())
        argv = [programs.find("cdc-failpoints"), "server", *self.server_arguments()]
        self.launch(argv, {"CDC_FAILPOINTS": points})
        if wait:
            self.wait_ready(self._registered, 40)
        return self

    def call(self, method: str, path: str, body: str = "") -> str:
        request = urllib.request.Request(
            f"http://{self.address}{path}", body.encode() or None, method=method
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.read().decode()

    def set_point(self, name: str, terms: str) -> None:
        self.call("PUT", f"/debug/fail/{name}", terms)

    def clear_point(self, name: str) -> None:
        self.call("DELETE", f"/debug/fail/{name}")

    def said(self, text: str) -> int:
        return self.server_log.read_text(encoding="utf-8").count(text)


@pytest.fixture(name="alone")
def _alone(scratch):
    """A TiDB of its own: of the shared one another server may be the owner and have tables."""
    playground = Playground(scratch, "upstream-faulty")
    playground.start()
    try:
        yield playground
    finally:
        playground.stop()


@pytest.fixture(name="server")
def _server(scratch, alone):
    server = FaultyServer(scratch, alone.pd, "cdc-faulty")
    try:
        yield server.start()
    finally:
        server.stop()


def test_nothing_is_lost_while_fail_points_strike(server, alone, mariadb):
    assert json.loads(server.call("GET", "/debug/failpoints")), "set by the environment"
    for database in (alone, mariadb):
        database.drop([DATABASE])
    rules = server.directory / "failpoints.toml"
    rules.write_text(f"[filter]\nrules = ['{DATABASE}.*']\n", encoding="utf-8")
    feed = server.cli.create(mariadb.sink_uri("worker-count=4"), None, f"--config={rules}")
    with Load(alone, DATABASE, TABLES, SEED) as load:
        first = feed.checkpoint_ts()
        wait_until("it makes progress", lambda: feed.checkpoint_ts() > first, DEADLINE_S)
        # A resignation that fails ends the life: the same process goes on as another capture.
        capture = json.loads(server.call("GET", "/status"))["id"]
        server.set_point("capture-resign-failed", "1*return(true)")
        server.call("POST", "/capture/owner/resign", " ")
        wait_until(
            "a new life",
            lambda: json.loads(server.call("GET", "/status"))["id"] not in (capture, ""),
            DEADLINE_S,
        )
        # An error of the sink that nothing cures ends the run; the next one goes on from there.
        server.set_point("MySQLSinkExecDMLError", "2*return(true)")
        wait_until("the sink has failed", lambda: server.said("MySQLSinkExecDMLError") > 0, 30)
        wait_until(
            "each has struck",
            lambda: all(server.said(f"fail point {name}") > 0 for name in FROM_THE_START),
            DEADLINE_S,
        )
        end_ts = load.finish()
    for name in FROM_THE_START:
        server.clear_point(name)
    feed.wait_for(end_ts, DEADLINE_S)
    assert contents(mariadb, DATABASE, load.tables) == contents(alone, DATABASE, load.tables)
    feed.command("remove")


def test_other_builds_have_no_such_path(cdc):
    request = urllib.request.Request(
        f"http://{cdc.address}/debug/fail/capture-resign-failed", b"return(true)", method="PUT"
    )
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=10)
    assert refused.value.code == 404
