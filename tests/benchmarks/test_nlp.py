"""`bench nlp`: whose texts it scores, and that its peer is the encoder that it names."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from alphaads_pipelines.errors import InvalidRequest, MissingArtifact
from alphaads_pipelines.nlp.training import recipe
from benchmarks import minilm, tweets
from benchmarks.minilm import MiniLm
from benchmarks.tweets import REAL, SYNTHETIC, distinct_texts
from tests.nlp.packages import NEEDS_TRAINING, NEEDS_TRANSFORMERS
from tests.nlp.tiny_data import save_data


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return save_data(tmp_path / "data")


def test_texts_are_distinct_real_and_no_more_than_wanted(data: Path) -> None:
    for task in ("hate", "stance"):
        (data / "tweeteval" / task).mkdir()
        (data / "tweeteval" / task / "val_text.txt").write_text("I love it\nonly here\n \n")
    source, texts = distinct_texts(1_000, data)
    assert source == REAL
    assert len(texts) == len(set(texts)) == 10
    assert {"I love it", "only here"} <= set(texts)
    assert "I love the lamp" not in texts, "that one is a test text"
    _, some = distinct_texts(4, data)
    assert len(some) == 4
    assert some == distinct_texts(4, data)[1]


def test_real_tweets_of_the_corpus_are_among_them(shared_data: Path) -> None:
    _, texts = distinct_texts(100_000, shared_data)
    assert len(texts) > 7_000


def test_synthetic_posts_stand_in_where_no_data_lie(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tweets, "DEFAULT_FOLDER", tmp_path / "nowhere")
    source, texts = distinct_texts(50, None)
    assert source == SYNTHETIC
    assert 40 < len(texts) == len(set(texts)) <= 50


def test_a_folder_without_tweets_is_said_to_be_one(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="holds no tweets"):
        distinct_texts(50, tmp_path)


def test_without_the_training_packages_it_names_what_installs_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recipe, "_PACKAGES", ("a_package_of_dreams",))
    with pytest.raises(MissingArtifact, match="make install-models"):
        MiniLm(tmp_path)


@pytest.mark.slow
@NEEDS_TRAINING
@NEEDS_TRANSFORMERS
def test_the_peer_computes_what_the_published_encoder_does(tmp_path: Path) -> None:
    import onnxruntime
    import torch
    from transformers import BertModel

    from alphaads_pipelines.nlp.training.recipe import starting_weights

    torch.set_num_threads(1)
    minilm.export(tmp_path / "peer.onnx")
    ids = torch.randint(1_000, 30_000, (3, 13), generator=torch.Generator().manual_seed(7))
    mask = torch.ones_like(ids)
    mask[1, 5:] = mask[2, 9:] = 0
    published = BertModel.from_pretrained(starting_weights(), add_pooling_layer=False).eval()
    with torch.no_grad():
        expected = published(input_ids=ids, attention_mask=mask).last_hidden_state.numpy()
    session = onnxruntime.InferenceSession(str(tmp_path / "peer.onnx"), providers=["CPUExecutionProvider"])
    [found] = session.run(None, {"ids": ids.numpy(), "mask": mask.numpy()})
    judged = mask.numpy().astype(bool)
    np.testing.assert_allclose(found[judged], expected[judged], atol=1e-4)
