"""Several captures over one playground, each behind a gate of its own, and a load to replicate."""

from __future__ import annotations

import json
import random
import re
import signal
import threading
import time
import urllib.parse
import urllib.request
from pathlib import Path

import pymysql

from . import etcd
from .cdc import CdcServer
from .databases import Playground
from .gate import Gate
from .process import wait_until

SESSION_TTL_S = 5


class Node(CdcServer):
    """A capture whose way to etcd leads through `gate`."""

    def __init__(self, directory: Path, upstream: Playground, name: str):
        super().__init__(directory, upstream.pd, name)
        self.gate = Gate(upstream.pd.removeprefix("http://"))

    def server_arguments(self) -> list[str]:
        return [
            argument.replace(self.pd, f"http://{self.gate.address}")
            for argument in super().server_arguments()
        ] + [f"--capture-session-ttl={SESSION_TTL_S}"]

    def status(self) -> dict:
        """What /status says; empty when the node does not answer."""
        try:
            with urllib.request.urlopen(f"http://{self.address}/status", timeout=2) as answer:
                return json.load(answer)
        except OSError:
            return {}

    def is_owner(self) -> bool:
        return bool(self.status().get("is_owner"))

    def post(self, path: str, **form: str) -> None:
        body = urllib.parse.urlencode(form).encode()
        with urllib.request.urlopen(f"http://{self.address}{path}", body, timeout=10):
            pass

    def freeze(self) -> None:
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        if self.alive():
            self.process.send_signal(signal.SIGCONT)

    def stop(self, patience_s: float = 20) -> int | None:
        return super().stop(patience_s)

    def owner_announcements(self) -> list[tuple[str, str]]:
        """(time, capture) of each time that it said to be the owner."""
        text = self.server_log.read_text(encoding="utf-8") if self.server_log.exists() else ""
        said = re.compile(r"^\[([^\]]+)\].*this capture is the owner now, id=(\S+)", re.M)
        return said.findall(text)


class Cluster:
    def __init__(self, directory: Path, upstream: Playground, size: int = 3):
        self.upstream = upstream
        self.history = etcd.History(directory, upstream.pd)
        self.nodes = [Node(directory, upstream, f"node{i}") for i in range(size)]
        self.cli = self.nodes[0].cli

    def start(self) -> "Cluster":
        self.history.start()
        for node in self.nodes:
            node.start(wait=False)
        self.wait_whole()
        return self

    def stop(self) -> None:
        for node in self.nodes:
            node.stop()
            node.gate.close()
        self.history.stop()

    def captures(self) -> dict[str, str]:
        """Address to capture id of those that are registered."""
        values = etcd.get_prefix(self.upstream.pd, etcd.PREFIX + "capture/").values()
        return {info["address"]: info["id"] for info in map(json.loads, values)}

    def wait_whole(self, deadline_s: float = 60) -> None:
        """Until every node is registered under the id that it has now, and one is the owner."""

        def whole() -> bool:
            registered = self.captures()
            return len(registered) == len(self.nodes) and all(
                node.status().get("id") == registered.get(node.address) for node in self.nodes
            )

        wait_until("all nodes are registered", whole, deadline_s, 0.2)
        self.owner()

    def owner(self, among: list[Node] | None = None, deadline_s: float = 60) -> Node:
        nodes = self.nodes if among is None else among

        def find() -> Node | None:
            return next((node for node in nodes if node.is_owner()), None)

        return wait_until("there is an owner", find, deadline_s)

    def others(self, node: Node) -> list[Node]:
        return [other for other in self.nodes if other is not node]

    def tables(self, changefeed_id: str) -> dict[str, list[str]]:
        """Capture to the ids of the tables that it has been given."""
        tables = {}
        for key, value in etcd.get_prefix(self.upstream.pd, etcd.PREFIX + "task/status/").items():
            capture, changefeed = key.removeprefix(etcd.PREFIX + "task/status/").split("/")
            if changefeed == changefeed_id:
                tables[capture] = sorted(json.loads(value).get("tables") or {})
        return tables

    def check_owners(self) -> None:
        """No node took itself for the owner that etcd's history does not know as such, in order."""
        said = sorted(a for node in self.nodes for a in node.owner_announcements())
        elected = iter(self.history.owners())
        for moment, capture in said:
            assert capture in elected, f"{capture} took itself for the owner at {moment}"


class Load:
    """Transactions on the tables of one database, from a thread, until finish()."""

    def __init__(self, upstream: Playground, database: str, tables: int, seed: int):
        self.upstream = upstream
        self.database = database
        self.tables = [f"t{i}" for i in range(tables)]
        self.random = random.Random(seed)
        self.transactions = 0
        self._failure: Exception | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "Load":
        upstream = self.upstream
        upstream.query(f"CREATE DATABASE IF NOT EXISTS {self.database}")
        for table in self.tables:
            upstream.query(
                f"CREATE TABLE IF NOT EXISTS {self.database}.{table} "
                "(id INT PRIMARY KEY, n INT NOT NULL, note VARCHAR(40))"
            )
        self._thread.start()
        return self

    def __exit__(self, *_) -> None:
        self._stop.set()
        self._thread.join()

    def finish(self) -> int:
        """Ends the load; a ts after all of it."""
        self.__exit__()
        if self._failure is not None:
            raise self._failure
        return self.upstream.now_ts()

    def _run(self) -> None:
        try:
            with pymysql.connect(
                host=self.upstream.host, port=self.upstream.port, user="root"
            ) as session:
                with session.cursor() as cursor:
                    while not self._stop.wait(0.004):
                        self._transaction(cursor)
                        session.commit()
                        self.transactions += 1
        except Exception as failure:  # pylint: disable=broad-except
            self._failure = failure

    def _transaction(self, cursor) -> None:
        for table in self.random.sample(self.tables, 2):
            name, row = f"{self.database}.{table}", self.random.randrange(300)
            if self.random.random() < 0.2:
                cursor.execute(f"DELETE FROM {name} WHERE id = {row}")
            else:
                cursor.execute(
                    f"INSERT INTO {name} VALUES ({row}, 1, 'n{self.transactions}') "
                    "ON DUPLICATE KEY UPDATE n = n + 1, note = VALUES(note)"
                )


def contents(server, database: str, tables: list[str]) -> dict[str, list[tuple]]:
    return {t: server.query(f"SELECT * FROM {database}.{t} ORDER BY id") for t in tables}


def wait_progress(feed, deadline_s: float = 60) -> float:
    """Until the checkpoint has passed where it is now by a second; how long that took."""
    begin, goal = time.monotonic(), feed.checkpoint_ts() + (1000 << 18)
    wait_until("the checkpoint moves", lambda: feed.checkpoint_ts() >= goal, deadline_s)
    return time.monotonic() - begin
