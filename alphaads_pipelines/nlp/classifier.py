"""A Hugging Face sequence classifier: texts in, label probabilities out.

Batches hold texts of similar length within a token budget. GPU weights are 16-bit floats, so probabilities differ by up
to about 0.01 between batches; on a CPU by less than 1e-5.
"""

from __future__ import annotations

import os
import pickle
import re
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from alphaads_pipelines.errors import ConfigurationError, MissingArtifact
from alphaads_pipelines.nlp.hub import Files

Probabilities = npt.NDArray[np.float64]

_TOKENS_AT_ONCE = {"cpu": 4_096, "cuda": 65_536, "mps": 16_384}
_LONGEST = 512

_NO_LIMIT = 1_000_000
_SURROGATES = re.compile("[\ud800-\udfff]")  # tokenizers take UTF-8, which has none
MULTILINGUAL = "multilingual"


def pick_device(wanted: str) -> Any:
    """The named torch device; auto is the first available of cuda, mps and cpu."""
    import torch

    if wanted == "auto":
        has_gpu = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
        return torch.device(has_gpu)
    try:
        device = torch.device(wanted)
        if device.type in _TOKENS_AT_ONCE:
            torch.empty(0, device=device)
            return device
    except (RuntimeError, AssertionError, ValueError):
        pass  # no such device here
    raise ConfigurationError(f"SCORER_DEVICE: there is no {wanted!r} here; known: auto, cpu, cuda, cuda:1 ..., mps")


def use_threads(threads: int) -> None:
    """Set this process's torch CPU threads; 0 is all available cores."""
    import torch

    torch.set_num_threads(threads or len(os.sched_getaffinity(0)))


class Classifier:
    """A loaded model with its tokenizer.

    Raises
    ------
    ConfigurationError: not a text classifier.
    MissingArtifact: incomplete or damaged files.
    """

    def __init__(self, files: Files, device: Any) -> None:
        self.files, self._device = files, device
        self._model, self._tokenizer = _load(files, device)
        self._limit = _limit(self._model, self._tokenizer)

    @property
    def labels(self) -> list[str]:
        """The model's own label names."""
        config = self._model.config
        return [str(config.id2label[number]) for number in range(config.num_labels)]

    @cached_property
    def languages(self) -> frozenset[str]:
        """Languages on the model card (MULTILINGUAL: any), by default English."""
        from huggingface_hub.repocard import metadata_load

        try:
            card: Any = metadata_load(self.files.folder / "README.md") or {}
            named = card.get("language") or "en"
        except Exception:  # noqa: BLE001  a card is free text by anybody
            named = "en"
        return frozenset(str(each).lower() for each in ([named] if isinstance(named, str) else named))

    def probabilities(self, texts: Sequence[str]) -> Probabilities:
        """Return one row per text; NaN where the model's arithmetic failed."""
        found = np.zeros((len(texts), len(self.labels)))
        if not texts:
            return found
        encoded = self._tokenizer(
            [_SURROGATES.sub("?", each) for each in texts], truncation=True, max_length=self._limit
        )
        for batch in self._batches([len(ids) for ids in encoded["input_ids"]]):
            found[batch] = self._run({name: [values[number] for number in batch] for name, values in encoded.items()})
        return found

    def _batches(self, lengths: Sequence[int]) -> Iterator[list[int]]:
        batch: list[int] = []
        for number in sorted(range(len(lengths)), key=lengths.__getitem__):
            if batch and lengths[number] * (len(batch) + 1) > _TOKENS_AT_ONCE[self._device.type]:
                yield batch
                batch = []
            batch.append(number)
        yield batch

    def _run(self, batch: dict[str, list[list[int]]]) -> Probabilities:
        import torch

        padded = self._tokenizer.pad(batch, return_tensors="pt").to(self._device)
        with torch.inference_mode():
            logits = self._model(**padded).logits.double().cpu()
        if self._model.config.problem_type == "multi_label_classification":
            each = logits.sigmoid()
            return np.asarray(each / each.sum(1, keepdim=True))
        return np.asarray(logits.softmax(1))


def _load(files: Files, device: Any) -> tuple[Any, Any]:
    import torch
    from safetensors import SafetensorError
    from transformers import AutoModelForSequenceClassification, AutoTokenizer
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()
    dtype = torch.float32 if device.type == "cpu" else torch.float16
    try:
        tokenizer = AutoTokenizer.from_pretrained(str(files.folder))
        model, report = AutoModelForSequenceClassification.from_pretrained(
            str(files.folder), dtype=dtype, output_loading_info=True
        )
    except (OSError, ValueError, KeyError, RuntimeError, EOFError, pickle.UnpicklingError, SafetensorError) as error:
        raise MissingArtifact(
            f"model {files.name!r} cannot be loaded ({type(error).__name__}): its files are incomplete, damaged or of "
            f"a kind that transformers does not know; {files.mend}"
        ) from error
    except ImportError as error:
        raise MissingArtifact(f"model {files.name!r} needs one more package: {str(error).strip()[:300]}") from error
    if report["missing_keys"]:
        raise ConfigurationError(
            f"model {files.name!r} was not trained to classify: it has no weights for "
            f"{', '.join(sorted(report['missing_keys'])[:3])}"
        )
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
        model.config.pad_token_id = tokenizer.pad_token_id
    return model.to(device).eval(), tokenizer


def _limit(model: Any, tokenizer: Any) -> int:
    """RoBERTa models lose the positions before the first token's."""
    limits = [tokenizer.model_max_length]
    for name, module in model.named_modules():
        if name.endswith("position_embeddings") and hasattr(module, "num_embeddings"):
            lost = 0 if module.padding_idx is None else module.padding_idx + 1
            limits.append(module.num_embeddings - lost)
    stated = min(limits)
    return int(stated) if stated < _NO_LIMIT else getattr(model.config, "max_position_embeddings", None) or _LONGEST
