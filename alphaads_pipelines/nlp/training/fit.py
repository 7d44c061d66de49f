"""Fits a network: AdamW (Loshchilov & Hutter 2019), warm-up, linear decay, and resumable checkpoints.

Batches depend only on seed and epoch: with the same machine and threads a resumed fit equals an uninterrupted one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from pickle import UnpicklingError
from typing import TYPE_CHECKING, Any

import msgspec

from alphaads_pipelines.errors import MissingArtifact
from alphaads_pipelines.nlp.heads import HEADS
from alphaads_pipelines.nlp.training.batches import Batch, Sample, as_tensors, collate, columns_of, groups_of

if TYPE_CHECKING:
    import torch

_CHECKPOINT_EVERY_S = 180.0
_MASK = 103
"""Id of [MASK] in BERT's vocabulary; special pieces have lower ids, words higher ones."""
_TAG_WEIGHT = 0.3
"""Weight of a piece's loss against a post's: a sentence has about 20 tagged pieces."""
_TEACHER_WEIGHT = 0.5


class Schedule(msgspec.Struct, frozen=True):
    """Schedule of a fit. `pieces_in_batch` includes padding; rates are AdamW's peak rates."""

    epochs: float = 2.0
    rate: float = 1e-4
    head_rate: float = 5e-4
    warm_up: float = 0.06
    decay: float = 0.01
    pieces_in_batch: int = 1024
    seed: int = 20261124
    hide_pieces: float = 0.0
    """Share of pieces masked, against memorising posts."""
    hide_names: float = 0.0
    """Share of entity pieces masked, so that new names are recognised by context."""


Report = Callable[[int, int, float], None]
"""Called with (steps done, total steps, moving mean loss)."""


def fit(
    network: Any,
    samples: Sequence[Sample],
    schedule: Schedule,
    checkpoint: Path,
    report: Report,
) -> None:
    """Fit a network in place, resuming from `checkpoint` if it exists.

    Raises
    ------
    MissingArtifact: a damaged or foreign checkpoint.
    """
    import torch

    torch.manual_seed(schedule.seed)
    total = steps_of(samples, schedule)
    optimisers = _optimisers(network, schedule)
    done, mean_loss = _resume(network, optimisers, checkpoint)
    saved_at = time.monotonic()
    network.train()
    for step, batch in _batches_from(samples, schedule, done, total):
        _set_rates(optimisers, schedule, step, total)
        loss = _loss(network, batch, schedule)
        loss.backward()
        torch.nn.utils.clip_grad_norm_([each for each in network.parameters() if not _is_sparse(each)], 1.0)
        for optimiser in optimisers:
            optimiser.step()
            optimiser.zero_grad()
        now = float(loss.detach())
        mean_loss = now if not mean_loss else 0.98 * mean_loss + 0.02 * now
        report(step + 1, total, mean_loss)
        if time.monotonic() - saved_at > _CHECKPOINT_EVERY_S:
            _save(network, optimisers, step + 1, mean_loss, checkpoint)
            saved_at = time.monotonic()
    _save(network, optimisers, total, mean_loss, checkpoint)
    network.eval()


def steps_of(samples: Sequence[Sample], schedule: Schedule) -> int:
    """Steps of a fit, at least one."""
    steps_an_epoch = len(groups_of(samples, schedule.pieces_in_batch, schedule.seed))
    return max(1, round(steps_an_epoch * schedule.epochs))


def _batches_from(samples: Sequence[Sample], schedule: Schedule, done: int, total: int) -> Iterator[tuple[int, Batch]]:
    """Each epoch has its own seed."""
    epoch = first = 0
    while first < total:
        groups = groups_of(samples, schedule.pieces_in_batch, schedule.seed + epoch)
        for number, group in enumerate(groups):
            if done <= first + number < total:
                yield first + number, collate(group)
        first, epoch = first + len(groups), epoch + 1


def _is_sparse(parameter: Any) -> bool:
    return parameter.grad is not None and bool(parameter.grad.is_sparse)


