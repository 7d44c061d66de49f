"""An export over HTTP: the officer's alone, audited before it is sent, the same document as the command's."""

from __future__ import annotations

import shutil

import pytest
from fastapi.testclient import TestClient

from alphaads_pipelines.rights.requests import RightsRequests
from alphaads_pipelines.stores.sql.relational import reading, sql_table
from alphaads_pipelines.wiring.app import Wiring
from tests.api.conftest import Headers


@pytest.fixture
def path(published: Wiring) -> str:
    with reading(published.engine) as connection:
        row = connection.execute(sql_table("live_profiles").select().limit(1)).one()
    return f"/api/v1/rights/export/{row.subject_id}"


def test_an_officer_gets_the_document(client: TestClient, path: str, headers: Headers, wiring: Wiring) -> None:
    answer = client.get(path, headers=headers("privacy:officer"))
    assert answer.status_code == 200
    subject = path.rpartition("/")[2]
    assert answer.headers["content-disposition"] == f'attachment; filename="export-{subject}.json"'
    document = answer.json()
    assert document["subject_id"] == subject
    assert document["profile"]["posts"] == len(document["held"]["lake"]["raw_posts"]) > 0
    assert document["held"]["lake"]["raw_posts"][0]["payload"]["text"]
    [entry] = [each for each in document["held"]["audit"]["entries"] if each["action"] == "subject.export"]
    assert entry["actor"] == "api:acme/tester"
    assert entry["correlation_id"] == answer.headers["x-correlation-id"]
    assert [each.state for each in RightsRequests(wiring.engine).list(only_open=False)] == ["done"]


def test_nobody_else_gets_it(client: TestClient, path: str, headers: Headers) -> None:
    assert client.get(path).status_code == 401
    assert client.get(path, headers=headers("profiles:read")).status_code == 403
    stranger = path.rpartition("/")[0] + "/" + "0" * 32
    assert client.get(stranger, headers=headers("privacy:officer")).status_code == 404
    assert client.get(stranger[:-1], headers=headers("privacy:officer")).status_code == 422


def test_without_an_audit_log_nothing_is_sent(client: TestClient, path: str, headers: Headers, wiring: Wiring) -> None:
    wiring.audit.close()
    shutil.rmtree(wiring.settings.audit_path, ignore_errors=True)
    wiring.settings.audit_path.write_text("in the way of a folder")
    answer = client.get(path, headers=headers("privacy:officer"))
    assert answer.status_code == 503
    assert answer.json()["error"]["code"] == "store_unavailable"
