"""The files of the project's own model, verified against their manifest."""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec

from alphaads_pipelines.errors import MissingArtifact
from alphaads_pipelines.nlp.reliability import Reliability

SHIPPED = Path(__file__).parent / "artifacts" / "posts"

MODEL, TOKENIZER, MANIFEST, CARD = "model.onnx", "tokenizer.json", "model.json", "MODEL_CARD.md"
_MEND = (
    "run `alphaads train nlp` to make it again, `alphaads train rollback` for the one before it, or reinstall the "
    "package to get the shipped one"
)


class Calibration(msgspec.Struct, frozen=True):
    """Maps logits to softmax(logits / temperature + bias), fitted on validation data."""

    temperature: float
    bias: tuple[float, ...]


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """`model.json`: how to read the model's outputs, and its provenance."""

    name: str
    version: str
    files: dict[str, str]
    """File -> SHA-256, hexadecimal."""
    heads: dict[str, tuple[str, ...]]
    tags: tuple[str, ...]
    calibration: dict[str, Calibration]
    reliability: dict[str, Reliability]
    validation: dict[str, float]
    """Figure -> value on the validation data, a share of 1."""
    recipe: dict[str, str | int | float]


_decoder = msgspec.json.Decoder(Manifest)


class Artifact(msgspec.Struct, frozen=True):
    """A verified model folder."""

    path: Path
    manifest: Manifest

    @property
    def model(self) -> Path:
        """The ONNX graph."""
        return self.path / MODEL

    @property
    def tokenizer(self) -> Path:
        """The word pieces."""
        return self.path / TOKENIZER


def open_artifact(path: Path | None = None) -> Artifact:
    """Open a model folder (default: the shipped one), verifying its files.

    Raises
    ------
    MissingArtifact: a file is missing or differs from the manifest.
    """
    path = path or SHIPPED
    manifest = _manifest(path)
    for name, expected in manifest.files.items():
        if not (path / name).is_file():
            raise MissingArtifact(f"{path / name} is missing; {_MEND}")
        if digest(path / name) != expected:
            raise MissingArtifact(f"{path / name} is corrupted; {_MEND}")
    return Artifact(path, manifest)


def _manifest(path: Path) -> Manifest:
    try:
        return _decoder.decode((path / MANIFEST).read_bytes())
    except FileNotFoundError:
        raise MissingArtifact(f"there is no model in {path}; {_MEND}") from None
    except (msgspec.DecodeError, OSError) as error:
        raise MissingArtifact(f"{path / MANIFEST} cannot be read ({type(error).__name__}); {_MEND}") from None


def write_manifest(path: Path, manifest: Manifest) -> None:
    """Write `model.json`."""
    (path / MANIFEST).write_bytes(msgspec.json.format(msgspec.json.encode(manifest), indent=1) + b"\n")


def digest(path: Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
