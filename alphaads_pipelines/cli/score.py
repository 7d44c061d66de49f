"""`alphaads score`: JSON lines with `id` and `text` in, scores as JSON lines out."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import msgspec
import typer

from alphaads_pipelines.cli.console import FAILED, err, exit_codes, load_settings
from alphaads_pipelines.errors import InvalidRequest
from alphaads_pipelines.nlp.base import Scorer
from alphaads_pipelines.nlp.registry import SCORERS, build_scorer
from alphaads_pipelines.wiring.models import scorer_options

Source = Annotated[
    Path | None,
    typer.Argument(allow_dash=True, help="JSON lines; default, or -: stdin."),
]
Tier = Annotated[str | None, typer.Option("--tier", "-t", help=f"Which scorer: {', '.join(SCORERS)}.")]
SentimentModel = Annotated[str | None, typer.Option(help="Hugging Face name or folder, for --tier transformers.")]
EmotionModel = Annotated[str | None, typer.Option(help="Hugging Face name or folder, for --tier transformers.")]
Device = Annotated[str | None, typer.Option(help="auto, cpu, cuda, cuda:1, mps; for --tier transformers.")]
EntityModel = Annotated[str | None, typer.Option(help="spaCy pipeline that finds the entities: name or folder.")]
Artifact = Annotated[Path | None, typer.Option(help="Folder of our own model; default: the shipped one.")]
Threads = Annotated[int | None, typer.Option(min=0, help="Processor threads of a model; 0: all.")]


def _opened(file: Path | None) -> BinaryIO:
    if file is None or str(file) == "-":
        return sys.stdin.buffer
    try:
        return file.open("rb")
    except OSError as error:
        raise InvalidRequest(f"{file} cannot be read: {error.strerror}") from None


def _scorer(tier: str | None, **given: Any) -> Scorer:
    """Options not given come from the settings."""
    settings = load_settings()
    options = {name: value for name, value in given.items() if value is not None}
    return build_scorer(tier or settings.scorer_tier, msgspec.structs.replace(scorer_options(settings), **options))


def run(
    file: Source = None,
    tier: Tier = None,
    sentiment_model: SentimentModel = None,
    emotion_model: EmotionModel = None,
    device: Device = None,
    entity_model: EntityModel = None,
    artifact: Artifact = None,
    threads: Threads = None,
) -> None:
    """Score each line's `text`; a field without a trustworthy value is null, with the reason.

    Options default to the settings (SCORER_TIER, SENTIMENT_MODEL ...); the Hugging Face token comes from
    HUGGINGFACE_API_TOKEN only.
    """
    from alphaads_pipelines.nlp.jsonlines import score_lines

    refused = 0

    def refuse(line: int, reason: str) -> None:
        nonlocal refused
        refused += 1
        err.print(f"line {line}: {reason}")

    with exit_codes():
        scorer = _scorer(
            tier,
            sentiment_model=sentiment_model,
            emotion_model=emotion_model,
            device=device,
            entity_model=entity_model,
            artifact=artifact,
            threads=threads,
        )
        with _opened(file) as source:
            for line in score_lines(source, scorer, refuse):
                sys.stdout.buffer.write(line + b"\n")
        sys.stdout.flush()
        if refused:
            raise typer.Exit(FAILED)
