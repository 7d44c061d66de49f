"""Word pieces of posts, their windows and their shapes."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings

from alphaads_pipelines.nlp import tokenisation as pieces_module
from alphaads_pipelines.nlp.artifact import SHIPPED, TOKENIZER
from alphaads_pipelines.nlp.normalisation import normalise
from alphaads_pipelines.nlp.tokenisation import SHAPES, WINDOW, WordPieces, shape_of
from tests.nlp.texts import AWKWARD, TEXTS

PIECES = WordPieces(SHIPPED / TOKENIZER)


def _shapes(*texts: str) -> list[int]:
    return [shape_of(text) for text in texts]


def test_a_text_becomes_one_window_between_two_end_marks() -> None:
    [normal], [window] = PIECES.windows(["Acme unbelievably"])
    words = [normal.text[start:end] for start, end in window.offsets]
    assert words[0] == words[-1] == ""
    assert "".join(words) == "Acmeunbelievably"
    assert len(window.ids) == len(window.shapes) == len(window.offsets) == len(window.starts_word)


def test_the_first_piece_of_a_word_starts_it_and_the_others_do_not() -> None:
    [normal], [window] = PIECES.windows(["Qzxwv likes Qzxwv!"])
    starts = [normal.text[at] for (at, _), first in zip(window.offsets, window.starts_word, strict=True) if first]
    assert starts == ["Q", "Q", "l", "Q", "!", "Q"], "the end marks stand at 0 and count as words"
    assert len(window.ids) > len(starts)


def test_windows_stand_in_the_order_of_their_posts() -> None:
    texts = ["short", "word " * 300, "", "end"]
    normal, windows = PIECES.windows(texts)
    assert [each.text for each in normal] == texts
    posts = [window.post for window in windows]
    assert posts == sorted(posts)
    assert set(posts) == {0, 1, 2, 3}
    assert posts.count(1) == 3


def test_the_windows_of_a_long_post_hold_all_of_it_once_and_in_order() -> None:
    text = " ".join(f"word{number}" for number in range(1_100))
    [normal], windows = PIECES.windows([text])
    assert len(windows) > 20
    assert all(len(window.ids) <= WINDOW for window in windows)
    places = [place for window in windows for place in window.offsets if place != (0, 0)]
    assert all(before[1] <= after[0] for before, after in pairwise(places))
    assert "".join(normal.text[start:end] for start, end in places) == text.replace(" ", "")


@pytest.mark.parametrize("text", ["", " ", "\u200b", "\ud800"])
def test_a_post_without_anything_has_a_window_of_end_marks(text: str) -> None:
    _, [window] = PIECES.windows([text])
    assert window.offsets == [(0, 0), (0, 0)]


@settings(max_examples=60)
@given(TEXTS)
def test_any_string_has_windows_that_are_the_same_beside_other_texts(text: str) -> None:
    [normal], windows = PIECES.windows([text])
    assert normal == normalise(text)
    for window in windows:
        assert len(window.ids) <= WINDOW
        assert all(0 <= start <= end <= len(normal.text) for start, end in window.offsets)
        assert all(0 <= shape < SHAPES for shape in window.shapes)
    _, together = PIECES.windows(["something else", text])
    assert [(each.ids, each.offsets, each.shapes) for each in together if each.post == 1] == [
        (each.ids, each.offsets, each.shapes) for each in windows
    ]


@pytest.mark.parametrize("text", AWKWARD, ids=lambda text: f"{len(text)} of {text[:12]!a}")
def test_awkward_texts_have_windows(text: str) -> None:
    _, windows = PIECES.windows([text])
    assert 1 <= len(windows) <= 300


def test_capitals_are_told_by_shape_for_the_vocabulary_has_none() -> None:
    _, [lower, title, upper] = PIECES.windows(["apple", "Apple", "APPLE"])
    assert lower.ids == title.ids == upper.ids
    assert len({lower.shapes[1], title.shapes[1], upper.shapes[1]}) == 3


def test_the_shapes_of_pieces() -> None:
    every = _shapes("", "a", "Apple", "USA", "I", "iPhone", "2020", "!")
    assert every == list(range(SHAPES))
    assert _shapes("ß", "É", "4s", "S4", "愛", "😡") == [1, 4, 1, 3, 5, 7]


def test_shapes_are_remembered_only_so_far(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    real = shape_of
    monkeypatch.setattr(pieces_module, "shape_of", lambda piece: asked.append(piece) or real(piece))
    fresh = WordPieces(SHIPPED / TOKENIZER)
    fresh.windows(["apple", "apple"])
    assert asked.count("apple") == 1
    fresh._shapes.update((str(number), 0) for number in range(100_001))
    fresh.windows(["banana"])
    assert len(fresh._shapes) < 10
