"""An installation with all stores, filled with canary data, and queries on it.

Enable new stores here; the scanner reads every file under the folder.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fastapi.testclient import TestClient
from prometheus_client import generate_latest

from alphaads_pipelines.decisions.spool import forward
from alphaads_pipelines.platforms.base import Payload
from alphaads_pipelines.rights.access.export import recorded_export, write_export
from alphaads_pipelines.rights.backups.backup import create_backup
from alphaads_pipelines.runtime.backups import backup_sources
from alphaads_pipelines.runtime.in_process import in_process, run_until_idle
from alphaads_pipelines.schema.tables import LAKE_TABLES
from alphaads_pipelines.settings import Settings
from alphaads_pipelines.stores.subjects.consents import record_consent
from alphaads_pipelines.telemetry import REGISTRY, configure_logging
from alphaads_pipelines.wiring.app import Wiring
from api.app import create_app
from api.credentials import SCOPES, issue_token
from tests.pipeline.scorers import NamingScorer
from tests.rights.canaries import Canary
from tests.scanner import Finding, Scanner

SECRET = "a-secret-for-tests-that-is-long-enough-000"
BACKUP = "backup"
"""Name of the backup's folder, beside the home."""
_LAKE_TABLE = re.compile(r"lake/(\w+)/")
_LOG = "_delta_log"


def settings_in(folder: Path) -> Settings:
    """Settings of an installation under `folder`, where its key file lies, too."""
    return Settings(
        _env_file=None,
        environment="test",
        alphaads_home=folder / "home",
        secret_key=SECRET,
        scorer_tier="lexicon",
        shards=4,
        log_level="DEBUG",
        max_data_age_s=86_400,
    )


@contextmanager
def logged_to(path: Path) -> Iterator[None]:
    """Everything that is logged goes to a file, as `up` has it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("a") as log, redirect_stderr(log):
            configure_logging(json=True, level="DEBUG")
            yield
    finally:
        configure_logging(level="WARNING")


@contextmanager
def client_of(wiring: Wiring) -> Iterator[TestClient]:
    """A client of the installation's API that may do everything."""
    app = create_app(wiring)
    token = issue_token(SECRET, subject="tester", tenant="acme", scopes=SCOPES)
    with TestClient(app, raise_server_exceptions=False) as client:
        client.headers["Authorization"] = f"Bearer {token}"
        app.state.reader.refresh()
        yield client


