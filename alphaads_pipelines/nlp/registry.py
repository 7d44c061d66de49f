"""Scorers by tier. A new one is a file in this folder and a line here."""

from alphaads_pipelines.nlp.base import Options, Scorer
from alphaads_pipelines.registry import Registry

SCORERS: Registry[Scorer] = Registry(
    "scorer tier",
    {
        "lexicon": "alphaads_pipelines.nlp.lexicon:LexiconScorer",
        "neural": "alphaads_pipelines.nlp.neural:NeuralScorer",
        "cascade": "alphaads_pipelines.nlp.cascade:CascadeScorer",
        "transformers": "alphaads_pipelines.nlp.huggingface:TransformersScorer",
    },
)


def build_scorer(tier: str, options: Options = Options()) -> Scorer:
    """Load the scorer of a tier; with `entity_model`, a spaCy pipeline finds its entities."""
    scorer = SCORERS.load(tier)(options)
    if options.entity_model is None:
        return scorer
    from alphaads_pipelines.nlp.spacy_entities import SpacyEntities, WithEntities

    return WithEntities(scorer, SpacyEntities(options.entity_model))
