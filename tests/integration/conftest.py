"""Fixtures: the servers of a test run, started when first used and shared by its tests.

Tests are kept apart by the databases of their cases, not by servers of their own. With pytest-xdist
each worker has its own set.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "tools")]

# pylint: disable=wrong-import-position
from harness.cases import all_cases  # noqa: E402
from harness.cdc import CdcServer  # noqa: E402
from harness.databases import MariaDb, Playground  # noqa: E402
from harness.process import Program  # noqa: E402


def pytest_generate_tests(metafunc):
    if "case" in metafunc.fixturenames:
        metafunc.parametrize(
            "case",
            [
                pytest.param(c, id=c.name, marks=pytest.mark.xdist_group(c.name))
                for c in all_cases()
            ],
            scope="module",
        )


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):  # pylint: disable=unused-argument
    """Adds the end of every program's log to the report of a failed test."""
    report = (yield).get_result()
    if report.failed:
        for program in Program.started:
            report.sections.append((f"log of {program.name}", program.tail()))


@pytest.fixture(scope="session")
def scratch(tmp_path_factory) -> Path:
    """Logs stay here after the run (pytest keeps the folders of the last three)."""
    return tmp_path_factory.mktemp("servers")


def _running(server):
    server.start()
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="session")
def upstream(scratch):
    yield from _running(Playground(scratch, "upstream"))


@pytest.fixture(scope="session")
def tidb(scratch):
    """A TiDB to replicate into."""
    yield from _running(Playground(scratch, "tidb"))


@pytest.fixture(scope="session")
def mariadb(scratch):
    yield from _running(MariaDb(scratch))


@pytest.fixture(scope="session")
def _cdc(scratch, upstream):
    yield from _running(CdcServer(scratch, upstream.pd))


@pytest.fixture
def cdc(_cdc) -> CdcServer:
    """The server; started again when an earlier test ended it."""
    return _cdc.ensure()
