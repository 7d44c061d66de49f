"""`alphaads gazetteer`: what is added, imported and removed, and how wrong use is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.cli.conftest import Command


def _shown(command: Command) -> list[dict[str, Any]]:
    done = command("gazetteer", "list", "--json")
    assert done.exit_code == 0, done.output
    [names] = [orjson.loads(line) for line in done.stdout.splitlines()]
    return list(names)


def test_a_name_is_added_shown_and_removed(command: Command) -> None:
    options = ("--kind", "product", "--type", "PRODUCT", "-a", "Lumora One", "-a", "L1", "-c", "spring", "--exact-case")
    added = command("gazetteer", "add", "Lümora Lamp", *options, "--json")
    assert added.exit_code == 0, added.output
    expected = {
        **{"id": "lumora-lamp", "name": "Lümora Lamp", "kind": "product", "type": "PRODUCT"},
        **{"aliases": ["Lumora One", "L1"], "campaign_ids": ["spring"], "exact_case": True},
    }
    assert orjson.loads(added.stdout) == {**expected, "gazetteer_version": 1}
    assert _shown(command) == [expected]
    table = command("gazetteer", "list").stdout
    assert all(word in table for word in ("lumora-lamp", "Lümora Lamp", "PRODUCT", "exact", "L1", "spring"))
    assert "version 2" in command("gazetteer", "add", "Tundrel").stdout
    removed = command("gazetteer", "remove", "lumora-lamp", "tundrel", "--json")
    assert orjson.loads(removed.stdout) == {"removed": 2, "gazetteer_version": 3}
    assert _shown(command) == []


def test_what_is_exported_can_be_imported(command: Command, tmp_path: Path) -> None:
    for name in ("Lumora", "Tundrel", "ナイキ"):
        assert command("gazetteer", "add", name, "--id", f"id-{ord(name[0])}").exit_code == 0
    before, exported = _shown(command), command("gazetteer", "export").stdout
    assert len(exported.splitlines()) == 3
    (tmp_path / "names.jsonl").write_text(exported)
    command("gazetteer", "add", "Other")
    done = command("gazetteer", "import", tmp_path / "names.jsonl", "--replace", "--json")
    assert orjson.loads(done.stdout) == {"imported": 3, "gazetteer_version": 5}
    assert _shown(command) == before
    assert "imported 3 names" in command("gazetteer", "import", "-", stdin=exported.encode()).stdout
    assert _shown(command) == before


def test_a_file_with_a_wrong_line_changes_nothing(command: Command) -> None:
    lines = b'{"id": "a", "name": "A", "kind": "brand", "type": "ORG"}\n{"id": "b"}\n'
    done = command("gazetteer", "import", "-", stdin=lines)
    assert done.exit_code == 2
    [line] = done.stderr.splitlines()
    assert line.startswith("error: line 2: ")
    assert _shown(command) == []


WRONG_USES = [
    (("add", "!!!"), 2, "--id: cannot be made of this name"),
    (("add", "!!!", "--id", "x"), 2, "name: must be"),
    (("add", "Lumora", "--kind", "planet"), 2, "kind: must be one of brand"),
    (("add", "Lumora", "--type", "THING"), 2, "type: must be one of PER"),
    (("add", "Lumora", "-a", "@lumora"), 2, "aliases: must be"),
    (("remove", "nobody"), 1, "there is no tracked name"),
    (("import", "missing.jsonl"), 2, "missing.jsonl cannot be read"),
]


@pytest.mark.parametrize(("arguments", "code", "told"), WRONG_USES, ids=[" ".join(each[0]) for each in WRONG_USES])
def test_wrong_use_is_one_line_on_stderr(command: Command, arguments: tuple[str, ...], code: int, told: str) -> None:
    done = command("gazetteer", *arguments)
    assert (done.exit_code, done.stdout) == (code, "")
    [line] = done.stderr.splitlines()
    assert told in line


@pytest.mark.parametrize("name", ["list", "add", "remove", "import", "export"])
def test_each_command_has_help(command: Command, name: str) -> None:
    shown = command("gazetteer", name, "--help")
    assert shown.exit_code == 0
    assert f"gazetteer {name}" in shown.stdout
