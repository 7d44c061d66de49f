"""`bench served`: seconds from a new campaign and a person's posts to the first ad of it that is personalised by them.

A whole installation runs: Kafka or the embedded stream, sensors, workers, the API. Each round takes in posts of a
synthetic person who agreed to personalised ads, and makes and starts a campaign of a tenant of its own, both over HTTP.
The clock stops when a decision for that person is answered with a text of that campaign, approved by moderation, chosen
by the mood that these posts show. With `--generator openai` or `anthropic` the texts are asked for through the official
client, from a local server that speaks the protocol and takes `answer_s` for each answer.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import httpx

from alphaads_pipelines.decisions.permissions import PURPOSE
from alphaads_pipelines.settings import Settings
from alphaads_pipelines.stores.consents import record_consent
from alphaads_pipelines.wiring import Wiring, wired
from benchmarks.live import live, live_settings
from benchmarks.llm_server import KEY, Reply, language_model_server, writes

LIMIT_S = 60.0
_PATIENCE_S = 300.0
_POLL_S = 0.1
_SCOPES = ("campaigns:write", "decisions:write", "posts:write")
_JOY = "I am so happy and excited today, this is wonderful news and I love it!"


def run(rounds: int = 12, generator: str = "templates", answer_s: float = 1.5, **servers: str) -> dict[str, Any]:
    """`rounds` rounds, one after the other."""
    seconds = list[float]()
    with tempfile.TemporaryDirectory(prefix="alphaads-bench-") as folder, _provider(generator, answer_s) as provider:
        settings = live_settings(Path(folder) / "home", generator=generator, **provider, **servers)
        with wired(settings) as wiring, live(wiring):
            seconds = [_round(wiring, number) for number in range(rounds)]
    p95 = quantiles(seconds, n=20, method="inclusive")[-1]
    return {
        "bench": "served",
        "stream": settings.stream_kind,
        "generator": generator,
        "answer_s": None if generator == "templates" else answer_s,
        "rounds": rounds,
        "p50_s": round(median(seconds), 2),
        "p95_s": round(p95, 2),
        "max_s": round(max(seconds), 2),
        "ratio_of_p95_to_limit": round(p95 / LIMIT_S, 2),
    }


@contextmanager
def _provider(generator: str, answer_s: float) -> Iterator[dict[str, Any]]:
    """Settings of a language model's provider that is this process."""
    if generator == "templates":
        yield {}
        return
    with language_model_server() as server:
        server.always_will(_slowly(answer_s))
        own = {f"{generator}_api_key": KEY, f"{generator}_base_url": server.base_url(generator)}
        yield {**own, "openai_moderation": False, "language_model_budget_usd": 100.0}


def _slowly(answer_s: float) -> Reply:
    def reply(handler: Any, received: Any) -> None:
        time.sleep(answer_s)
        writes(handler, received)

    return reply


def _round(wiring: Wiring, number: int) -> float:
    with _client(wiring.settings, f"bench-{number}") as client:
        author = f"served-{number}"
        [subject] = wiring.subject_keys.ensure([wiring.pseudonyms.identity("generic", author)])
        now = datetime.now(UTC)
        record_consent(
            wiring.engine, subject.subject_id, PURPOSE, granted=True, source="import", evidence="synthetic", now=now
        )
        started = time.monotonic()
        _take_posts(client, author, now)
        campaign_id = _start_campaign(client, number)
        while time.monotonic() - started < _PATIENCE_S:
            answer = client.post("/api/v1/decisions", json={"subject_id": subject.subject_id})
            if answer.status_code == httpx.codes.OK and _is_it(answer.json(), campaign_id):
                return time.monotonic() - started
            time.sleep(_POLL_S)
    raise TimeoutError(f"no personalised ad within {_PATIENCE_S:.0f} s; the last answer: {answer.text}")


def _is_it(answer: dict[str, Any], campaign_id: str) -> bool:
    """Until there are texts, a tenant is offered the sample campaigns."""
    is_approved = answer["creative"].get("moderation") == "approved"
    return bool(answer["personalised"]) and answer["campaign_id"] == campaign_id and is_approved


def _client(settings: Settings, tenant: str) -> httpx.Client:
    from api.credentials import issue_token

    secret = settings.secret_key.get_secret_value()
    token = issue_token(secret, subject="bench", tenant=tenant, scopes=_SCOPES, minutes=60)
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.Client(base_url=f"http://127.0.0.1:{settings.api_port}", headers=headers, timeout=30.0)


def _take_posts(client: httpx.Client, author: str, now: datetime) -> None:
    posts = [
        {
            "id": f"{author}-{each}",
            "platform": "generic",
            "author_id": author,
            "author_name": author,
            "text": _JOY,
            "created_at": now.isoformat(),
        }
        for each in range(3)
    ]
    client.post("/api/v1/posts", json={"platform": "generic", "payloads": posts}).raise_for_status()


def _start_campaign(client: httpx.Client, number: int) -> str:
    words = {"name": "Kettle", "product": f"Brasswick {number}", "benefit": "tea at the right heat"}
    made = client.post("/api/v1/campaigns", json={**words, "call_to_action": "Have a look"})
    made.raise_for_status()
    campaign_id = str(made.json()["campaign_id"])
    client.post(f"/api/v1/campaigns/{campaign_id}/resume", json={}).raise_for_status()
    return campaign_id
