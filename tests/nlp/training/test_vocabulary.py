"""The vocabulary: unused places are given to emoji."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers

from alphaads_pipelines.nlp.artifact import SHIPPED, TOKENIZER
from alphaads_pipelines.nlp.emoji import VALENCE
from alphaads_pipelines.nlp.normalisation import MENTION, normalise
from alphaads_pipelines.nlp.training.vocabulary import build_tokenizer, emoji_by_use

PIECES = ["[PAD]", "[unused3]", "[unused1]", "[UNK]", "[unused2]", "mention", "pouting", "face", "bread", "®"]


@pytest.fixture
def original(tmp_path: Path) -> Path:
    """A tokenizer with three unused places, in no order, cut and filled up as those of sentence encoders are."""
    words = {piece: number for number, piece in enumerate(PIECES)}
    tokenizer = Tokenizer(models.WordPiece(words, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.enable_truncation(4)
    tokenizer.enable_padding(length=4)
    path = tmp_path / "tokenizer.json"
    tokenizer.save(str(path))
    return path


def test_emoji_come_by_use_behind_those_that_matter_anyway() -> None:
    found = emoji_by_use(["🍕🍕 🍕", "no emoji, only ascii", "🚀 🍕 @ada", "😡", "é"])
    assert found[0] == MENTION
    assert found[1 : 1 + len(VALENCE)] == list(VALENCE)
    assert found[1 + len(VALENCE) :] == ["🍕", "🚀"]


def test_as_many_emoji_get_a_place_as_there_are_and_nothing_else_moves(original: Path) -> None:
    tokenizer, names = build_tokenizer(original, [MENTION, "😡", "®", "🍞", "🚀"])
    vocabulary = tokenizer.get_vocab()
    assert tokenizer.get_vocab_size() == len(PIECES)
    assert {char: vocabulary[char] for char in (MENTION, "😡", "🍞")} == {MENTION: 1, "😡": 2, "🍞": 4}
    assert "🚀" not in vocabulary
    assert all(vocabulary[piece] == at for at, piece in enumerate(PIECES) if "unused" not in piece)
    assert set(names) == {1, 2, 4}


def test_each_emoji_is_described_by_its_name(original: Path) -> None:
    _, names = build_tokenizer(original, [MENTION, "😡", "🍞"])
    assert {at: [PIECES[piece] for piece in ids] for at, ids in names.items()} == {
        1: ["mention"],
        2: ["pouting", "face"],
        4: ["bread"],
    }


def test_texts_are_neither_cut_nor_filled_up_by_it(original: Path) -> None:
    tokenizer, _ = build_tokenizer(original, [MENTION])
    assert len(tokenizer.encode("bread " * 9).ids) == 9
    assert json.loads(tokenizer.to_str())["padding"] is None


def test_the_shipped_vocabulary_has_a_place_for_all_that_feel_something() -> None:
    tokenizer = Tokenizer.from_file(str(SHIPPED / TOKENIZER))
    unknown = tokenizer.token_to_id("[UNK]")
    for char in (MENTION, *VALENCE):
        assert tokenizer.token_to_id(char) is not None, char
        assert unknown not in tokenizer.encode(normalise(f"so{char}good").text).ids, char
