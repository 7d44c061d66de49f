"""The models that an installation trained, and which of its models serves.

`FOLDER/VERSION/` holds an artifact each. `FOLDER/current` names the one that serves and, on further lines, those that
served before it; without that file, or with an empty one, the shipped model serves.
"""

from __future__ import annotations

from pathlib import Path

from alphaads_pipelines.errors import NotFound
from alphaads_pipelines.nlp.artifact import MANIFEST, SHIPPED, Artifact, open_artifact

_CURRENT = "current"
_REMEMBERED = 20
"""Versions in the file `current`."""


class TrainedModels:
    """The models under a folder, which need not exist yet."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, version: str) -> Path:
        """Where the artifact of a version lies, or would."""
        return self.folder / version

    def open(self, version: str) -> Artifact:
        """The model of a version, whether it ever served or not.

        Raises
        ------
        NotFound: there is no such version. MissingArtifact: its files are damaged.
        """
        versions = sorted(path.parent.name for path in self.folder.glob(f"*/{MANIFEST}"))
        if version not in versions:
            raise NotFound(f"there is no trained model of that version; there are: {', '.join(versions) or 'none'}")
        return open_artifact(self.path(version))

    def serving(self) -> Path:
        """Folder of the model that serves; cheap enough to be asked at every batch."""
        served = self._served()
        return self.path(served[0]) if served else SHIPPED

    def promote(self, version: str) -> None:
        """Let a trained model serve, from the next batch on. Raises what `open` does."""
        self.open(version)
        served = self._served()
        if served[:1] != [version]:
            self._write([version, *served])

    def roll_back(self) -> Path:
        """Let the model serve that served before, at last the shipped one; its folder."""
        self._write(self._served()[1:])
        return self.serving()

    def _served(self) -> list[str]:
        try:
            return (self.folder / _CURRENT).read_text(encoding="utf-8").split()
        except FileNotFoundError:
            return []

    def _write(self, served: list[str]) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        unfinished = self.folder / f"{_CURRENT}.new"
        unfinished.write_text("".join(f"{each}\n" for each in served[:_REMEMBERED]), encoding="utf-8")
        unfinished.replace(self.folder / _CURRENT)
