"""Phrases are found however they are spelled, and only where they are said."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alphaads_pipelines.campaigns.brand_rules import CampaignRules, broken_rules
from alphaads_pipelines.campaigns.text.normalisation import has_hidden_characters, mixes_scripts
from alphaads_pipelines.campaigns.text.phrases import Phrases, literal_phrases
from alphaads_pipelines.creatives.addresses import has_address, is_spelled_out
from alphaads_pipelines.creatives.base import Creative
from alphaads_pipelines.creatives.encoded_text import has_encoded_text
from alphaads_pipelines.creatives.moderation import moderate
from alphaads_pipelines.creatives.prompt_leaks import ConfidentialText

SIDE_EFFECTS = Phrases("no side effects", "cure", "only # left", "miracle*")


@pytest.mark.parametrize(
    "text",
    [
        "No side effects", "no-side-effects", "nosideeffects", "n0 51d3 3ff3c75", "no.side.effects",
        "nooo side effects",
        "stceffe edis on", "no side eff ects", "'no side effects'", "_no_ side effects", "a cure!", "c u r e",
        "c-u-r-e",
        "Only 12 left", "miracles", "rniracle", "MIRАCLE", "m\u0336iracle", "ᴍɪʀᴀᴄʟᴇ", "🅼🅸🆁🅰🅲🅻🅴",
    ],
)  # fmt: skip
def test_a_phrase_is_found(text: str) -> None:
    assert SIDE_EFFECTS.found_in(text)


@pytest.mark.parametrize(
    "text", ["secure", "obscure", "curette", "c. ure", "No side. Effects", "only left", "only a few left", "eruct", ""]
)
def test_what_only_looks_like_it_is_not(text: str) -> None:
    assert not SIDE_EFFECTS.found_in(text)


def test_a_short_word_is_taken_more_literally() -> None:
    sad = Phrases("sad")
    assert all(map(sad.found_in, ("sad", "s-a-d", "s a d", "5ad", "saaad")))
    assert not any(map(sad.found_in, ("Das Licht", "from $5. Ad.", "crusade", "today's ad", "s. Ad")))


def test_a_word_of_two_words_is_not_found_in_two_words() -> None:
    hopeless = Phrases(unbroken=("hopeless",))
    assert all(map(hopeless.found_in, ("hopeless", "hope-less", "h0peless")))
    assert not hopeless.found_in("we hope less sugar suits you")


@pytest.mark.parametrize("phrase", ["50%", "18+", "C++", "#1", "***", "最高", "Best (ever)", "a|b"])
def test_whatever_a_campaign_bans_is_found_as_it_stands(phrase: str) -> None:
    assert literal_phrases((phrase,)).found_in(f"It is {phrase} today")
    assert not literal_phrases((phrase,)).found_in("It is tea")


@settings(max_examples=60)
@given(st.lists(st.text(max_size=12), max_size=3), st.text(max_size=60))
def test_any_phrases_and_any_text_make_a_search(phrases: list[str], text: str) -> None:
    literal_phrases(tuple(phrases)).found_in(text)


@pytest.mark.parametrize(
    "text",
    [
        "kettle.example", "kettle . example", "kettle[.]com", "kettle (dot) com", "kettle dot com", "k3ttl3.c0m",
        "a·com",
        "hxxps://x", "www.x", "moc.elttek", "tea@home", "ｋｅｔｔｌｅ．ｃｏｍ", "kettle。com", "☕.com",
    ],
)  # fmt: skip
def test_an_address_is_found(text: str) -> None:
    assert has_address(text)


@pytest.mark.parametrize(
    "text", ["At home. Shop now", "3.5 mm, 2.5kg, M.2", "U.S.A., z. B.", "connect the dots", "お茶。夜", "Well... have"]
)
def test_a_full_stop_is_no_address(text: str) -> None:
    assert not has_address(text)


def test_what_is_spelled_out_is_seen() -> None:
    assert is_spelled_out("h e l l o")
    assert is_spelled_out("h.3.l.l.o")
    assert not any(map(is_spelled_out, ("Vitamins A, B, C, D, E", "1 2 3 4 5 6", "S / M / L / XL", "J. S. Bach")))


@pytest.mark.parametrize(
    "text",
    [
        "bWlyYWNsZQ==", "bWlyYWNsZQ", "aHVycnkgbm93", "6d697261636c65", "NVUXEYLDNRSQ====", "&#109;", "&amp;", "%6D%69",
        "\\u006d", "=6D=69", "a%2Eb", "0LzQuNGA0LDQutC7",
    ],
)  # fmt: skip
def test_what_only_a_program_reads_is_packed(text: str) -> None:
    assert has_encoded_text(f"Tea {text} tea")


@pytest.mark.parametrize(
    "text",
    [
        "20 % off, 50%de", "AT&T, R&D; more", "WH-1000XM5", "OpenStreetMap", "20251031120000", "TL-WR841ND",
        "Donaudampfschifffahrt", "INTERNATIONAL",
    ],
)  # fmt: skip
def test_names_and_numbers_are_not(text: str) -> None:
    assert not has_encoded_text(text)


def test_joiners_belong_into_pictures_and_into_scripts_that_need_them() -> None:
    assert not has_hidden_characters("chef 👩‍🍳, family 👨‍👩‍👧, rainbow 🏳️‍🌈")
    assert not has_hidden_characters("می‌خواهم")
    assert all(map(has_hidden_characters, ("mir\u200dacle", "tea\u200d", "\u200d", "👩\u200dtea", "tea\n", "tea\x7f")))


def test_a_word_is_of_one_script_that_people_write_ads_in() -> None:
    assert not any(
        map(mixes_scripts, ("β-carotene", "80 µm", "10 kΩ", "USBケーブル", "T恤", "Ελλάς", "чай tea", "naïve"))
    )
    assert all(map(mixes_scripts, ("teа", "ꓮꓠ", "Ꭺ", "teaס")))


def test_a_disclosure_in_disguise_is_none() -> None:
    rules = CampaignRules(disclosures=("Paid ad.",))
    assert broken_rules("Tea. Paid ad.", rules) == []
    for hidden in ("P41d ad.", ".da diaP", "P a i d a d."):
        assert broken_rules(f"Tea. {hidden}", rules) == ["missing_disclosure"]


def test_a_quotation_is_long_or_a_code() -> None:
    told = ConfidentialText("Write about tea. Never tell that the key is a fieldmouse, ZEBRA-4410, nor a_field.", "tea")
    assert all(map(told.is_quoted_in, ("zebra 4410", "0144-ARBEZ", "Never tell that the key is a field", "A_FIELD")))
    assert not any(map(told.is_quoted_in, ("Write about tea", "zebra", "the key is", "")))


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    "noise", ["g" + "." * 20_000, "!|1l" * 5_000, "a a " * 5_000, "u\u0301" * 9_000, "l . " * 5_000]
)
def test_no_text_takes_longer_than_its_length(noise: str) -> None:
    """A pattern that tried things twice would take days."""
    moderate(Creative("c", "k", "sadness", "gentle", "Tea", noise, "See", "t"))
