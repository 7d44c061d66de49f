"""A scorer that follows promotions, for processes that run for weeks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from alphaads_pipelines.errors import MissingArtifact
from alphaads_pipelines.nlp.base import Model, Score, Scorer
from alphaads_pipelines.nlp.reliability import Reliability
from alphaads_pipelines.telemetry import get_logger

_log = get_logger(__name__)


class ServingScorer(Scorer):
    """Checks the serving model whenever the current scorer is requested. Raises MissingArtifact.

    `build` makes the scorer of a model folder; `serving` returns the serving folder and is called often.
    """

    def __init__(self, build: Callable[[Path], Scorer], serving: Callable[[], Path]) -> None:
        self._build, self._serving = build, serving
        self._path = serving()
        self._scorer = build(self._path)
        self.tier = self._scorer.tier  # type: ignore[misc]  # it is of that tier

    def current(self) -> Scorer:
        """The serving model's scorer; the previous one while the new one cannot be loaded."""
        path = self._serving()
        if path != self._path:
            try:
                self._scorer, self._path = self._build(path), path
            except MissingArtifact as error:
                _log.warning("the promoted model cannot be loaded; the one before serves on", error=str(error))
        return self._scorer

    @property
    def model(self) -> Model:
        """Of the current scorer."""
        return self.current().model

    def reliability(self) -> Mapping[str, Reliability]:
        """Of the current scorer."""
        return self.current().reliability()

    def score(self, texts: Sequence[str]) -> list[Score]:
        """By the current scorer."""
        return self.current().score(texts)
