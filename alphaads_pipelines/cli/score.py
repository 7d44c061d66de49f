"""`alphaads score`: JSON lines with `id` and `text` in, scores as JSON lines out."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from alphaads_pipelines.cli.console import FAILED, err, exit_codes

Tier = Annotated[str, typer.Option("--tier", "-t", help="Which scorer: lexicon.")]
Source = Annotated[
    Path | None,
    typer.Argument(exists=True, dir_okay=False, readable=True, allow_dash=True, help="JSON lines; default: stdin."),
]


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
        source = sys.stdin.buffer if file is None or str(file) == "-" else file.open("rb")
        with source:
            for line in score_lines(source, scorer, refuse):
                sys.stdout.buffer.write(line + b"\n")
        sys.stdout.flush()
        if refused:
            raise typer.Exit(FAILED)
