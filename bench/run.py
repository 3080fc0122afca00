#!/usr/bin/env python3
"""Runs the benchmarks: one line each on the terminal, one JSON object a line in bench/results.jsonl.

  bench/run.py --build build/release [--only REGEX] [--rows 400000]
"""
from __future__ import annotations

import argparse
import json
import os
import platform
import re
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))


def machine() -> str:
    model = next((line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo", encoding="utf-8")
                  if line.startswith("model name")), platform.machine())
    memory_gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{os.cpu_count()} cores of {model}, {memory_gib:.0f} GiB"


def native(build: Path, only) -> list[dict]:
    """The C++ benchmark programs: each prints one JSON object a line."""
    results = []
    for program in sorted((build / "bin").glob("*_bench")):
        if not only(program.name.removesuffix("_bench")):
            continue
        output = subprocess.run([program], check=True, stdout=subprocess.PIPE, text=True).stdout
        results += [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    return results


def show(result: dict) -> None:
    extra = " ".join(f"{key}={value}" for key, value in result.items() if key not in ("name", "unit", "value"))
    print(f"{result['name']:32} {result['value']:>12,} {result['unit']}  {extra}", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, required=True)
    parser.add_argument("--only", default="", help="only benchmarks whose name matches this regular expression")
    parser.add_argument("--rows", type=int, default=400_000, help="rows of the drained backlog")
    args = parser.parse_args()
    pattern = re.compile(args.only)

    def only(name: str) -> bool:
        return bool(pattern.search(name))

    def asked_for(name: str) -> bool:
        """Those that take long and much disk run only when they are named."""
        return bool(args.only) and only(name)

    print(f"machine: {machine()}")
    # pylint: disable=import-outside-toplevel
    import allocations
    import drain
    import feed
    import growth
    import idle
    import kafka
    import memory
    import sink
    with open(HERE / "results.jsonl", "a", encoding="utf-8") as out:
        for run in (lambda: native(args.build, only), lambda: drain.run(args.rows, only), lambda: kafka.run(args.rows, only),
                    lambda: feed.run(only), lambda: allocations.run(only), lambda: sink.run(only), lambda: idle.run(only),
                    lambda: growth.run(asked_for), lambda: memory.run(asked_for)):
            for result in run():
                show(result)
                result["machine"], result["at"] = machine(), int(time.time())
                out.write(json.dumps(result) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
