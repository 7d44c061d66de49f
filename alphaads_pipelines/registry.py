"""A room's registry: name -> "module:attribute", imported by `load`, so that unused heavy packages cost nothing.

Adding a platform, stream, model, generator or policy takes one new file and one line in its room's `registry.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Generic, TypeVar, cast

from alphaads_pipelines.errors import ConfigurationError, MissingArtifact

T = TypeVar("T")


class Registry(Generic[T]):
    """Lazy lookup of the implementations of one base class.

    Parameters
    ----------
    kind: for error messages ("platform", "stream", ...).
    entries: name -> "package.module:attribute".
    """

    def __init__(self, kind: str, entries: Mapping[str, str]) -> None:
        self.kind = kind
        self._entries = dict(entries)

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._entries))

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def load(self, name: str) -> type[T]:
        """Import and return an implementation.

        Raises
        ------
        ConfigurationError: unknown name; the message lists the known ones.
        MissingArtifact: the entry needs a package that is not installed.
        """
        if name not in self._entries:
            raise ConfigurationError(f"unknown {self.kind} {name!r}; known: {', '.join(self)}")
        module, attribute = self._entries[name].split(":")
        try:
            return cast("type[T]", getattr(import_module(module), attribute))
        except ModuleNotFoundError as error:
            raise MissingArtifact(
                f"{self.kind} {name!r} needs the package {error.name!r}; install it, or the extra that names it"
            ) from error
