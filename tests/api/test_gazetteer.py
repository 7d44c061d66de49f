"""The gazetteer over HTTP: each tenant reads and edits its own names."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient

from alphaads_pipelines.wiring.app import Wiring
from api.credentials import issue_token
from tests.api.conftest import SECRET, Headers

PATH = "/api/v1/gazetteer"
LAMP = {"name": "Lumora", "kind": "product", "type": "PRODUCT", "aliases": ["Lumora lamp"], "exact_case": True}


def test_a_name_is_put_shown_and_deleted(client: TestClient, wiring: Wiring, headers: Headers) -> None:
    assert client.put(f"{PATH}/lamp", json=LAMP, headers=headers()).json() == {"version": 1}
    assert client.put(f"{PATH}/boot", json={"name": "Tundrel"}, headers=headers()).json() == {"version": 2}
    answer = client.get(PATH, headers=headers("gazetteer:read")).json()
    assert answer["version"] == 2
    assert [each["id"] for each in answer["names"]] == ["boot", "lamp"]
    assert answer["names"][1] == {**LAMP, "id": "lamp", "campaign_ids": []}
    assert [each.tracked_id for each in wiring.gazetteer.read().link("a Lumora", None)] == ["lamp"]
    assert client.delete(f"{PATH}/lamp", headers=headers()).json() == {"version": 3}
    assert client.delete(f"{PATH}/lamp", headers=headers()).status_code == 404
    assert wiring.gazetteer.read().link("a Lumora", None) == []


def test_reading_needs_a_scope_of_its_own(client: TestClient, headers: Headers) -> None:
    assert client.get(PATH).status_code == 401
    assert client.get(PATH, headers=headers("gazetteer:write")).status_code == 403
    assert client.put(f"{PATH}/lamp", json=LAMP, headers=headers("gazetteer:read")).status_code == 403


def test_other_tenants_names_are_out_of_reach(client: TestClient, headers: Headers) -> None:
    client.put(f"{PATH}/lamp", json=LAMP, headers=headers())
    token = issue_token(SECRET, subject="x", tenant="other", scopes=["gazetteer:read", "gazetteer:write"])
    other = {"Authorization": f"Bearer {token}"}
    assert client.get(PATH, headers=other).json()["names"] == []
    assert client.put(f"{PATH}/lamp", json=LAMP, headers=other).status_code == 422
    assert client.delete(f"{PATH}/lamp", headers=other).status_code == 404


WRONG: list[Any] = [
    *({"name": name} for name in ("", "!!!", "@PlantedValue", "PlantedValue\0", "PlantedValue" * 50, None, 5)),
    *({"name": "Lumora", **change} for change in ({"kind": "PlantedValue"}, {"type": "x"}, {"PlantedValue": 1})),
    *({"name": "Lumora", "campaign_ids": [each]} for each in ("a b", "", 5)),
    *([], "PlantedValue"),
]


@pytest.mark.parametrize("body", WRONG, ids=repr)
def test_a_wrong_name_is_refused_and_not_echoed(client: TestClient, headers: Headers, body: Any) -> None:
    answer = client.put(f"{PATH}/lamp", json=body, headers=headers())
    assert answer.status_code == 422
    assert "PlantedValue" not in answer.text
    assert client.put(f"{PATH}/a b", json=LAMP, headers=headers()).status_code == 422


def test_a_lone_surrogate_is_refused(client: TestClient, headers: Headers) -> None:
    given = {**headers(), "Content-Type": "application/json"}
    answer = client.put(f"{PATH}/lamp", content=b'{"name": "\\ud800a"}', headers=given)
    assert answer.status_code in (400, 422)
