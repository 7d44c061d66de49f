"""The Dagster daemon with a short sensor loop: `python -m alphaads_pipelines.runtime.daemon WORKSPACE_YAML`.

The stock daemon evaluates sensors every five seconds, whatever their interval. The constant is private: Dagster's
version is pinned and a test asserts the name.
"""

from __future__ import annotations

import sys

from dagster._daemon import sensor
from dagster._daemon.cli import create_dagster_daemon_cli

SENSOR_LOOP_S = 0.2


def main(workspace: str) -> None:
    """Run the instance's daemons until a signal."""
    sensor.MIN_INTERVAL_LOOP_TIME = SENSOR_LOOP_S  # type: ignore[assignment]
    command = ["run", "--workspace", workspace, "--log-level", "warning"]
    create_dagster_daemon_cli()(command, obj={}, standalone_mode=False)


if __name__ == "__main__":
    main(sys.argv[1])
