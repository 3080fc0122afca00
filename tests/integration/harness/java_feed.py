"""TiKV's Java client as a reader of a change feed."""

from __future__ import annotations

import json

from . import maven
from .cdc import run
from .process import Failed
from .programs import REPOSITORY

_SOURCE = REPOSITORY / "simulator" / "tests" / "java"


def read_feed(pd: str, start_key: str, end_key: str, start_ts: int, until_ts: int) -> list[dict]:
    """The rows of a range of keys (in hex) that are sent until `until_ts` is resolved."""
    pd = pd.removeprefix("http://")
    libraries = maven.class_path(_SOURCE / "pom.xml", "simulator-java")
    program = ["java", "-cp", libraries, str(_SOURCE / "FeedReader.java")]
    output = run([*program, pd, start_key, end_key, str(start_ts), str(until_ts)], 120).ok().stdout
    rows = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    if not rows or rows.pop()["type"] != "END":
        raise Failed(f"the reader did not come to the end: {output}")
    return rows
