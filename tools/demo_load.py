"""A lively load for the demo: bank transfers, rows of every type, and DDL all along."""

from __future__ import annotations

import random
import threading
from collections import Counter
from contextlib import closing

import pymysql
from pymysql.err import MySQLError

DATABASE = "demo"
ACCOUNTS = 1000
OPENING_BALANCE = 1000

SCHEMA = [
    f"CREATE DATABASE {DATABASE}",
    "CREATE TABLE account (id INT PRIMARY KEY, owner VARCHAR(40), balance BIGINT NOT NULL)",
    "CREATE TABLE transfer (id BIGINT PRIMARY KEY AUTO_RANDOM, source INT, target INT, amount INT, "
    "at TIMESTAMP(6) DEFAULT CURRENT_TIMESTAMP(6), KEY by_source (source))",
    "CREATE TABLE every_type (id INT PRIMARY KEY, "
    "t TINYINT, su SMALLINT UNSIGNED, m MEDIUMINT, i INT, bu BIGINT UNSIGNED, b BIT(12), "
    "dec_ DECIMAL(30,10), f FLOAT, d DOUBLE, y YEAR, dt DATE, tm TIME(3), dtm DATETIME(6), "
    "ts TIMESTAMP(3) NULL, c CHAR(20), v VARCHAR(200), latin VARCHAR(40) CHARACTER SET latin1, "
    "bin_ BINARY(8), vbin VARBINARY(40), txt TEXT, bl MEDIUMBLOB, e ENUM('red','green','blue'), "
    "s SET('a','b','c','d'), j JSON, gen VARCHAR(60) AS (CONCAT(v, '!')) VIRTUAL)",
    "CREATE TABLE measurement (sensor INT, day DATE, value DOUBLE, PRIMARY KEY (sensor, day)) "
    "PARTITION BY RANGE (sensor) (PARTITION low VALUES LESS THAN (100), "
    "PARTITION high VALUES LESS THAN MAXVALUE)",
    "CREATE TABLE shape_shifter (id INT PRIMARY KEY, v INT)",
]

# One after another, round and round, while the rows keep coming. Each is undone by a later one.
DDL = [
    "ALTER TABLE shape_shifter ADD COLUMN note VARCHAR(20) NOT NULL DEFAULT 'as added'",
    "ALTER TABLE shape_shifter ADD INDEX by_v (v)",
    "CREATE TABLE visitor (id INT PRIMARY KEY, said VARCHAR(30))",
    "INSERT INTO visitor VALUES (1, 'hello'), (2, 'good bye')",
    "ALTER TABLE shape_shifter MODIFY COLUMN v BIGINT",
    "RENAME TABLE visitor TO guest",
    "ALTER TABLE measurement TRUNCATE PARTITION high",
    "ALTER TABLE shape_shifter CHANGE COLUMN note remark VARCHAR(60)",
    "DELETE FROM guest WHERE id = 2",
    "DROP TABLE guest",
    "ALTER TABLE shape_shifter DROP INDEX by_v",
    "ALTER TABLE shape_shifter DROP COLUMN remark",
    "ALTER TABLE shape_shifter MODIFY COLUMN v INT",
]

# A statement that met a conflict, or a schema of a moment ago, is given up: the load goes on.
PASSING = {1054, 1062, 1136, 1213, 1205, 8002, 8005, 8022, 8028, 9007}

WORDS = 'change data capture Straße 你好 🚀 it\'s \\ "quoted" Привет naïve'.split()


