"""`alphaads score`: JSON lines with `id` and `text` in, scores as JSON lines out."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, BinaryIO

import typer

from alphaads_pipelines.cli.console import FAILED, err, exit_codes
from alphaads_pipelines.errors import InvalidRequest

Tier = Annotated[str, typer.Option("--tier", "-t", help="Which scorer: lexicon.")]
Source = Annotated[
    Path | None,
    typer.Argument(allow_dash=True, help="JSON lines; default, or -: stdin."),
]


def _opened(file: Path | None) -> BinaryIO:
    if file is None or str(file) == "-":
        return sys.stdin.buffer
    try:
        return file.open("rb")
    except OSError as error:
        raise InvalidRequest(f"{file} cannot be read: {error.strerror}") from None


def run(file: Source = None, tier: Tier = "lexicon") -> None:
    """Score each line's `text`; a field that cannot honestly be given is null, with its reason."""
    from alphaads_pipelines.nlp.jsonlines import score_lines
    from alphaads_pipelines.nlp.registry import SCORERS

    refused = 0

    def refuse(line: int, reason: str) -> None:
        nonlocal refused
        refused += 1
        err.print(f"line {line}: {reason}")

    with exit_codes():
        scorer = SCORERS.load(tier)()
        with _opened(file) as source:
            for line in score_lines(source, scorer, refuse):
                sys.stdout.buffer.write(line + b"\n")
        sys.stdout.flush()
        if refused:
            raise typer.Exit(FAILED)
