"""Exports a fitted network as an 8-bit ONNX graph.

Weights: per output channel, symmetric. Embeddings: per row. Activations: ranges fixed from training texts, so a text
scores the same in any batch. Nodes are written directly: exporters add shape arithmetic, and ONNX Runtime's fusions of
it are slower on a CPU (SkipLayerNormalization took a seventh of the time).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from alphaads_pipelines.nlp.heads import HEADS

Floats = npt.NDArray[np.float32]
Range = tuple[float, float]

_OPSET, _IR = 20, 10
_EPSILON = 1e-12
_WEIGHT_STEPS = 63
"""Seven bits: with eight, CPUs without VNNI saturate their 16-bit sums and score differently."""


class GraphWriter:
    """Writes one network.

    Parameters
    ----------
    weights: parameters by name (training/network.py).
    ranges: lowest and highest input of each layer's four multiplications ("layers.0.qkv", ...).
    attention_heads: per layer.
    """

    def __init__(self, weights: Mapping[str, Floats], ranges: Mapping[str, Range], attention_heads: int) -> None:
        self._weights, self._ranges, self._attention_heads = weights, ranges, attention_heads
        self._nodes: list[Any] = []
        self._constants: list[Any] = []
        self._quantized: dict[str, str] = {}

    def write(self, path: Path) -> None:
        """Write the model: inputs ids, shapes, mask (posts, pieces); outputs labels (heads, posts, most labels of a
        head) and tags (posts, pieces, tags), all logits."""
        import onnx
        from onnx import TensorProto, helper

        self._encoder()
        self._heads()
        size = ["posts", "pieces"]
        inputs = [helper.make_tensor_value_info(name, TensorProto.INT64, size) for name in ("ids", "shapes", "mask")]
        outputs = [
            helper.make_tensor_value_info("labels", TensorProto.FLOAT, [len(HEADS), "posts", None]),
            helper.make_tensor_value_info("tags", TensorProto.FLOAT, [*size, None]),
        ]
        graph = helper.make_graph(self._nodes, "alphaads", inputs, outputs, self._constants)
        opsets = [helper.make_opsetid("", _OPSET), helper.make_opsetid("com.microsoft", 1)]
        onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=_IR, producer_name="alphaads"), str(path))

    def _encoder(self) -> None:
        words = self._embedded_words()
        length = self._node("Gather", [self._node("Shape", ["ids"]), self._constant("one", np.array([1]))])
        zero = self._constant("zero", np.array([0]))
        rows = self._node("Slice", [self._weight("positions.weight"), zero, length, zero])
        shapes = self._node("Gather", [self._weight("shapes.weight"), "shapes"])
        hidden = self._norm(self._node("Add", [self._node("Add", [words, shapes]), rows]), "norm")
        self._key_mask = self._node("Cast", ["mask"], to=6)
        layers = 1 + max(int(name.split(".")[1]) for name in self._weights if name.startswith("layers."))
        for number in range(layers):
            hidden = self._layer(hidden, f"layers.{number}")
        self._hidden = hidden

    def _embedded_words(self) -> str:
        table = self._weights["words.weight"]
        scale = np.maximum(np.abs(table).max(1, keepdims=True), 1e-8) / 127
        small = self._constant("words", np.round(table / scale).astype(np.int8))
        scales = self._constant("words.scale", scale.astype(np.float32))
        rows = self._node("Cast", [self._node("Gather", [small, "ids"])], to=1)
        return self._node("Mul", [rows, self._node("Gather", [scales, "ids"])])

    def _layer(self, hidden: str, name: str) -> str:
        size = self._weights[f"{name}.out.weight"].shape[0]
        weight, bias = self._weights[f"{name}.qkv.weight"], self._weights[f"{name}.qkv.bias"]
        parts = [
            self._linear(hidden, f"{name}.qkv", weight[at : at + size], bias[at : at + size], f".{at}")
            for at in range(0, 3 * size, size)
        ]
        seen = self._node(
            "MultiHeadAttention",
            [*parts, "", self._key_mask],
            domain="com.microsoft",
            num_heads=self._attention_heads,
        )
        hidden = self._norm(self._node("Add", [hidden, self._whole(seen, f"{name}.out")]), f"{name}.attention_norm")
        inner = self._node("Gelu", [self._whole(hidden, f"{name}.up")])
        return self._norm(self._node("Add", [hidden, self._whole(inner, f"{name}.down")]), f"{name}.norm")

    def _whole(self, source: str, name: str) -> str:
        return self._linear(source, name, self._weights[f"{name}.weight"], self._weights[f"{name}.bias"])

    def _linear(self, source: str, name: str, weight: Floats, bias: Floats, part: str = "") -> str:
        small, scale = _small(weight.T)
        activation, step, zero = self._activation(source, name)
        inputs = [
            activation,
            self._constant(f"{name}{part}.weight", small),
            step,
            self._constant(f"{name}{part}.scale", scale),
            zero,
            self._constant(f"{name}{part}.zero", np.zeros(len(scale), np.int8)),
            self._constant(f"{name}{part}.bias", bias),
        ]
        return self._node("MatMulIntegerToFloat", inputs, domain="com.microsoft")

    def _activation(self, source: str, name: str) -> tuple[str, str, str]:
        """A value's 8-bit form (written once), step and zero point."""
        step, zero = f"{name}.step", f"{name}.zero_point"
        if source not in self._quantized:
            low, high = (min(0.0, self._ranges[name][0]), max(0.0, self._ranges[name][1]))
            width = max(high - low, 1e-6) / 255
            self._constant(step, np.float32(width))
            self._constant(zero, np.uint8(round(-low / width)))
            self._quantized[source] = self._node("QuantizeLinear", [source, step, zero])
        return self._quantized[source], step, zero

    def _norm(self, source: str, name: str) -> str:
        scale, bias = self._weight(f"{name}.weight"), self._weight(f"{name}.bias")
        return self._node("LayerNormalization", [source, scale, bias], axis=-1, epsilon=_EPSILON)

    def _heads(self) -> None:
        mask = self._node("Cast", ["mask"], to=1)
        minus = self._node("Sub", [mask, self._constant("full", np.float32(1.0))])
        hidden_from = self._node("Mul", [minus, self._constant("huge", np.float32(10_000.0))])
        wide = self._node("Unsqueeze", [hidden_from, self._constant("last", np.array([-1]))])
        asked = self._node(
            "MatMul", [self._hidden, self._constant("queries", self._weights["queries.weight"].T.copy())]
        )
        weights = self._node("Softmax", [self._node("Add", [asked, wide])], axis=1)
        pooled = self._node("MatMul", [self._node("Transpose", [weights], perm=[0, 2, 1]), self._hidden])
        matrix, bias = self._stacked()
        # Not MatMul: its summation order depends on the number of posts, and so would a post's score.
        standing = self._node("Unsqueeze", [pooled, self._constant("end", np.array([-1]))])
        each = self._node("Mul", [standing, self._constant("heads", matrix)])
        judged = self._node("ReduceSum", [each, self._constant("inputs", np.array([2]))], keepdims=0)
        biased = self._node("Add", [judged, self._constant("heads.bias", bias[:, 0])])
        self._node("Transpose", [biased], output="labels", perm=[1, 0, 2])
        tagger = self._constant("tagger", self._weights["tagger.weight"].T.copy())
        tagged = self._node("MatMul", [self._hidden, tagger])
        self._node("Add", [tagged, self._weight("tagger.bias")], output="tags")

    def _stacked(self) -> tuple[Floats, Floats]:
        """All heads' weights (heads, in, most labels) and biases, padded with 0."""
        most, size = max(map(len, HEADS.values())), self._weights["tagger.weight"].shape[1]
        matrix, bias = np.zeros((len(HEADS), size, most), np.float32), np.zeros((len(HEADS), 1, most), np.float32)
        for number, labels in enumerate(HEADS.values()):
            matrix[number, :, : len(labels)] = self._weights[f"heads.{number}.weight"].T
            bias[number, 0, : len(labels)] = self._weights[f"heads.{number}.bias"]
        return matrix, bias

    def _weight(self, name: str) -> str:
        return self._constant(name, self._weights[name])

    def _constant(self, name: str, value: Any) -> str:
        from onnx import numpy_helper

        self._constants.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def _node(self, operator: str, inputs: list[str], *, output: str | None = None, **attributes: Any) -> str:
        from onnx import helper

        name = output or f"{operator}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(operator, inputs, [name], name=name, **attributes))
        return name


