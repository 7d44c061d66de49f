"""A model's folder: what is missing or damaged is told before it is used, with the command that mends it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from alphaads_pipelines.errors import MissingArtifact
from alphaads_pipelines.nlp.artifact import MANIFEST, MODEL, SHIPPED, TOKENIZER, open_artifact, write_manifest
from tests.nlp.training.stated import stated


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return stated(tmp_path / "v1").path


def _flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


DAMAGES: dict[str, Callable[[Path], object]] = {
    "no folder": lambda folder: folder.rename(folder.with_name("elsewhere")),
    "no manifest": lambda folder: (folder / MANIFEST).unlink(),
    "cut manifest": lambda folder: (folder / MANIFEST).write_bytes((folder / MANIFEST).read_bytes()[:-20]),
    "manifest of something else": lambda folder: (folder / MANIFEST).write_text('{"name": "posts"}'),
    "manifest is a folder": lambda folder: [(folder / MANIFEST).unlink(), (folder / MANIFEST).mkdir()],
    "no model": lambda folder: (folder / MODEL).unlink(),
    "cut model": lambda folder: (folder / MODEL).write_bytes(b"cut"),
    "a bit of the model": lambda folder: _flip(folder / MODEL),
    "a pointer in place of the model": lambda folder: (folder / MODEL).write_text("version https://git-lfs"),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_what_is_missing_or_damaged_names_its_file_and_the_command_that_mends_it(
    folder: Path, damage: Callable[[Path], object]
) -> None:
    damage(folder)
    with pytest.raises(MissingArtifact) as caught:
        open_artifact(folder)
    assert str(folder) in str(caught.value)
    assert "`alphaads train nlp`" in str(caught.value)


def test_a_sound_folder_opens(folder: Path) -> None:
    artifact = open_artifact(folder)
    assert artifact.manifest.version == "v1"
    assert (artifact.model, artifact.tokenizer) == (folder / MODEL, folder / TOKENIZER)


def test_a_manifest_is_read_as_it_was_written(folder: Path) -> None:
    manifest = msgspec.structs.replace(
        open_artifact(folder).manifest, recipe={"seed": 7, "rate": 1e-4, "layers": "0,2"}
    )
    write_manifest(folder, manifest)
    assert open_artifact(folder).manifest == manifest
    assert (folder / MANIFEST).read_bytes().count(b"\n") > 50, "a line a value, so that a change can be read"


def test_without_a_folder_it_is_the_shipped_one() -> None:
    assert SHIPPED.parts[-3:] == ("nlp", "artifacts", "posts")
