"""Score cache for repeated texts (reposts)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice

from alphaads_pipelines.nlp.base import Score

_TEXTS, _LENGTH = 20_000, 400


class ScoreCache:
    """Caches scores of short texts; cleared when full."""

    def __init__(self) -> None:
        self._scores: dict[str, Score] = {}

    def score(self, texts: Sequence[str], score_all: Callable[[list[str]], list[Score]]) -> list[Score]:
        """Return one score per text; `score_all` gets each uncached text once."""
        new = [text for text in dict.fromkeys(texts) if text not in self._scores]
        fresh = dict(zip(new, score_all(new), strict=True)) if new else {}
        scores = [fresh.get(text) or self._scores[text] for text in texts]
        self._remember(fresh)
        return scores

    def _remember(self, fresh: dict[str, Score]) -> None:
        if len(self._scores) + len(fresh) > _TEXTS:
            self._scores.clear()
        short = (text for text in fresh if len(text) <= _LENGTH)
        self._scores.update((text, fresh[text]) for text in islice(short, _TEXTS))
