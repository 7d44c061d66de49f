"""The peer of `bench nlp`: the encoder all-MiniLM-L6-v2 in fp32 under ONNX Runtime, without heads.

A separate process exports it (`python -m benchmarks.minilm FILE`), to keep torch out of the measurement.
"""

from __future__ import annotations

import subprocess
import sys
import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from alphaads_pipelines.nlp.training.recipe import STARTING_LAYERS, demand_packages, starting_weights

NAME = "all-MiniLM-L6-v2, fp32, ONNX Runtime"
_BATCH = 32


class MiniLm:
    """A session with default threads. Raises MissingArtifact without the extra `training`."""

    def __init__(self, folder: Path) -> None:
        demand_packages()
        import onnxruntime
        from tokenizers import Tokenizer

        path = folder / "minilm.onnx"
        subprocess.run([sys.executable, "-m", __name__, path], check=True, stdout=subprocess.DEVNULL)  # noqa: S603
        self._session: Any = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        self._tokenizer = Tokenizer.from_file(str(starting_weights() / "tokenizer.json"))
        self._tokenizer.no_padding()
        self.pieces = 0

    def seconds(self, texts: Sequence[str]) -> tuple[float, float]:
        """Time tokenisation and network, in batches of 32 by length."""
        started = time.perf_counter()
        ids = sorted((each.ids for each in self._tokenizer.encode_batch(list(texts))), key=len)
        batches = [_arrays(ids[start : start + _BATCH]) for start in range(0, len(ids), _BATCH)]
        tokenised = time.perf_counter()
        for batch in batches:
            self._session.run(None, batch)
        self.pieces = sum(map(len, ids))
        return tokenised - started, time.perf_counter() - tokenised


def _arrays(group: Sequence[list[int]]) -> dict[str, Any]:
    ids, mask = (np.zeros((len(group), len(group[-1])), np.int64) for _ in range(2))
    for row, each in enumerate(group):
        ids[row, : len(each)], mask[row, : len(each)] = each, 1
    return {"ids": ids, "mask": mask}


def export(path: Path) -> None:
    """Export to ONNX: ids and mask (posts, pieces) in, hidden (posts, pieces, 384) out."""
    import torch
    from safetensors.torch import load_file

    from alphaads_pipelines.nlp.training.network import Shape, build, start_from_minilm

    class Nothing(torch.nn.Module):  # type: ignore[misc]
        def forward(self, _shapes: torch.Tensor) -> float:
            return 0.0

    class Encoder(torch.nn.Module):  # type: ignore[misc]
        def __init__(self, network: torch.nn.Module) -> None:
            super().__init__()
            self.network = network

        def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
            return self.network(ids, ids, mask)[1]

    weights = load_file(starting_weights() / "model.safetensors")
    network = build(Shape(len(weights["embeddings.word_embeddings.weight"])))
    start_from_minilm(network, weights, list(range(STARTING_LAYERS)), {})
    network.shapes, network.tagger = Nothing(), torch.nn.Identity()  # removes our additions; unused heads are dropped
    ids, names = torch.ones(2, 8, dtype=torch.long), ("ids", "mask", "hidden")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the newer exporter needs another package
        torch.onnx.export(
            Encoder(network).eval(),
            (ids, torch.ones_like(ids)),
            str(path),
            input_names=names[:2],
            output_names=names[2:],
            dynamic_axes={name: {0: "posts", 1: "pieces"} for name in names},
            dynamo=False,
        )


if __name__ == "__main__":
    export(Path(sys.argv[1]))
