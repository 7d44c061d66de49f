"""Artifacts that state figures, for tests of what reads only their manifest: their network is a few bytes."""

from __future__ import annotations

from pathlib import Path

from alphaads_pipelines.nlp.artifact import (
    MODEL,
    Artifact,
    Calibration,
    Manifest,
    digest,
    open_artifact,
    write_manifest,
)
from alphaads_pipelines.nlp.heads import HEADS, TAGS
from alphaads_pipelines.nlp.reliability import Bin, Reliability

FIGURES = (
    *("sentiment: TweetEval sentiment, macro recall", "tweet_emotion: TweetEval emotion, macro F1"),
    *("emotion: GoEmotions Ekman, macro F1", "offensive: TweetEval offensive, macro F1"),
    *("irony: TweetEval irony, F1 of ironic", "intent: weak labels (docs/models.md), macro F1"),
    *("entities: WNUT17, entity F1", "entities: Broad Twitter Corpus, entity F1"),
)
"""As training names them."""


def stated(
    folder: Path,
    value: float = 0.7,
    *,
    error: float = 0.02,
    size: int = 100,
    heads: dict[str, tuple[str, ...]] = HEADS,
    **figures: float | None,
) -> Artifact:
    """A model of the version that its folder is named for.

    Parameters
    ----------
    value: every figure that `figures` does not name; it names them by the word they begin with, None leaves one out.
    error: expected calibration error of each head. size: bytes of the network.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MODEL).write_bytes(bytes(size))
    said = {name: figures.get(name.split(":")[0], value) for name in FIGURES}
    manifest = Manifest(
        name="stated",
        version=folder.name,
        files={MODEL: digest(folder / MODEL)},
        heads=heads,
        tags=TAGS,
        calibration={task: Calibration(1.0, (0.0,) * len(labels)) for task, labels in heads.items()},
        reliability={task: Reliability((Bin(9, 0.8, 0.8 + error),), error, 9) for task in heads},
        validation={name: each for name, each in said.items() if each is not None},
        recipe={"seed": 1},
    )
    write_manifest(folder, manifest)
    return open_artifact(folder)
