"""Every recording, through cdc-replay into a downstream: the state it ends in is the recorded one.

Into TiDB, definitions are compared as well. All tables take part (force-replicate), so that those
without a usable key are seen too; by default they are left out, which test_live.py checks.
"""

import re

import pytest

from compare_state import compare
from harness import expectations
from harness.cases import case_named
from harness.cdc import replay, write_config

DEADLINE_S = 180


def replayed(case, downstream, exceptions, config, schema: bool):
    """Replays a case into an emptied downstream; what differs then."""
    skipped = [ts for p in expectations.skipped_ddls(exceptions) for ts in case.ddl_start_ts(p)]
    rules = expectations.excluding_rules(case, exceptions)
    downstream.drop(case.meta["databases"])
    write_config(config, rules, force_replicate=True, ignore_start_ts=skipped)
    replay(case.path, downstream.sink_uri(), config, DEADLINE_S).ok()
    final = case.final_state()
    expected = expectations.arriving(final, case, exceptions, force_replicate=True)
    actual = downstream.dump(case.meta["databases"], like=final)
    return compare(expected, actual, expectations.rules_for(case, exceptions, schema))


def test_recording_arrives_in_tidb(case, tidb, tmp_path):
    exceptions = expectations.in_older_tidb(case) + expectations.recorded(case)
    replayed(case, tidb, exceptions, tmp_path / "changefeed.toml", schema=True).check()


def test_recording_arrives_in_mariadb(case, mariadb, tmp_path):
    exceptions = expectations.in_mariadb(case) + expectations.recorded(case)
    replayed(case, mariadb, exceptions, tmp_path / "changefeed.toml", schema=False).check()


@pytest.mark.parametrize("table", ["ANYWHERE", "MARIADB", "OLDER_TIDB", "LIVE_TIDB", "DEFAULT_RULES", "RECORDED", "EACH_RUN"])
def test_every_exception_is_about_something(table):
    """An entry that matches nothing hides nothing, but it misleads."""
    for name, exceptions in getattr(expectations, table).items():
        case = case_named(name)
        for exception in exceptions:
            if isinstance(exception, expectations.SkipDdl):
                found = case.ddl_start_ts(exception.pattern)
            else:
                tables = case.final_state().tables.values()
                found = [t for t in tables if expectations.matches(case, exception.table, t)]
                found = found or case.ddl_start_ts(rf"CREATE TABLE {re.escape(exception.table)}\b")
            assert found, f"{name}: {exception}"