@dataclass
class Life:
    """State of the canaries in an installation.

    Attributes
    ----------
    subjects: canary's number -> subject id.
    """

    wiring: Wiring
    people: list[Canary]
    outside: Path
    subjects: dict[int, str] = field(default_factory=dict)

    def live(self) -> None:
        """Posts in, batches, ads, consents, decisions, events, exports: everything that touches a person once."""
        wiring = self.wiring
        with logged_to(wiring.settings.logs_path / "everything.log"):
            with client_of(wiring) as client:
                self._post(client)
            wiring.scorer = NamingScorer(wiring.scorer, lambda: None)
            assert run_until_idle(wiring).rejected == len(self.people)
            self._find_subjects()
            with in_process(wiring) as jobs:
                jobs.advertising()
                self._consent()
                with client_of(wiring) as client:
                    self._decide(client)
                forward(wiring.settings.spool_path, wiring.stream, wiring.topics.decisions)
                jobs.advertising()
            with client_of(wiring) as client:
                self._post_late(client)
            for table in LAKE_TABLES:
                wiring.lake.maintain(table, retention_hours=0)
            self._export()
            self._back_up()
            (wiring.settings.logs_path / "metrics.txt").write_bytes(generate_latest(REGISTRY))

    def _post(self, client: TestClient) -> None:
        for each in self.people:
            self._send(client, each.platform, each.payload("post", each.text), each.payload("rejected", None))

    def _post_late(self, client: TestClient) -> None:
        """Posts that stay in the stream."""
        for each in self.people:
            self._send(client, each.platform, each.payload("late", each.text))

    def _send(self, client: TestClient, platform: str, *payloads: Payload) -> None:
        body: dict[str, Any] = {"platform": platform, "payloads": list(payloads)}
        assert client.post("/api/v1/posts", json=body).status_code == 202

    def _find_subjects(self) -> None:
        for each in self.people:
            identity = self.wiring.pseudonyms.identity(each.platform, each.author_id)
            self.subjects[each.number] = str(self.wiring.subject_keys.find(identity))

    def _consent(self) -> None:
        said = {"granted": True, "source": "api", "evidence": "form-1", "now": datetime.now(UTC)}
        for subject in self.of(self.people):
            record_consent(self.wiring.engine, subject, "personalised_ads", **said)

    def _decide(self, client: TestClient) -> None:
        for number, subject in enumerate(self.of(self.people)):
            decision = client.post("/api/v1/decisions", json={"subject_id": subject}).json()
            assert decision["personalised"], decision
            event = {"event_id": f"event-{number:06d}", "decision_id": decision["decision_id"], "kind": "click"}
            assert client.post("/api/v1/events", json={"events": [event]}).status_code == 202

    def _export(self) -> None:
        for subject in self.of(self.people):
            with recorded_export(self.wiring.rights.sources, subject, "c" * 32, datetime.now(UTC)) as export:
                write_export(export, self.outside)

    def _back_up(self) -> None:
        now = datetime.now(UTC)
        backup = self.wiring.settings.alphaads_home.with_name(BACKUP)
        create_backup(backup_sources(self.wiring), backup, now, lambda _: None)
        self.wiring.rights.key_backups.create(self.wiring.engine, now)

    def erase(self, people: Iterable[Canary]) -> list[dict[str, Any]]:
        """Erase these people: all keys first, then the rest; the receipts."""
        erasure = self.wiring.rights.erasure
        begun = [erasure.begin(subject, "e" * 32) for subject in self.of(people)]
        with logged_to(self.wiring.settings.logs_path / "erasing.log"):
            return [dict(erasure.resume(each.request_id).receipt or {}) for each in begun]

    def of(self, people: Iterable[Canary]) -> list[str]:
        """Subject ids of these people."""
        return [self.subjects[each.number] for each in people]


def found_of(people: Iterable[Canary], findings: Iterable[Finding]) -> dict[str, dict[int, set[str]]]:
    """Store -> canary's number -> which of their words stand there."""
    owner = {word: each.number for each in people for word in each.words}
    found: dict[str, dict[int, set[str]]] = defaultdict(lambda: defaultdict(set))
    for each in findings:
        found[store_of(each.path)][owner[each.word]].add(each.word)
    return found


def whole(people: Iterable[Canary], found: Mapping[str, Mapping[int, set[str]]]) -> set[int]:
    """Numbers of the canaries whose words were all found."""
    met: dict[int, set[str]] = defaultdict(set)
    for of_store in found.values():
        for number, words in of_store.items():
            met[number] |= words
    return {each.number for each in people if met[each.number] == set(each.words)}


def store_of(path: Path) -> str:
    """The store that a file belongs to, for people; of a home that was put aside, or of a backup, with that before."""
    root, *parts = path.parts
    place = "/".join(parts)
    before = "" if root == "home" else f"{root.partition('-')[0]}: "
    if table := _LAKE_TABLE.match(place):
        return f"{before}lake {table[1]}{' log' if _LOG in parts else ''}"
    if parts[:1] == ["stream"]:
        return f"{before}stream {parts[1].partition('.db')[0]}"
    return before + (parts[0] if parts else root)


def scan(people: Iterable[Canary], folder: Path, wiring: Wiring | None) -> dict[str, dict[int, set[str]]]:
    """Scan every file under `folder` for these people, with the keys of `wiring` or without any."""
    words = [word for each in people for word in each.words]
    return found_of(people, Scanner(words, wiring and wiring.sealer).scan(folder))
