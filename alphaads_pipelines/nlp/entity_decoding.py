"""Decodes tags of word pieces into entities of the text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from alphaads_pipelines.nlp.base import Entity
from alphaads_pipelines.nlp.normalisation import MENTION, Normal
from alphaads_pipelines.nlp.tokenisation import Window


def entities_of(text: str, normal: Normal, window: Window, tags: Sequence[str]) -> list[Entity]:
    """Decode the tags of one window.

    Parameters
    ----------
    text: the post; offsets refer to it.
    tags: BIO tag per piece; a word takes its first piece's tag, and a stray I- starts an entity.
    """
    found = []
    for kind, start, end in _spans(window, tags):
        said = normal.text[start:end]
        if MENTION in said or not any(character.isalnum() for character in said):
            continue
        first, last = normal.span_in_post(start, end)
        found.append(Entity(text[first:last], kind, first, last))
    return found


def _spans(window: Window, tags: Sequence[str]) -> Iterator[tuple[str, int, int]]:
    kind, start, end = "", 0, 0
    for (at, until), starts_word, tag in zip(window.offsets, window.starts_word, tags, strict=True):
        if at == until:
            continue
        if not starts_word:
            end = until if kind else end
            continue
        mark, _, said = tag.partition("-")
        if kind and (mark != "I" or said != kind):
            yield kind, start, end
            kind = ""
        if said and not kind:
            kind, start = said, at
        if kind:
            end = until
    if kind:
        yield kind, start, end
