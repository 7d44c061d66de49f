"""Names of a micro-batch's steps, apart from their work, so that definitions load fast."""

from __future__ import annotations

from enum import StrEnum


class Stage(StrEnum):
    """The steps of a micro-batch, in order."""

    ACCEPT = "accept"
    SCORE = "score"
    FOLD = "fold"
    PUBLISH = "publish"


STAGES: tuple[Stage, ...] = tuple(Stage)
