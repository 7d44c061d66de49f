"""Entities from any installed spaCy pipeline, replacing a tier's own.

Its labels map to our types by name (OntoNotes, WikiNER, WNUT17, spaCy's own); others (dates, amounts, events, MISC) are
dropped. Offsets refer to the post.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from alphaads_pipelines.errors import ConfigurationError, MissingArtifact
from alphaads_pipelines.nlp.base import Entity, Model, Score, Scorer
from alphaads_pipelines.nlp.hub import digest_of
from alphaads_pipelines.nlp.text import LONGEST

if TYPE_CHECKING:
    from alphaads_pipelines.nlp.reliability import Reliability

_NAMES = {
    "PER": "per person persname prs",
    "LOC": "loc location gpe fac placename geogname gpe_loc facility",
    "ORG": "org organization corporation company orgname gpe_org",
    "PRODUCT": "product prod",
    "WORK": "work work_of_art creative-work wrk",
    "GROUP": "group norp",
}
_TYPES = {name: ours for ours, names in _NAMES.items() for name in names.split()}

_NEVER_NEEDED = frozenset(
    """tagger morphologizer parser senter sentencizer attribute_ruler lemmatizer trainable_lemmatizer textcat
    textcat_multilabel entity_linker span_finder spancat spancat_singlelabel""".split()
)
_EMBEDDINGS = frozenset({"tok2vec", "transformer", "curated_transformer"})
_RULERS = frozenset({"entity_ruler", "future_entity_ruler", "span_ruler"})

_TEXTS_AT_ONCE = 256
_ANY_LANGUAGE = "xx"
_SURROGATES = re.compile("[\ud800-\udfff]")  # spaCy keeps strings as UTF-8, which has none
_INVISIBLE = re.compile("[\xad\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff]")  # they would stick to words
_UNBROKEN = re.compile(r"(\S{100})\S")
"""A space replaces every 101st unspaced character: spaCy's tokenizer is quadratic in unspaced text (ten seconds for ten
thousand emoji)."""


class SpacyEntities:
    """A spaCy pipeline, loaded by name or folder.

    Raises
    ------
    MissingArtifact: spaCy or the pipeline is absent or damaged.
    ConfigurationError: it finds no entities of our types.
    """

    def __init__(self, pipeline: str) -> None:
        self._nlp = _load(pipeline)
        self._splits_at_spaces = type(self._nlp.tokenizer).__name__ == "Tokenizer"
        factories = {name: self._nlp.get_pipe_meta(name).factory for name in self._nlp.pipe_names}
        finders = [name for name, factory in factories.items() if factory not in _NEVER_NEEDED | _EMBEDDINGS]
        labels = {str(label) for name in finders for label in getattr(self._nlp.get_pipe(name), "labels", ())}
        if not finders or not any(label.lower() in _TYPES for label in labels):
            raise ConfigurationError(
                f"ENTITY_MODEL: the pipes of {pipeline!r} are {', '.join(factories) or 'none'}, their entities "
                f"{', '.join(sorted(labels)) or 'none'}; {', '.join(_NAMES)} or other names for them are needed"
            )
        if not _RULERS.intersection(factories.values()):
            self._nlp.select_pipes(disable=[name for name, factory in factories.items() if factory in _NEVER_NEEDED])

    @property
    def language(self) -> str | None:
        """The pipeline's language; None for any."""
        return None if self._nlp.lang == _ANY_LANGUAGE else str(self._nlp.lang)

    @property
    def model(self) -> Model:
        """Name and version; for a folder, which may be retrained, also a digest."""
        meta, path = self._nlp.meta, self._nlp.path
        is_package = path is None or any(part == "site-packages" for part in Path(path).parts)
        digest = "" if is_package else f"-{digest_of(file for file in Path(path).rglob('*') if file.is_file())}"
        return Model(f"{meta['lang']}_{meta['name']}", f"{meta['version']}{digest}")

    def find(self, texts: Sequence[str]) -> list[list[Entity]]:
        """Find each text's entities in its first `LONGEST` characters. Accepts any string."""
        readable = [_readable(text) for text in texts]
        if self._splits_at_spaces:
            readable = [_UNBROKEN.sub(r"\1 ", text) for text in readable]
        docs = self._nlp.pipe(readable, batch_size=_TEXTS_AT_ONCE)
        return [_entities(text, doc) for text, doc in zip(texts, docs, strict=True)]


class WithEntities(Scorer):
    """A scorer whose entities come from a spaCy pipeline."""

    def __init__(self, scorer: Scorer, entities: SpacyEntities) -> None:
        self.scorer, self._entities = scorer, entities
        self.tier = scorer.tier  # type: ignore[misc]  # it is still that tier
        self._model = _both(scorer.model, entities.model)

    @property
    def model(self) -> Model:
        """Of both."""
        return self._model

    def reliability(self) -> Mapping[str, Reliability]:
        """Of the scorer."""
        return self.scorer.reliability()

    def score(self, texts: Sequence[str]) -> list[Score]:
        """Score with the pipeline's entities; null for other languages."""
        scores = self.scorer.score(texts)
        reasons = [self._refuses(score) for score in scores]
        found = iter(self._entities.find([text for text, reason in zip(texts, reasons, strict=True) if not reason]))
        return [
            _replaced(score, None if reason else next(found), reason)
            for score, reason in zip(scores, reasons, strict=True)
        ]

    def _refuses(self, score: Score) -> str | None:
        if score.null_reasons.get("language") == "no_words":
            return "no_words"
        is_other = self._entities.language is not None and score.language not in {None, self._entities.language}
        return "unsupported_language" if is_other else None


def _load(pipeline: str) -> Any:
    try:
        import spacy
    except ModuleNotFoundError as error:
        raise MissingArtifact(
            f"a spaCy pipeline needs the package {error.name!r}: run `make install-models`, or install the extra: "
            "`pip install 'alpha-creators-ads[spacy]'`"
        ) from error
    try:
        return spacy.load(pipeline)
    except OSError as error:
        raise MissingArtifact(
            f"there is no spaCy pipeline {pipeline!r}: `python -m spacy download {pipeline}` installs one of "
            "spaCy's own; or give the folder of a trained one"
        ) from error
    except (ValueError, KeyError, TypeError, EOFError, ImportError) as error:
        raise MissingArtifact(
            f"the spaCy pipeline {pipeline!r} cannot be loaded ({type(error).__name__}): it is damaged, made for "
            f"another version of spaCy, or needs one more package; `python -m spacy validate` tells"
        ) from error


def _readable(text: str) -> str:
    return _INVISIBLE.sub("", _SURROGATES.sub("\ufffd", text[:LONGEST]))


def _entities(text: str, doc: Any) -> list[Entity]:
    known = [(found, _TYPES[found.label_.lower()]) for found in doc.ents if found.label_.lower() in _TYPES]
    if not known:
        return []
    read = [place for place, character in enumerate(text[:LONGEST]) if not _INVISIBLE.match(character)]
    places = [(read[found.start_char], read[found.end_char - 1] + 1, ours) for found, ours in known]
    return [Entity(text[start:end], ours, start, end) for start, end, ours in places]


def _both(one: Model, other: Model) -> Model:
    return Model(f"{one.name}+{other.name}", f"{one.version}+{other.version}")


def _replaced(score: Score, entities: list[Entity] | None, reason: str | None) -> Score:
    others = {field: why for field, why in score.null_reasons.items() if field != "entities"}
    reasons = others if reason is None else {**others, "entities": reason}
    return msgspec.structs.replace(score, entities=entities, null_reasons=reasons)
