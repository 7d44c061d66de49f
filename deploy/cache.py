"""Folders that every checkout on a machine shares: what was downloaded or built once is not fetched again.

They lie in `$XDG_CACHE_HOME/alphaads`, by default `~/.cache/alphaads`; `make clean-cache` removes them.
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
    """The folder of this user's cache, made if it is missing."""
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"  # noqa: TID251 - deploy stands alone, without settings
    folder = Path(base).expanduser() / "alphaads"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextmanager
def locked(name: str) -> Iterator[None]:
    """Hold a lock of that name against the other processes of this user."""
    with (cache_folder() / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def cached(name: str, version: str, build: Callable[[Path], None]) -> Path:
    """The cached folder `name-version`; `build` fills it once, in whichever process comes first.

    It is built in a temporary folder and renamed, so that an interrupted build leaves nothing that looks complete.
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
