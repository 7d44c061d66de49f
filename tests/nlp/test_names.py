"""Names as they are compared: what counts, what does not, and where each word stands."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alphaads_pipelines.nlp.names import normal_name, only_run, plain_spelling, runs
from tests.nlp.texts import AWKWARD, TEXTS

SAME = [
    (
        "Nike Air",
        "nike  AIR",
        "Nike-Air",
        "nike_air",
        "Nike Air's",
        "Ｎｉｋｅ Ａｉｒ",
        "𝐍𝐢𝐤𝐞 Air",
        "Ni\u200bke A\xadir",
    ),
    ("L'Oréal", "l’oreal", "L'Ore\u0301al", "L´OREAL's"),
    ("H&M", "h & m", "H&amp;M", "H ＆ M"),
    ("McDonald's", "mcdonald’s", "McDonald&#39;s", "MCDONALD`S"),
    ("Müller", "muller", "Mu\u0308ller"),
    ("Straße", "STRASSE"),
    ("İstanbul", "istanbul"),
    ("ナイキ", "ﾅｲｷ"),
    ("#JustDoIt", "#justdoit", "#Just_Do_It", "justdoit"),
]
DIFFERENT = ["Nike", "Nikon", "Nike Air", "NikeAir", "ガス", "カス", "C", "C#", "C++", "AT&T", "ATT", "耐克", "耐"]


@pytest.mark.parametrize("spellings", SAME, ids=lambda each: each[0])
def test_spellings_of_one_name_read_the_same(spellings: tuple[str, ...]) -> None:
    assert {normal_name(each) for each in spellings} == {normal_name(spellings[0])}


def test_other_names_read_otherwise() -> None:
    assert len({normal_name(each) for each in DIFFERENT}) == len(DIFFERENT)


@pytest.mark.parametrize("text", AWKWARD, ids=lambda text: f"{len(text)} of {text[:12]!a}")
def test_awkward_texts_get_through(text: str) -> None:
    list(runs(text))
    normal_name(text)


@settings(max_examples=200, deadline=None)
@given(TEXTS)
def test_words_stand_where_they_say_and_in_order(text: str) -> None:
    end = 0
    for run in runs(text):
        assert run.words or run.is_tag
        for word in run.words:
            assert end <= word.start < word.end <= len(text)
            assert word.cased.casefold() == word.folded
            if word.stem is not None:
                assert word.start < word.stem_end <= word.end
            end = word.end
        assert all(0 < stop < len(run.words) for stop in run.stops)


@settings(max_examples=100, deadline=None)
@given(st.text(st.characters(), max_size=30))
def test_a_spelling_that_is_plain_stays_as_it_is(written: str) -> None:
    plain = plain_spelling(written)
    assert plain_spelling(plain) == plain


@pytest.mark.parametrize("text", ["Nike, Air", "Nike. Air", "Nike! Air"])
def test_a_sentence_may_begin_between_words(text: str) -> None:
    [run] = runs(text)
    assert list(run.stops) == [1]


@pytest.mark.parametrize(
    "text", ["Nike 😀 Air", "Nike @air Air", "Nike https://a.example/b Air", "Nike #x Air", "Nike | Air"]
)
def test_what_is_no_word_parts_words(text: str) -> None:
    plain = [[word.folded for word in run.words] for run in runs(text) if not run.is_tag]
    assert plain == [["nike"], ["air"]]
    assert only_run(text) is None


def test_a_hashtag_is_cut_where_its_spelling_changes() -> None:
    tags = {
        text: [word.folded for run in runs(text) for word in run.words]
        for text in ("#NikeAir90", "#NBAFinals", "#ab_c")
    }
    assert tags == {"#NikeAir90": ["nike", "air", "90"], "#NBAFinals": ["nba", "finals"], "#ab_c": ["ab", "c"]}


@pytest.mark.parametrize("written", ["", "!!!", "😀", "@nike", "https://nike.com"])
def test_what_has_no_word_cannot_be_looked_for(written: str) -> None:
    assert only_run(written) is None
