"""Downloads and builds that every checkout on a machine shares.

They are in `$XDG_CACHE_HOME/alphaads`, by default `~/.cache/alphaads`; `make clean-cache` removes them.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


def cache_folder() -> Path:
    """The user's cache folder; made if missing."""
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"  # noqa: TID251 - deploy stands alone, without settings
    folder = Path(base).expanduser() / "alphaads"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextmanager
def locked(name: str) -> Iterator[None]:
    """Hold a named lock against the user's other processes."""
    with (cache_folder() / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def cached(name: str, version: str, build: Callable[[Path], None]) -> Path:
    """The folder `name-version`, filled once by `build`.

    Builds in a temporary folder and renames it, so that an interrupted build never looks complete.
    """
    folder = cache_folder() / f"{name}-{version}"
    if folder.exists():
        return folder
    with locked(folder.name):
        if not folder.exists():
            partial = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}-"))
            try:
                build(partial)
                partial.rename(folder)
            finally:
                shutil.rmtree(partial, ignore_errors=True)
    return folder
