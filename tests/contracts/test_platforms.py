"""What every platform in the registry must do."""

from __future__ import annotations

import base64
import copy
import dataclasses
import os
import subprocess
import sys
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alphaads_pipelines.errors import ConfigurationError, RejectedPayload
from alphaads_pipelines.ingest.intake import encode_body
from alphaads_pipelines.platforms.base import Platform, Post
from alphaads_pipelines.platforms.fields import REASONS
from alphaads_pipelines.platforms.malformed import malformed_payload
from alphaads_pipelines.platforms.mentions import mask
from alphaads_pipelines.platforms.network import Network, context_order
from alphaads_pipelines.platforms.registry import CONTEXT_NETWORKS, NETWORKS, PLATFORMS
from alphaads_pipelines.schema.tables import PURPOSES
from tests.conftest import ROOT
from tests.platforms.examples import EXAMPLES, Example

NAMES = list(PLATFORMS)
CASES = [(name, example) for name in NAMES for example in EXAMPLES.get(name, ())]


def _token(handle: str) -> str:
    return "u_" + base64.b32encode(handle.encode()[::-1]).decode().strip("=").lower()


def _keys(value: Any) -> set[str]:
    if isinstance(value, dict):
        return set(value) | {key for each in value.values() for key in _keys(each)}
    return {key for each in value for key in _keys(each)} if isinstance(value, list) else set()


_LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(alphabet=st.characters(), max_size=40)
    | st.sampled_from(
        ["@someone", "x.com/someone/status/1", "2024-01-01T00:00:00Z", "1", "Wed Aug 27 13:08:45 +0000 2008"]
    )
)
_KEYS = sorted(
    {key for _, example in CASES for key in _keys(example.payload)} | {"malformed", "format_version", "data"}
)
_JSON = st.recursive(
    _LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(_KEYS) | st.text(), inner, max_size=6),
    max_leaves=25,
)
_OBJECTS = st.dictionaries(st.sampled_from(_KEYS) | st.text(max_size=5), _JSON, max_size=10)


def _outcome(platform: Platform, payload: dict[str, Any]) -> Post | str:
    try:
        return platform.parse(payload)
    except RejectedPayload as error:
        assert error.reason in REASONS
        return error.reason


def _paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    steps = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(found for key, each in steps for found in _paths(each, (*path, key)))]


def _replaced(payload: dict[str, Any], path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    changed = copy.deepcopy(payload)
    holder = changed
    for step in path[:-1]:
        holder = holder[step]
    holder[path[-1]] = value
    return changed


@pytest.fixture(params=NAMES)
def platform(request: pytest.FixtureRequest) -> Platform:
    return PLATFORMS.load(request.param)()


def test_every_platform_has_examples() -> None:
    assert set(NAMES) == set(EXAMPLES)


def test_the_registry_declares_every_part_of_a_network(platform: Platform) -> None:
    network = NETWORKS[platform.name]
    assert network.parser == f"{type(platform).__module__}:{type(platform).__name__}"
    assert sorted(network.allows + network.forbids) == sorted(PURPOSES)
    assert network.place is None or CONTEXT_NETWORKS[network.place] == platform.name


@pytest.mark.parametrize("part", [each.name for each in dataclasses.fields(Network)])
def test_a_network_with_an_undeclared_part_is_refused(part: str) -> None:
    declared = {each.name: getattr(NETWORKS["x"], each.name) for each in dataclasses.fields(Network)}
    with pytest.raises(TypeError, match=f"missing 1 required keyword-only argument: '{part}'"):
        Network(**{name: value for name, value in declared.items() if name != part})


def test_terms_that_leave_a_purpose_open_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="neither allows nor forbids: linking, analytics"):
        Network(parser=None, allows=("personalised_ads", "model_training"), forbids=("audience_export",), place=None)
    for allows, forbids in ((PURPOSES, ("linking",)), ((*PURPOSES, "world_domination"), ())):
        with pytest.raises(ConfigurationError, match="unknown or declared twice"):
            Network(parser=None, allows=allows, forbids=forbids, place=None)


@pytest.mark.parametrize("place", [0, 2])
def test_places_in_a_bandit_context_are_taken_once_and_without_a_gap(place: int) -> None:
    first, second = (dataclasses.replace(NETWORKS["x"], place=each) for each in (0, place))
    with pytest.raises(ConfigurationError, match="places in a bandit context"):
        context_order({"first": first, "second": second})


def test_it_bears_its_registered_name(platform: Platform) -> None:
    assert PLATFORMS.load(platform.name) is type(platform)


@pytest.mark.parametrize(("name", "example"), CASES)
def test_a_part_names_nobody_but_its_author(name: str, example: Example) -> None:
    parts = PLATFORMS.load(name)().split(copy.deepcopy(example.payload), _token)
    assert {part.author_id for part in parts} == set(example.people)
    for part in parts:
        assert part.author_id is not None
        body = orjson.dumps(part.payload).decode()
        for person, secrets in example.people.items():
            for secret in secrets:
                # The author's own handle may stand as a token in their own text, never their name.
                assert secret.lower() not in body.lower() or person == part.author_id, secret
        for stranger in example.strangers:
            assert stranger.lower() not in body.lower(), stranger
        assert example.people[part.author_id][0] in body


