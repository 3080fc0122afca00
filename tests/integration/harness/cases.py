"""The cases of the suite: the recordings in tests/recordings."""

from __future__ import annotations

from recording import Recording, all_recordings

from .programs import REPOSITORY

_RECORDINGS = REPOSITORY / "tests" / "recordings"


def all_cases() -> list[Recording]:
    return all_recordings(_RECORDINGS)


def case_named(name: str) -> Recording:
    return Recording(_RECORDINGS / name)
