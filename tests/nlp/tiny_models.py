"""Tiny Hugging Face classifiers, made and fitted on the spot and saved as real ones are."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from alphaads_pipelines.nlp.base import Options
from alphaads_pipelines.schema.tables import EMOTIONS, SENTIMENTS

SENTIMENT_EXAMPLES = {
    "I love this phone": "positive",
    "love it, great phone": "positive",
    "Worst service ever, I am furious": "negative",
    "worst phone, furious": "negative",
    "the bus is at 9": "neutral",
    "the service is at the station": "neutral",
}
EMOTION_EXAMPLES = {
    "I love this phone": "joy",
    "love it, great phone": "joy",
    "Worst service ever, I am furious": "anger",
    "worst phone, furious": "anger",
    "the bus is at 9": "neutral",
    "the service is at the station": "neutral",
}
_SPECIAL = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
_STEPS = 40
POSITIONS = 66
"""A RoBERTa of so many positions reads 64 tokens."""


def save_classifier(
    folder: Path,
    labels: Sequence[str],
    examples: Mapping[str, str] | None = None,
    *,
    old_layout: bool = False,
    **config: Any,
) -> Path:
    """A RoBERTa of 32 dimensions: random, or fitted to `examples`.

    Parameters
    ----------
    old_layout: pytorch_model.bin, vocab.json and merges.txt, as Cardiff's models have; else safetensors and
        tokenizer.json.
    config: what else config.json says.
    """
    import torch
    from transformers import RobertaConfig, RobertaForSequenceClassification

    tokenizer = _tokenizer(list(examples or SENTIMENT_EXAMPLES))
    names = dict(enumerate(labels))
    shape = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64}
    settings = {"vocab_size": len(tokenizer), "max_position_embeddings": POSITIONS, "type_vocab_size": 1} | config
    torch.set_num_threads(1)  # more would wait for each other longer than they work
    torch.manual_seed(7)
    model = RobertaForSequenceClassification(
        RobertaConfig(**shape, id2label=names, label2id={name: place for place, name in names.items()}, **settings)
    )
    if examples is not None:
        _fit(model, tokenizer, list(examples), [list(labels).index(label) for label in examples.values()])
    model.save_pretrained(folder)
    if old_layout:
        torch.save(model.state_dict(), folder / "pytorch_model.bin")
        (folder / "model.safetensors").unlink()
        tokenizer.backend_tokenizer.model.save(str(folder))
        special = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>"}
        (folder / "special_tokens_map.json").write_text(json.dumps(special))
    else:
        tokenizer.save_pretrained(folder)
    return folder


def tiny_options(folder: Path) -> Options:
    """Options of the transformers tier with two fitted models under `folder`, made at the first call."""
    sentiment, emotion = folder / "cardiffnlp" / "tiny-sentiment", folder / "tiny-emotion"
    if not emotion.exists():
        save_classifier(sentiment, SENTIMENTS, SENTIMENT_EXAMPLES, old_layout=True)
        save_classifier(emotion, EMOTIONS, EMOTION_EXAMPLES)
    return Options(sentiment_model=str(sentiment), emotion_model=str(emotion), device="cpu", threads=1)


def _tokenizer(texts: Sequence[str]) -> Any:
    from tokenizers import ByteLevelBPETokenizer, processors
    from transformers import PreTrainedTokenizerFast

    byte_level = ByteLevelBPETokenizer()
    byte_level.train_from_iterator(texts, vocab_size=400, min_frequency=1, special_tokens=_SPECIAL, show_progress=False)
    byte_level.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
    return PreTrainedTokenizerFast(
        tokenizer_object=byte_level, bos_token="<s>", eos_token="</s>", pad_token="<pad>", unk_token="<unk>"
    )


def _fit(model: Any, tokenizer: Any, texts: list[str], labels: list[int]) -> None:
    import torch

    batch = tokenizer(texts, padding=True, return_tensors="pt")
    batch.pop("token_type_ids", None)
    model.eval()  # no dropout
    optimizer = torch.optim.Adam(model.parameters(), 0.01)
    for _ in range(_STEPS):
        optimizer.zero_grad()
        model(**batch, labels=torch.tensor(labels)).loss.backward()
        optimizer.step()
