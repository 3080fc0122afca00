#!/usr/bin/env python3
"""Keeps the layout honest: includes follow the layers; source folders, error codes, metrics and the server's settings are documented."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
SRC = ROOT / "src"
LAYERS = ["base", "model", "config", "dataflow", "control", "edge"]
# The recording reader of src/testing serves cdc-replay as well as tests.
TESTING_USERS = ("edge/replay",)


def layer(path):
    return LAYERS.index(path.split("/")[0]) if path.split("/")[0] in LAYERS else None


def includes_that_go_up():
    for file in sorted(SRC.rglob("*.h")) + sorted(SRC.rglob("*.cc")):
        where = file.relative_to(SRC).as_posix()
        if "/tests/" in where or where.startswith("testing/"):
            continue
        for target in re.findall(r'^#include "([^"]+)"', file.read_text(), re.M):
            if target.startswith("testing/") and not where.startswith(TESTING_USERS):
                yield f"src/{where} includes {target}: only tests may"
            elif layer(target) is not None and layer(target) > layer(where):
                yield f"src/{where} includes {target}: {target.split('/')[0]} is above {where.split('/')[0]}"


def modules():
    return sorted({f.parent.relative_to(ROOT).as_posix() for f in SRC.rglob("CMakeLists.txt") if f.parent != SRC
                   and re.search("^cdc_(module|program)", f.read_text(), re.M)})


def undocumented_folders():
    architecture = (ROOT / "ARCHITECTURE.md").read_text()
    for module in modules():
        if not (ROOT / module / "README.md").exists():
            yield f"{module} has no README.md"
        if f"`{module}`" not in architecture:
            yield f"{module} has no row in ARCHITECTURE.md"
    for row in re.findall(r"^\| (`src/[^|]+) \|", architecture, re.M):
        for folder in re.findall(r"`(src/[^`]+)`", row):
            if not (ROOT / folder).is_dir():
                yield f"ARCHITECTURE.md names {folder}, which does not exist"


def unlisted_error_codes():
    listed = (ROOT / "docs/errors.md").read_text()
    for code in re.findall(r'^CDC_ERROR\(\w+, "([^"]+)"', (SRC / "base/errors.def").read_text(), re.M):
        if f"`{code}`" not in listed:
            yield f"{code} is not in docs/errors.md"


def unlisted_metrics():
    listed = (ROOT / "docs/metrics.md").read_text()
    sources = [f for f in [*SRC.rglob("*.h"), *SRC.rglob("*.cc")] if "tests" not in f.parts]
    for name in sorted({n for f in sources for n in re.findall(r'"(ticdc_\w+)"', f.read_text())}):
        if f"`{name}`" not in listed:
            yield f"{name} is not in docs/metrics.md"


def unlisted_server_keys():
    listed = (ROOT / "docs/server.md").read_text()
    text = (SRC / "config/server_config.cc").read_text()
    for key in re.findall(r'\bRead(?:Seconds)?\("([^"]+)"', text):
        if f"{key}`" not in listed and f"{key}`," not in listed:
            yield f"{key}, a key of the server's configuration, is not in docs/server.md"


def unlisted_fail_points():
    listed = (ROOT / "docs/failpoints.md").read_text()
    sources = [f for f in SRC.rglob("*.cc") if "tests" not in f.parts]
    for name in sorted({n for f in sources for n in re.findall(r'FailPoint(?:Int)?\("([^"]+)"', f.read_text())}):
        if f"`{name}`" not in listed:
            yield f"{name} is not in docs/failpoints.md"


def main():
    problems = [
        *includes_that_go_up(),
        *undocumented_folders(),
        *unlisted_error_codes(),
        *unlisted_metrics(),
        *unlisted_server_keys(),
        *unlisted_fail_points(),
    ]
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
