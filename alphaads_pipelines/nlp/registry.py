"""Scorers by tier; a new model is a file in this room and a line here."""

from alphaads_pipelines.nlp.base import Scorer
from alphaads_pipelines.registry import Registry

SCORERS: Registry[Scorer] = Registry(
    "scorer tier",
    {
        "lexicon": "alphaads_pipelines.nlp.lexicon:LexiconScorer",
    },
)
