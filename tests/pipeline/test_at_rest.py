"""At rest: no word that a person wrote, no name and no handle in any file, whatever ran; with the keys, all of them."""

from __future__ import annotations

import base64
import bz2
import gzip
import json
import sqlite3
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import lz4.block
import lz4.frame
import polars as pl
import pyarrow as pa
import pytest
import zstandard
from fastapi.testclient import TestClient
from prometheus_client import generate_latest

from alphaads_pipelines.decisions.spool import forward
from alphaads_pipelines.nlp.base import Score
from alphaads_pipelines.runtime.in_process import in_process, run_until_idle
from alphaads_pipelines.schema.tables import LAKE_TABLES
from alphaads_pipelines.settings import Settings
from alphaads_pipelines.stores.lake.readers import read_polars
from alphaads_pipelines.stores.subjects.consents import record_consent
from alphaads_pipelines.telemetry import REGISTRY, configure_logging
from alphaads_pipelines.wiring.app import Wiring, wired
from api.app import create_app
from api.credentials import SCOPES, issue_token
from tests.pipeline.scorers import NamingScorer
from tests.platforms.examples import EXAMPLES
from tests.scanner import Scanner

SECRET = "a-secret-for-tests-that-is-long-enough-000"
OWN = ("Quenthrax", "Dovrilum", "Yasperine", "Okteluna", "Zimbravel")
"""In texts: of a post by HTTP, of one in a file, of a quoted one, of a malformed line, of a rejected post."""
NAMES = ("Bryndolf Askerwick", "Tamzora Hollverness", "пётр Жаворонский", "鶴見ヶ原 静乃介")
HANDLES = ("brynaskerwick", "tamzorahv")
MAILS = ("b.askerwick@mailvorne.example",)
STRANGERS = ("ferrowquist", "Ilsabet Korrigane")
"""People who are only mentioned: their names are not even sealed."""


TODAY = (datetime.now(UTC) - timedelta(hours=2)).isoformat()
"""Moods fade: an older post would personalise nothing."""


def _post(number: int, text: str, **fields: Any) -> dict[str, Any]:
    author = {"author_id": f"authorid-{NAMES[number % 4]}", "author_name": NAMES[number % 4]}
    return {
        "id": f"rest-{number}",
        "platform": "instagram",
        **author,
        "author_handle": HANDLES[number % 2],
        "text": f"I love {text} so much, thanks @{STRANGERS[0]} 😀",
        "created_at": TODAY,
        **fields,
    }


BY_HTTP = [
    _post(0, OWN[0], quoted=_post(1, OWN[2])),
    _post(2, f"mail {MAILS[0]}", in_reply_to_user={"name": STRANGERS[1]}),
    _post(3, "the fourth"),
    _post(0, OWN[4], id="rejected", created_at="some day"),
]
LINES = [
    json.dumps(_post(1, OWN[1], id="file")).encode(),
    b'{"id": "torn", "author_name": "' + NAMES[1].encode() + b'", "text": "' + OWN[3].encode() + b" is",
]


def _is_long(word: str) -> bool:
    return len(word) >= 8 and not word.isdigit()


EXAMPLE_PEOPLE = {w for each in EXAMPLES.values() for e in each for words in e.people.values() for w in words}
EXAMPLE_STRANGERS = {word for each in EXAMPLES.values() for example in each for word in example.strangers}
SEALED = {*OWN, *NAMES, HANDLES[0], HANDLES[1], *filter(_is_long, EXAMPLE_PEOPLE)}
NOWHERE = {*STRANGERS, *filter(_is_long, EXAMPLE_STRANGERS)}


