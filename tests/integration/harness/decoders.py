"""Messages of cdc-replay read by other projects' decoders, as final states of tables.

Values come out of a decoder in forms of its own; `canonical` brings them, and those of a dump (see
state.py), to one form for each type of MySQL.
"""

from __future__ import annotations

import datetime
import io
import json
import re
import struct
import subprocess
import sys
from base64 import b64decode
from decimal import Decimal
from pathlib import Path
from urllib.request import urlopen

from state import BINARY, INTEGERS, State, Table

from . import maven
from .cdc import run
from .process import Failed, Program, free_port
from .programs import REPOSITORY

_SOURCE = REPOSITORY / "tests" / "integration" / "decoders"
_APICURIO = "io.apicurio:apicurio-registry-app:2.6.13.Final:tar.gz:all"
_FASTAVRO = "fastavro==1.13.1"

JAVA_DECODERS = {  # what Decode.java reads: the protocol in the sink URI
    "flink-canal": "protocol=canal-json",
    "flink-debezium": "protocol=debezium",
    "connect": "protocol=debezium&enable-tidb-extension=true",
    "canal": "protocol=canal",
}

_DEBEZIUM = ("flink-debezium", "connect")

Rows = dict[str, dict[tuple, dict]]  # by table, by the key's values


class Apicurio(Program):
    """A schema registry that speaks Confluent's API, in memory."""

    def __init__(self, directory: Path):
        super().__init__("apicurio", directory / "apicurio.log")
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/apis/ccompat/v7"

    def start(self) -> "Apicurio":
        files = maven.unpacked(_APICURIO, "apicurio")
        (jar,) = files.glob("*-runner.jar")
        self.port = free_port()
        java = ["java", "-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
        java += ["-Dquarkus.http.host=127.0.0.1", f"-Dquarkus.http.port={self.port}"]
        self.launch([*java, "-jar", str(jar)])
        self.wait_ready(self._answers, 300)
        return self

    def _answers(self) -> bool:
        try:
            with urlopen(self.url + "/subjects", timeout=5) as answer:
                return answer.status == 200
        except OSError:
            return False

    def schema(self, number: int) -> dict:
        with urlopen(f"{self.url}/schemas/ids/{number}", timeout=20) as answer:
            return json.loads(json.load(answer)["schema"])


def fastavro():
    """The module, from PyPI into the build folder: Debian has none."""
    folder = REPOSITORY / "build" / "python"
    if not (folder / _FASTAVRO).exists():
        done = subprocess.run(
            [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--upgrade"]
            + ["--target", str(folder), _FASTAVRO],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise Failed(f"cannot install {_FASTAVRO}: {done.stdout}{done.stderr}")
        (folder / _FASTAVRO).touch()
    if str(folder) not in sys.path:
        sys.path.append(str(folder))
    import fastavro as module  # pylint: disable=import-error,import-outside-toplevel

    return module


def decode_with_java(jobs: list[tuple[State, str, Path]]) -> list[Rows]:
    """For each file of messages and its decoder, the rows that remain after them; a state says what
    tables there are."""
    lines, outputs = [], []
    for state, decoder, messages in jobs:
        tables = {
            table.full_name: [[c["name"], _flink_type(decoder, c)] for c in replicated(table)]
            for table in state.tables.values()
        }
        types = messages.with_suffix(f".{decoder}.types")
        types.write_text(json.dumps(tables), encoding="utf-8")
        outputs.append(messages.with_suffix(f".{decoder}.rows"))
        lines.append(f"{decoder} {types} {messages} {outputs[-1]}\n")
    job_file = jobs[0][2].with_suffix(".jobs")
    job_file.write_text("".join(lines), encoding="utf-8")
    java = ["java", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
    java += ["-cp", maven.class_path(_SOURCE / "pom.xml", "decoders")]
    run([*java, str(_SOURCE / "Decode.java"), str(job_file)], 300).ok()
    results = []
    for (state, decoder, _), output in zip(jobs, outputs):
        rows: Rows = {}
        with open(output, encoding="utf-8") as changes:
            for line in changes:
                change = json.loads(line)
                _apply(rows, state, decoder, change["table"], change["op"], change["row"])
        results.append(rows)
    return results


def decode_avro(state: State, registry: Apicurio, messages: Path) -> Rows:
    """The same for messages in Confluent's wire format."""
    module = fastavro()
    schemas: dict[int, object] = {}

    def read(data: bytes) -> tuple[dict, str]:
        if data[0] != 0:
            raise Failed(f"no message of the registry's format: {data.hex()}")
        number = int.from_bytes(data[1:5], "big")
        if number not in schemas:
            schemas[number] = module.parse_schema(registry.schema(number))
        schema = schemas[number]
        rest = io.BytesIO(data[5:])
        record = module.schemaless_reader(rest, schema, None)
        if rest.read():
            raise Failed(f"bytes are left after a record of {schema['name']}")
        return record, schema["name"].removeprefix("default.")

    rows: Rows = {}
    with open(messages, encoding="utf-8") as lines:
        for line in lines:
            message = json.loads(line)
            key, table = read(b64decode(message["key"]))
            if message["value"] is None:
                _apply(rows, state, "avro", table, "-", key)
                continue
            value, _ = read(b64decode(message["value"]))
            if any(value[name] != part for name, part in key.items()):
                raise Failed(f"key {key} of row {value}")
            _apply(rows, state, "avro", table, "+", value)
    return rows


def replicated(table: Table) -> list[dict]:
    """The columns whose values are in the log."""
    return [column for column in table.columns if column["generated"] != "virtual"]


def final_rows(state: State, decoder: str) -> Rows:
    """Those of a dump, of the tables whose rows have an identity."""
    rows: Rows = {}
    for table in state.tables.values():
        if table.kind != "table" or table.usable_key() is None:
            continue
        for row in table.rows:
            named = dict(zip(table.column_names(), row))
            _apply(rows, state, decoder, table.full_name, "+", named, dumped=True)
    return rows


def _apply(rows: Rows, state: State, decoder: str, name: str, op: str, row: dict, dumped=False):
    database, _, table_name = name.partition(".")
    table = state.tables.get((database, table_name))
    if table is None:
        return  # dropped or renamed later on
    columns = {column["name"]: column for column in replicated(table)}
    values = {
        column: canonical(None if dumped else decoder, decoder, columns[column], row[column])
        for column in columns
        if column in row
    }
    key = tuple(values[column] for column in table.usable_key())
    of_table = rows.setdefault(name, {})
    if op == "+":
        of_table[key] = values
    elif of_table.pop(key, None) is None:
        raise Failed(f"{name}: a row goes that never came: {row}")


def _flink_type(decoder: str, column: dict) -> str:
    kind, full = column["type"], column["column_type"]
    if decoder == "flink-canal":  # where all values are texts
        if kind in ("bit", "set") or full.startswith("bigint") and "unsigned" in full:
            return "DECIMAL(20,0)"
        if kind == "enum" or kind in INTEGERS or kind == "year":
            return "BIGINT"
        if kind == "date":
            return "DATE"
        if kind in ("datetime", "timestamp"):
            return f"TIMESTAMP({_fraction_digits(full)})"
    else:
        if kind in INTEGERS or kind in ("year", "date", "datetime", "time"):
            return "BIGINT"
        if full == "bit(1)":
            return "BOOLEAN"
    if kind in ("float", "double"):
        return kind.upper()
    if kind == "decimal" and decoder in _DEBEZIUM:
        return "DOUBLE"
    if kind == "decimal":
        precision, scale = map(int, re.findall(r"\d+", full))
        return f"DECIMAL({precision},{scale})" if precision <= 38 else "STRING"
    return "STRING"


def _fraction_digits(column_type: str) -> int:
    found = re.search(r"\((\d)\)", column_type)
    return int(found.group(1)) if found else 0


def canonical(source: str | None, reader: str, column: dict, value):
    """A value as `source` has it (None: a dump) in the form in which those of `reader` compare."""
    if value is None:
        return None
    kind, full = column["type"], column["column_type"]
    if source is not None:
        value = _as_dumped(source, column, value)
    if kind == "float":
        return struct.pack("<f", float(value))
    if kind == "double":
        return float(value)
    if kind == "decimal":
        # Debezium's messages say of decimals that they are doubles.
        return float(value) if reader in _DEBEZIUM else Decimal(value)
    if kind == "json":
        return json.dumps(json.loads(value), sort_keys=True)
    if full.startswith("bigint") and "unsigned" in full:
        return int(value) % (1 << 64)  # the formats that have no unsigned type wrap around
    return str(value)


def _as_dumped(source: str, column: dict, value):
    """A decoder's value as the text that a dump has for it."""
    kind, full = column["type"], column["column_type"]
    debezium = source in _DEBEZIUM
    if kind in ("enum", "set"):
        return value if debezium or source == "avro" else _names(kind, full, int(value))
    if kind == "bit":
        return str(_bits(source, value))
    if kind in BINARY:
        return _bytes_as_dumped(debezium, value)
    if debezium and kind in ("date", "datetime", "timestamp", "time"):
        return _moment(kind, full, value)
    if source == "flink-canal" and kind in ("datetime", "timestamp"):
        date, _, time = value.partition("T")
        seconds, _, fraction = (time + ":00" if time.count(":") == 1 else time).partition(".")
        digits = _fraction_digits(full)
        return f"{date} {seconds}" + (f".{fraction.ljust(9, '0')[:digits]}" if digits else "")
    if kind == "year":
        return f"{int(value):04d}"
    return value


def _names(kind: str, column_type: str, number: int) -> str:
    names = re.findall(r"'((?:[^']|'')*)'", column_type)
    names = [name.replace("''", "'") for name in names]
    if kind == "enum":
        return names[number - 1] if number else ""
    return ",".join(name for i, name in enumerate(names) if number >> i & 1)


def _bits(source: str, value) -> int:
    if source == "avro":
        return int.from_bytes(value, "big")
    if source in _DEBEZIUM:
        if value in ("true", "false"):
            return int(value == "true")
        return int.from_bytes(b64decode(value), "little")
    return int(value)


def _bytes_as_dumped(debezium: bool, value) -> str:
    if isinstance(value, str):
        value = b64decode(value) if debezium else value.encode("latin-1")
    return "0x" + value.hex().upper()


def _moment(kind: str, column_type: str, value: str) -> str:
    digits = _fraction_digits(column_type)
    if kind == "date":
        return str(datetime.date(1970, 1, 1) + datetime.timedelta(days=int(value)))
    if kind == "timestamp":
        date, time = value.rstrip("Z").split("T")
        seconds, _, fraction = time.partition(".")
        return f"{date} {seconds}" + (f".{fraction.ljust(digits, '0')}" if digits else "")
    if kind == "time":
        microseconds = int(value)
        sign = "-" if microseconds < 0 else ""
        seconds, fraction = divmod(abs(microseconds), 1_000_000)
        text = f"{sign}{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
    else:
        units = 1_000 if digits <= 3 else 1_000_000
        seconds, fraction = divmod(int(value), units)
        fraction *= 1_000_000 // units
        moment = datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=seconds)
        text = moment.strftime("%Y-%m-%d %H:%M:%S").rjust(19, "0")
    return text + (f".{fraction:06d}"[: digits + 1] if digits else "")