def _small(matrix: Floats) -> tuple[npt.NDArray[np.int8], Floats]:
    scale = np.maximum(np.abs(matrix).max(0), 1e-8) / _WEIGHT_STEPS
    return np.round(matrix / scale).astype(np.int8), scale.astype(np.float32)


def observed_ranges(network: Any, batches: Any, tail: float = 1e-5) -> dict[str, Range]:
    """Observe the input range of each multiplication in the layers, without the `tail` share at either end.

    `batches` are dicts of the tensors ids, shapes and mask.
    """
    import torch

    seen: dict[str, list[Any]] = {}
    keep: dict[str, Any] = {}

    def watch(name: str) -> Any:
        def look(_module: Any, inputs: tuple[Any, ...]) -> None:
            seen.setdefault(name, []).append(inputs[0][keep["mask"]].flatten())

        return look

    linear = [
        (name, each) for name, each in network.named_modules() if name.startswith("layers.") and hasattr(each, "weight")
    ]
    hooks = [each.register_forward_pre_hook(watch(name)) for name, each in linear if each.weight.ndim == 2]
    with torch.no_grad():
        for batch in batches:
            keep["mask"] = batch["mask"].bool()
            network(batch["ids"], batch["shapes"], batch["mask"])
    for hook in hooks:
        hook.remove()
    return {name: _range(torch.cat(values).numpy(), tail) for name, values in seen.items()}


def _range(values: Floats, tail: float) -> Range:
    least = max(1, round(len(values) * tail))
    return float(np.partition(values, least)[least]), float(np.partition(values, -least)[-least])
