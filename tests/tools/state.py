"""The state of databases in a canonical form, read from a server or from a dump.

A dump is JSON lines in ASCII: for each database, table, view and sequence a schema line (it has a
`kind`), then a line per row: {"d": database, "t": table, "r": [column texts]}. Databases and tables
are sorted by name, rows by their text, columns stand in table order.

Values are texts that do not depend on the server: NULL is null; integers, decimals (without the
padding of ZEROFILL, no negative zero) and dates as SQL shows them in UTC; BIT as a decimal number;
binary types as 0x and hex; FLOAT and DOUBLE as the shortest text that reads back the same (FLOAT
through its four bytes); JSON parsed and written with sorted keys; YEAR with four digits; all else
as text, bytes that are not UTF-8 as \\udcXX.
"""

from __future__ import annotations

import json
import re
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Iterable, Iterator

import zstandard

INTEGERS = {"tinyint", "smallint", "mediumint", "int", "bigint", "integer"}
BINARY = {"binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob", "geometry"}

Row = list  # of str | None


@dataclass
class Table:
    database: str
    name: str
    kind: str  # table | view | sequence
    collation: str | None
    columns: list[dict]  # name, type, column_type, nullable, default, charset, collation, ...
    keys: list[dict]  # name, unique, columns: [[name, prefix length]]
    create: str | None = None  # SHOW CREATE, where the dump has it
    rows: list[Row] = field(default_factory=list)
    error: str | None = None  # why the rows could not be read

    @property
    def full_name(self) -> str:
        return f"{self.database}.{self.name}"

    def column_names(self) -> list[str]:
        return [column["name"] for column in self.columns]

    def usable_key(self) -> list[str] | None:
        """The columns that a change feed may identify rows by: those of the primary key, or of a
        unique key without a nullable column; None: rows have no identity."""
        columns = {column["name"].lower(): column for column in self.columns}
        for key in sorted(self.keys, key=lambda key: key["name"] != "PRIMARY"):
            names = [name for name, _ in key["columns"]]
            if not key["unique"] or any(name is None for name in names):
                continue
            parts = [columns[name.lower()] for name in names if name.lower() in columns]
            if len(parts) < len(names):  # an expression index: its column is hidden
                continue
            if any(part["nullable"] or part["generated"] == "virtual" for part in parts):
                continue
            return names
        return None


@dataclass
class State:
    databases: dict[str, dict] = field(default_factory=dict)  # charset, collation
    tables: dict[tuple[str, str], Table] = field(default_factory=dict)

    def row_count(self) -> int:
        return sum(len(table.rows) for table in self.tables.values())

    def lines(self) -> Iterator[str]:
        for database in sorted(self.databases):
            yield _json({"kind": "database", "d": database} | self.databases[database])
            for table in self._tables_of(database):
                yield _json(_schema_line(table))
        for database in sorted(self.databases):
            for table in self._tables_of(database):
                head = {"d": table.database, "t": table.name}
                if table.error:
                    yield _json(head | {"error": table.error})
                for row in table.rows:
                    yield _json(head | {"r": row})

    def _tables_of(self, database: str) -> list[Table]:
        found = [table for table in self.tables.values() if table.database == database]
        return sorted(found, key=lambda table: table.name)

    @staticmethod
    def parse(lines: Iterable[str]) -> "State":
        state = State()
        for line in lines:
            item = json.loads(line)
            kind = item.get("kind")
            if kind == "database":
                state.databases[item["d"]] = {k: item[k] for k in ("charset", "collation")}
            elif kind:
                table = _table_of(item, kind)
                state.tables[table.database, table.name] = table
            elif "error" in item:
                state.tables[item["d"], item["t"]].error = item["error"]
            else:
                state.tables[item["d"], item["t"]].rows.append(item["r"])
        return state

    @staticmethod
    def load(path: Path) -> "State":
        """Reads a dump, compressed (.zst) or not."""
        return State.parse(read_lines(path))


def read_lines(path: Path) -> Iterator[str]:
    if path.suffix != ".zst":
        with open(path, encoding="utf-8") as plain:
            yield from plain
        return
    decompressor = zstandard.ZstdDecompressor(max_window_size=1 << 27)
    with open(path, "rb") as raw, decompressor.stream_reader(raw) as stream:
        pending = b""
        while chunk := stream.read(1 << 20):
            *complete, pending = (pending + chunk).split(b"\n")
            yield from (line.decode() for line in complete)
        if pending:
            yield pending.decode()


def _json(item) -> str:
    return json.dumps(item, ensure_ascii=True, separators=(",", ":"))


def sort_rows(rows: list[Row]) -> list[Row]:
    return sorted(rows, key=_json)


def _schema_line(table: Table) -> dict:
    line = {"kind": table.kind, "d": table.database, "t": table.name}
    line |= {"collation": table.collation, "columns": table.columns, "keys": table.keys}
    return line | ({"create": table.create} if table.create is not None else {})


def _table_of(item: dict, kind: str) -> Table:
    columns = [
        dict(c, column_type=without_display_width(c["column_type"])) for c in item["columns"]
    ]
    create = item.get("create")
    return Table(item["d"], item["t"], kind, item["collation"], columns, item["keys"], create)


def without_display_width(column_type: str) -> str:
    """int(11) and int are one type; which of them is shown depends on the server's version."""
    return re.sub(r"^((?:tiny|small|medium|big)?int|year)\(\d+\)", r"\1", column_type)


# Values -----------------------------------------------------------------------------------------


def canonical(kind: str, text: str | None) -> str | None:
    """A value of a column of type `kind`, as the server sent it, in canonical form."""
    if text is None:
        return None
    if kind in BINARY:
        return "0x" + text.upper()
    if kind in INTEGERS or kind == "bit":
        return str(int(text))
    if kind == "decimal":
        return _decimal(text)
    if kind in ("float", "double"):
        return _float(text, single=kind == "float")
    if kind == "json":
        return _json_value(text)
    if kind == "vector":
        return _vector(text)
    if kind == "year":
        return f"{int(text):04d}"
    return text


def _decimal(text: str) -> str:
    parts = re.fullmatch(r"(-?)(\d+)(\.\d+)?", text)
    if not parts:
        return text
    sign, whole, fraction = parts.group(1), parts.group(2).lstrip("0") or "0", parts.group(3) or ""
    return (sign if (whole + fraction).strip("0.") else "") + whole + fraction


def _float(text: str, single: bool) -> str:
    try:
        value = float(text)
        if single:
            value = struct.unpack("<f", struct.pack("<f", value))[0]
    except (ValueError, OverflowError):
        return text
    return repr(value if value else 0.0)


def _json_value(text: str) -> str:
    try:
        return json.dumps(
            _plain_numbers(json.loads(text)),
            sort_keys=True,
            separators=(",", ":"),
            ensure_ascii=False,
        )
    except ValueError:
        return "!not-json:" + text


def _plain_numbers(value):
    """1.0 and 1 are one number in JSON."""
    if isinstance(value, dict):
        return {key: _plain_numbers(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain_numbers(item) for item in value]
    if isinstance(value, float) and abs(value) < 1e300 and value == int(value):
        return int(value)
    return value


def _vector(text: str) -> str:
    try:
        return "[" + ",".join(_float(str(v), single=True) for v in json.loads(text)) + "]"
    except ValueError:
        return text
