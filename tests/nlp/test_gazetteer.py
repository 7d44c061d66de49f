"""The gazetteer: finds what is tracked, however it is spelled, and nothing else; never overlaps, never raises."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from alphaads_pipelines.errors import InvalidRequest
from alphaads_pipelines.nlp import gazetteer as module
from alphaads_pipelines.nlp.base import Entity
from alphaads_pipelines.nlp.gazetteer import Gazetteer, LinkedEntity, TrackedName, check
from alphaads_pipelines.schema.tables import ENTITY_SOURCES, ENTITY_TYPES
from tests.nlp.texts import AWKWARD, TEXTS


def _brand(name: str, *aliases: str, **more: Any) -> TrackedName:
    return TrackedName(name.casefold().replace(" ", "-"), name, "brand", "ORG", aliases, **more)


NIKE = _brand("Nike", campaign_ids=("spring",))
AIR = TrackedName("air", "Nike Air", "product", "PRODUCT", ("Nike Air Max",))
APPLE = _brand("Apple", is_exact_case=True)
NAMES = [
    *(NIKE, AIR, APPLE, _brand("ナイキ", "耐克"), _brand("Coca-Cola", "Coke")),
    *(_brand(name) for name in ("H&M", "McDonald's", "L'Oréal", "Ford", "Dr. Pepper", "C#", "P!nk", "Yahoo!", "GA")),
]
GAZETTEER = Gazetteer(NAMES, version=3)


def _found(text: str, *entities: Entity, gazetteer: Gazetteer = GAZETTEER) -> list[tuple[str, str | None]]:
    return [(text[each.start : each.end], each.tracked_id) for each in gazetteer.link(text, entities)]


SPELLED = [
    ("I love Nike", ["Nike"]),
    ("NIKE, nike. Nike!", ["NIKE", "nike", "Nike"]),
    ("Nike's shoes, nikes, Nikes’", ["Nike", "nikes", "Nikes"]),
    ("ＮＩＫＥ 𝐍𝐢𝐤𝐞 Ni\u200bke Níke", ["ＮＩＫＥ", "𝐍𝐢𝐤𝐞", "Ni\u200bke", "Níke"]),
    ("#Nike #nike #NIKE ＃nike", ["Nike", "nike", "NIKE", "nike"]),
    ("#NikeAir #nikeair #nike_air #NikeAirMax90", ["NikeAir", "nikeair", "nike_air", "NikeAirMax"]),
    ("#NikeRunning", ["Nike"]),
    ("nike air max, nike-air, Nike Airs", ["nike air max", "nike-air", "Nike Airs"]),
    ("H&M h & m H&amp;M's", ["H&M", "h & m", "H&amp;M"]),
    ("McDonald’s mcdonalds McDonald&#39;s", ["McDonald’s", "mcdonalds", "McDonald&#39;s"]),
    ("L’Oreal loves #LOreal", ["L’Oreal", "LOreal"]),
    ("ナイキの靴と耐克鞋", ["ナイキ", "耐克"]),
    ("Dr. Pepper, dr pepper", ["Dr. Pepper", "dr pepper"]),
    ("C# and P!nk and Yahoo", ["C#", "P!nk", "Yahoo"]),
    ("coca cola #CocaCola Coke", ["coca cola", "CocaCola", "Coke"]),
    ('👟Nike👟 (Nike) "Nike" nike.com', ["Nike"] * 3 + ["nike"]),
]
NOT_THERE = [
    *("Nikes2 nikely anike Nike2 unike", "NikeAir", "https://nike.com/nike www.nike.com", "@nike @Nike", "#unikely"),
    *("I'd like to just do. Pepper is hot. Dr who", "nik e", "C C++ c", "gas gaps", "Niké\u0301s2", "Mc Donald s", ""),
]


@pytest.mark.parametrize(("text", "names"), SPELLED)
def test_a_name_is_found_however_it_is_spelled(text: str, names: list[str]) -> None:
    assert [written for written, _ in _found(text)] == names


@pytest.mark.parametrize("text", NOT_THERE)
def test_what_only_looks_like_a_name_is_none(text: str) -> None:
    assert _found(text) == []


def test_the_longest_name_is_taken() -> None:
    assert _found("my Nike Air Max and Nike Air, by Nike") == [
        ("Nike Air Max", "air"),
        ("Nike Air", "air"),
        ("Nike", "nike"),
    ]
    crossing = Gazetteer([_brand("new york"), _brand("york times square"), _brand("new")])
    assert _found("new york times square", gazetteer=crossing) == [
        ("new", "new"),
        ("york times square", "york-times-square"),
    ]


def test_a_name_of_exact_case_is_found_only_as_it_is_spelled() -> None:
    text = "An apple a day. Apple, Apple's, APPLE, Apples, #Apple, #apple, ＡｐｐＬＥ, Ａpple"
    assert [written for written, _ in _found(text)] == ["Apple", "Apple", "Apple", "Ａpple"]


def test_a_name_of_exact_case_goes_before_one_of_any_case() -> None:
    both = Gazetteer([_brand("apple"), TrackedName("inc", "Apple", "brand", "ORG", is_exact_case=True)])
    assert _found("apple Apple", gazetteer=both) == [("apple", "apple"), ("Apple", "inc")]


def test_of_two_names_with_one_alias_the_smaller_id_is_linked_whatever_the_order() -> None:
    one, two = (TrackedName(each, "Lumora", "brand", "ORG") for each in ("a", "b"))
    for names in ([one, two], [two, one]):
        assert _found("Lumora", gazetteer=Gazetteer(names)) == [("Lumora", "a")]


def _entity(text: str, written: str, type_: str = "ORG", confidence: float | None = 0.8) -> Entity:
    start = text.index(written)
    return Entity(written, type_, start, start + len(written), confidence)


def test_what_the_model_found_is_linked_and_keeps_its_confidence() -> None:
    text = "nike's and #NikeAir by Ada"
    found = GAZETTEER.link(text, [_entity(text, "nike's"), _entity(text, "NikeAir"), _entity(text, "Ada", "PER")])
    assert found == [
        LinkedEntity("ORG", 0, 6, "model", "nike", 0.8, "nike", ("spring",)),
        LinkedEntity("PRODUCT", 12, 19, "model", "nike air", 0.8, "air"),
        LinkedEntity("PER", 23, 26, "model", "ada", 0.8),
    ]


def test_what_the_model_missed_is_added() -> None:
    assert GAZETTEER.link("a Nike", None) == [LinkedEntity("ORG", 2, 6, "gazetteer", "nike", None, "nike", ("spring",))]


OVERLAPS = [
    ("a longer name", "Nike Air Max", [("Nike", "ORG")], [("Nike Air Max", "air")]),
    ("an entity around a name", "the Nike outlet", [("the Nike outlet", "LOC")], [("Nike", "nike")]),
    ("a person around a name", "Ford Prefect drives", [("Ford Prefect", "PER")], [("Ford Prefect", None)]),
    ("a person who is a name", "Ford drives", [("Ford", "PER")], [("Ford", "ford")]),
    ("two entities of the model", "Ada Byron", [("Ada Byron", "PER"), ("Byron", "LOC")], [("Ada Byron", None)]),
    ("an empty entity", "Ada", [("", "PER"), ("Ada", "PER")], [("Ada", None)]),
]


@pytest.mark.parametrize(
    ("text", "entities", "left"), [each[1:] for each in OVERLAPS], ids=[each[0] for each in OVERLAPS]
)
def test_of_what_overlaps_one_is_left(text: str, entities: list[tuple[str, str]], left: list[Any]) -> None:
    assert _found(text, *(_entity(text, *each) for each in entities)) == left


def _check(text: str, linked: list[LinkedEntity]) -> None:
    end = 0
    for each in linked:
        assert end <= each.start < each.end <= len(text)
        assert each.type in ENTITY_TYPES
        assert each.source in ENTITY_SOURCES
        assert each.name or not text[each.start : each.end].strip()
        end = each.end


@st.composite
def _texts_with_entities(draw: st.DrawFn) -> tuple[str, list[Entity]]:
    pieces = draw(st.lists(TEXTS | st.sampled_from([name.name for name in NAMES]), max_size=6))
    text = draw(st.sampled_from(["", " ", "#"])).join(pieces)
    ends = draw(st.lists(st.tuples(st.integers(0, len(text)), st.integers(0, len(text))), max_size=4))
    types = st.sampled_from(ENTITY_TYPES)
    return text, [Entity(text[min(each) : max(each)], draw(types), min(each), max(each)) for each in ends]


@settings(max_examples=200, deadline=None)
@given(_texts_with_entities())
def test_in_any_string_entities_lie_in_order_and_never_overlap(drawn: tuple[str, list[Entity]]) -> None:
    text, entities = drawn
    _check(text, GAZETTEER.link(text, entities))
    _check(text, Gazetteer().link(text, entities))


@pytest.mark.parametrize("text", [*AWKWARD, "#" + "aA" * 5_000, "Nike " * 2_000, "nike air max " * 700])
def test_awkward_texts_get_through(text: str) -> None:
    _check(text, GAZETTEER.link(text, None))


def _valid(written: str) -> bool:
    try:
        check(_brand("x", written))
    except InvalidRequest:
        return False
    return True


ALIASES = (st.text(min_size=1, max_size=20) | TEXTS.map(lambda text: text[:30])).filter(_valid)


@settings(max_examples=200, deadline=None)
@given(alias=ALIASES, before=TEXTS, after=TEXTS, is_exact_case=st.booleans())
@example(alias="Dr. No", before="", after="!", is_exact_case=True)
@example(alias="#a", before="&", after="#", is_exact_case=False)
def test_every_alias_is_found_where_it_is_planted(alias: str, before: str, after: str, is_exact_case: bool) -> None:
    written = alias.strip().lstrip("#＃").strip()
    text = f"{before} {written} {after}"
    place = len(before) + 1
    [found, *_] = [
        each
        for each in Gazetteer([_brand("zzzzqqqq", alias, is_exact_case=is_exact_case)]).link(text, None)
        if each.start < place + len(written) and place < each.end
    ]
    assert (found.tracked_id, found.source) == ("zzzzqqqq", "gazetteer")


def test_every_alias_of_many_is_found_in_one_text() -> None:
    names = [TrackedName(f"n{number}", f"brand{number} of shop{number % 7}", "brand", "ORG") for number in range(3_000)]
    text = ", ".join(each.name.upper() for each in names)
    assert [each.tracked_id for each in Gazetteer(names).link(text, None)] == [each.tracked_id for each in names]


def test_a_text_costs_the_same_lookups_however_many_names_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    lookups: list[int] = []
    find = module._Index.find
    monkeypatch.setattr(module._Index, "find", lambda self, words: (lookups.append(1), find(self, words))[1])
    text = "the best of the brand of the day is the one of ours"
    counts = []
    for size in (10, 2_000):
        gazetteer = Gazetteer(TrackedName(f"n{each}", f"the {each} brand", "brand", "ORG") for each in range(size))
        lookups.clear()
        gazetteer.link(text, None)
        counts.append(len(lookups))
    assert counts[0] == counts[1] <= len(text.split())


WRONG = [
    ({"tracked_id": ""}, "id"),
    ({"tracked_id": "a b"}, "id"),
    ({"tracked_id": "x" * 65}, "id"),
    ({"kind": "planet"}, "kind"),
    ({"entity_type": "ORGANISATION"}, "type"),
    ({"campaign_ids": ("a b",)}, "campaign_ids"),
    ({"aliases": ("a",) * 101}, "aliases"),
    *(
        ({"name": name}, "name")
        for name in ("", " ", "!!!", "😀", "@nike", "https://nike.com", "a\0b", "\ud800", "a\nb")
    ),
    *(({"name": name}, "name") for name in ("x" * 201, "a " * 13, "Nike 😀 Air")),
    ({"aliases": ("fine", "")}, "aliases"),
]


@pytest.mark.parametrize(("change", "field"), WRONG)
def test_what_cannot_be_looked_for_is_refused_by_its_field(change: dict[str, Any], field: str) -> None:
    right = {"tracked_id": "n", "name": "Nike", "kind": "brand", "entity_type": "ORG"}
    check(TrackedName(**right))
    with pytest.raises(InvalidRequest, match=f"^{field}"):
        check(TrackedName(**{**right, **change}))
