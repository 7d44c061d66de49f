"""`bench decision`: the latency of a decision inside the API process.

Calls the service through ASGI on its event loop, so all but the socket is included, from credential and audit entry to
reservation and spooling. Every person has consent, a mood and a behavioural segment. With budget and cap, each decision
is a write transaction.

Shared machines vary in speed: compare rows only where `reference_p50` and `reference_p99` agree, the time of a fixed
piece of Python between decisions.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import uvloop

from alphaads_pipelines.bandits.policy_roles import Pin, Roles
from alphaads_pipelines.bandits.policy_store import change_roles
from alphaads_pipelines.campaigns.campaign import ACTIVE, MICROUSD, Campaign
from alphaads_pipelines.campaigns.campaign_changes import editing
from alphaads_pipelines.campaigns.store import insert_campaigns
from alphaads_pipelines.creatives.briefs import briefs_of
from alphaads_pipelines.creatives.creative_rows import StoredCreative
from alphaads_pipelines.creatives.creative_store import save_creatives
from alphaads_pipelines.creatives.review import APPROVED, Review
from alphaads_pipelines.creatives.templates import TemplateGenerator
from alphaads_pipelines.errors import StoreUnavailable
from alphaads_pipelines.pipeline.segments import refresh_segments
from alphaads_pipelines.profiles.state import FORMAT, ProfileState, encode
from alphaads_pipelines.profiles.time_buckets import hour_of
from alphaads_pipelines.schema.tables import EMOTIONS
from alphaads_pipelines.stores.sql.relational import insert_ignore, transaction, upsert
from alphaads_pipelines.wiring.app import Wiring, wired
from benchmarks.live import live_settings

LIMIT_MS = 5.0
_TENANT = "bench"
_CAMPAIGNS = 5
_WEEKS_OF_HOURS = 60
_REFERENCE_EVERY = 20


def run(people: int = 10_000, decisions: int = 3_000, **servers: str) -> dict[str, Any]:
    """Measure sequential decisions by policy, without and with limits; `servers` are settings such as database_url."""
    rounds: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory(prefix="alphaads-bench-") as name:
        settings = live_settings(Path(name) / "home", api_docs=False, **servers)
        with wired(settings) as wiring:
            subjects = _fill(wiring, people)
            for limits in ("no limits", "budget and cap"):
                _advertise(wiring, limited=limits != "no limits")
                for policy in ("thompson", "linear_thompson", "linucb"):
                    measured = _measure(wiring, policy, subjects, decisions)
                    rounds[f"{policy}, {limits}"] = uvloop.run(measured)
    return {
        "bench": "decision",
        "people": people,
        "decisions": decisions,
        "servers": sorted(servers),
        "milliseconds": rounds,
        "worst_p99": max(each["p99"] for each in rounds.values()),
        "limit": LIMIT_MS,
    }


def _fill(wiring: Wiring, people: int) -> list[str]:
    """Publish people with consent, today's mood, and segments."""
    _ = wiring.master_keys  # must be created before any data
    now, dice = datetime.now(UTC), np.random.default_rng(7)
    subjects = [dice.bytes(16).hex() for _ in range(people)]
    shards = wiring.settings.shards
    for start in range(0, people, 2_000):
        some = subjects[start : start + 2_000]
        with transaction(wiring.engine) as connection:
            rows = [{"subject_id": each, "shard": int(each, 16) % shards} for each in some]
            named = [
                {**row, "identity_mac": bytes.fromhex(str(row["subject_id"])), "platform": "generic"} for row in rows
            ]
            insert_ignore(connection, "subjects", named)
            states = [{**row, "publish_seq": 1, "state": _state(hour_of(now), dice)} for row in rows]
            upsert(connection, "live_profiles", states)
            said = {"purpose": "personalised_ads", "is_granted": True, "source": "import", "evidence": "synthetic"}
            insert = {"recorded_at": now, **said}
            insert_ignore(
                connection,
                "consent_events",
                [{"change_seq": start + number + 1, "subject_id": each, **insert} for number, each in enumerate(some)],
            )
    _publish(wiring, now)
    refresh_segments(wiring.engine, now, left_out=lambda _: (), note=lambda _: None)
    return subjects


def _publish(wiring: Wiring, now: datetime) -> None:
    position = {"consumer": "posts", "topic": wiring.topics.posts, "partition": 0, "next_offset": 0}
    rest = {"end_offset": 0, "last_kind": "live", "lost_offsets": 0, "complete_until": now}
    pointer = {"publish_seq": 1, "versions": {}, "published_at": now, "listed_after": None}
    with transaction(wiring.engine) as connection:
        upsert(connection, "published", [{"shard": shard, **pointer} for shard in range(wiring.settings.shards)])
        upsert(connection, "stream_positions", [{**position, **rest}])


