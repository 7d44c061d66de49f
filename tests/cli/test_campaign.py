"""`alphaads campaign` and `alphaads creative`: what an advertiser does without the API, and how wrong use is told."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest

from alphaads_pipelines.campaigns.store import read_campaign
from alphaads_pipelines.creatives.moderation import Opinion
from alphaads_pipelines.creatives.templates import TemplateGenerator
from alphaads_pipelines.decisions.budget.reservations import Reservations
from alphaads_pipelines.decisions.catalogue import read_catalogue
from alphaads_pipelines.pipeline.ad_creatives import refresh_creatives
from alphaads_pipelines.settings import Settings
from alphaads_pipelines.stores.sql.relational import reading
from alphaads_pipelines.wiring.app import wired
from tests.campaigns.test_campaign import NOON
from tests.cli.conftest import Command

LAMP = {"name": "Spring", "product": "Lumora lamp", "benefit": "warm light", "call_to_action": "See it"}
FULL = {
    **LAMP,
    "emotions": ["joy"],
    "rules": {"banned_claims": ["cures"], "voice": {"emoji": False}},
    "cost_microusd": 2_500,
    "daily_budget_microusd": 5_000_000,
    "segment_floors": {"night owls": 0.25},
    "ends_at": "2027-01-01T00:00:00Z",
}


def said(command: Command, *arguments: str | Path, stdin: bytes | None = None) -> Any:
    done = command(*arguments, "--json", stdin=stdin)
    assert done.exit_code == 0, done.output
    return orjson.loads(done.stdout)


def made(command: Command, fields: dict[str, Any] = FULL) -> str:
    return str(said(command, "campaign", "create", "-", stdin=orjson.dumps(fields))["campaign_id"])


def doubt(settings: Settings) -> None:
    """Texts are written, and a judge is unsure of each."""
    with wired(settings) as wiring:
        classifiers = [lambda text: Opinion(doubts=("maybe_offensive",))]
        refresh_creatives(wiring.lake, wiring.engine, TemplateGenerator(), classifiers, NOON)


def offered(settings: Settings) -> set[str]:
    with wired(settings) as wiring, reading(wiring.engine) as connection:
        return {each["creative_id"] for each in read_catalogue(connection, with_samples=True).creatives}


def test_a_campaign_is_created_edited_run_and_ended(command: Command, tmp_path: Path) -> None:
    (tmp_path / "lamp.json").write_bytes(orjson.dumps(FULL))
    created = said(command, "campaign", "create", tmp_path / "lamp.json")
    campaign_id = created["campaign_id"]
    assert {name: created[name] for name in FULL if name != "rules"} == {
        name: value for name, value in FULL.items() if name != "rules"
    }
    (tmp_path / "edit.json").write_bytes(b'{"name": "Summer", "daily_cap": 2}')
    edited = said(command, "campaign", "edit", campaign_id, tmp_path / "edit.json", "--version", "0")
    assert edited == {**created, "name": "Summer", "daily_cap": 2, "version": 1}
    for verb, state, version in (("resume", "active", 2), ("pause", "paused", 3), ("end", "ended", 4)):
        assert said(command, "campaign", verb, campaign_id) == {**edited, "state": state, "version": version}
    assert [each["campaign_id"] for each in said(command, "campaign", "list", "--state", "ended")] == [campaign_id]
    table = command("campaign", "list").stdout
    assert all(word in table for word in (campaign_id, "ended", "Summer", "Lumora lamp", "5.00"))
    assert said(command, "campaign", "list", "--tenant", "other") == []


def test_what_a_campaign_spent_is_shown(command: Command, settings: Settings) -> None:
    campaign_id, now = made(command, {**FULL, "ends_at": None}), datetime.now(UTC)
    with wired(settings) as wiring:
        campaign = read_campaign(wiring.engine, "default", campaign_id)
        for segment in ("night owls", None):
            assert Reservations(wiring.engine).reserve(f"{segment}", campaign, None, (), segment, now) is None
    report = said(command, "campaign", "spending", campaign_id)
    assert (report["total"]["reserved_microusd"], report["today_left_microusd"]) == (5_000, 4_995_000)
    table = command("campaign", "spending", campaign_id).stdout
    assert all(word in table for word in ("altogether", str(now.date()), "night owls", "0.0025", "4.9950"))
    assert command("campaign", "spending", "nothing").exit_code == 1
    assert command("campaign", "spending", campaign_id, "--days", "0").exit_code == 2


def test_the_queue_is_worked_on(command: Command, settings: Settings) -> None:
    campaign_id = made(command, {**LAMP, "emotions": ["joy", "fear"]})
    command("campaign", "resume", campaign_id)
    doubt(settings)
    queue = said(command, "creative", "list", "--state", "needs_review", "--campaign", campaign_id)
    first, second = (each["creative_id"] for each in queue)
    assert "maybe_offensive" in command("creative", "list").stdout
    approved = said(command, "creative", "approve", first, "--note", "harmless")
    assert (approved["state"], approved["note"], approved["reviewer"].startswith("cli:")) == (
        "approved",
        "harmless",
        True,
    )
    assert f"{second} is refused" in command("creative", "reject", second, "--note", "dull").stdout
    assert offered(settings) == {first}
    assert said(command, "creative", "resubmit", second)["state"] == "pending"
    assert said(command, "creative", "list", "--tenant", "other") == []


def test_an_edit_of_another_version_changes_nothing(command: Command) -> None:
    campaign_id = made(command)
    command("campaign", "resume", campaign_id)
    done = command("campaign", "edit", campaign_id, "-", "--version", "0", stdin=b'{"name": "Late"}')
    assert (done.exit_code, "at version 1" in done.stderr) == (1, True)
    assert [each["name"] for each in said(command, "campaign", "list")] == ["Spring"]


WRONG_USES: list[tuple[tuple[str, ...], bytes | None, int, str]] = [
    (("campaign", "create", "missing.json"), None, 2, "missing.json cannot be read"),
    (("campaign", "create", "-"), b"not json", 2, "is no JSON object"),
    (("campaign", "create", "-"), b"[1]", 2, "is no JSON object"),
    (("campaign", "create", "-"), b"[" * 100_000, 2, "is no JSON object"),
    (("campaign", "create", "-"), b" " * 1_000_001, 2, "is larger than"),
    (("campaign", "create", "-"), b"{}", 2, "missing required field"),
    (("campaign", "create", "-"), orjson.dumps({**LAMP, "colour": "red"}), 2, "fields of a campaign are"),
    (("campaign", "create", "-"), orjson.dumps({**LAMP, "daily_cap": "two"}), 2, "$.daily_cap"),
    (("campaign", "create", "-"), orjson.dumps({**LAMP, "state": "active"}), 2, "fields of a campaign are"),
    (("campaign", "create", "-"), orjson.dumps({**LAMP, "emotions": ["bliss"]}), 2, "must be among"),
    (("campaign", "create", "-", "--tenant", " "), orjson.dumps(LAMP), 2, "must not be blank"),
    (("campaign", "pause", "nothing"), None, 1, "there is no such campaign"),
    (("campaign", "list", "--state", "gone"), None, 2, "--state: must be one of draft"),
    (("creative", "approve", "nothing", "--note", "x"), None, 1, "there is no such creative"),
    (("creative", "list", "--state", "gone"), None, 2, "--state: must be one of draft"),
]


@pytest.mark.parametrize(
    ("arguments", "stdin", "code", "told"), WRONG_USES, ids=[str(each)[:60] for each in WRONG_USES]
)
def test_wrong_use_is_one_line_on_stderr(
    command: Command, arguments: tuple[str, ...], stdin: bytes | None, code: int, told: str
) -> None:
    done = command(*arguments, stdin=stdin)
    assert (done.exit_code, done.stdout) == (code, "")
    [line] = done.stderr.splitlines()
    assert told in line
