"""The emotion plot."""

from __future__ import annotations

import struct

import pytest

from alphaads_pipelines.nlp.plots import emotion_plot_png


@pytest.mark.parametrize(
    ("counts", "without"), [({"joy": 40, "anger": 7}, 12), ({}, 0), ({"fear": 1}, 0), ({"joy": 10**9}, 10**9)]
)
def test_the_plot_is_a_png_of_a_readable_size(counts: dict[str, int], without: int) -> None:
    png = emotion_plot_png(counts, without)
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    assert png.endswith(b"IEND\xaeB`\x82")
    width, height = struct.unpack(">II", png[16:24])
    assert 400 <= width <= 1_000
    assert 200 <= height <= 600


def test_other_counts_give_another_picture() -> None:
    assert emotion_plot_png({"joy": 40}, 2) != emotion_plot_png({"anger": 40}, 2)