@contextmanager
def _logged_to(path: Path) -> Iterator[None]:
    """Everything that is logged goes to a file, as `up` has it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("a") as log, redirect_stderr(log):
            configure_logging(json=True, level="DEBUG")
            yield
    finally:
        configure_logging(level="WARNING")


def _ingest_a_file(settings: Settings, folder: Path) -> None:
    path = folder / "posts.jsonl"
    path.write_bytes(b"\n".join(LINES))
    command = (sys.executable, "-m", "alphaads_pipelines.cli.main", "ingest", str(path), "--platform", "generic")
    with (settings.logs_path / "ingest.log").open("ab") as log:
        subprocess.run(command, env=settings.process_environment, stdout=log, stderr=log, check=True)


def _use_the_api(wiring: Wiring) -> None:
    token = issue_token(SECRET, subject="tester", tenant="acme", scopes=SCOPES)
    with TestClient(create_app(wiring), raise_server_exceptions=False) as client:
        client.headers["Authorization"] = f"Bearer {token}"
        body: dict[str, Any] = {"platform": "generic", "payloads": BY_HTTP}
        assert client.post("/api/v1/posts", json=body).status_code == 202
        for name, examples in EXAMPLES.items():
            body = {"platform": name, "payloads": [each.payload for each in examples]}
            assert client.post("/api/v1/posts", json=body).status_code == 202
        assert client.post("/api/v1/posts", json={**body, OWN[0]: NAMES[0]}).status_code == 422
        assert client.post("/api/v1/decisions", json={"placement": NAMES[0]}).status_code == 422
        assert client.get(f"/api/v1/profiles/{HANDLES[0]}").status_code == 422


def _decide(wiring: Wiring) -> None:
    token = issue_token(SECRET, subject="tester", tenant="acme", scopes=SCOPES)
    app = create_app(wiring)
    with TestClient(app) as client:
        client.headers["Authorization"] = f"Bearer {token}"
        app.state.reader.refresh()
        subject = str(wiring.subject_keys.find(wiring.pseudonyms.identity("instagram", f"authorid-{NAMES[0]}")))
        now = datetime.now(UTC)
        said = {"granted": True, "source": "api", "evidence": "form-1", "now": now}
        record_consent(wiring.engine, subject, "personalised_ads", **said)
        decision = client.post("/api/v1/decisions", json={"subject_id": subject}).json()
        assert decision["personalised"]
        event = {"event_id": "e" * 12, "decision_id": decision["decision_id"], "kind": "click"}
        assert client.post("/api/v1/events", json={"events": [event]}).status_code == 202
    forward(wiring.settings.spool_path, wiring.stream, wiring.topics.decisions)


class IndiscreetScorer(NamingScorer):
    """Has a bug, once, and tells the texts in its error message; then it takes every word for a name."""

    has_failed = False

    def score(self, texts: Sequence[str]) -> list[Score]:
        if not self.has_failed:
            self.has_failed = True
            raise ValueError(f"cannot score {texts}")
        return super().score(texts)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """An installation in which everything ran once, and some things went wrong."""
    folder = tmp_path_factory.mktemp("rest")
    settings = Settings(_env_file=None, environment="test", alphaads_home=folder / "home", secret_key=SECRET)
    settings = Settings(**{**settings.model_dump(), "secret_key": SECRET, "log_level": "DEBUG"})
    with wired(settings) as wiring, _logged_to(settings.logs_path / "everything.log"):
        _use_the_api(wiring)
        _ingest_a_file(settings, folder)
        wiring.scorer = IndiscreetScorer(wiring.scorer, lambda: None)
        assert run_until_idle(wiring).rejected >= 2
        with in_process(wiring) as jobs:
            jobs.advertising()
            _decide(wiring)
            jobs.advertising()
            [batch, *_] = wiring.ledger.batches(state="committed")
            jobs.replay_hours(batch.planned_hour, batch.planned_hour, None, {})
        for table in LAKE_TABLES:
            wiring.lake.maintain(table, retention_hours=0)
        (settings.logs_path / "metrics.txt").write_bytes(generate_latest(REGISTRY))
    yield settings


def test_without_the_keys_nothing_is_found(home: Settings) -> None:
    names = {path.name for path in home.alphaads_home.rglob("*")}
    assert {"relational.db", "posts.raw.db", "raw_posts", "rejected_posts", "everything.log", "ingest.log"} <= names
    assert any(name.endswith(".checkpoint.parquet") for name in names)
    assert read_polars(home.lake_path, "post_entities").collect().height > len(OWN), "names of every kind were found"
    words = {*SEALED, *NOWHERE, *MAILS, *(f"authorid-{name}" for name in NAMES)}
    assert Scanner(words).scan(home.alphaads_home) == set()


def test_with_the_keys_every_post_is_found(home: Settings) -> None:
    with wired(home) as wiring:
        found = Scanner(SEALED | NOWHERE, wiring.sealer).scan(home.alphaads_home)
    assert {each.word for each in found} == SEALED
    assert all("unsealed" in each.layers for each in found)
    stream = {each.word for each in found if each.path.name == "posts.raw.db"}
    lake = {each.word for each in found if each.path.suffix == ".parquet"}
    assert stream == lake == SEALED


def test_the_key_that_opens_them_lies_outside_the_home(home: Settings) -> None:
    kek = json.loads(home.key_file.read_bytes())["kek"]
    assert not home.key_file.is_relative_to(home.alphaads_home)
    assert Scanner([kek, base64.b64decode(kek).hex()]).scan(home.alphaads_home) == set()


TEXT = f"... and so {OWN[0]} wrote, for all to read ..."


def _as_parquet(text: str, path: Path, compression: Any) -> None:
    pl.DataFrame({"a": ["x" * 100, text], "b": [[{"c": "y"}], [{"c": text}]]}).write_parquet(
        path, compression=compression
    )


def _as_sqlite(value: str | bytes, path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("CREATE TABLE t (a INTEGER, b)")
    connection.execute("INSERT INTO t VALUES (1, ?)", (value,))
    connection.commit()
    wal = path.with_name(f"{path.name}-wal").read_bytes()
    connection.close()
    path.with_name(f"{path.name}-wal").write_bytes(wal)


def _snappy_frames(data: bytes) -> bytes:
    body = bytes(4) + pa.compress(data, codec="snappy", asbytes=True)
    return b"\xff\x06\x00\x00sNaPpY" + b"\x00" + len(body).to_bytes(3, "little") + body


BYTES: dict[str, Callable[[bytes], bytes]] = {
    "as it is": bytes,
    "lower case": bytes.lower,
    "upper case": bytes.upper,
    "utf-16": lambda data: data.decode().encode("utf-16"),
    "utf-16 big endian": lambda data: data.decode().encode("utf-16-be"),
    "hex": lambda data: data.hex().encode(),
    "upper hex": lambda data: data.hex().upper().encode(),
    "base64": base64.b64encode,
    "base64 after one": lambda data: base64.b64encode(b"1" + data),
    "base64 after two": lambda data: base64.b64encode(b"12" + data),
    "base64 of lower case": lambda data: base64.b64encode(data.lower()),
    "gzip": gzip.compress,
    "zlib": zlib.compress,
    "bzip2": bz2.compress,
    "zstd": lambda data: zstandard.ZstdCompressor().compress(data),
    "lz4": lz4.frame.compress,
    "lz4 block": lz4.block.compress,
    "snappy": lambda data: pa.compress(data, codec="snappy", asbytes=True),
    "snappy frames": _snappy_frames,
    "gzip in base64": lambda data: base64.b64encode(gzip.compress(data)),
    "gzip in url-safe base64": lambda data: base64.urlsafe_b64encode(gzip.compress(data)),
    "zlib in hex": lambda data: zlib.compress(data).hex().encode(),
    "base64 in gzip": lambda data: gzip.compress(base64.b64encode(data)),
    "zstd in gzip": lambda data: gzip.compress(zstandard.ZstdCompressor().compress(data)),
    "base64 of utf-16": lambda data: base64.b64encode(data.decode().encode("utf-16-le")),
}
INSIDE = {"lz4 block", "snappy"}
"""Blocks without a mark of their own are found where a file or a value begins, and nowhere else."""


@pytest.mark.parametrize("spelled", BYTES)
def test_the_scanner_finds_what_is_planted(tmp_path: Path, spelled: str) -> None:
    data = BYTES[spelled]((TEXT * 3).encode())
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "deep" / "er" / "whole").write_bytes(data)
    (tmp_path / "inside").write_bytes(b"\x00junk " * 40 + data + b" junk\xff" * 40)
    _as_sqlite(data, tmp_path / "rows.db")
    pl.DataFrame({"a": [b"x", data]}).write_parquet(tmp_path / "rows.parquet", compression="zstd")
    (tmp_path / "clean").write_bytes(b"nothing to see")
    found = {str(each.path) for each in Scanner([OWN[0], OWN[1]]).scan(tmp_path) if each.word == OWN[0]}
    expected = {"deep/er/whole", "inside", "rows.db", "rows.parquet", "rows.db-wal"}
    assert found >= expected - ({"inside", "rows.db-wal"} if spelled in INSIDE else set())
    assert "clean" not in found
    assert Scanner([OWN[1]]).scan(tmp_path) == set()


@pytest.mark.parametrize("compression", ["uncompressed", "snappy", "gzip", "zstd", "lz4"])
def test_the_scanner_reads_every_parquet(tmp_path: Path, compression: str) -> None:
    _as_parquet(TEXT, tmp_path / "rows.parquet", compression)
    assert {each.word for each in Scanner(OWN).scan(tmp_path)} == {OWN[0]}


SPELLINGS: dict[str, Callable[[str], bytes]] = {
    "utf-8": str.encode,
    "json": lambda text: json.dumps(text).encode(),
    "json in json": lambda text: json.dumps(json.dumps(text)).encode(),
    "utf-16": lambda text: text.encode("utf-16"),
    "percent": lambda text: quote(text).encode(),
    "upper case": lambda text: text.upper().encode(),
    "base64": lambda text: base64.b64encode(text.encode()),
}


@pytest.mark.parametrize("spelled", SPELLINGS)
@pytest.mark.parametrize("name", NAMES)
def test_the_scanner_knows_names_in_any_script(tmp_path: Path, name: str, spelled: str) -> None:
    (tmp_path / "log").write_bytes(b"who: " + SPELLINGS[spelled](name))
    assert {each.word for each in Scanner(NAMES).scan(tmp_path)} == {name}


def test_words_with_one_beginning_are_told_apart_in_every_spelling(tmp_path: Path) -> None:
    words = [f"Wexoblim{each}" for each in ("ara", "beo", "cui")]
    for spelled, encode in BYTES.items():
        (tmp_path / spelled).write_bytes(encode(f"... and so {words[1]} wrote ...".encode() * 3))
    found = Scanner(words).scan(tmp_path)
    assert {each.word for each in found} == {words[1]}
    assert {str(each.path) for each in found} == BYTES.keys()


def test_the_scanner_reads_rows_that_only_the_write_ahead_log_holds(tmp_path: Path) -> None:
    path = tmp_path / "rows.db"
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("CREATE TABLE t (a)")
    connection.execute("INSERT INTO t VALUES (?)", (gzip.compress(TEXT.encode()),))
    connection.commit()
    assert {each.path.name for each in Scanner(OWN).scan(tmp_path)} >= {"rows.db"}
    connection.close()


def test_the_scanner_opens_what_the_key_of_the_day_sealed(wiring: Wiring) -> None:
    wiring.intake.take("generic", [_post(0, OWN[0], author_id=None)], "c")
    settings = wiring.settings
    wiring.close()
    assert Scanner(OWN).scan(settings.alphaads_home) == set()
    with wired(settings) as again:
        found = Scanner(OWN, again.sealer).scan(settings.alphaads_home)
    assert {each.word for each in found} == {OWN[0]}
