"""An installation's trained models and the serving one.

`FOLDER/VERSION/` holds an artifact. `FOLDER/current` lists the serving version, then its predecessors; if absent or
empty, the shipped model serves.
"""

from __future__ import annotations

from pathlib import Path

from alphaads_pipelines.errors import NotFound
from alphaads_pipelines.nlp.artifact import MANIFEST, SHIPPED, Artifact, open_artifact

_CURRENT = "current"
_REMEMBERED = 20


class TrainedModels:
    """The models in a folder, which may not exist yet."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, version: str) -> Path:
        """Artifact folder of a version."""
        return self.folder / version

    def open(self, version: str) -> Artifact:
        """Open the model of a version. Raises NotFound, or MissingArtifact for damaged files."""
        versions = sorted(path.parent.name for path in self.folder.glob(f"*/{MANIFEST}"))
        if version not in versions:
            raise NotFound(f"there is no trained model of that version; there are: {', '.join(versions) or 'none'}")
        return open_artifact(self.path(version))

    def serving(self) -> Path:
        """Folder of the serving model; cheap enough for every batch."""
        served = self._served()
        return self.path(served[0]) if served else SHIPPED

    def promote(self, version: str) -> None:
        """Make a trained model serve from the next batch on. Raises as `open` does."""
        self.open(version)
        served = self._served()
        if served[:1] != [version]:
            self._write([version, *served])

    def roll_back(self) -> Path:
        """Make the previous model serve, at last the shipped one."""
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
