"""What emoji say."""

from __future__ import annotations

from collections import Counter

import pytest

from alphaads_pipelines.nlp import emoji as emojis
from alphaads_pipelines.schema.tables import EMOTIONS


def test_each_emoji_has_one_place_in_the_table() -> None:
    listed = Counter(emoji for rows in emojis._TABLE.values() for group in rows.values() for emoji in group)
    assert [emoji for emoji, times in listed.items() if times > 1] == []


def test_the_table_holds_single_characters_on_vaders_scale() -> None:
    for emoji, valence in emojis.VALENCE.items():
        assert len(emoji) == 1, "joined emoji are looked at one by one"
        assert emojis.PICTURES.fullmatch(emoji)
        assert valence
        assert -4.0 <= valence <= 4.0
    assert set(emojis.EMOTION.values()) <= set(EMOTIONS)


@pytest.mark.parametrize(("emoji", "sign"), [("😠", -1), ("😡", -1), ("❤", 1), ("😍", 1), ("👎", -1), ("💔", -1)])
def test_what_vader_has_wrong_is_right(emoji: str, sign: int) -> None:
    assert emojis.VALENCE[emoji] * sign >= 2


@pytest.mark.parametrize("emoji", ["🇺🇸", "🎲", "🍕", "🐶", "♿", "🆗"])
def test_things_say_nothing(emoji: str) -> None:
    assert emojis.emoji_in(emoji) == []


def test_a_row_of_one_emoji_counts_three_times() -> None:
    assert emojis.emoji_in("😡" * 50 + "🍕❤") == ["😡", "😡", "😡", "❤"]


def test_skin_tones_do_not_matter() -> None:
    assert emojis.emoji_in("👍🏽") == ["👍"]
