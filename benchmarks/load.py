"""`bench load`: the time to load the definitions, beside `import dagster` alone."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

from alphaads_pipelines.settings import Settings

_LIMIT = 1.5
_DAGSTER = "import dagster"
_DEFINITIONS = "from alphaads_pipelines.definitions import defs; defs.get_repository_def()"


def _seconds(program: str, environment: dict[str, str]) -> float:
    """Time `program` in a fresh interpreter."""
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", program], env=environment, check=True)  # noqa: S603 - our own programs
    return time.perf_counter() - started


def run(times: int = 5) -> dict[str, Any]:
    """Alternate fresh processes of both kinds, after one of each to fill the disk cache."""
    with tempfile.TemporaryDirectory(prefix="alphaads-bench-") as folder:
        home = Path(folder) / "home"
        environment = Settings(_env_file=None, environment="test", alphaads_home=home).process_environment
        pairs = [[_seconds(program, environment) for program in (_DAGSTER, _DEFINITIONS)] for _ in range(times + 1)]
    dagster_s, definitions_s = (median(pair[place] for pair in pairs[1:]) for place in (0, 1))
    return {
        "bench": "load",
        "times": times,
        "import_dagster_s": round(dagster_s, 3),
        "load_definitions_s": round(definitions_s, 3),
        "ratio_to_import_dagster": round(definitions_s / dagster_s, 2),
        "limit": _LIMIT,
    }
