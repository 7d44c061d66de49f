"""`alphaads evaluate nlp`: figures of any tier on data in the real layouts, as a table or JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from alphaads_pipelines.nlp.registry import SCORERS
from tests.cli.conftest import Command
from tests.conftest import ROOT
from tests.nlp.packages import NEEDS_TRAINING
from tests.nlp.tiny_artifact import save_artifact
from tests.nlp.tiny_data import save_data

LEXICON = ("evaluate", "nlp", "--tier", "lexicon", "--data")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return save_data(tmp_path / "data")


def _figures(stdout: str) -> dict[tuple[str, str], dict[str, Any]]:
    [line] = stdout.splitlines()
    return {(each["task"], each["data"]): each for each in orjson.loads(line)["figures"]}


def test_a_text_without_an_answer_is_a_miss(command: Command, data: Path) -> None:
    done = command(*LEXICON, data, "--json")
    assert done.exit_code == 0, done.output
    found = _figures(done.stdout)[("sentiment", "TweetEval sentiment")]
    assert found["served"] == pytest.approx(2 / 3), "the lexicon tells two of the three, and no Spanish"
    assert (found["cases"], found["measure"], found["split"]) == (3, "macro recall", "validation")
    assert found["published"] == {"SVM": 0.629, "RoBERTa-base": 0.713, "best": 0.737}


def test_json_names_the_model_and_every_task_once(command: Command, data: Path) -> None:
    found = orjson.loads(command(*LEXICON, data, "--json").stdout)
    assert (found["tier"], found["split"], found["model"]["name"]) == ("lexicon", "validation", "vader-mended")
    tasks = [each["task"] for each in found["figures"]]
    assert tasks == ["sentiment", "tweet_emotion", "emotion", "offensive", "irony", "intent", "entities", "entities"]
    assert all(each["told"] is None for each in found["figures"]), "only our own network can be told the language"


def test_the_table_shows_each_figure_beside_the_published_ones(command: Command, data: Path) -> None:
    done = command(*LEXICON, data)
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert "lexicon: vader-mended" in lines[0]
    [sentiment] = [line for line in lines if line.startswith("sentiment")]
    assert sentiment.split() == "sentiment TweetEval sentiment macro recall 3 66.7".split() + (
        "SVM 62.9, RoBERTa-base 71.3, best 73.7".split()
    )
    assert "validation" in lines[0]


def test_test_data_are_read_only_when_they_are_asked_for(command: Command, data: Path) -> None:
    chosen, final = command(*LEXICON, data), command(*LEXICON, data, "--split", "test", "--json")
    assert "for a model that is chosen" in chosen.stderr
    assert "for a model that is chosen" not in final.stderr
    found = _figures(final.stdout)
    assert found[("sentiment", "TweetEval sentiment")]["cases"] == 4
    assert found[("entities", "WNUT17")]["cases"] == 3
    assert not [task for task, _ in found if task in {"emotion", "intent"}], "they have no test data here"
    for path in data.rglob("*test*"):
        path.unlink()
    assert command(*LEXICON, data).exit_code == 0


@pytest.mark.parametrize("name", ["tweeteval/irony/val_labels.txt", "wnut17/emerging.dev.conll", ""])
def test_a_missing_file_is_named_in_one_line(command: Command, data: Path, name: str) -> None:
    if name:
        (data / name).unlink()
    done = command(*LEXICON, data if name else data / "nowhere")
    assert (done.exit_code, done.stdout) == (2, "")
    [line] = done.stderr.splitlines()
    assert line.startswith("error: ")
    assert (name or "nowhere") in line
    assert "docs/models.md" in line


def test_the_settings_may_say_where_the_data_lie(command: Command, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NLP_DATA", str(data))
    assert command("evaluate", "nlp", "--tier", "lexicon").exit_code == 0


def test_what_cannot_be_meant_is_wrong_use(command: Command, data: Path) -> None:
    assert command(*LEXICON, data, "--split", "train").exit_code == 2
    without = command("evaluate", "nlp", "--tier", "lexicon")
    assert (without.exit_code, without.stdout) == (2, "")
    assert "--data or NLP_DATA" in without.stderr
    unknown = command("evaluate", "nlp", "--data", data, "--tier", "psychic")
    assert unknown.exit_code == 2
    assert "unknown scorer tier 'psychic'" in unknown.stderr


@NEEDS_TRAINING
def test_our_own_model_is_measured_as_told_and_as_served(
    command: Command, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCORER_THREADS", "1")
    artifact = save_artifact(tmp_path / "tiny")
    done = command("evaluate", "nlp", "--tier", "neural", "--artifact", artifact, "--data", data, "--json")
    assert done.exit_code == 0, done.output
    assert orjson.loads(done.stdout)["model"] == {"name": "tiny", "version": "1"}
    found = _figures(done.stdout)
    assert all(each["told"] is not None for each in found.values())
    assert {task for (task, _), each in found.items() if each["served"] is None} == {"irony"}


def test_a_model_that_is_not_there_names_what_mends_it(command: Command, data: Path, tmp_path: Path) -> None:
    done = command("evaluate", "nlp", "--tier", "neural", "--artifact", tmp_path / "nowhere", "--data", data)
    assert (done.exit_code, done.stdout) == (1, "")
    assert "alphaads train nlp" in done.stderr


def test_the_documentation_says_where_each_dataset_lies(data: Path) -> None:
    documented = (ROOT / "docs" / "models.md").read_text()
    assert "alphaads evaluate nlp --data" in documented
    for path in data.iterdir():
        assert f"`{path.name}/`" in documented
    assert all(f"`{tier}`" in documented for tier in SCORERS)