def _optimisers(network: Any, schedule: Schedule) -> list[Any]:
    """Use SparseAdam for the word embeddings: a dense step would take a tenth of the time."""
    import torch

    new = ("queries", "heads", "tagger", "shapes")
    named = dict(network.named_parameters())
    words = [named.pop("words.weight")]
    heads = [parameter for name, parameter in named.items() if name.startswith(new)]
    rest = [parameter for name, parameter in named.items() if not name.startswith(new)]
    dense = [{"params": rest, "peak": schedule.rate}, {"params": heads, "peak": schedule.head_rate}]
    return [
        torch.optim.AdamW(dense, lr=schedule.rate, weight_decay=schedule.decay),
        torch.optim.SparseAdam([{"params": words, "peak": schedule.rate}], lr=schedule.rate),
    ]


def _set_rates(optimisers: Sequence[Any], schedule: Schedule, step: int, total: int) -> None:
    risen = min(1.0, (step + 1) / max(1.0, schedule.warm_up * total))
    share = risen * (1.0 - step / total)
    for optimiser in optimisers:
        for group in optimiser.param_groups:
            group["lr"] = group["peak"] * share


def _loss(network: Any, batch: Batch, schedule: Schedule) -> torch.Tensor:
    tensors = as_tensors(batch)
    labels, tags = network(_masked(tensors, schedule), tensors["shapes"], tensors["mask"])
    return (
        _label_loss(labels, tensors["targets"])
        + _tag_loss(tags, tensors["tags"])
        + _TEACHER_WEIGHT * _label_loss(labels, tensors["teacher_labels"])
        + _TEACHER_WEIGHT * _TAG_WEIGHT * _cross_entropy(tags, tensors["teacher_tags"]) / len(labels)
    )


def _masked(tensors: dict[str, torch.Tensor], schedule: Schedule) -> torch.Tensor:
    import torch

    ids = tensors["ids"]
    if not schedule.hide_pieces and not schedule.hide_names:
        return ids
    is_name = tensors["tags"].any(-1) & ~tensors["tags"][..., 0]
    share = torch.where(is_name, schedule.hide_names, schedule.hide_pieces)
    hidden = (torch.rand(ids.shape) < share) & (ids > _MASK)
    return ids.masked_fill(hidden, _MASK)


def _label_loss(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Cross entropy over heads with a known label, per sample."""
    import torch

    total = torch.zeros(())
    for task in HEADS:
        columns = columns_of(task)
        total = total + _cross_entropy(logits[:, columns], targets[:, columns])
    return total / len(targets)


def _cross_entropy(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Zero targets contribute nothing."""
    return -(targets * logits.log_softmax(-1)).sum()


def _tag_loss(logits: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    """Negative log probability of any correct tag, over the labelled pieces."""
    import torch

    judged = right.any(-1)
    if not bool(judged.any()):
        return torch.zeros(())
    chosen, allowed = logits[judged], right[judged]
    any_right = chosen.masked_fill(~allowed, float("-inf")).logsumexp(-1)
    return _TAG_WEIGHT * (chosen.logsumexp(-1) - any_right).sum() / len(logits)


def _save(network: Any, optimisers: Sequence[Any], step: int, mean_loss: float, path: Path) -> None:
    import torch

    state = {
        "network": network.state_dict(),
        "optimisers": [optimiser.state_dict() for optimiser in optimisers],
        "step": step,
        "mean_loss": mean_loss,
        "chance": torch.get_rng_state(),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".new")
    torch.save(state, unfinished)
    unfinished.replace(path)


def _resume(network: Any, optimisers: Sequence[Any], path: Path) -> tuple[int, float]:
    import torch

    if not path.is_file():
        return 0, 0.0
    try:
        state = torch.load(path, weights_only=True)
        network.load_state_dict(state["network"])
        for optimiser, saved in zip(optimisers, state["optimisers"], strict=True):
            optimiser.load_state_dict(saved)
    except (RuntimeError, ValueError, KeyError, EOFError, UnpicklingError) as error:
        what = f"cannot be gone on from ({type(error).__name__})"
        raise MissingArtifact(f"the checkpoint {path} {what}; delete it to begin anew") from None
    torch.set_rng_state(state["chance"])
    return int(state["step"]), float(state.get("mean_loss", 0.0))
