#!/usr/bin/env python3
"""Writes what the fuzz targets begin with: real keys, rows, tables, feeds and messages out of the recordings.

    seed_corpora.py OUT     # OUT/<target>/…, a file a seed; at most SEEDS_MAX a target, spread over the recordings
"""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import sys
from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TESTS / "tools"))
from state import read_lines  # noqa: E402

SEEDS_MAX = 300
SEED_BYTES_MAX = 4096  # the fuzzer grows inputs up to the longest seed
LINES_MAX = 400  # read of each file: the kinds of things come early

META_TABLE = b"Table:"
ROW_V2 = 0x80

# Number in message_decoder_fuzz, and the recorded protocol.
PROTOCOLS = {0: "open_protocol", 1: "canal_json_ext", 2: "debezium", 3: "avro_nodelete", 4: "simple_json"}

EXPRESSIONS = [
    "a > 1 and b <= 18446744073709551615",
    "c * 2 - 1 / 3 >= -1e10 or not (d = 'x')",
    "d like '%a_' and n is not null",
    "g in ('x', 'y') or f between '00:00:00' and '838:59:59'",
    "if(a > 0, concat(d, 'x'), lower(d)) <> ''",
    "e > '2020-01-01 00:00:00' xor a % 7 = 1",
]
DISPATCH_RULES = [
    "db.*\nprefix_{schema}_{table}\nindex-value\nt1",
    "*.*, !test.t?\n{schema}\ntable\nt",
    "/^a.*/.`b c`\nhello_{table}_world\ncolumns\nx.y",
    "*.*\n\nts\n",
]


def record_parts(key: bytes) -> bool:
    """Whether it is a row's key: t, table id, _r, handle."""
    return len(key) > 11 and key[:1] == b"t" and key[9:11] == b"_r"


def varint(number: int) -> bytes:
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def field(number: int, value: int | bytes) -> bytes:
    """A field of a protobuf message."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def feed_of(txn: dict, one_phase: bool) -> bytes:
    """The transaction as messages of TiKV's change feed: ChangeDataEvent in proto/tikv/cdcpb.proto."""
    committed, prewrite, commit = 4, 1, 2
    rows = []
    for kind, key, *value in txn["muts"][:8]:
        row = field(1, txn["start_ts"])
        change = field(4, 1 if kind == "P" else 2) + field(5, bytes.fromhex(key))
        change += field(6, bytes.fromhex(value[0])) if value else b""
        if one_phase:
            rows.append(row + field(2, txn["commit_ts"]) + field(3, committed) + change)
        else:
            rows.append(row + field(3, prewrite) + change)
            rows.append(row + field(2, txn["commit_ts"]) + field(3, commit) + field(5, bytes.fromhex(key)))
    entries = b"".join(field(1, row) for row in rows)
    event = field(1, 4) + field(3, entries) + field(7, 1)
    resolved = field(1, varint(4)) + field(2, txn["commit_ts"])
    return field(1, event) + field(2, resolved)


def recording_seeds(folder: Path) -> Iterator[tuple[str, bytes]]:
    for line in itertools.islice(read_lines(folder / "base.jsonl.zst"), LINES_MAX):
        entry = json.loads(line)
        if META_TABLE in bytes.fromhex(entry["k"]):
            yield "table_info_fuzz", bytes.fromhex(entry["v"])
    for line in itertools.islice(read_lines(folder / "txns.jsonl.zst"), LINES_MAX):
        if len(line) > 1 << 20:
            continue
        txn = json.loads(line)
        yield "cdcpb_parser_fuzz", feed_of(txn, one_phase=False)
        yield "cdcpb_parser_fuzz", feed_of(txn, one_phase=True)
        for _, key, *value in txn["muts"][:8]:
            raw = bytes.fromhex(key)
            data = bytes.fromhex(value[0]) if value else b""
            if META_TABLE in raw:
                yield "table_info_fuzz", data
            elif record_parts(raw):
                yield "key_fuzz", raw
                if data[:1] == bytes([ROW_V2]):
                    yield "row_v2_fuzz", data[1:]
                elif data:
                    yield "row_v1_fuzz", data
    for number, protocol in PROTOCOLS.items():
        file = folder / "expected" / f"{protocol}.jsonl.zst"
        if not file.exists():
            continue
        for line in itertools.islice(read_lines(file), LINES_MAX):
            message = json.loads(line)
            key = base64.b64decode(message["key"] or "")
            if len(key) < 256:
                yield "message_decoder_fuzz", bytes([number, len(key)]) + key + base64.b64decode(message["value"] or "")


def main() -> None:
    out = Path(sys.argv[1])
    seeds: dict[str, list[bytes]] = {
        "filter_expression_fuzz": [text.encode() for text in EXPRESSIONS],
        "dispatch_rule_fuzz": [text.encode() for text in DISPATCH_RULES],
    }
    folders = sorted(meta.parent for meta in (TESTS / "recordings").glob("*/meta.json"))
    for folder in folders:
        found: dict[str, dict[bytes, None]] = {}
        for target, data in recording_seeds(folder):
            if len(data) <= SEED_BYTES_MAX:
                found.setdefault(target, {})[data] = None
        for target, data in found.items():
            share = list(data)[:: max(1, len(data) * len(folders) // SEEDS_MAX)]
            seeds.setdefault(target, []).extend(share)
    for target, data in seeds.items():
        folder = out / target
        folder.mkdir(parents=True, exist_ok=True)
        for seed in data:
            (folder / hashlib.sha1(seed).hexdigest()).write_bytes(seed)
        print(f"{target}: {len(data)} seeds")


if __name__ == "__main__":
    main()
