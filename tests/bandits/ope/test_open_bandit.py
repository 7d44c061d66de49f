"""The reader of the Open Bandit format: records kept, and lines refused."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from alphaads_pipelines.bandits.ope import open_bandit
from alphaads_pipelines.bandits.ope.open_bandit import MOST_WORDS, read
from alphaads_pipelines.errors import InvalidRequest
from tests.bandits.ope.open_bandit_files import HEADER, line, save


def test_columns_become_a_log(tmp_path: Path) -> None:
    log = read(save(tmp_path / "log.csv", [line(2, 1, 1, "0.25", "red", "0.0,0.5,0.0"), line(0, 3, 0, "0.5", "blue")]))
    assert log.arms == ("0", "1", "2")
    assert (log.chosen.tolist(), log.positions.tolist()) == ([2, 0], [1, 3])
    assert (log.propensities.tolist(), log.rewards.tolist()) == ([0.25, 0.5], [1.0, 0.0])
    assert log.contexts.tolist() == [[1, 0, 0, 0.5, 0], [0, 1, 0, 0, 0]], "a column for each word, then affinities"
    assert log.eligible is None


def test_gzip_is_accepted_and_reading_is_told_in_bytes_of_the_file(tmp_path: Path) -> None:
    rows = [line(row % 3, 1, 0, "0.5", f"word-{row}") for row in range(3_000)]
    plain, packed = save(tmp_path / "log.csv", rows), tmp_path / "log.csv.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    for path in (plain, packed):
        done: list[int] = []
        log = read(path, done.append)
        assert len(log) == 3_000
        assert sum(done) == path.stat().st_size
    assert log.contexts.shape == (3_000, MOST_WORDS + 3)


def test_blocks_leave_no_seam(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [line(row % 3, 1 + row % 2, row % 2, f"0.{row + 1:02}", f"word-{row % 4}") for row in range(25)]
    path = save(tmp_path / "log.csv", rows)
    whole = read(path)
    monkeypatch.setattr(open_bandit, "_BLOCK", 4)
    parts = read(path)
    for name in ("chosen", "propensities", "rewards", "contexts", "positions"):
        np.testing.assert_array_equal(getattr(whole, name), getattr(parts, name))


def test_action_prob_is_the_other_name_of_the_propensity(tmp_path: Path) -> None:
    path = save(tmp_path / "log.csv", [line(1, 1, 0, "0.125")], HEADER.replace("propensity_score", "action_prob"))
    assert read(path).propensities.tolist() == [0.125]


def test_without_affinities_the_greatest_item_says_how_many_there_are(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text("item_id,position,click,propensity_score\n4,1,0,0.5\n\n1,1,1,0.5\n")
    log = read(path)
    assert log.arms == ("0", "1", "2", "3", "4")
    assert log.contexts.shape == (2, 0)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (line(0, 1, 0, "0"), "line 4: propensity_score must be above 0 and at most 1"),
        (line(0, 1, 0, "1.01"), "line 4: propensity_score"),
        (line(0, 1, 0, "nan"), "line 4: propensity_score"),
        (line(0, 1, 0, "NaN"), "line 4: propensity_score"),
        (line(0, 1, 0, "-0.5"), "line 4: propensity_score"),
        (line(0, 1, 0, ""), "line 4: propensity_score must be a number"),
        (line(0, 1, 0, "half"), "line 4: propensity_score must be a number"),
        (line(0, 1, 2, "0.5"), "line 4: click must be 0 or 1"),
        (line(0, 1, "", "0.5"), "line 4: click must be a number"),
        (line(3, 1, 0, "0.5"), "line 4: item_id is no item"),
        (line("1.5", 1, 0, "0.5"), "line 4: item_id is no item"),
        (line(0, "inf", 0, "0.5"), "line 4: position is no position"),
        (line(0, 1, 0, "0.5", "red", "0,nan,0"), "line 4: user-item_affinity_1 must be a number"),
        (line(0, 1, 0, "0.5", "red", "0,much,0"), "line 4: user-item_affinity_1 must be a number"),
        (line(0, 1, 0, "0.5") + ",9", "line 4: 10 columns where the first line has 9"),
        ("0,1", "line 4: 2 columns"),
    ],
)
def test_what_cannot_be_is_refused_with_file_line_and_column(tmp_path: Path, wrong: str, told: str) -> None:
    rows = [line(0, 1, 0, "0.5"), line(1, 1, 0, "0.5"), wrong, line(0, 1, 0, "0.5")]
    with pytest.raises(InvalidRequest, match=f"^log.csv {told}"):
        read(save(tmp_path / "log.csv", rows))


@pytest.mark.parametrize("name", ["item_id", "position", "click", "propensity_score"])
def test_a_missing_column_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidRequest, match=f"line 1: the column {name} is needed"):
        read(save(tmp_path / "log.csv", [line(0, 1, 0, "0.5")], HEADER.replace(name, "other")))


@pytest.mark.parametrize("content", [b"", HEADER.encode() + b"\n"])
def test_a_file_without_records_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "log.csv"
    path.write_bytes(content)
    with pytest.raises(InvalidRequest, match=r"column item_id is needed|holds no records"):
        read(path)


def test_damage_is_told_with_the_last_good_line(tmp_path: Path) -> None:
    rows = [line(row % 3, 1, 0, "0.5", f"word-{row * 7919 % 5003}") for row in range(9_000)]
    packed = gzip.compress(save(tmp_path / "log.csv", rows).read_bytes())
    cut = tmp_path / "cut.csv.gz"
    cut.write_bytes(packed[: len(packed) // 2])
    with pytest.raises(InvalidRequest, match=r"cut.csv.gz: damaged after line \d{4}"):
        read(cut)
    strange = tmp_path / "strange.csv"
    strange.write_bytes(HEADER.encode() + b"\n" + line(0, 1, 0, "0.5", "\udcff").encode(errors="surrogateescape"))
    with pytest.raises(InvalidRequest, match=r"strange.csv: damaged"):
        read(strange)


def test_a_file_that_is_not_there_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read(tmp_path / "nowhere.csv")
