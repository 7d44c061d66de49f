"""Settings of the environments local, test and production."""

from __future__ import annotations

from collections.abc import Callable

from alphaads_pipelines.errors import ConfigurationError
from alphaads_pipelines.settings import Settings

_SETTINGS: dict[str, Callable[[], Settings]] = {
    "local": lambda: Settings(environment="local"),
    "test": lambda: Settings(_env_file=None, environment="test"),
    "production": lambda: Settings(environment="production"),
}
"""Production refuses the development secret and DEBUG; test reads no .env."""


def settings_for(environment: str | None = None) -> Settings:
    """Settings of an environment; None reads ENVIRONMENT. Raises ConfigurationError."""
    if environment is None:
        return Settings()
    if environment not in _SETTINGS:
        raise ConfigurationError(f"unknown environment {environment!r}; known: {', '.join(sorted(_SETTINGS))}")
    return _SETTINGS[environment]()
