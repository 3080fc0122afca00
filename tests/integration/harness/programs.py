"""Where the programs under test are: bin/ of the repository, or TIDEWIRE_BIN (folders, by ':')."""

from __future__ import annotations

import os
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[3]


def find(name: str) -> str:
    folders = [
        *filter(None, os.environ.get("TIDEWIRE_BIN", "").split(":")),
        str(REPOSITORY / "bin"),
    ]
    for folder in folders:
        path = Path(folder) / name
        if os.access(path, os.X_OK):
            return str(path)
    raise FileNotFoundError(f"no {name} in {', '.join(folders)}: run `make build` first")
