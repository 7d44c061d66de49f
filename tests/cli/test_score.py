"""`alphaads score`: lines in and out, and other people's models: the hub, the environment's token, a spaCy pipeline."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.cli.conftest import Command
from tests.nlp.hub_server import COMMIT, point_to, serving
from tests.nlp.packages import NEEDS_SPACY, NEEDS_TRANSFORMERS
from tests.nlp.tiny_models import tiny_options

TOKEN = "hf_a-secret-token-of-a-user"
TEXTS = b'{"id": 1, "text": "I love this phone"}\n{"id": 2, "text": "Me encanta, gracias por todo"}\n'


def _lines(text: str) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in text.splitlines()]


def test_it_reads_standard_input(command: Command) -> None:
    done = command("score", stdin=b'{"id": 1, "text": "great"}\n')
    assert done.exit_code == 0, done.output
    assert orjson.loads(done.stdout)["sentiment"]["label"] == "positive"


def test_it_reads_a_file_and_fails_on_a_bad_line(command: Command, tmp_path: Path) -> None:
    file = tmp_path / "texts.jsonl"
    file.write_text('{"id": 1, "text": "great"}\nnonsense\n{"id": 3, "text": "bad"}\n')
    done = command("score", file)
    assert done.exit_code == 1
    assert [each["id"] for each in _lines(done.stdout)] == [1, 3]
    assert "line 2: not valid JSON" in done.stderr


def test_it_refuses_an_unknown_tier(command: Command) -> None:
    done = command("score", "--tier", "nosuchtier", stdin=b"")
    assert done.exit_code == 2
    assert "nosuchtier" in done.stderr
    assert "lexicon" in done.stderr


@NEEDS_TRANSFORMERS
def test_models_come_from_the_hub_with_the_token_of_the_environment(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = tiny_options(tmp_path / "models")
    (Path(options.sentiment_model) / "README.md").write_text("---\nlanguage: [en, es]\n---\n")
    with serving() as hub:
        point_to(hub.url, tmp_path / "cache", monkeypatch)
        hub.models = {"cardiffnlp/tiny": Path(options.sentiment_model), "some/feelings": Path(options.emotion_model)}
        hub.private = dict.fromkeys(hub.models, TOKEN)
        monkeypatch.setenv("HUGGINGFACE_API_TOKEN", TOKEN)
        monkeypatch.setenv("SENTIMENT_MODEL", "cardiffnlp/tiny")
        given = ("--tier", "transformers", "--emotion-model", "some/feelings", "--device", "cpu", "--threads", "1")
        done = command("score", *given, stdin=TEXTS)
    assert done.exit_code == 0, done.output
    english, spanish = _lines(done.stdout)
    assert (english["sentiment"]["label"], english["emotion"]["label"]) == ("positive", "joy")
    assert (spanish["language"], spanish["emotion"]) == ("es", None)
    assert spanish["sentiment"] is not None, "the card says that the model reads Spanish"
    assert english["model"] == {"name": "cardiffnlp/tiny+some/feelings", "version": f"1-{COMMIT}+{COMMIT}"}
    assert hub.tokens == {TOKEN}
    assert TOKEN not in done.output


@NEEDS_TRANSFORMERS
def test_a_model_that_cannot_be_used_ends_the_command_with_what_to_do(command: Command, tmp_path: Path) -> None:
    given = ("--tier", "transformers", "--sentiment-model", tmp_path / "nowhere", "--device", "cpu")
    done = command("score", *given, stdin=TEXTS)
    assert done.exit_code == 1
    assert "there is no folder" in done.stderr
    assert not done.stdout
    wrong = command("score", "--tier", "transformers", "--device", "abacus", stdin=TEXTS)
    assert wrong.exit_code == 2
    assert "SCORER_DEVICE: there is no 'abacus'" in wrong.stderr


@NEEDS_SPACY
def test_a_spacy_pipeline_finds_the_entities_of_any_tier(command: Command, tmp_path: Path) -> None:
    import spacy

    pipeline = spacy.blank("en")
    pipeline.add_pipe("entity_ruler").add_patterns([{"label": "ORG", "pattern": "Acme"}])
    pipeline.to_disk(tmp_path / "brands")
    texts = b'{"id": 1, "text": "I love Acme so much"}\n'
    done = command("score", "--tier", "lexicon", "--entity-model", tmp_path / "brands", stdin=texts)
    assert done.exit_code == 0, done.output
    [answer] = _lines(done.stdout)
    assert answer["entities"] == [{"text": "Acme", "type": "ORG", "start": 7, "end": 11}]
    assert answer["sentiment"]["label"] == "positive"
    assert answer["model"]["name"] == "vader-mended+en_pipeline"
