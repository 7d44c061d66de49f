"""Scorers by tier; a new model is a file in this room and a line here."""

from alphaads_pipelines.nlp.base import Options, Scorer
from alphaads_pipelines.registry import Registry

SCORERS: Registry[Scorer] = Registry(
    "scorer tier",
    {
        "lexicon": "alphaads_pipelines.nlp.lexicon:LexiconScorer",
    },
)


def build_scorer(tier: str, options: Options = Options()) -> Scorer:
    """The scorer of a tier, loaded and ready."""
    return SCORERS.load(tier)(options)
