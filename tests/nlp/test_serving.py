"""A scorer that lives for weeks: it takes up what is promoted, keeps what works, and one batch has one model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from alphaads_pipelines.errors import MissingArtifact
from alphaads_pipelines.nlp.base import Model, Options, Score, Scorer
from alphaads_pipelines.nlp.serving import ServingScorer

TEXTS = ["one", "two"]


class NamedScorer(Scorer):
    """Is the model that its folder is named for; a folder called broken cannot be loaded."""

    tier = "named"

    def __init__(self, options: Options = Options()) -> None:
        assert options.artifact is not None
        if options.artifact.name == "broken":
            raise MissingArtifact("it is broken")
        self._name = options.artifact.name

    @property
    def model(self) -> Model:
        return Model("named", self._name)

    def score(self, texts: Sequence[str]) -> list[Score]:
        return [Score(None, None, None, None, None, None, None, None, {"language": self._name}) for _ in texts]


class Pointer:
    """Names a folder, and counts how often a scorer was built."""

    def __init__(self, name: str) -> None:
        self.name, self.built = name, 0

    def build(self, path: Path) -> Scorer:
        self.built += 1
        return NamedScorer(Options(artifact=path))

    def scorer(self) -> ServingScorer:
        return ServingScorer(self.build, lambda: Path(self.name))


def _said(scorer: Scorer) -> set[str]:
    return {score.null_reasons["language"] for score in scorer.score(TEXTS)}


def test_it_is_the_scorer_of_the_model_that_serves() -> None:
    scorer = Pointer("first").scorer()
    assert (scorer.tier, scorer.model, _said(scorer)) == ("named", Model("named", "first"), {"first"})


def test_a_promoted_model_is_taken_up_and_built_once() -> None:
    pointer = Pointer("first")
    scorer = pointer.scorer()
    pointer.name = "second"
    assert (_said(scorer), scorer.model.version) == ({"second"}, "second")
    for _ in range(5):
        scorer.score(TEXTS)
    assert pointer.built == 2


def test_a_batch_keeps_its_model_though_another_is_promoted_meanwhile() -> None:
    pointer = Pointer("first")
    scorer = pointer.scorer()
    of_this_batch = scorer.current()
    pointer.name = "second"
    assert (_said(of_this_batch), of_this_batch.model.version) == ({"first"}, "first")
    assert _said(scorer.current()) == {"second"}


def test_a_model_that_cannot_be_loaded_leaves_the_one_before_and_is_tried_again() -> None:
    pointer = Pointer("first")
    scorer = pointer.scorer()
    pointer.name = "broken"
    assert _said(scorer) == {"first"}
    pointer.name = "third"
    assert _said(scorer) == {"third"}


def test_a_process_that_starts_with_a_broken_model_says_so() -> None:
    with pytest.raises(MissingArtifact, match="it is broken"):
        Pointer("broken").scorer()


def test_any_other_scorer_is_its_own_current_one() -> None:
    scorer = NamedScorer(Options(artifact=Path("only")))
    assert scorer.current() is scorer
