#!/usr/bin/env python3
"""Compares two canonical dumps (see state.py) and prints what differs, cell by cell.

  compare_state.py EXPECTED ACTUAL [--schema] [--limit 20]

Rows are matched by the primary key, or else by a unique key without nullable columns; rows that no
key identifies are compared as a whole, duplicates counted. Exit status 1 when something differs.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable

from state import State, Table

_SCHEMA_FIELDS = (
    "column_type",
    "nullable",
    "default",
    "charset",
    "collation",
    "generated",
    "expr",
    "extra",
)


@dataclass
class Rules:
    """What to look at. A predicate that is true takes the thing out of the comparison."""

    schema: bool = False  # definitions too, not only names and rows
    skip_table: Callable[[Table], bool] = lambda table: False
    skip_column: Callable[[Table, str], bool] = lambda table, column: False
    # Maps a schema value of either side to a common form: (table, column or None, field, value).
    schema_value: Callable[[Table, str | None, str, object], object] = lambda t, c, f, v: v


@dataclass
class Report:
    """Lines for people, and a count: no more lines than `limit` for a table."""

    limit: int = 20
    count: int = 0
    lines: list[str] = field(default_factory=list)
    _per_table: Counter = field(default_factory=Counter)

    def add(self, table: str, text: str) -> None:
        self.count += 1
        self._per_table[table] += 1
        if self._per_table[table] <= self.limit:
            self.lines.append(f"{table}: {text}")
        elif self._per_table[table] == self.limit + 1:
            self.lines.append(f"{table}: ... and more")

    @property
    def equal(self) -> bool:
        return self.count == 0

    def check(self) -> None:
        """Raises an AssertionError that shows the differences, if there are any."""
        if not self.equal:
            raise AssertionError(f"{self.count} differences\n{self}")

    def __str__(self) -> str:
        return "\n".join(self.lines) or "no difference"


def compare(expected: State, actual: State, rules: Rules | None = None, limit: int = 20) -> Report:
    rules = rules or Rules()
    report = Report(limit)
    _compare_databases(expected, actual, rules, report)
    for key in sorted(expected.tables.keys() | actual.tables.keys()):
        left, right = expected.tables.get(key), actual.tables.get(key)
        if rules.skip_table(left or right):
            continue
        name = ".".join(key)
        if left is None:
            report.add(name, f"is there, with {len(right.rows)} rows, but should not be")
        elif right is None:
            report.add(name, f"is missing, should have {len(left.rows)} rows")
        else:
            _compare_tables(left, right, rules, report)
    return report


def _compare_databases(expected: State, actual: State, rules: Rules, report: Report) -> None:
    for name in sorted(expected.databases.keys() | actual.databases.keys()):
        if name not in actual.databases:
            report.add(name, "the database is missing")
        elif name not in expected.databases:
            report.add(name, "the database should not be there")
        elif rules.schema and expected.databases[name] != actual.databases[name]:
            report.add(name, f"expected {expected.databases[name]}, is {actual.databases[name]}")


def _compare_tables(left: Table, right: Table, rules: Rules, report: Report) -> None:
    name = left.full_name
    if left.kind != right.kind:
        report.add(name, f"expected a {left.kind}, is a {right.kind}")
        return
    for table in (left, right):
        if table.error:
            report.add(name, f"not readable: {table.error}")
    if rules.schema:
        _compare_schema(left, right, rules, report)
    kept = [c for c in left.column_names() if not rules.skip_column(left, c)]
    there = [c for c in right.column_names() if not rules.skip_column(left, c)]
    if [c.lower() for c in kept] != [c.lower() for c in there]:
        report.add(name, f"expected the columns {kept}, has {there}")
        return
    if not kept:  # then the number of rows says nothing either
        return
    _compare_rows(left, right, kept, report)


def _compare_schema(left: Table, right: Table, rules: Rules, report: Report) -> None:
    name = left.full_name

    def check(column: str | None, what: str, expected, actual) -> None:
        expected = rules.schema_value(left, column, what, expected)
        actual = rules.schema_value(left, column, what, actual)
        if expected != actual:
            where = f"column {column}: " if column else ""
            report.add(name, f"{where}{what}: expected {expected!r}, is {actual!r}")

    check(None, "collation", left.collation, right.collation)
    check(None, "keys", left.keys, right.keys)
    if left.create is not None and right.create is not None:
        check(None, "create", left.create, right.create)
    others = {column["name"]: column for column in right.columns}
    for column in left.columns:
        if other := others.get(column["name"]):
            for what in _SCHEMA_FIELDS:
                check(column["name"], what, column[what], other[what])


def _project(table: Table, columns: list[str]) -> list[tuple]:
    wanted = {column.lower() for column in columns}
    picked = [i for i, name in enumerate(table.column_names()) if name.lower() in wanted]
    return [tuple(row[i] for i in picked) for row in table.rows]


def _compare_rows(left: Table, right: Table, columns: list[str], report: Report) -> None:
    expected, actual = _project(left, columns), _project(right, columns)
    missing, extra = Counter(expected), Counter(actual)
    missing, extra = missing - extra, extra - missing
    if not missing and not extra:
        return
    lower = [column.lower() for column in columns]
    key = [name.lower() for name in left.usable_key() or []]
    if key and all(name in lower for name in key):
        places = [lower.index(name) for name in key]
        by_key = {tuple(row[i] for i in places): row for row in extra}
        for row in sorted(missing, key=json.dumps):
            values = tuple(row[i] for i in places)
            where = ", ".join(f"{columns[i]}={row[i]}" for i in places)
            if other := by_key.get(values):
                _report_cells(left.full_name, where, columns, row, other, report)
                del extra[other]
            else:
                report.add(left.full_name, f"missing row {where}: {_short(row)}")
    else:
        for row, count in sorted(missing.items(), key=str):
            report.add(left.full_name, f"missing row{_times(count)}: {_short(row)}")
    for row, count in sorted(extra.items(), key=str):
        report.add(left.full_name, f"row too many{_times(count)}: {_short(row)}")


def _report_cells(table: str, where: str, columns, expected, actual, report: Report) -> None:
    for column, want, have in zip(columns, expected, actual):
        if want != have:
            report.add(table, f"row {where}: {column}: expected {_cell(want)}, is {_cell(have)}")


def _times(count: int) -> str:
    return f" ({count} times)" if count > 1 else ""


def _cell(value: str | None, limit: int = 100) -> str:
    text = ascii(value)
    return text if len(text) <= limit else f"{text[:limit]}... ({len(value)} chars)"


def _short(row: tuple) -> str:
    text = ", ".join(_cell(value, 40) for value in row)
    return text if len(text) <= 300 else text[:300] + "..."


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("expected", type=Path)
    parser.add_argument("actual", type=Path)
    parser.add_argument("--schema", action="store_true", help="compare definitions too")
    parser.add_argument("--limit", type=int, default=20, help="lines for one table")
    args = parser.parse_args()
    report = compare(
        State.load(args.expected), State.load(args.actual), Rules(schema=args.schema), args.limit
    )
    print(report)
    return 0 if report.equal else 1


if __name__ == "__main__":
    sys.exit(main())
