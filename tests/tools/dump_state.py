#!/usr/bin/env python3
"""Writes the canonical dump (see state.py) of databases of a TiDB, MySQL or MariaDB.

  dump_state.py HOST:PORT DATABASE_OR_GLOB... [--like DUMP] [--user root] [--password ''] [-o FILE]

--like DUMP takes the column types from another dump, that of the upstream: for servers whose types
differ by name only (MariaDB's JSON is a LONGTEXT).
"""

from __future__ import annotations

import argparse
import fnmatch
import re
import sys
from pathlib import Path

import pymysql
from pymysql.err import MySQLError

from state import BINARY, State, Table, canonical, sort_rows, without_display_width

_COLUMNS = """SELECT table_name, column_name, ordinal_position, data_type, column_type, is_nullable,
  column_default, character_set_name, collation_name, extra, generation_expression
  FROM information_schema.columns WHERE table_schema = {}"""
_KEYS = """SELECT table_name, index_name, non_unique, seq_in_index, column_name, sub_part
  FROM information_schema.statistics WHERE table_schema = {}"""


def quote_name(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


def quote_text(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


def _text(value) -> str | None:
    if isinstance(value, (bytes, bytearray)):
        return bytes(value).decode("utf-8", "surrogateescape")
    return None if value is None else str(value)


class Dumper:
    """Reads the state of databases over one connection; close() it in the end."""

    def __init__(self, host: str, port: int, user: str = "root", password: str = ""):
        self.connection = pymysql.connect(
            host=host,
            port=port,
            user=user,
            password=password,
            charset="utf8mb4",
            autocommit=True,
            conv={},
            use_unicode=False,
            read_timeout=900,
            max_allowed_packet=256 << 20,
        )
        self._query("SET time_zone = '+00:00'")
        self._query("SET sql_mode = ''")  # ANSI_QUOTES and the like change what SHOW CREATE says
        version = self._query("SELECT VERSION()")[0][0]
        self.is_tidb, self.is_mariadb = "TiDB" in version, "MariaDB" in version

    def close(self) -> None:
        self.connection.close()

    def dump(self, patterns: list[str], like: State | None = None) -> State:
        state = State()
        for database in self._databases(patterns):
            charset, collation = self._query(
                "SELECT default_character_set_name, default_collation_name "
                f"FROM information_schema.schemata WHERE schema_name = {quote_text(database)}"
            )[0]
            state.databases[database] = {"charset": charset, "collation": collation}
            for table in self._tables(database, like):
                state.tables[database, table.name] = table
                if table.kind == "table":
                    self._read_rows(table)
        return state

    def _query(self, sql: str) -> list[tuple]:
        with self.connection.cursor() as cursor:
            cursor.execute(sql)
            rows = cursor.fetchall() if cursor.description else ()
        return [tuple(_text(value) for value in row) for row in rows]

    def _databases(self, patterns: list[str]) -> list[str]:
        """Exact names first, so that a name with a wildcard in it can be asked for."""
        have = [
            name for (name,) in self._query("SELECT schema_name FROM information_schema.schemata")
        ]
        found = set()
        for pattern in patterns:
            wanted = pattern.lower()
            found |= {d for d in have if d == pattern} or {
                d for d in have if d.lower() == wanted or fnmatch.fnmatchcase(d.lower(), wanted)
            }
        return sorted(found)

    def _tables(self, database: str, like: State | None) -> list[Table]:
        listed = self._query(
            "SELECT table_name, table_type, table_collation FROM information_schema.tables "
            f"WHERE table_schema = {quote_text(database)}"
        )
        columns: dict[str, list[tuple]] = {}
        for table, *rest in self._query(_COLUMNS.format(quote_text(database))):
            columns.setdefault(table, []).append(tuple(rest))
        keys: dict[str, list[tuple]] = {}
        for table, *rest in self._query(_KEYS.format(quote_text(database))):
            keys.setdefault(table, []).append(tuple(rest))
        json_columns = self._json_columns(database)
        tables = []
        for name, table_type, collation in sorted(listed):
            kind = {"SEQUENCE": "sequence"}.get(
                table_type, "view" if "VIEW" in table_type else "table"
            )
            # MariaDB shows a sequence's state as columns.
            listed_columns = columns.get(name, []) if kind != "sequence" else []
            described = [
                self._column(row, (name.lower(), row[0].lower()) in json_columns)
                for row in sorted(listed_columns, key=lambda row: int(row[1]))
            ]
            table = Table(database, name, kind, collation, described, [])
            if kind == "table":
                table.keys = self._keys(keys.get(name, []))
            table.create = self._create(table)
            if like is not None:
                _take_types(table, like)
            tables.append(table)
        return tables

    def _json_columns(self, database: str) -> set[tuple[str, str]]:
        """MariaDB keeps JSON as LONGTEXT with the check json_valid(`column`)."""
        if not self.is_mariadb:
            return set()
        found = set()
        for table, clause in self._query(
            "SELECT table_name, check_clause FROM information_schema.check_constraints "
            f"WHERE constraint_schema = {quote_text(database)}"
        ):
            if check := re.fullmatch(r"\s*json_valid\(`((?:[^`]|``)+)`\)\s*", clause):
                found.add((table.lower(), check.group(1).replace("``", "`").lower()))
        return found

    def _column(self, row: tuple, is_json: bool) -> dict:
        name, _, kind, column_type, nullable, default, charset, collation, extra, expression = row
        extra = (extra or "").lower()
        generated = None
        if "stored generated" in extra or "persistent" in extra:
            generated = "stored"
        elif "virtual generated" in extra:
            generated = "virtual"
        return {
            "name": name,
            "type": "json" if is_json else kind.lower(),
            "column_type": without_display_width(column_type),
            "nullable": nullable == "YES",
            "default": self._default(default),
            "charset": charset,
            "collation": collation,
            "generated": generated,
            "expr": expression or None,
            "extra": extra,
        }

    def _default(self, text: str | None) -> str | None:
        """MariaDB shows a default as SQL text, the others as its value."""
        if not self.is_mariadb or text is None or text == "NULL":
            return None if text == "NULL" and self.is_mariadb else text
        if quoted := re.fullmatch(r"'(.*)'", text, re.S):
            return quoted.group(1).replace("''", "'").replace("\\\\", "\\")
        return text

    def _keys(self, rows: list[tuple]) -> list[dict]:
        keys: dict[str, list[tuple]] = {}
        for name, non_unique, sequence, column, prefix in rows:
            keys.setdefault(name, []).append((int(sequence), non_unique == "0", column, prefix))
        return [
            {
                "name": name,
                "unique": parts[0][1],
                "columns": [
                    [column, prefix] for _, _, column, prefix in sorted(parts, key=lambda p: p[0])
                ],
            }
            for name, parts in sorted(keys.items())
        ]

    def _create(self, table: Table) -> str | None:
        """Only TiDB's text can be compared with that of an upstream TiDB."""
        if not self.is_tidb:
            return None
        what = {"view": "VIEW", "sequence": "SEQUENCE"}.get(table.kind, "TABLE")
        try:
            text = self._query(f"SHOW CREATE {what} {self._qualified(table)}")[0][1]
        except MySQLError as error:
            return f"error: {error}"
        return comparable_create(text)

    def _qualified(self, table: Table) -> str:
        return f"{quote_name(table.database)}.{quote_name(table.name)}"

    def _read_rows(self, table: Table) -> None:
        kinds = [column["type"] for column in table.columns]
        selected = ",".join(self._expression(column) for column in table.columns) or "1"
        rows = []
        try:
            with self.connection.cursor(pymysql.cursors.SSCursor) as cursor:
                cursor.execute(f"SELECT {selected} FROM {self._qualified(table)}")
                for row in cursor:
                    rows.append([canonical(kind, _text(value)) for kind, value in zip(kinds, row)])
        except MySQLError as error:
            table.error = str(error)
        table.rows = sort_rows(rows)

    def _expression(self, column: dict) -> str:
        kind, name = column["type"], quote_name(column["name"])
        if kind in BINARY:
            return f"HEX({name})"
        if kind == "bit":
            return f"CAST({name} AS UNSIGNED)"
        if kind in ("float", "double") and not self.is_tidb:
            return f"{name}+0e0"  # all digits, instead of those that are shown by default
        if kind == "float":
            return f"CAST({name} AS DOUBLE)"
        return name


def comparable_create(text: str) -> str:
    """Leaves out what a counter holds: how far ids have been handed out on a server."""
    text = re.sub(r" AUTO_INCREMENT=\d+", "", text)
    text = re.sub(r" /\*T!\[auto_rand_base\] AUTO_RANDOM_BASE=\d+ \*/", "", text)
    return re.sub(r" (START WITH|start with) -?\d+", "", text)


def _take_types(table: Table, like: State) -> None:
    other = like.tables.get((table.database, table.name))
    types = {c["name"].lower(): c["type"] for c in other.columns} if other else {}
    for column in table.columns:
        column["type"] = types.get(column["name"].lower(), column["type"])


def dump(host: str, port: int, patterns: list[str], like: State | None = None, **login) -> State:
    dumper = Dumper(host, port, **login)
    try:
        return dumper.dump(patterns, like)
    finally:
        dumper.close()


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("address")
    parser.add_argument("databases", nargs="+")
    parser.add_argument("--like", type=Path)
    parser.add_argument("--user", default="root")
    parser.add_argument("--password", default="")
    parser.add_argument("-o", "--output", type=Path)
    args = parser.parse_args()
    host, _, port = args.address.partition(":")
    like = State.load(args.like) if args.like else None
    state = dump(
        host, int(port or 4000), args.databases, like, user=args.user, password=args.password
    )
    out = open(args.output, "w", encoding="ascii") if args.output else sys.stdout
    for line in state.lines():
        print(line, file=out)
    out.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
