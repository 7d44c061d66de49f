"""The network: one BERT-like encoder (Devlin et al. 2019), a pooling query and linear layer per head, and a tagger.

Starts from MiniLM-L6 (Wang et al. 2020, arXiv:2002.10957) trained for sentence embeddings, plus an embedding of each
piece's shape, as the vocabulary is in lower case and names are not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from alphaads_pipelines.nlp.heads import HEADS, TAGS
from alphaads_pipelines.nlp.tokenisation import SHAPES, WINDOW

if TYPE_CHECKING:
    import torch


class Shape(msgspec.Struct, frozen=True):
    """Sizes of a network."""

    vocabulary: int
    layers: int = 6
    hidden: int = 384
    attention_heads: int = 12
    inner: int = 1536
    dropout: float = 0.1


def build(shape: Shape) -> Any:
    """Build an untrained `torch.nn.Module`.

    Its `forward(ids, shapes, mask)` takes integers (posts, pieces) and returns logits of all heads, concatenated to
    (posts, labels), and of the tags, (posts, pieces, tags).
    """
    import torch
    from torch import nn
    from torch.nn import functional

    class Layer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.qkv = nn.Linear(shape.hidden, 3 * shape.hidden)
            self.out = nn.Linear(shape.hidden, shape.hidden)
            self.attention_norm = nn.LayerNorm(shape.hidden, eps=1e-12)
            self.up = nn.Linear(shape.hidden, shape.inner)
            self.down = nn.Linear(shape.inner, shape.hidden)
            self.norm = nn.LayerNorm(shape.hidden, eps=1e-12)

        def forward(self, hidden: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
            posts, pieces, _ = hidden.shape
            split = self.qkv(hidden).view(posts, pieces, 3, shape.attention_heads, -1).permute(2, 0, 3, 1, 4)
            seen = functional.scaled_dot_product_attention(split[0], split[1], split[2], attn_mask=bias)
            seen = self.out(seen.transpose(1, 2).reshape(posts, pieces, shape.hidden))
            hidden = self.attention_norm(hidden + functional.dropout(seen, shape.dropout, self.training))
            inner = self.down(functional.gelu(self.up(hidden)))
            out: torch.Tensor = self.norm(hidden + functional.dropout(inner, shape.dropout, self.training))
            return out

    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.shape = shape
            self.words = nn.Embedding(shape.vocabulary, shape.hidden, sparse=True)
            self.positions = nn.Embedding(WINDOW, shape.hidden)
            self.shapes = nn.Embedding(SHAPES, shape.hidden)
            self.norm = nn.LayerNorm(shape.hidden, eps=1e-12)
            self.layers = nn.ModuleList(Layer() for _ in range(shape.layers))
            self.queries = nn.Linear(shape.hidden, len(HEADS), bias=False)
            self.heads = nn.ModuleList(nn.Linear(shape.hidden, len(labels)) for labels in HEADS.values())
            self.tagger = nn.Linear(shape.hidden, len(TAGS))

        def forward(
            self, ids: torch.Tensor, shapes: torch.Tensor, mask: torch.Tensor
        ) -> tuple[torch.Tensor, torch.Tensor]:
            places = torch.arange(ids.shape[1], device=ids.device)
            hidden = self.norm(self.words(ids) + self.positions(places) + self.shapes(shapes))
            hidden = functional.dropout(hidden, shape.dropout, self.training)
            hidden_from = (1.0 - mask.to(hidden.dtype)) * -10_000.0
            bias = hidden_from[:, None, None, :]
            for layer in self.layers:
                hidden = layer(hidden, bias)
            weights = functional.softmax(self.queries(hidden) + hidden_from[:, :, None], dim=1)
            pooled = weights.transpose(1, 2) @ hidden
            judged = [head(pooled[:, number]) for number, head in enumerate(self.heads)]
            return torch.cat(judged, dim=1), self.tagger(hidden)

    return Network()


def start_from_minilm(network: Any, weights: dict[str, Any], layers: list[int], names: dict[int, list[int]]) -> None:
    """Copy the starting encoder into a network.

    Parameters
    ----------
    weights: BERT tensors by name. layers: those to copy, in order.
    names: emoji piece id -> pieces of its Unicode name, whose mean initialises it.
    """
    import torch

    with torch.no_grad():
        network.words.weight.copy_(weights["embeddings.word_embeddings.weight"])
        for emoji, pieces in names.items():
            network.words.weight[emoji] = network.words.weight[pieces].mean(0)
        kinds = weights["embeddings.token_type_embeddings.weight"][0]
        network.positions.weight.copy_(weights["embeddings.position_embeddings.weight"][:WINDOW] + kinds)
        network.shapes.weight.zero_()
        network.queries.weight.zero_()
        _copy(network.norm, weights, "embeddings.LayerNorm")
        for layer, source in zip(network.layers, layers, strict=True):
            _copy_layer(layer, weights, f"encoder.layer.{source}")


def _copy_layer(layer: Any, weights: dict[str, Any], source: str) -> None:
    import torch

    parts = [f"{source}.attention.self.{name}" for name in ("query", "key", "value")]
    for kind in ("weight", "bias"):
        getattr(layer.qkv, kind).copy_(torch.cat([weights[f"{part}.{kind}"] for part in parts]))
    _copy(layer.out, weights, f"{source}.attention.output.dense")
    _copy(layer.attention_norm, weights, f"{source}.attention.output.LayerNorm")
    _copy(layer.up, weights, f"{source}.intermediate.dense")
    _copy(layer.down, weights, f"{source}.output.dense")
    _copy(layer.norm, weights, f"{source}.output.LayerNorm")


def _copy(module: Any, weights: dict[str, Any], source: str) -> None:
    module.weight.copy_(weights[f"{source}.weight"])
    module.bias.copy_(weights[f"{source}.bias"])
