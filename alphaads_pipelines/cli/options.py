"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

JsonOutput = Annotated[bool, typer.Option("--json", help="Print JSON on stdout instead of a table.")]
LogJson = Annotated[bool, typer.Option("--log-json", help="Write logs as JSON lines on stderr.")]
PlatformName = Annotated[str, typer.Option("--platform", "-p", help="Whose payloads these are: x, generic.")]
InputFile = Annotated[Path, typer.Argument(help="JSON lines or a JSON array; gzip accepted.")]
