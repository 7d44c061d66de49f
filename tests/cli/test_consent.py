"""`alphaads consent` and `alphaads link`: what a person allows, from the command line."""

from __future__ import annotations

from collections.abc import Iterator

import orjson
import pytest

from alphaads_pipelines.settings import Settings
from alphaads_pipelines.stores.subjects.permissions import permission_of
from alphaads_pipelines.wiring.app import Wiring, wired
from tests.cli.conftest import Command


@pytest.fixture
def people(settings: Settings) -> Iterator[tuple[Wiring, list[str]]]:
    """Two accounts, as `x:1` and `facebook:1`."""
    with wired(settings) as wiring:
        identities = [wiring.pseudonyms.identity(network, "1") for network in ("x", "facebook")]
        yield wiring, [key.subject_id for key in wiring.subject_keys.ensure(identities)]


def test_a_grant_holds_until_it_is_withdrawn_and_both_are_kept(
    command: Command, people: tuple[Wiring, list[str]]
) -> None:
    wiring, [ada, _] = people
    granted = command("consent", "grant", "x:1", "--purpose", "personalised_ads", "--evidence", "form-7", "--json")
    assert granted.exit_code == 0, granted.output
    assert orjson.loads(granted.stdout)["subject_id"] == ada
    assert permission_of(wiring.engine, ada, "personalised_ads").subjects == (ada,)
    withdrawn = command("consent", "withdraw", ada, "-p", "personalised_ads")
    assert "personalised_ads withdrawn, from the next decision on" in withdrawn.stdout
    assert permission_of(wiring.engine, ada, "personalised_ads").refusal == "no_consent"
    shown = orjson.loads(command("consent", "show", "x:1", "--json").stdout)
    assert (shown["subject_id"], shown["allowed"]) == (ada, [])
    assert [(each["granted"], each["source"], each["evidence"]) for each in shown["history"]] == [
        (True, "cli", "form-7"),
        (False, "cli", "cli"),
    ]
    table = command("consent", "show", ada).stdout
    assert "form-7" in table
    assert "allowed now: nothing" in table


def test_accounts_are_linked_once_both_allow_it_and_split_again(
    command: Command, people: tuple[Wiring, list[str]]
) -> None:
    _, [ada, bo] = people
    assert command("link", "add", "x:1", "facebook:1").exit_code == 1
    for account in ("x:1", "facebook:1"):
        command("consent", "grant", account, "--purpose", "linking")
    linked = command("link", "add", "x:1", "facebook:1", "--json")
    assert orjson.loads(linked.stdout) == {"subjects": sorted([ada, bo])}
    assert orjson.loads(command("link", "remove", "x:1", "--json").stdout) == {"subject_id": ada, "unlinked": True}
    assert "was not linked" in command("link", "remove", "facebook:1").stdout


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("consent", "show", "x:PLANTED"), 1),
        (("consent", "show", "PLANTED"), 2),
        (("consent", "grant", "x:1", "--purpose", "PLANTED"), 2),
        (("consent", "grant", "x:1", "--purpose", "linking", "--evidence", "PLANTED NAME"), 2),
        (("link", "add", "x:1"), 2),
    ],
)
@pytest.mark.usefixtures("people")
def test_wrong_use_is_one_line_that_repeats_nothing(command: Command, arguments: tuple[str, ...], code: int) -> None:
    done = command(*arguments)
    assert (done.exit_code, done.stdout) == (code, "")
    assert len(done.stderr.splitlines()) == 1
    assert "PLANTED" not in done.output


def test_every_look_at_a_persons_consents_is_in_the_audit_log(
    command: Command, people: tuple[Wiring, list[str]]
) -> None:
    wiring, [ada, _] = people
    command("consent", "grant", ada, "--purpose", "linking")
    command("consent", "show", ada)
    actions = [entry["action"] for entry in wiring.rights.access_log.about(ada)]
    assert sorted(actions) == ["consent.read", "consent.write"]
