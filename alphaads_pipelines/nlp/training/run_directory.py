"""Working folders of training runs, from which an interrupted run resumes.

Each recipe and data has its own, so no run loads a foreign checkpoint.
"""

from __future__ import annotations

import fcntl
import hashlib
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from alphaads_pipelines.errors import WriteConflict
from alphaads_pipelines.nlp.artifact import CARD, MANIFEST, MODEL, TOKENIZER, Artifact, open_artifact
from alphaads_pipelines.nlp.training import recipe as recipes
from alphaads_pipelines.nlp.training.evaluation import Figure
from alphaads_pipelines.nlp.training.fit import Report
from alphaads_pipelines.nlp.training.sources import Sources

_ARTIFACT, _LOSSES, _LOCK = "artifact", "losses.txt", "lock"


class Made(msgspec.Struct, frozen=True):
    """A newly trained model, still in the working folder.

    `losses` are (step, moving mean loss) from the first step, across restarts.
    """

    artifact: Artifact
    figures: list[Figure]
    losses: list[tuple[int, float]]

    def hand_over(self, folder: Path) -> Artifact:
        """Move the model to its folder and delete the working folder."""
        folder.mkdir(parents=True, exist_ok=True)
        for name in (MODEL, TOKENIZER, CARD, MANIFEST):
            shutil.move(self.artifact.path / name, folder / name)
        shutil.rmtree(self.artifact.path.parent)
        return open_artifact(folder)


def make(data: Path, workshop: Path, recipe: recipes.Recipe, report: Report, say: Callable[[str], None]) -> Made:
    """Train a model, resuming an interrupted run of the same training.

    Raises
    ------
    InvalidRequest: a dataset is missing.
    MissingArtifact: a training package is not installed, or the checkpoint is damaged.
    WriteConflict: another process runs the same training.
    """
    recipes.demand_packages()
    work = workshop / _name(recipe, data)
    with _locked(work):
        if (work / recipes.CHECKPOINT).is_file():
            say("going on from the checkpoint")

        def noted(step: int, steps: int, loss: float) -> None:
            with (work / _LOSSES).open("a", encoding="utf-8") as file:
                file.write(f"{step} {loss:.6f}\n")
            report(step, steps, loss)

        trained = recipes.train(data, work / _ARTIFACT, work, recipe, noted, say)
        return Made(open_artifact(trained.path), trained.figures, _losses(work / _LOSSES))


def _name(recipe: recipes.Recipe, data: Path) -> str:
    examples = recipes.digest_of(recipes.training_examples(Sources(data), recipe))
    return hashlib.sha256(msgspec.json.encode([recipe, examples])).hexdigest()[:12]


def _losses(path: Path) -> list[tuple[int, float]]:
    """Steps repeated after a restart keep the later value."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    told = {int(step): float(loss) for step, loss in (line.split() for line in lines)}
    return sorted(told.items())


@contextmanager
def _locked(work: Path) -> Iterator[None]:
    work.mkdir(parents=True, exist_ok=True)
    with (work / _LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise WriteConflict("the same training is at work in another process") from None
        yield