def _state(now_hour: int, dice: np.random.Generator) -> bytes:
    """A state with four weeks of posts up to now."""
    hours = {}
    for back in sorted(dice.choice(24 * 28, _WEEKS_OF_HOURS, replace=False).tolist(), reverse=True):
        emotion = int(dice.integers(len(EMOTIONS)))
        hours[now_hour - back] = [1, 1, 250, *(int(place == emotion) for place in range(len(EMOTIONS)))]
    return encode(ProfileState(FORMAT, hours, {"en": _WEEKS_OF_HOURS}, {"generic": _WEEKS_OF_HOURS}))


def _advertise(wiring: Wiring, *, limited: bool) -> None:
    """Start campaigns with an approved text per emotion; end those of the previous round."""
    now, limits = datetime.now(UTC), dict[str, Any]()
    if limited:
        limits = {"cost_microusd": 2_000, "daily_budget_microusd": 1_000_000 * MICROUSD, "daily_cap": 1_000}
    campaigns = [_campaign(f"{'limited' if limited else 'free'}-{number}", **limits) for number in range(_CAMPAIGNS)]
    with editing(wiring.engine, now) as connection:
        connection.exec_driver_sql("UPDATE campaigns SET state = 'ended'")
        insert_campaigns(connection, campaigns, now)
        save_creatives(connection, [each for campaign in campaigns for each in _texts(campaign, now)])


def _campaign(campaign_id: str, **limits: Any) -> Campaign:
    words = {"name": "Kettle", "product": "Brasswick kettle", "benefit": "tea at the right heat"}
    fields: dict[str, Any] = {**words, "call_to_action": "Look", "tenant": _TENANT, "state": ACTIVE, **limits}
    return Campaign(campaign_id=campaign_id, **fields)


def _texts(campaign: Campaign, now: datetime) -> Iterator[tuple[StoredCreative, list[Review]]]:
    for brief in briefs_of(campaign):
        for creative in TemplateGenerator().generate(brief):
            review = Review(creative.creative_id, APPROVED, now)
            yield StoredCreative(creative, _TENANT, review, is_current=True, created_at=now), [review]


async def _measure(wiring: Wiring, policy: str, subjects: Sequence[str], decisions: int) -> dict[str, float]:
    from api.app import create_app
    from api.credentials import issue_token

    change_roles(wiring.engine, lambda _: Roles(Pin(policy)), datetime.now(UTC))
    secret = wiring.settings.secret_key.get_secret_value()
    token = issue_token(secret, subject="bench", tenant=_TENANT, scopes=["decisions:write"], minutes=60)
    app, dice, taken, reference = create_app(wiring), np.random.default_rng(11), list[float](), list[float]()
    async with app.router.lifespan_context(app):
        app.state.reader.refresh()
        for number in range(decisions + decisions // 10):
            subject = subjects[int(dice.integers(len(subjects)))]
            started = time.perf_counter()
            answer = await _post_decision(app, token, subject)
            if number >= decisions // 10:  # after warm-up
                taken.append(1_000 * (time.perf_counter() - started))
            if number % _REFERENCE_EVERY == 0:
                reference.append(_reference_ms())
            if not (answer.get("personalised") and answer["context"].get("segment")):
                why = answer.get("error") or answer["personalisation"]
                raise StoreUnavailable(f"not what is measured, a decision by mood and segment: {why}")
    p50, p95, p99 = np.percentile(taken, (50, 95, 99)).round(2).tolist()
    usual, slow = np.percentile(reference, (50, 99)).round(2).tolist()
    most = round(max(taken), 2)
    return {"p50": p50, "p95": p95, "p99": p99, "most": most, "reference_p50": usual, "reference_p99": slow}


def _reference_ms() -> float:
    started = time.perf_counter()
    sum(number * number for number in range(20_000))
    return 1_000 * (time.perf_counter() - started)


async def _post_decision(app: Any, token: str, subject_id: str) -> dict[str, Any]:
    """Make one decision through ASGI."""
    body, sent = orjson.dumps({"subject_id": subject_id, "placement": "feed"}), list[dict[str, Any]]()
    headers = {"authorization": f"Bearer {token}", "content-type": "application/json", "host": "127.0.0.1"}
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": "/api/v1/decisions",
        "raw_path": b"/api/v1/decisions",
        "query_string": b"",
        "root_path": "",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()]
        + [(b"content-length", str(len(body)).encode())],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }
    waiting = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> dict[str, Any]:
        return waiting.pop() if waiting else {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await app(scope, receive, send)
    answer: dict[str, Any] = orjson.loads(b"".join(each.get("body", b"") for each in sent))
    return answer
