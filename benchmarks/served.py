"""`bench served`: seconds from a person's posts and a new campaign to its first ad personalised by them.

Each round takes in posts of a consenting person and starts a new tenant's campaign, both over HTTP. The clock stops
when a decision returns an approved text of that campaign, chosen by the mood of these posts. With `--generator openai`
or `anthropic`, the official client calls a local server that takes `answer_s` per answer.

`learned` is the time from the ad's click until a policy that learned from it decides.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import httpx

from alphaads_pipelines.decisions.permissions import PURPOSE
from alphaads_pipelines.errors import StoreUnavailable
from alphaads_pipelines.settings import Settings
from alphaads_pipelines.stores.subjects.consents import record_consent
from alphaads_pipelines.wiring.app import Wiring, wired
from benchmarks.live import live, live_settings
from benchmarks.llm_server import KEY, Reply, language_model_server, writes

LIMIT_S = 60.0
_PATIENCE_S = 300.0
_POLL_S = 0.1
_SCOPES = ("campaigns:write", "decisions:write", "events:write", "posts:write")
_JOY = "I am so happy and excited today, this is wonderful news and I love it!"


def run(rounds: int = 12, generator: str = "templates", answer_s: float = 1.5, **servers: str) -> dict[str, Any]:
    """Run sequential rounds."""
    with tempfile.TemporaryDirectory(prefix="alphaads-bench-") as folder, _provider(generator, answer_s) as provider:
        settings = live_settings(Path(folder) / "home", generator=generator, **provider, **servers)
        with wired(settings) as wiring, live(wiring):
            timed = [_round(wiring, number) for number in range(rounds)]
    served, learned = (list(each) for each in zip(*timed, strict=True))
    return {
        "bench": "served",
        "stream": settings.stream_kind,
        "generator": generator,
        "answer_s": None if generator == "templates" else answer_s,
        "rounds": rounds,
        **_quantiles(served),
        "ratio_of_p95_to_limit": round(_p95(served) / LIMIT_S, 2),
        "learned": _quantiles(learned),
    }


def _p95(seconds: list[float]) -> float:
    return quantiles(seconds, n=20, method="inclusive")[-1]


def _quantiles(seconds: list[float]) -> dict[str, float]:
    figures = {"p50_s": median(seconds), "p95_s": _p95(seconds), "max_s": max(seconds)}
    return {name: round(value, 2) for name, value in figures.items()}


@contextmanager
def _provider(generator: str, answer_s: float) -> Iterator[dict[str, Any]]:
    """Settings of a language model provider within this process."""
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


def _round(wiring: Wiring, number: int) -> tuple[float, float]:
    """Return seconds until the ad, and from its click until learned."""
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
        decision = _decision(client, subject.subject_id, lambda answer: _is_from(answer, campaign_id))
        served = time.monotonic() - started
        _report(client, decision["decision_id"])
        clicked = time.monotonic()
        _decision(client, subject.subject_id, lambda answer: answer["policy_version"] > decision["policy_version"])
        return served, time.monotonic() - clicked


def _decision(client: httpx.Client, subject_id: str, is_expected: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """Poll for the expected decision. Raises StoreUnavailable after some minutes."""
    asked = time.monotonic()
    while time.monotonic() - asked < _PATIENCE_S:
        answer = client.post("/api/v1/decisions", json={"subject_id": subject_id})
        if answer.status_code == httpx.codes.OK and is_expected(decision := answer.json()):
            return dict(decision)
        time.sleep(_POLL_S)
    raise StoreUnavailable(f"it did not happen within {_PATIENCE_S:.0f} s; the last answer: {answer.text}")


def _report(client: httpx.Client, decision_id: str) -> None:
    """Report impression and click."""
    events = [
        {"event_id": f"{kind}-{decision_id[:16]}", "decision_id": decision_id, "kind": kind}
        for kind in ("impression", "click")
    ]
    client.post("/api/v1/events", json={"events": events}).raise_for_status()


def _is_from(answer: dict[str, Any], campaign_id: str) -> bool:
    """Whether a decision is from the campaign; sample campaigns are served while it has no texts."""
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
