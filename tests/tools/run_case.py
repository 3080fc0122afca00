#!/usr/bin/env python3
"""Runs the workload of one recording case against a TiDB (or another MySQL-compatible server).

  run_case.py CASE_DIR [HOST:PORT] [--user root] [--password ''] [--seed 1] [--verbose]

CASE_DIR holds workload.sql (see sqlscript.py), workload.py, or both: then the .sql runs first.
workload.py is run as `python3 workload.py HOST PORT SEED`; the last line that it prints is JSON:
{"statements": N, "failures": M, ...}.

Exit status 0: every statement ended as the script says; 1: some did not; 2: no such case, or no
connection.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import pymysql
from pymysql.err import InterfaceError, MySQLError, OperationalError

import sqlscript

_CONNECTION_LOST = (0, 2003, 2006, 2013, 2055)


@dataclass(frozen=True)
class Target:
    host: str = "127.0.0.1"
    port: int = 4000
    user: str = "root"
    password: str = ""
    statement_timeout_s: float = 120

    def connect(self) -> pymysql.connections.Connection:
        return pymysql.connect(
            host=self.host,
            port=self.port,
            user=self.user,
            password=self.password,
            charset="utf8mb4",
            autocommit=True,
            read_timeout=self.statement_timeout_s,
            write_timeout=self.statement_timeout_s,
            max_allowed_packet=256 << 20,
        )


@dataclass
class Outcome:
    """What became of a workload: how many statements, and the lines of those that went wrong."""

    statements: int = 0
    failures: int = 0
    notes: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def add(self, other: "Outcome") -> None:
        self.statements += other.statements
        self.failures += other.failures
        self.notes += other.notes
        self.wrong += other.wrong


def short(text: str, limit: int = 160) -> str:
    text = " ".join(text.split())
    return text if len(text) <= limit else f"{text[:limit - 20]} ... ({len(text)} chars)"


def execute(connection, sql: str) -> MySQLError | ValueError | None:
    """The error of a statement; its result sets are read and dropped."""
    try:
        with connection.cursor() as cursor:
            cursor.execute(sql)
            while True:
                cursor.fetchall()
                if not cursor.nextset():
                    return None
    except (MySQLError, ValueError) as error:  # ValueError: a result that is no text
        return error


def verdict(statement: sqlscript.Statement, error) -> str | None:
    """Why the outcome is not the one that the script promises; None when it is."""
    if error is None:
        return "was expected to fail" if statement.outcome == "error" else None
    code = error.args[0] if error.args else None
    if statement.outcome == "ok":
        return f"failed: {short(str(error), 400)}"
    if statement.codes and code not in statement.codes:
        return f"failed with another code: {short(str(error), 400)}"
    return None


def run_sql(path: Path, target: Target, verbose: bool = False) -> Outcome:
    outcome = Outcome()
    connections = {"main": target.connect()}
    current = "main"
    for item in sqlscript.parse(path.read_text(encoding="utf-8")):
        if isinstance(item, sqlscript.Sleep):
            time.sleep(item.seconds)
            continue
        if isinstance(item, sqlscript.Connect):
            current = item.name
            if current not in connections:
                connections[current] = target.connect()
            continue
        for i in range(item.repeat):
            sql = item.sql.replace("{i}", str(i)) if item.repeat > 1 else item.sql
            started = time.monotonic()
            error = execute(connections[current], sql)
            outcome.statements += 1
            where = f"line {item.line}: {short(sql)}"
            if verbose:
                print(f"{time.monotonic() - started:8.3f} {where}{f' => {error}' if error else ''}")
            if wrong := verdict(item, error):
                outcome.failures += 1
                outcome.wrong.append(f"{where} -- {wrong}")
            elif error is not None and item.outcome == "maybe":
                outcome.notes.append(f"{where} -- {short(str(error), 300)}")
            if (
                isinstance(error, (OperationalError, InterfaceError))
                and error.args[0] in _CONNECTION_LOST
            ):
                connections[current] = target.connect()
    for connection in connections.values():
        if connection.open:
            connection.close()
    return outcome


def run_python(path: Path, target: Target, seed: int) -> Outcome:
    env = dict(os.environ, WL_USER=target.user, WL_PASSWORD=target.password)
    env["PYTHONPATH"] = os.pathsep.join(
        [str(Path(__file__).resolve().parent), *filter(None, [env.get("PYTHONPATH")])]
    )
    done = subprocess.run(
        [sys.executable, str(path), target.host, str(target.port), str(seed)],
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    lines = [line for line in done.stdout.splitlines() if line.strip()]
    outcome = Outcome()
    try:
        counts = json.loads(lines[-1])
        outcome.statements, outcome.failures = counts["statements"], counts["failures"]
        lines.pop()
    except (IndexError, KeyError, TypeError, ValueError):
        outcome.failures = 1
        outcome.wrong.append(f"{path.name} printed no closing JSON line")
    if done.returncode != 0 and not outcome.failures:
        outcome.failures = 1
        outcome.wrong.append(f"{path.name}: exit status {done.returncode}")
    (outcome.wrong if outcome.failures else outcome.notes).extend(lines)
    return outcome


def run(case: Path, target: Target, seed: int = 1, verbose: bool = False) -> Outcome:
    sql, python = case / "workload.sql", case / "workload.py"
    if not sql.exists() and not python.exists():
        raise FileNotFoundError(f"{case}: neither workload.sql nor workload.py")
    outcome = Outcome()
    if sql.exists():
        outcome.add(run_sql(sql, target, verbose))
    if python.exists():
        outcome.add(run_python(python, target, seed))
    return outcome


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("case", type=Path)
    parser.add_argument("address", nargs="?", default="127.0.0.1:4000")
    parser.add_argument("--user", default="root")
    parser.add_argument("--password", default="")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--verbose", action="store_true", help="print each statement and its time")
    args = parser.parse_args()
    host, _, port = args.address.partition(":")
    target = Target(host, int(port or 4000), args.user, args.password)
    started = time.monotonic()
    try:
        outcome = run(args.case, target, args.seed, args.verbose)
    except (OSError, OperationalError, sqlscript.ScriptError) as error:
        print(f"{args.case}: {error}", file=sys.stderr)
        return 2
    for line in outcome.notes:
        print("  note " + line)
    for line in outcome.wrong:
        print("  WRONG " + line)
    print(
        f"{args.case.name}: {outcome.statements} statements, {outcome.failures} failures, "
        f"{time.monotonic() - started:.1f} s"
    )
    return 1 if outcome.failures else 0


if __name__ == "__main__":
    sys.exit(main())
