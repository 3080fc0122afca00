"""What the workload.py files of the recordings share: connections, counting, tolerant execution.

A workload is run as `workload.py HOST PORT SEED`. It reports through STATS and ends with
STATS.finish(), which prints the closing JSON line and exits.
"""

import json
import os
import random
import sys
import threading
import time
import traceback

import pymysql
from pymysql.err import MySQLError

# A transaction that met another one, or a schema change: all of it is tried again, or given up.
CONFLICT = {1205, 1213, 3572, 8002, 8005, 8022, 8027, 8028, 8146, 8147, 8154, 9007}
# What DDL running beside makes of a statement written against the schema of a moment ago.
SCHEMA_RACE = {1049, 1050, 1051, 1054, 1060, 1061, 1072, 1091, 1136, 1146, 1176, 1364, 1412}
SCHEMA_RACE |= {8020, 8022, 8027, 8028, 8107, 8108, 8214, 8230, 8245}
CONNECTION_LOST = (0, 2006, 2013, 2055)


def args():
    host, port, seed = (sys.argv[1:4] + ["127.0.0.1", "4000", "1"][len(sys.argv) - 1 :])[:3]
    return host, int(port), int(seed)


class Stats:
    """Counts of all connections of a workload; thread-safe."""

    def __init__(self):
        self.lock = threading.Lock()
        self.statements = 0
        self.failures = 0
        self.expected_errors = 0
        self.by_code = {}

    def ok(self):
        with self.lock:
            self.statements += 1

    def expected(self, code):
        with self.lock:
            self.statements += 1
            self.expected_errors += 1
            self.by_code[code] = self.by_code.get(code, 0) + 1

    def fail(self, message):
        with self.lock:
            self.statements += 1
            self.failures += 1
            if self.failures <= 30:
                print("UNEXPECTED " + message[:600], flush=True)

    def finish(self, **more):
        if self.by_code:
            print(f"errors met and allowed, by code: {dict(sorted(self.by_code.items(), key=str))}")
        counts = {
            "statements": self.statements,
            "failures": self.failures,
            "expected_errors": self.expected_errors,
        }
        print(json.dumps(counts | more), flush=True)
        os._exit(1 if self.failures else 0)  # threads may still be in a statement


STATS = Stats()


class Conn:
    """One session. run() is True when the statement passed, False when it failed with an allowed
    code; any other error counts as a failure of the workload, and run() is None."""

    def __init__(self, db=None, tz=None):
        self.host, self.port, _ = args()
        self.db = db
        self.open()
        if tz:
            self.run("SET time_zone=%s", (tz,))

    def open(self):
        self.c = pymysql.connect(
            host=self.host,
            port=self.port,
            user=os.environ.get("WL_USER", "root"),
            password=os.environ.get("WL_PASSWORD", ""),
            charset="utf8mb4",
            autocommit=True,
            database=self.db,
            read_timeout=300,
            write_timeout=300,
            max_allowed_packet=256 << 20,
        )

    def run(self, sql, params=None, allow=(), must_fail=False):
        self.code = None
        try:
            with self.c.cursor() as cursor:
                self.affected = cursor.execute(sql, params)
                self.rows = cursor.fetchall() if cursor.description else ()
                self.last_id = cursor.lastrowid
        except MySQLError as error:
            return self._failed(sql, error, must_fail or "any" in allow, allow)
        if must_fail:
            STATS.fail("was expected to fail: " + sql[:300])
            return None
        STATS.ok()
        return True

    def _failed(self, sql, error, any_code, allow):
        self.code = error.args[0] if error.args else None
        allowed = any_code or self.code in allow
        if allowed:
            STATS.expected(self.code)
        else:
            STATS.fail(f"{' '.join(sql.split())[:300]} -- {error}")
        if self.code in CONNECTION_LOST:
            self.close()
            self.open()
        return False if allowed else None

    def query(self, sql, params=None, allow=()):
        return self.rows if self.run(sql, params, allow) else ()

    def one(self, sql, params=None):
        rows = self.query(sql, params)
        return rows[0][0] if rows else None

    def many(self, head, rows, chunk=500, tail=""):
        """`head` is "INSERT INTO t VALUES "; `rows` are sequences of Python values."""
        for i in range(0, len(rows), chunk):
            part = rows[i : i + chunk]
            places = ",".join("(" + ",".join(["%s"] * len(row)) + ")" for row in part)
            self.run(head + places + tail, [value for row in part for value in row])

    def txn(self, body, tries=20, begin="BEGIN", allow=CONFLICT):
        """body(conn) runs the statements; it returns "rollback" to give up, False to try again."""
        for attempt in range(tries):
            if not self.run(begin, allow=allow):
                continue
            try:
                result = body(self)
            except Retry:
                result = False
            if result == "rollback":
                self.run("ROLLBACK")
                return "rollback"
            if result is not False and self.run("COMMIT", allow=allow):
                return True
            self.run("ROLLBACK")
            time.sleep(0.002 * (attempt + 1))
        return False

    def close(self):
        try:
            self.c.close()
        except MySQLError:
            pass  # it was lost before


class Retry(Exception):
    """The transaction met a conflict and must be run again."""


def need(result):
    """Inside Conn.txn(): a statement that was refused by an allowed error ends this attempt."""
    if not result:
        raise Retry()
    return result


def fresh(*databases):
    conn = Conn()
    for database in databases:
        name = database.replace("`", "``")
        conn.run(f"DROP DATABASE IF EXISTS `{name}`")
        conn.run(f"CREATE DATABASE `{name}`")
    return conn


def rng(seed, *more):
    """A random source of its own for each user of a seed, so that threads do not disturb it."""
    return random.Random(f"{seed}/{'/'.join(map(str, more))}")


def parallel(functions):
    """Runs the callables in threads; an exception in one counts as a failure."""

    def guarded(function):
        try:
            function()
        except Exception as error:  # pylint: disable=broad-except
            STATS.fail(f"a thread died: {error!r} {traceback.format_exc()[-400:]}")

    threads = [threading.Thread(target=guarded, args=(function,)) for function in functions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def lit(value):
    """A Python value as SQL."""
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, (bytes, bytearray)):
        return "x'" + bytes(value).hex() + "'"
    escaped = str(value).replace("\\", "\\\\").replace("'", "''")
    for raw, code in (("\n", "\\n"), ("\r", "\\r"), ("\0", "\\0"), ("\x1a", "\\Z")):
        escaped = escaped.replace(raw, code)
    return "'" + escaped + "'"


WORDS = (
    "alpha bravo charlie delta echo foxtrot golf hotel india juliett kilo lima mike november "
    "oscar papa quebec romeo sierra tango uniform victor whiskey xray yankee zulu "
    "Straße naïve Ωmega Привет 你好 世界 🙂 🚀 عربى ｆｕｌｌ"
).split()


def text(random_source, lo=0, hi=40):
    """Words of many scripts and the characters that escaping gets wrong; lo..hi characters."""
    length = random_source.randint(lo, hi)
    out = ""
    while len(out) < length:
        separator = ["", " ", "-", "'", '"', "\\", "\t", "%", "_", ","]
        out += random_source.choice(WORDS) + random_source.choice(separator)
    return out[:length]