@pytest.mark.parametrize("value", [None, 7.5, ["not what it should be"]])
@pytest.mark.parametrize("field", ["id", "created_at", "text", "author_id", "user", "format_version"])
@pytest.mark.parametrize(("name", "example"), CASES)
def test_a_part_that_cannot_be_read_names_nobody_either(name: str, example: Example, field: str, value: Any) -> None:
    payload = copy.deepcopy(example.payload)
    for post in (payload, *payload.get("data", ())):
        post[field] = value
    for part in PLATFORMS.load(name)().split(payload, _token):
        body = orjson.dumps(part.payload).decode().lower()
        shown = {who for who, secrets in example.people.items() for each in secrets[:2] if each.lower() in body}
        assert part.author_id is None or shown <= {part.author_id}
        assert "strngrmention" not in body
        assert "strngrlink" not in body
        assert "990004" not in body


@pytest.mark.parametrize(("name", "example"), CASES)
def test_the_parts_of_an_example_become_posts(name: str, example: Example) -> None:
    platform = PLATFORMS.load(name)()
    posts = [platform.parse(part.payload) for part in platform.split(copy.deepcopy(example.payload), _token)]
    assert tuple(post.kind for post in posts) == example.kinds
    assert {post.author_id for post in posts} == set(example.people)


@pytest.mark.parametrize(("name", "example"), CASES)
def test_split_leaves_its_input_alone(name: str, example: Example) -> None:
    payload = copy.deepcopy(example.payload)
    PLATFORMS.load(name)().split(payload, _token)
    assert payload == example.payload


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=150, deadline=None)
@given(payload=_OBJECTS)
def test_nothing_crashes_split_and_all_of_it_can_be_sealed(name: str, payload: dict[str, Any]) -> None:
    platform = PLATFORMS.load(name)()
    parts = platform.split(payload, mask)
    assert parts
    for part in parts:
        assert part.author_id is None or part.author_id.strip()
        body = encode_body(part.payload)
        again = orjson.loads(body)
        first, second = _outcome(platform, part.payload), _outcome(platform, again)
        assert type(first) is type(second)


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=150, deadline=None)
@given(payload=_OBJECTS)
def test_parse_gives_a_post_or_a_known_reason(name: str, payload: dict[str, Any]) -> None:
    platform = PLATFORMS.load(name)()
    outcome = _outcome(platform, payload)
    assert outcome == _outcome(platform, payload)
    if isinstance(outcome, Post):
        assert outcome.post_id and outcome.author_id
        outcome.text.encode()


@pytest.mark.parametrize(("name", "example"), CASES)
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_a_damaged_example_is_a_post_or_is_kept_with_a_reason(name: str, example: Example, data: st.DataObject) -> None:
    path = data.draw(st.sampled_from([path for path in _paths(example.payload) if path]))
    payload = _replaced(example.payload, path, data.draw(_JSON))
    platform = PLATFORMS.load(name)()
    for part in platform.split(payload, mask):
        outcome = _outcome(platform, part.payload)
        if isinstance(outcome, Post):
            assert part.author_id == outcome.author_id


_PRINT_BODIES = """
import copy, sys
from alphaads_pipelines.ingest.intake import encode_body
from alphaads_pipelines.platforms.mentions import mask
from alphaads_pipelines.platforms.network import Network, context_order
from alphaads_pipelines.platforms.registry import CONTEXT_NETWORKS, NETWORKS, PLATFORMS
from alphaads_pipelines.schema.tables import PURPOSES
from tests.platforms.examples import EXAMPLES
for name, examples in EXAMPLES.items():
    for example in examples:
        for change in ({}, {"text": None}, {"author_id": None, "user": None}, {"format_version": 9}):
            for part in PLATFORMS.load(name)().split({**example.payload, **change}, mask):
                print(part.author_id, part.network, encode_body(part.payload).decode())
"""


def test_bodies_are_the_same_bytes_in_every_process() -> None:
    # A rejected body is recognised by its bytes when it comes again, and hash seeds differ between processes.
    printed = {
        subprocess.run(
            [sys.executable, "-c", _PRINT_BODIES],
            env={**os.environ, "PYTHONHASHSEED": seed},
            cwd=ROOT,
            check=True,
            capture_output=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(printed) == 1
    assert printed != {b""}


def test_a_reason_never_quotes_the_payload(platform: Platform) -> None:
    for field in ("id", "text", "created_at", "author_id", "kind", "user", "platform", "hashtags", "format_version"):
        for value in ("planted-value", ["planted-value"], {"planted-value": "planted-value"}, 3.25):
            payload = {"id": "1", "author_id": "2", "text": "t", "created_at": "2024-01-01T00:00:00Z", field: value}
            try:
                platform.parse(payload)
            except RejectedPayload as error:
                assert "planted" not in str(error)


def test_malformed_bytes_are_rejected_with_what_they_are(platform: Platform) -> None:
    assert _outcome(platform, malformed_payload(b'{"id": 1, "text')) == "malformed_json"
    assert _outcome(platform, malformed_payload(b"\xff\xfe")) == "malformed_json"
    assert _outcome(platform, malformed_payload(b"[1, 2]")) == "not_an_object"
    assert _outcome(platform, malformed_payload(b"x" * 900_000)) == "too_large"
    assert _outcome(platform, {"malformed": 5}) == "malformed_json"


def test_malformed_bytes_that_can_be_read_by_now_become_a_post(platform: Platform) -> None:
    example = EXAMPLES[platform.name][0]
    post = platform.parse(malformed_payload(orjson.dumps(example.payload)))
    assert post.author_id == next(iter(example.people))
    assert "@user" in post.text
    assert "strngr" not in post.text.lower()
