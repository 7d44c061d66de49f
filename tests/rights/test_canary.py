"""Fifty canary people in every store: undetectable without the keys, found completely with them.

Half of them are erased; with every key that is left exactly the other half is found, and those still work. Restoring
the backup from before brings nobody back. `make canary` prints what was found in which store.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from alphaads_pipelines.platforms.registry import PLATFORMS
from alphaads_pipelines.runtime.backups import RestoreOptions, restore
from alphaads_pipelines.wiring.app import Wiring, wired
from benchmarks.unsealed import OpenWiring
from tests.publishing import publish_batches
from tests.rights.canaries import PAYLOADS, Canary, canaries
from tests.rights.canary_home import BACKUP, Life, client_of, scan, settings_in, whole

pytestmark = pytest.mark.slow
PEOPLE = canaries(50)
ERASED = random.Random(5).sample(PEOPLE, len(PEOPLE) // 2)
LEFT = [each for each in PEOPLE if each not in ERASED]
STORES = {"stream posts.raw", "lake raw_posts", "lake rejected_posts"}
"""Stores of sealed posts."""
Found = Mapping[str, Mapping[int, set[str]]]


def _told(what: str, found: Found) -> None:
    print(f"\n{what}")
    for store, people in sorted(found.items()):
        print(f"  {store:<28} {len(people):>3} of {len(PEOPLE)} people, {sum(map(len, people.values())):>4} words")
    if not found:
        print("  nothing in any store")


def _numbers(people: list[Canary]) -> set[int]:
    return {each.number for each in people}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Holds the installation and the files beside it; the exports lie elsewhere."""
    return tmp_path_factory.mktemp("canaries")


@pytest.fixture(scope="module")
def life(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Life]:
    with wired(settings_in(folder)) as wiring:
        life = Life(wiring, PEOPLE, tmp_path_factory.mktemp("outside"))
        life.live()
        yield life


def test_every_platform_plants_canaries() -> None:
    assert {each.platform for each in PEOPLE} == PAYLOADS.keys() == set(PLATFORMS)


def test_without_the_keys_nobody_is_found(life: Life, folder: Path) -> None:
    names = {path.name for path in folder.rglob("*")}
    assert {"relational.db", "posts.raw.db", "ads.decisions.db", "everything.log", "metrics.txt", "home.key"} <= names
    assert {"audit", "dagster", "broker.db", "raw_posts", "rejected_posts", "post_entities"} <= names
    found = scan(PEOPLE, folder, None)
    _told("without the keys", found)
    assert found == {}


def test_with_all_keys_everybody_is_found(life: Life, folder: Path) -> None:
    found = scan(PEOPLE, folder, life.wiring)
    _told("with all keys", found)
    assert whole(PEOPLE, found) == _numbers(PEOPLE)
    assert found.keys() == STORES | {f"{BACKUP}: {store}" for store in STORES}
    assert all(people.keys() == _numbers(PEOPLE) for people in found.values())


def test_an_export_holds_its_person_and_nobody_else(life: Life) -> None:
    for each, subject in zip(PEOPLE, life.of(PEOPLE), strict=True):
        document = (life.outside / f"export-{subject}.json").read_text()
        page = (life.outside / f"export-{subject}.html").read_text()
        assert all(word in document and word in page for word in each.words)
        others = [word for other in PEOPLE if other is not each for word in other.words]
        assert not [word for word in others if word in document]


def test_without_sealing_everybody_is_found_without_a_key(tmp_path: Path) -> None:
    with wired(settings_in(tmp_path), OpenWiring) as wiring:
        for each in PEOPLE:
            wiring.intake.take(each.platform, [each.payload("post", each.text)], "c")
        publish_batches(wiring)
    found = scan(PEOPLE, tmp_path, None)
    _told("without sealing, without the keys", found)
    assert whole(PEOPLE, found) == _numbers(PEOPLE)
    assert {"stream posts.raw", "lake raw_posts"} <= found.keys()


@pytest.fixture(scope="module")
def afterwards(life: Life, folder: Path) -> Iterator[tuple[Wiring, list[dict[str, Any]]]]:
    """The installation, restarted after erasing half of the people; and the receipts."""
    receipts = life.erase(ERASED)
    life.wiring.close()
    with wired(settings_in(folder)) as wiring:
        yield wiring, receipts


Afterwards = tuple[Wiring, list[dict[str, Any]]]


def test_every_erasure_ends_with_a_receipt(afterwards: Afterwards) -> None:
    wiring, receipts = afterwards
    assert len(receipts) == len(ERASED) == 25
    for each in receipts:
        wiring.rights.receipt_signer.verify(each)


def test_after_erasing_nobody_is_found_without_keys(afterwards: Afterwards, folder: Path) -> None:
    assert scan(PEOPLE, folder, None) == {}


def test_after_erasing_exactly_the_others_are_found_with_every_key_left(afterwards: Afterwards, folder: Path) -> None:
    wiring, _ = afterwards
    found = scan(PEOPLE, folder, wiring)
    _told(f"after erasing {len(ERASED)}, with every key that is left", found)
    assert whole(PEOPLE, found) == _numbers(LEFT)
    assert found.keys() == STORES | {f"{BACKUP}: {store}" for store in STORES}
    assert all(people.keys() == _numbers(LEFT) for people in found.values())


def _check_who_is_there(wiring: Wiring, life: Life) -> None:
    """The others are served as ever; of the erased nothing is."""
    with client_of(wiring) as client:
        for subject in life.of(LEFT):
            assert client.get(f"/api/v1/profiles/{subject}").json()["profile"]["posts"] >= 1
            assert client.post("/api/v1/decisions", json={"subject_id": subject}).json()["personalised"]
        for each, subject in zip(LEFT[:8], life.of(LEFT), strict=False):
            document = client.get(f"/api/v1/rights/export/{subject}").text
            assert all(word in document for word in each.words)
        for subject in life.of(ERASED):
            assert client.get(f"/api/v1/profiles/{subject}").status_code in (404, 410)
            assert client.get(f"/api/v1/rights/export/{subject}").status_code == 410
            decision = client.post("/api/v1/decisions", json={"subject_id": subject}).json()
            assert decision["personalised"] is False


def test_the_others_still_work_and_the_erased_are_gone(afterwards: Afterwards, life: Life) -> None:
    _check_who_is_there(afterwards[0], life)


def test_the_erased_are_not_taken_in_again(afterwards: Afterwards, folder: Path) -> None:
    wiring, _ = afterwards
    for each in ERASED:
        assert wiring.intake.take(each.platform, [each.payload("again", each.text)], "c").produced == 0
    assert whole(ERASED, scan(ERASED, folder, wiring)) == set()


def test_restoring_the_old_backup_brings_nobody_back(afterwards: Afterwards, life: Life, folder: Path) -> None:
    afterwards[0].close()
    settings = settings_in(folder)
    done = restore(settings, folder / BACKUP, RestoreOptions(replace=True), lambda what, count: None)
    assert done.restored.erased == len(ERASED)
    with wired(settings) as wiring:
        found = scan(PEOPLE, folder, wiring)
        _told("after restoring the backup from before, with every key that is left", found)
        assert whole(PEOPLE, found) == _numbers(LEFT)
        assert all(people.keys() <= _numbers(LEFT) for people in found.values())
        assert found.keys() >= STORES
        _check_who_is_there(wiring, life)
