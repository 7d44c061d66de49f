"""Entities by spaCy pipelines that are made on the spot: rulers, and a `ner` that was trained."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from alphaads_pipelines.errors import ConfigurationError, MissingArtifact
from alphaads_pipelines.nlp.base import Entity, Options
from alphaads_pipelines.nlp.registry import build_scorer
from alphaads_pipelines.nlp.spacy_entities import SpacyEntities, WithEntities
from alphaads_pipelines.nlp.text import LONGEST
from tests.nlp.packages import NEEDS_SPACY
from tests.nlp.texts import AWKWARD, TEXTS

pytestmark = NEEDS_SPACY
EXAMPLES = [
    ("Ann Miller lives in Rome", [(0, 10, "PERSON"), (20, 24, "GPE")]),
    ("I met Ann Miller today", [(6, 16, "PERSON")]),
    ("Rome is far", [(0, 4, "GPE")]),
    ("we go to Rome on Monday", [(9, 13, "GPE"), (17, 23, "DATE")]),
]


def _ruler(folder: Path, labels: dict[str, str], language: str = "en") -> str:
    """A pipeline that finds each of the words and calls it by its label."""
    import spacy

    pipeline = spacy.blank(language)
    patterns: list[Any] = [{"label": label, "pattern": word} for word, label in labels.items()]
    pipeline.add_pipe("entity_ruler").add_patterns(patterns)
    pipeline.to_disk(folder)
    return str(folder)


@pytest.fixture(scope="module")
def finder(trained: str) -> SpacyEntities:
    return SpacyEntities(trained)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A pipeline as spaCy's own are built: a shared tok2vec, a `ner` that listens to it, and pipes of no concern."""
    import spacy
    from spacy.training import Example

    pipeline = spacy.blank("en")
    pipeline.add_pipe("tok2vec", config={"model": {"width": 32, "depth": 1, "embed_size": 200}})
    listener = {"@architectures": "spacy.Tok2VecListener.v1", "width": 32, "upstream": "*"}
    pipeline.add_pipe("ner", config={"model": {"tok2vec": listener, "hidden_width": 16}})
    pipeline.add_pipe("sentencizer")
    examples = [Example.from_dict(pipeline.make_doc(text), {"entities": entities}) for text, entities in EXAMPLES]
    spacy.util.fix_random_seed(7)
    optimizer = pipeline.initialize(lambda: examples)
    for _ in range(80):
        pipeline.update(examples, sgd=optimizer, drop=0.0)
    folder = tmp_path_factory.mktemp("pipelines") / "trained"
    pipeline.to_disk(folder)
    return str(folder)


def test_a_trained_pipeline_finds_what_it_learned_under_our_names(finder: SpacyEntities) -> None:
    found = finder.find([text for text, _ in EXAMPLES])
    assert found[0] == [Entity("Ann Miller", "PER", 0, 10), Entity("Rome", "LOC", 20, 24)]
    assert found[3] == [Entity("Rome", "LOC", 9, 13)], "a date is none of our types"


def test_pipes_that_find_nothing_do_not_run(finder: SpacyEntities) -> None:
    assert finder._nlp.pipe_names == ["tok2vec", "ner"]


def test_all_pipes_run_before_a_ruler_whose_patterns_may_read_them(tmp_path: Path) -> None:
    import spacy

    pipeline = spacy.blank("en")
    pipeline.add_pipe("sentencizer")
    pattern: Any = {"label": "ORG", "pattern": [{"IS_SENT_START": True, "LOWER": "acme"}]}
    pipeline.add_pipe("entity_ruler").add_patterns([pattern])
    pipeline.to_disk(tmp_path / "ruler")
    found = SpacyEntities(str(tmp_path / "ruler")).find(["Acme sells. Acme buys from acme."])
    assert [entity.start for entity in found[0]] == [0, 12]


def test_a_text_has_the_same_entities_alone_and_in_any_batch(finder: SpacyEntities) -> None:
    texts = [text for text, _ in EXAMPLES] * 70
    assert finder.find(texts) == [finder.find([text])[0] for text in texts[:4]] * 70
    assert finder.find([]) == []


@pytest.mark.parametrize(
    ("label", "ours"),
    [
        *(("PERSON", "PER"), ("PER", "PER"), ("persName", "PER"), ("GPE", "LOC"), ("LOC", "LOC"), ("FAC", "LOC")),
        *(("ORG", "ORG"), ("corporation", "ORG"), ("PRODUCT", "PRODUCT"), ("WORK_OF_ART", "WORK")),
        *(("creative-work", "WORK"), ("NORP", "GROUP"), ("group", "GROUP"), ("MISC", None), ("DATE", None)),
    ],
)
def test_labels_become_ours_or_are_dropped(tmp_path: Path, label: str, ours: str | None) -> None:
    finder = SpacyEntities(_ruler(tmp_path / "ruler", {"Acme": label, "Rome": "LOC"}))
    [found] = finder.find(["Acme in Rome"])
    assert [entity.type for entity in found] == [*([ours] if ours else []), "LOC"]


