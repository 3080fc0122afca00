"""The SQL servers of a test run: playgrounds (a whole TiDB cluster each) and a MariaDB."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pymysql

import dump_state
import run_case
from state import State

from . import programs
from .process import Program, free_port


class SqlServer(Program):
    """A database on loopback, user root without a password."""

    host = "127.0.0.1"
    port = 0

    def query(self, sql: str) -> list[tuple]:
        with pymysql.connect(
            host=self.host, port=self.port, user="root", autocommit=True
        ) as session:
            with session.cursor() as cursor:
                cursor.execute(sql)
                return list(cursor.fetchall())

    def answers(self) -> bool:
        try:
            return bool(self.query("SELECT 1"))
        except pymysql.err.MySQLError:
            return False

    def target(self) -> run_case.Target:
        return run_case.Target(self.host, self.port)

    def dump(self, databases: list[str], like: State | None = None) -> State:
        return dump_state.dump(self.host, self.port, databases, like)

    def drop(self, databases: list[str]) -> None:
        with pymysql.connect(host=self.host, port=self.port, user="root") as session:
            with session.cursor() as cursor:
                cursor.execute("SET foreign_key_checks = 0")  # they may point across databases
                for database in databases:
                    cursor.execute(f"DROP DATABASE IF EXISTS {dump_state.quote_name(database)}")

    def sink_uri(self, parameters: str = "") -> str:
        raise NotImplementedError


class Playground(SqlServer):
    """cdc-playground: PD, a store and a TiDB."""

    def __init__(self, directory: Path, name: str = "playground", *flags: str):
        super().__init__(name, directory / f"{name}.log")
        self.directory = directory / name
        self.flags = flags
        self.pd = ""
        self.pd_tls = ""  # with --tls-… among the flags
        self.control = ""

    def start(self) -> "Playground":
        ready = self.directory.with_suffix(".ready")
        ready.unlink(missing_ok=True)
        ports = ("pd", "pd-peer", "store", "control", "tidb", "tidb-status")
        self.launch(
            [programs.find("cdc-playground"), "--data-dir", str(self.directory)]
            + [f"--{port}-port=0" for port in ports]
            + ["--ready-file", str(ready), *self.flags]
        )
        addresses = self.wait_ready(lambda: ready.exists() and json.loads(ready.read_text()), 60)
        self.port, self.pd = addresses["mysql_port"], addresses["pd"]
        self.pd_tls = addresses.get("pd_tls", "")
        self.control = addresses["control"]
        return self

    def now_ts(self) -> int:
        """A timestamp that is larger than that of every commit that has returned."""
        with pymysql.connect(host=self.host, port=self.port, user="root") as session:
            with session.cursor() as cursor:
                cursor.execute("BEGIN")
                cursor.execute("SELECT @@tidb_current_ts")
                return int(cursor.fetchone()[0])

    def last_ddl_job(self) -> int:
        return int(self.query("SELECT IFNULL(MAX(job_id), 0) FROM mysql.tidb_ddl_history")[0][0])

    def ddl_start_ts(self, pattern: str, after_job: int) -> list[int]:
        """Of the DDL jobs after `after_job` whose query matches a regular expression."""
        jobs = self.query(
            "SELECT CAST(job_meta AS CHAR) FROM mysql.tidb_ddl_history "
            f"WHERE job_id > {after_job} AND CAST(job_meta AS CHAR) REGEXP "
            + dump_state.quote_text(pattern)
        )
        return [json.loads(meta)["start_ts"] for (meta,) in jobs]

    def stop(self, patience_s: float = 10) -> int | None:
        status = super().stop(patience_s)
        for part in ("pd", "store", "tidb"):  # the logs stay
            shutil.rmtree(self.directory / part, ignore_errors=True)
        return status

    def logs(self) -> list[Path]:
        return [self.log]

    def sink_uri(self, parameters: str = "") -> str:
        return f"tidb://root@{self.host}:{self.port}/?{parameters}"


class MariaDb(SqlServer):
    """Debian's mariadbd with a data directory of its own, without the cost of durability."""

    def __init__(self, directory: Path, name: str = "mariadb"):
        super().__init__(name, directory / f"{name}.log")
        self.directory = directory / name

    def start(self) -> "MariaDb":
        self.directory.mkdir(parents=True)
        user = ["--user=root"] if os.geteuid() == 0 else []
        data = f"--datadir={self.directory}"
        with open(self.log.with_suffix(".install.log"), "wb") as log:
            subprocess.run(
                ["mariadb-install-db", "--no-defaults", "--auth-root-authentication-method=normal"]
                + ["--skip-test-db", data, *user],
                stdout=log,
                stderr=log,
                check=True,
            )
        self.port = free_port()
        self.launch(
            ["mariadbd", "--no-defaults", data, *user]
            + [f"--port={self.port}", "--bind-address=127.0.0.1"]
            + [f"--socket={self._socket()}", f"--pid-file={self.directory}/pid"]
            + ["--innodb-flush-log-at-trx-commit=0", "--innodb-doublewrite=0"]
            + ["--innodb-flush-method=nosync", "--skip-log-bin", "--performance-schema=0"]
            + ["--max-allowed-packet=256M", "--innodb-log-file-size=256M", "--max-connections=400"]
            + ["--character-set-server=utf8mb4", "--collation-server=utf8mb4_bin"]
        )
        self.wait_ready(self.answers, 60)
        self._name_utc()
        return self

    def _socket(self) -> str:
        """A path that is short enough for one: data directories of test runs are deep."""
        return f"/tmp/tidewire-mariadb-{self.port}.sock"

    def _name_utc(self) -> None:
        """A fresh MariaDB knows no time zone by name."""
        self.query("INSERT INTO mysql.time_zone (time_zone_id, use_leap_seconds) VALUES (1, 'N')")
        self.query("INSERT INTO mysql.time_zone_name VALUES ('UTC', 1)")
        self.query("INSERT INTO mysql.time_zone_transition_type VALUES (1, 0, 0, 0, 'UTC')")

    def stop(self, patience_s: float = 10) -> int | None:
        status = super().stop(patience_s)
        shutil.rmtree(self.directory, ignore_errors=True)
        Path(self._socket()).unlink(missing_ok=True)
        return status

    def sink_uri(self, parameters: str = "") -> str:
        return f"mysql://root@{self.host}:{self.port}/?{parameters}"
