"""A tiny artifact of our own kind with random weights, made on the spot and written as training writes a real one."""

from __future__ import annotations

from pathlib import Path

from alphaads_pipelines.nlp.artifact import MODEL, TOKENIZER, Calibration, Manifest, digest, write_manifest
from alphaads_pipelines.nlp.heads import HEADS, TAGS

_WORDS = "i love hate this phone the bus is at what a great bad day . , ! ? '".split()
_SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def save_artifact(folder: Path) -> Path:
    """One layer of 24 dimensions; letters are its words, beside a few real ones."""
    import torch

    from alphaads_pipelines.nlp.training.graph import GraphWriter, observed_ranges
    from alphaads_pipelines.nlp.training.network import Shape, build

    folder.mkdir(parents=True, exist_ok=True)
    size = _save_tokenizer(folder / TOKENIZER)
    torch.set_num_threads(1)  # more would wait for each other longer than they work
    torch.manual_seed(7)
    network = build(Shape(size, layers=1, hidden=24, attention_heads=2, inner=48)).eval()
    ids = torch.arange(size).reshape(1, -1)
    ranges = observed_ranges(network, [{"ids": ids, "shapes": torch.zeros_like(ids), "mask": torch.ones_like(ids)}])
    weights = {name: value.numpy() for name, value in network.state_dict().items()}
    GraphWriter(weights, ranges, attention_heads=2).write(folder / MODEL)
    write_manifest(folder, _manifest(folder))
    return folder


def _save_tokenizer(path: Path) -> int:
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    letters = "abcdefghijklmnopqrstuvwxyz0123456789"
    pieces = dict.fromkeys([*_SPECIAL, *_WORDS, *letters, *(f"##{letter}" for letter in letters)])
    vocabulary = {piece: number for number, piece in enumerate(pieces)}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    ends = ("[SEP]", vocabulary["[SEP]"]), ("[CLS]", vocabulary["[CLS]"])
    tokenizer.post_processor = processors.BertProcessing(*ends)
    tokenizer.save(str(path))
    return len(vocabulary)


def _manifest(folder: Path) -> Manifest:
    return Manifest(
        name="tiny",
        version="1",
        files={name: digest(folder / name) for name in (MODEL, TOKENIZER)},
        heads=HEADS,
        tags=TAGS,
        calibration={task: Calibration(1.0, (0.0,) * len(labels)) for task, labels in HEADS.items()},
        reliability={},
        validation={},
        recipe={"seed": 7},
    )