def test_offsets_are_into_the_posts_own_text_whatever_is_in_it(tmp_path: Path) -> None:
    finder = SpacyEntities(_ruler(tmp_path / "ruler", {"Acme": "ORG"}))
    for before in ("\ud83d ", "👩🏽‍🚀 &amp; ", "\u202e\u2066", "\ufeff", "@ann \n\n", "e\u0301 "):
        text = f"{before}Acme\u202c \udc00"
        assert finder.find([text]) == [[Entity("Acme", "ORG", len(before), len(before) + 4)]]


def test_invisible_characters_cannot_hide_a_name(tmp_path: Path) -> None:
    finder = SpacyEntities(_ruler(tmp_path / "ruler", {"Acme": "ORG"}))
    text = "by \u200bAc\u200b\xadme, Acme"
    assert finder.find([text]) == [[Entity("Ac\u200b\xadme", "ORG", 4, 10), Entity("Acme", "ORG", 12, 16)]]


def test_what_lies_beyond_the_longest_text_is_not_read(tmp_path: Path) -> None:
    finder = SpacyEntities(_ruler(tmp_path / "ruler", {"Acme": "ORG"}))
    filler = "a " * (LONGEST // 2 - 5)
    assert len(finder.find([f"{filler} Acme {filler} Acme"])[0]) == 1


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(text=TEXTS)
def test_any_string_is_accepted(finder: SpacyEntities, text: str) -> None:
    for entity in finder.find([text])[0]:
        assert text[entity.start : entity.end] == entity.text


def test_awkward_strings_are_accepted(finder: SpacyEntities) -> None:
    assert len(finder.find(AWKWARD)) == len(AWKWARD)


def test_a_folders_version_follows_its_files(tmp_path: Path) -> None:
    one, same = (SpacyEntities(_ruler(tmp_path / name, {"Acme": "ORG"})).model for name in "ab")
    other = SpacyEntities(_ruler(tmp_path / "c", {"Apex": "ORG"})).model
    assert (one.name, one == same) == ("en_pipeline", True)
    assert other.name == one.name
    assert other.version != one.version


def test_a_pipeline_that_is_not_installed_names_the_command() -> None:
    with pytest.raises(MissingArtifact, match="python -m spacy download en_core_web_nowhere"):
        SpacyEntities("en_core_web_nowhere")


@pytest.mark.parametrize("file", ["config.cfg", "meta.json", "vocab/strings.json", "ner/model", "tokenizer"])
def test_a_damaged_pipeline_says_so(trained: str, tmp_path: Path, file: str) -> None:
    import shutil

    folder = tmp_path / "damaged"
    shutil.copytree(trained, folder)
    (folder / file).write_bytes((folder / file).read_bytes()[:20])
    with pytest.raises(MissingArtifact, match="damaged"):
        SpacyEntities(str(folder))


def test_spacy_itself_missing_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "spacy", None)
    with pytest.raises(MissingArtifact, match=r"'spacy'.*make install-models.*\[spacy\]"):
        SpacyEntities("en_core_web_sm")


def test_a_pipeline_without_entities_of_ours_is_refused(tmp_path: Path) -> None:
    import spacy

    blank = spacy.blank("en")
    blank.add_pipe("sentencizer")
    blank.to_disk(tmp_path / "blank")
    with pytest.raises(ConfigurationError, match=r"ENTITY_MODEL.*sentencizer"):
        SpacyEntities(str(tmp_path / "blank"))
    with pytest.raises(ConfigurationError, match="DATE, MONEY"):
        SpacyEntities(_ruler(tmp_path / "ruler", {"Monday": "DATE", "euro": "MONEY"}))


def test_a_scorer_with_a_pipeline_is_the_scorer_but_for_its_entities(tmp_path: Path) -> None:
    options = Options(entity_model=_ruler(tmp_path / "ruler", {"Acme": "ORG"}))
    plain, scorer = build_scorer("lexicon"), build_scorer("lexicon", options)
    assert isinstance(scorer, WithEntities)
    assert scorer.tier == "lexicon"
    assert scorer.model.name == f"{plain.model.name}+en_pipeline"
    assert scorer.model.version.startswith(f"{plain.model.version}+0.0.0-")
    texts = ["I love Acme", "Me encanta Acme, gracias por todo", "", "Acme zxcv qwpo"]
    scores, others = scorer.score(texts), plain.score(texts)
    for score, other in zip(scores, others, strict=True):
        assert (score.sentiment, score.emotion, score.language) == (other.sentiment, other.emotion, other.language)
    assert [score.null_reasons.get("entities") for score in scores] == [None, "unsupported_language", "no_words", None]
    assert [score.entities and len(score.entities) for score in scores] == [1, None, None, 1]
    assert scorer.score([]) == []


def test_a_pipeline_for_any_language_reads_every_language(tmp_path: Path) -> None:
    options = Options(entity_model=_ruler(tmp_path / "ruler", {"Acme": "ORG"}, language="xx"))
    [score] = build_scorer("lexicon", options).score(["Me encanta Acme, gracias por todo"])
    assert score.entities == [Entity("Acme", "ORG", 11, 15)]
