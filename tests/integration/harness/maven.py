"""Java libraries of tests, from Maven Central."""

from __future__ import annotations

import fcntl
import shutil
import subprocess
import tarfile
from pathlib import Path

from .process import Failed
from .programs import REPOSITORY


def class_path(pom: Path, name: str) -> str:
    """What a pom depends on, under build/<name>; fetched once per version of the pom, by one test
    process at a time."""
    folder = REPOSITORY / "build" / name
    with _locked(folder):
        stamp = folder / "pom.xml"
        if not stamp.exists() or stamp.read_bytes() != pom.read_bytes():
            _mvn(["-f", str(pom), "dependency:copy-dependencies"],
                 [f"-DoutputDirectory={folder}/lib", "-DincludeScope=runtime"])
            shutil.copy(pom, stamp)
    return f"{folder}/lib/*"


def unpacked(artifact: str, name: str) -> Path:
    """The files of an archive (group:artifact:version:tar.gz:classifier), under build/<name>."""
    folder = REPOSITORY / "build" / name
    with _locked(folder):
        stamp = folder / "artifact"
        if not stamp.exists() or stamp.read_text(encoding="utf-8") != artifact:
            shutil.rmtree(folder / "files", ignore_errors=True)
            _mvn(["dependency:copy"], [f"-Dartifact={artifact}", f"-DoutputDirectory={folder}"])
            (archive,) = folder.glob("*.tar.gz")
            with tarfile.open(archive) as files:
                files.extractall(folder / "files")
            archive.unlink()
            stamp.write_text(artifact, encoding="utf-8")
    return folder / "files"


class _locked:  # pylint: disable=invalid-name
    def __init__(self, folder: Path):
        folder.mkdir(parents=True, exist_ok=True)
        self._file = open(folder / "lock", "w", encoding="utf-8")

    def __enter__(self):
        fcntl.flock(self._file, fcntl.LOCK_EX)

    def __exit__(self, *_):
        self._file.close()


def _mvn(goals: list[str], properties: list[str]) -> None:
    done = subprocess.run(
        ["mvn", "-B", "-q", *goals, *properties], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise Failed(f"mvn {goals}: {done.stdout}{done.stderr}")
