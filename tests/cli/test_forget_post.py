"""`alphaads touched` and `alphaads forget-post`: forwards from a post, and away with it."""

from __future__ import annotations

from collections.abc import Iterator

import orjson
import pytest

from alphaads_pipelines.settings import Settings
from alphaads_pipelines.wiring.app import Wiring, wired
from tests.cli.conftest import Command
from tests.decisions.recorded import advertise, now, record, subject_of, taken_in


@pytest.fixture
def home(settings: Settings) -> Iterator[Wiring]:
    """Posts of one author, and a decision by their mood."""
    with wired(settings) as wiring:
        before = now()
        taken_in(wiring, before, posts=12, authors=1)
        advertise(wiring, before)
        record(wiring, 1, now(), subject_of(wiring, "a0"))
        yield wiring


def test_a_post_is_traced_and_forgotten(command: Command, home: Wiring) -> None:
    for number in range(11, 0, -1):  # some show no emotion
        touched = orjson.loads(command("touched", f"generic:s1-{number}", "--json").stdout)
        if touched["decisions"]:
            break
    assert touched["decisions"][0]["decision_id"] == f"{1:032x}"
    table = command("touched", f"key:{touched['post_keys'][0]}").stdout
    assert "1 decisions were touched" in table
    assert touched["creatives"][0]["headline"] in table
    done = command("forget-post", f"generic:s1-{number}")
    assert done.exit_code == 0, done.output
    assert "1 of raw_posts, 1 of post_scores" in done.stdout
    assert "1 decisions were touched" in done.stdout
    again = orjson.loads(command("forget-post", f"generic:s1-{number}", "--json").stdout)
    assert (again["was_here"], again["touched"]) == (False, None)
    assert "nothing, the post was not here" in command("forget-post", "generic:never").stdout
    actions = [line.entry.action for line in home.rights.audit_verifier.entries() if line.entry.actor[:4] == "cli:"]
    assert set(actions) == {"post.trace", "post.forget"}


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(("touched", "x:PLANTED"), 1), (("touched", "PLANTED"), 2), (("forget-post", "key:PLANTED"), 2)],
)
@pytest.mark.usefixtures("home")
def test_wrong_use_is_one_line_that_repeats_nothing(command: Command, arguments: tuple[str, ...], code: int) -> None:
    done = command(*arguments)
    assert done.exit_code == code
    assert "PLANTED" not in done.output
    assert len(done.stderr.strip().splitlines()) == 1
