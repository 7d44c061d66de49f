"""Locates a Hugging Face model's files: a folder, or the hub through its cache.

If the hub refuses or is unreachable, the cached copy is used. The user's token appears in no message or traceback.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
import structlog

from alphaads_pipelines.errors import ConfigurationError, MissingArtifact, PermanentError

_LOG = structlog.get_logger(__name__)
_SETTINGS = ("*.json", "*.txt", "*.model", "*.codes")
_CARD = "README.md"
_WEIGHTS = ("model*.safetensors", "pytorch_model*.bin")
"""In order of preference."""

_DIGEST_LENGTH = 12
_NO_ACCESS = {401, 403}


class Files(msgspec.Struct, frozen=True):
    """A model's folder, its name, and its version: the hub's commit, or a digest."""

    folder: Path
    name: str
    version: str
    is_from_hub: bool

    @property
    def mend(self) -> str:
        """How to repair incomplete or damaged files."""
        return f"run `hf download --force-download {self.name}`" if self.is_from_hub else "save the model there again"


def locate(name: str, token: str | None) -> Files:
    """Locate a model by hub name or folder.

    Raises
    ------
    ConfigurationError: unknown name, no access, or invalid token.
    MissingArtifact: no such folder, or an uncached model while the hub is unreachable.
    """
    folder = Path(name).expanduser()
    if folder.is_dir():
        return Files(folder, folder.resolve().name, digest_of(_deciding(folder)), is_from_hub=False)
    if folder.is_absolute() or name.startswith(("~", ".")):
        raise MissingArtifact(f"there is no folder {name}; save a model there, or give its name on the hub")
    fetched = _fetch(name, _checked(token))
    return Files(fetched, name, fetched.name, is_from_hub=True)


def digest_of(files: Iterable[Path]) -> str:
    """A short digest of file names and contents, independent of their order."""
    digest = hashlib.sha256()
    for file in sorted(set(files)):
        with file.open("rb") as content:
            digest.update(file.name.encode() + hashlib.file_digest(content, "sha256").digest())
    return digest.hexdigest()[:_DIGEST_LENGTH]


def _deciding(folder: Path) -> Iterable[Path]:
    patterns = (*_SETTINGS, *_WEIGHTS)
    return (file for pattern in patterns for file in folder.glob(pattern) if file.is_file())


def _checked(token: str | None) -> str | None:
    token = (token or "").strip()
    if not token.isascii() or not token.isprintable() or " " in token:
        raise ConfigurationError("HUGGINGFACE_API_TOKEN holds a character that no token has")
    return token or None


def _fetch(name: str, token: str | None) -> Path:
    from huggingface_hub import HfApi, snapshot_download
    from huggingface_hub.errors import HFValidationError, HTTPError

    try:
        files = [each.rfilename for each in HfApi(token=token).model_info(name).siblings or ()]
        return Path(snapshot_download(name, token=token, allow_patterns=_wanted(files)))
    except HFValidationError:
        raise ConfigurationError(f"{name!r} is no name of a model on the Hugging Face hub, and no folder") from None
    except (OSError, HTTPError) as error:
        cached = _cached(name)
        if cached is None:
            raise _refusal(name, error, is_known=token is not None) from None
        _LOG.warning("hub_unavailable_cached_model_used", model=name, error=type(error).__name__)
        return cached


def _wanted(files: Iterable[str]) -> list[str]:
    for pattern in _WEIGHTS:
        if any(Path(file).match(pattern) for file in files if "/" not in file):
            return [*_SETTINGS, _CARD, pattern]
    return [*_SETTINGS, _CARD]


def _cached(name: str) -> Path | None:
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(name, local_files_only=True, allow_patterns=[*_SETTINGS, _CARD]))
    except OSError:
        return None


def _refusal(name: str, error: Exception, *, is_known: bool) -> PermanentError:
    """Does not quote the hub's message, which may quote the request."""
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError

    token = "the token in HUGGINGFACE_API_TOKEN has no access" if is_known else "set HUGGINGFACE_API_TOKEN"
    status = _status(error)
    if isinstance(error, GatedRepoError):
        return ConfigurationError(
            f"model {name!r} is gated: accept its terms on its page and use a token of that account ({token}); "
            "a retry does not help"
        )
    if isinstance(error, RepositoryNotFoundError) or status in _NO_ACCESS:
        return ConfigurationError(
            f"the hub knows no model {name!r}, or it is private: check the name; a private one needs a token with "
            f"access ({token}); a retry does not help"
        )
    if isinstance(error, OSError) and error.errno and not isinstance(error, ConnectionError):
        return MissingArtifact(
            f"model {name!r} cannot be kept in the cache of the hub's client (HF_HOME): {error.strerror}"
        )
    answer = f"answered {status}" if status else "does not answer"
    return MissingArtifact(
        f"model {name!r} is not in the cache and the hub {answer} ({type(error).__name__}): a retry may help; "
        "without a network give the folder of a model that was downloaded before (`hf download`)"
    )


def _status(error: Exception) -> int | None:
    response: Any = getattr(error, "response", None)
    return None if response is None else int(response.status_code)
