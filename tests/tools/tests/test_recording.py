"""The recordings in this tree are whole, and recording.py reads them."""

from pathlib import Path

import pytest

from recording import all_recordings
from sqlscript import parse

RECORDINGS = all_recordings(Path(__file__).resolve().parents[2] / "recordings")


def test_all_cases_are_there():
    assert len(RECORDINGS) == 31


@pytest.mark.parametrize("recording", RECORDINGS, ids=lambda recording: recording.name)
def test_final_state_holds_the_databases_that_the_description_names(recording):
    assert sorted(recording.final_state().databases) == sorted(recording.meta["databases_at_end"])


@pytest.mark.parametrize("recording", RECORDINGS, ids=lambda recording: recording.name)
def test_workload_is_there_and_well_formed(recording):
    script = recording.path / "workload.sql"
    assert script.exists() or (recording.path / "workload.py").exists()
    if script.exists():
        assert parse(script.read_text(encoding="utf-8"))


def test_ddl_jobs_are_found_by_their_query():
    (case,) = [r for r in RECORDINGS if r.name == "12_ddl_database_safe"]
    meta = case.meta
    (start_ts,) = case.ddl_start_ts("COLLATE utf8mb4_0900_ai_ci")
    assert meta["start_ts"] < start_ts < meta["end_ts"]