class Load:
    """Threads that write until stop(). `counts` says what they did: rows, transfers, ddl."""

    def __init__(self, host: str, port: int, seed: int = 1):
        self._address = {"host": host, "port": port, "user": "root", "charset": "utf8mb4"}
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._seed = seed
        self._threads: list[threading.Thread] = []
        self.counts: Counter[str] = Counter()
        self.failure: str | None = None

    def prepare(self) -> None:
        with closing(self._connect(database=None)) as session, session.cursor() as cursor:
            cursor.execute(f"DROP DATABASE IF EXISTS {DATABASE}")
            cursor.execute(SCHEMA[0])
            cursor.execute(f"USE {DATABASE}")
            for statement in SCHEMA[1:]:
                cursor.execute(statement)
            rows = [(i, f"owner {i}", OPENING_BALANCE) for i in range(ACCOUNTS)]
            cursor.executemany("INSERT INTO account VALUES (%s, %s, %s)", rows)
        self._count("rows", ACCOUNTS)

    def start(self) -> None:
        bodies = [self._transfers, self._transfers, self._types, self._small_rows, self._ddl]
        for i, body in enumerate(bodies):
            source = random.Random(f"{self._seed}/{i}")
            thread = threading.Thread(target=self._guarded, args=(body, source), daemon=True)
            thread.start()
            self._threads.append(thread)

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _connect(self, database: str | None = DATABASE):
        return pymysql.connect(database=database, autocommit=True, **self._address)

    def _count(self, what: str, n: int = 1) -> None:
        with self._lock:
            self.counts[what] += n

    def _guarded(self, body, source: random.Random) -> None:
        try:
            with closing(self._connect()) as session:
                while not self._stop.is_set():
                    self._once(body, session, source)
        except MySQLError as error:
            self.failure = f"{body.__name__}: {error}"
            self._stop.set()

    def _once(self, body, session, source) -> None:
        try:
            with session.cursor() as cursor:
                body(cursor, source)
        except MySQLError as error:
            if error.args[0] not in PASSING:
                raise
            session.rollback()

    def _transfers(self, cursor, source: random.Random) -> None:
        a, b = source.sample(range(ACCOUNTS), 2)
        amount = source.randint(1, 50)
        cursor.execute("BEGIN")
        cursor.execute(f"UPDATE account SET balance = balance - {amount} WHERE id = {a}")
        cursor.execute(f"UPDATE account SET balance = balance + {amount} WHERE id = {b}")
        cursor.execute(f"INSERT INTO transfer (source, target, amount) VALUES ({a}, {b}, {amount})")
        cursor.execute("COMMIT")
        self._count("transfers")
        self._count("rows", 3)

    def _types(self, cursor, source: random.Random) -> None:
        row = random_row(source)
        row[0] = source.randrange(2000)
        if source.random() < 0.15:
            touched = cursor.execute("DELETE FROM every_type WHERE id = %s", row[:1])
        else:
            columns = "id,t,su,m,i,bu,b,dec_,f,d,y,dt,tm,dtm,ts,c,v,latin,bin_,vbin,txt,bl,e,s,j"
            places = ",".join(["%s"] * len(row))
            touched = cursor.execute(f"REPLACE INTO every_type ({columns}) VALUES ({places})", row)
        self._count("rows", touched)

    def _small_rows(self, cursor, source: random.Random) -> None:
        key = source.randrange(300)
        statement = source.choice(
            [
                f"INSERT INTO shape_shifter (id, v) VALUES ({key}, {key}) "
                "ON DUPLICATE KEY UPDATE v = v + 1",
                f"DELETE FROM shape_shifter WHERE id = {key}",
                f"REPLACE INTO measurement VALUES ({key % 200}, "
                f"'2026-01-{key % 28 + 1:02}', {source.random()})",
            ]
        )
        self._count("rows", cursor.execute(statement))

    def _ddl(self, cursor, source: random.Random) -> None:
        for statement in DDL:
            if self._stop.wait(source.uniform(0.1, 0.5)):
                return  # what is half done is as good a state to compare as any
            cursor.execute(statement)
            self._count("ddl")


def random_row(source: random.Random) -> list:
    """A row of every_type; now and then NULL, or the largest or smallest that a type holds."""

    def number(low: int, high: int) -> int:
        return source.choice([low, high, 0, source.randint(low, high)])

    def text(limit: int) -> str:
        return " ".join(source.choice(WORDS) for _ in range(source.randint(0, 6)))[:limit]

    row = [
        0,
        number(-128, 127),
        number(0, 65535),
        number(-(1 << 23), (1 << 23) - 1),
        number(-(1 << 31), (1 << 31) - 1),
        number(0, (1 << 64) - 1),
        number(0, 4095),
        f"{number(-(10**19), 10**19)}.{source.randrange(10**10):010}",
        source.uniform(-1e6, 1e6),
        source.uniform(-1e200, 1e200),
        source.choice([1901, 2155, 2026]),
        source.choice(["1000-01-01", "9999-12-31", "2024-02-29"]),
        source.choice(["-838:59:59.000", "838:59:59.000", "-00:00:00.500", "12:34:56.789"]),
        source.choice(["1000-01-01 00:00:00", "2026-03-29 02:30:00.123456"]),
        source.choice(["1970-01-01 00:00:01.000", "2038-01-19 03:14:07.999", None]),
        text(20).rstrip(),
        text(200),
        source.choice(["café", "Grüße", "plain"]),
        source.randbytes(8),
        source.randbytes(source.randint(0, 40)),
        text(200) * 5,
        source.randbytes(source.choice([0, 10, 3000])),
        source.choice(["red", "green", "blue"]),
        source.choice(["", "a", "b,d", "a,b,c,d"]),
        source.choice(['{"k": [1, 2.5, null], "s": "ü"}', "[]", '"text"', "12345678901234567890"]),
    ]
    for i in range(1, len(row)):
        if source.random() < 0.05:
            row[i] = None
    return row
