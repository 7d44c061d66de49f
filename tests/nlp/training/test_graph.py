"""The graph in 8-bit integers says what the network says, whatever stands beside a post."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from alphaads_pipelines.nlp.heads import HEADS, TAGS
from alphaads_pipelines.nlp.training.batches import columns_of
from tests.nlp.packages import NEEDS_TRAINING

pytestmark = NEEDS_TRAINING

TOLERANCE = 0.15
"""Of a logit, of which the network's spread is about 1: 8 bits, and ranges that were observed on other posts."""

VOCABULARY = 200
_LENGTHS = (2, 5, 9, 17, 30, 64, 128)


def _posts(seed: int, lengths: tuple[int, ...] = _LENGTHS) -> dict[str, np.ndarray[Any, np.dtype[np.int64]]]:
    chance = np.random.default_rng(seed)
    size = len(lengths), max(lengths)
    mask = (np.arange(size[1]) < np.array(lengths)[:, None]).astype(np.int64)
    return {
        "ids": chance.integers(1, VOCABULARY, size) * mask,
        "shapes": chance.integers(0, 8, size) * mask,
        "mask": mask,
    }


@pytest.fixture(scope="module")
def network() -> Any:
    """Two layers with weights large enough that the posts differ."""
    import torch

    from alphaads_pipelines.nlp.training.network import Shape, build

    torch.set_num_threads(1)
    torch.manual_seed(7)
    built = build(Shape(VOCABULARY, layers=2, hidden=48, attention_heads=4, inner=96)).eval()
    with torch.no_grad():
        for name, parameter in built.named_parameters():
            if name.startswith(("queries", "heads", "tagger")):
                parameter.mul_(3.0)
    return built


@pytest.fixture(scope="module")
def ranges(network: Any) -> dict[str, tuple[float, float]]:
    from alphaads_pipelines.nlp.training.graph import observed_ranges

    return observed_ranges(network, [_tensors(_posts(seed)) for seed in (1, 2, 3)])


@pytest.fixture(scope="module")
def session(network: Any, ranges: dict[str, tuple[float, float]], tmp_path_factory: pytest.TempPathFactory) -> Any:
    import onnxruntime

    from alphaads_pipelines.nlp.training.graph import GraphWriter

    path: Path = tmp_path_factory.mktemp("graph") / "model.onnx"
    weights = {name: value.numpy() for name, value in network.state_dict().items()}
    GraphWriter(weights, ranges, attention_heads=4).write(path)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def _tensors(posts: dict[str, Any]) -> dict[str, Any]:
    import torch

    return {name: torch.from_numpy(value) for name, value in posts.items()}


def _said_by(network: Any, posts: dict[str, Any]) -> tuple[Any, Any]:
    import torch

    tensors = _tensors(posts)
    with torch.no_grad():
        labels, tags = network(tensors["ids"], tensors["shapes"], tensors["mask"])
    return labels.numpy(), tags.numpy()


def test_it_says_what_the_network_says_but_for_rounding(network: Any, session: Any) -> None:
    posts = _posts(9)
    expected, expected_tags = _said_by(network, posts)
    labels, tags = session.run(("labels", "tags"), posts)
    real = posts["mask"].astype(bool)
    assert labels.shape == (len(HEADS), len(_LENGTHS), max(map(len, HEADS.values())))
    assert tags.shape == (*real.shape, len(TAGS))
    assert np.abs(tags - expected_tags)[real].max() < TOLERANCE
    for number, task in enumerate(HEADS):
        assert np.abs(labels[number, :, : len(HEADS[task])] - expected[:, columns_of(task)]).max() < TOLERANCE
    assert np.ptp(expected, axis=0).max() > 4 * TOLERANCE, "the posts differ by more than rounding"


def test_places_that_a_head_lacks_are_nothing(session: Any) -> None:
    labels, _ = session.run(("labels", "tags"), _posts(9))
    for number, names in enumerate(HEADS.values()):
        assert not labels[number, :, len(names) :].any()


def test_a_post_alone_is_answered_bit_by_bit_as_in_a_batch(session: Any) -> None:
    posts = _posts(11)
    labels, tags = session.run(("labels", "tags"), posts)
    for row, length in enumerate(_LENGTHS):
        alone = {name: value[row : row + 1, :length] for name, value in posts.items()}
        label, tag = session.run(("labels", "tags"), alone)
        assert np.array_equal(label[:, 0], labels[:, row]), f"{length} pieces"
        assert np.abs(tag[0] - tags[row, :length]).max() < 1e-5


def test_what_fills_a_batch_up_counts_for_nothing(session: Any) -> None:
    posts = _posts(13)
    labels, _ = session.run(("labels", "tags"), posts)
    filled = {name: value.copy() for name, value in posts.items()}
    filled["ids"][posts["mask"] == 0] = 5
    filled["shapes"][posts["mask"] == 0] = 3
    again, _ = session.run(("labels", "tags"), filled)
    assert np.array_equal(labels, again)


def test_the_same_network_gives_the_same_file(
    network: Any, ranges: dict[str, tuple[float, float]], tmp_path: Path
) -> None:
    from alphaads_pipelines.nlp.training.graph import GraphWriter

    weights = {name: value.numpy() for name, value in network.state_dict().items()}
    for name in ("one", "other"):
        GraphWriter(weights, ranges, attention_heads=4).write(tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()


def test_weights_lie_in_small_integers(network: Any, ranges: dict[str, tuple[float, float]], tmp_path: Path) -> None:
    from alphaads_pipelines.nlp.training.graph import GraphWriter

    weights = {name: value.numpy() for name, value in network.state_dict().items()}
    GraphWriter(weights, ranges, attention_heads=4).write(tmp_path / "model.onnx")
    floats = sum(value.nbytes for value in weights.values())
    assert (tmp_path / "model.onnx").stat().st_size < floats / 2


def test_ranges_are_of_each_multiplications_input(network: Any, ranges: dict[str, tuple[float, float]]) -> None:
    assert set(ranges) == {f"layers.{layer}.{name}" for layer in (0, 1) for name in ("qkv", "out", "up", "down")}
    assert all(low < high for low, high in ranges.values())


def test_ranges_leave_out_what_fills_up_and_the_few_most_extreme(network: Any) -> None:
    from alphaads_pipelines.nlp.training.graph import observed_ranges

    posts = _posts(1)
    wide, narrow = (observed_ranges(network, [_tensors(posts)], tail) for tail in (1e-5, 0.05))
    for name, (low, high) in narrow.items():
        assert wide[name][0] < low < high < wide[name][1]
    filled = {name: value.copy() for name, value in posts.items()}
    filled["ids"][posts["mask"] == 0] = 5
    again = observed_ranges(network, [_tensors(filled)], 1e-5)
    for name, seen in wide.items():
        assert again[name] == pytest.approx(seen, abs=1e-5)


def test_a_value_beyond_its_range_is_cut_off_not_wrapped_around(network: Any, tmp_path: Path) -> None:
    """With ranges far too narrow, everything is wrong, but finite and no larger than the weights allow."""
    import onnxruntime

    from alphaads_pipelines.nlp.training.graph import GraphWriter, observed_ranges

    ranges = observed_ranges(network, [_tensors(_posts(1))], 0.4)
    weights = {name: value.numpy() for name, value in network.state_dict().items()}
    GraphWriter(weights, ranges, attention_heads=4).write(tmp_path / "model.onnx")
    labels, _ = onnxruntime.InferenceSession(str(tmp_path / "model.onnx")).run(("labels", "tags"), _posts(9))
    assert np.isfinite(labels).all()
    assert np.abs(labels).max() < 50
