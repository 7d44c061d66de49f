"""Payloads of files, whatever shape they come in."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alphaads_pipelines.errors import ConfigurationError, InvalidRequest
from alphaads_pipelines.ingest.files import PayloadFile, read_payloads
from alphaads_pipelines.ingest.parsing import Reject, parse_file
from alphaads_pipelines.platforms.base import Malformed, Post
from tests.conftest import ROOT

SAMPLES = ROOT / "alphaads_pipelines" / "ingest" / "samples" / "synthetic_posts.jsonl"


def _file(folder: Path, content: bytes) -> Path:
    path = folder / "payloads"
    path.write_bytes(content)
    return path


def _read(folder: Path, content: bytes) -> list[tuple[int, Any]]:
    return [
        (line, item.raw if isinstance(item, Malformed) else item)
        for line, item in PayloadFile(_file(folder, content)).numbered()
    ]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", []),
        (b"\n \n\t\n", []),
        (b'{"a":1}', [(1, {"a": 1})]),
        (b'{"a":1}\n\n{"b":2}\n', [(1, {"a": 1}), (3, {"b": 2})]),
        (b'{"a":1}\r\n\r\n{"b":2}\r\n', [(1, {"a": 1}), (3, {"b": 2})]),
        (b'\xef\xbb\xbf{"a":1}\n{"b":2}', [(1, {"a": 1}), (2, {"b": 2})]),
        (b'{"a":1}\nnope\n{"b":2}', [(1, {"a": 1}), (2, b"nope"), (3, {"b": 2})]),
        (b'{"a"\n{"b":2}', [(1, b'{"a"'), (2, {"b": 2})]),
        (b'{\n{"b":2}', [(1, b"{"), (2, {"b": 2})]),
        (b'[broken\n{"b":2}', [(1, b"[broken"), (2, {"b": 2})]),
        (b'"text"\n5\nnull', [(1, b'"text"'), (2, b"5"), (3, b"null")]),
        (b'{"a":"\xff"}\n{"b":2}', [(1, b'{"a":"\xff"}'), (2, {"b": 2})]),
        (b'{"a":NaN}\n{"b":2}', [(1, b'{"a":NaN}'), (2, {"b": 2})]),
        (b'{"a":"\\ud83d"}', [(1, {"a": "\ud83d"})]),
        (b'[{"a":1},{"b":2}]', [(1, {"a": 1}), (1, {"b": 2})]),
        (b'[{"a":1}]\n[]\n[{"b":2},3]', [(1, {"a": 1}), (2, b"[]"), (3, {"b": 2}), (3, b"3")]),
        (b'[{"a":1},\n{"b":2},\n"x"]\n', [(1, {"a": 1}), (2, {"b": 2}), (3, b'"x"')]),
        (b'[\n{"a":[1,2]}\n]', [(1, {"a": [1, 2]})]),
        (b'{\n "a": {"b": 1}\n}\n{\n "c": 2\n}', [(1, {"a": {"b": 1}}), (2, {"c": 2})]),
    ],
)
def test_shapes(tmp_path: Path, content: bytes, expected: list[tuple[int, Any]]) -> None:
    assert _read(tmp_path, content) == expected
    if content:
        assert _read(tmp_path, gzip.compress(content)) == expected


@pytest.mark.parametrize("indent", [None, 1])
def test_a_large_array_is_read_as_a_stream(tmp_path: Path, indent: int | None) -> None:
    payloads = [{"number": number, "text": "é😀" * 150} for number in range(2_000)]
    content = json.dumps(payloads, indent=indent, ensure_ascii=False).encode()
    assert len(content) > 1_000_000
    assert [item for _, item in _read(tmp_path, content)] == payloads


@pytest.mark.parametrize(
    "broken", [b'[\n{"a":1},\n{"b":2', b'[\n{"a":1},\n', b'[\n{"a":1},\n{"b" 2}]', b'[\n{"a":1}\n]]']
)
def test_a_broken_array_gives_what_came_before_and_says_so(tmp_path: Path, broken: bytes) -> None:
    source = PayloadFile(_file(tmp_path, broken))
    batches = iter(source)
    assert next(batches) == [{"a": 1}]
    with pytest.raises(InvalidRequest, match="payloads"):
        next(batches)


def test_a_truncated_gzip_gives_what_came_before_and_says_so(tmp_path: Path) -> None:
    content = gzip.compress(b"".join(b'{"a":%d}\n' % number for number in range(50_000)))
    source = read_payloads(_file(tmp_path, content[: len(content) // 2]), batch_size=1_000)
    taken = []
    with pytest.raises(InvalidRequest, match="damaged"):
        for batch in source:
            taken += batch
    assert len(taken) > 1_000
    assert taken == [{"a": number} for number in range(len(taken))]


def test_a_huge_line_is_malformed_and_the_next_is_read(tmp_path: Path) -> None:
    items = _read(tmp_path, b'{"a":"' + b"x" * 9_000_000 + b'"}\n{"b":2}\n')
    assert items[1] == (2, {"b": 2})
    assert len(items) == 2 and isinstance(items[0][1], bytes) and len(items[0][1]) <= 8_000_001


def test_batches_are_bounded_in_number_and_bytes(tmp_path: Path) -> None:
    assert [len(batch) for batch in read_payloads(_file(tmp_path, b"{}\n" * 4_500))] == [2000, 2000, 500]
    line = b'{"a":"' + b"x" * 4_000_000 + b'"}\n'
    assert [len(batch) for batch in PayloadFile(_file(tmp_path, line * 6))] == [4, 2]


@pytest.mark.parametrize("packed", [False, True])
def test_progress_ends_at_the_size_of_the_file(tmp_path: Path, packed: bool) -> None:
    content = b"".join(b'{"number":%d}\n' % (number * 7919) for number in range(200_000))
    source = PayloadFile(_file(tmp_path, gzip.compress(content) if packed else content))
    assert source.bytes_read == 0
    seen = [source.bytes_read for _ in source]
    assert seen == sorted(seen)
    assert 0 < seen[0] < source.total_bytes
    assert source.bytes_read == source.total_bytes


@pytest.mark.parametrize("name", ["absent.jsonl", "."])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidRequest, match=str(tmp_path)):
        read_payloads(tmp_path / name)


def test_utf16_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="UTF-16"):
        read_payloads(_file(tmp_path, '{"a":1}'.encode("utf-16")))


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=200) | st.lists(st.sampled_from(list(b'[]{},":a1\n \\\xff')), max_size=60).map(bytes))
def test_any_bytes_are_payloads_or_malformed_or_an_invalid_request(tmp_path: Path, content: bytes) -> None:
    try:
        items = [item for batch in PayloadFile(_file(tmp_path, content)) for item in batch]
    except InvalidRequest:
        return
    assert all(isinstance(item, dict | Malformed) for item in items)


def test_parsing_a_file_gives_posts_and_rejects_with_their_lines(tmp_path: Path) -> None:
    good = {"id": "1", "author_id": "2", "text": "hi @bo", "created_at": "2026-01-01T00:00:00Z"}
    quoting = {**good, "id": "3", "quoted": {**good, "id": "4"}}
    lines = [json.dumps(good), "", "broken", json.dumps({**good, "text": None}), json.dumps(quoting), "[1]"]
    results = list(parse_file(_file(tmp_path, "\n".join(lines).encode()), "generic"))
    rejects = [(each.line, each.reason) for each in results if isinstance(each, Reject)]
    assert rejects == [(3, "malformed_json"), (4, "missing_text"), (6, "not_an_object")]
    posts = [each for each in results if isinstance(each, Post)]
    assert [post.post_id for post in posts] == ["1", "3", "4"]
    assert {post.text for post in posts} == {"hi @user"}


def test_parsing_names_the_platforms_it_knows(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="generic, x"):
        parse_file(_file(tmp_path, b"{}"), "nowhere")


def test_the_samples_are_what_their_readme_says() -> None:
    results = list(parse_file(SAMPLES, "generic"))
    posts = [each for each in results if isinstance(each, Post)]
    keys = {(post.platform, post.post_id, post.version) for post in posts}
    assert (len(results), len(keys), len(posts) - len(keys), len(results) - len(posts)) == (277, 248, 15, 14)
    assert len({(post.platform, post.author_id) for post in posts}) == 40
    assert {post.language for post in posts} == {"en", "de", "es"}
    readme = SAMPLES.with_name("README.md").read_text()
    assert "SYNTHETIC" in readme
    assert "277 posts: 248 accepted, 15 duplicates, 14 rejected" in readme
