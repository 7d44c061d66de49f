"""Output, progress and exit codes shared by all commands.

Data goes to stdout, messages to stderr, so that output can be piped.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import orjson
import typer
from pydantic import ValidationError
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)

from alphaads_pipelines.errors import AlphaAdsError, ConfigurationError, InvalidRequest
from alphaads_pipelines.settings import Settings
from alphaads_pipelines.telemetry import configure_logging

FAILED, WRONG_USE = 1, 2

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)


def load_settings(*, log_json: bool = False, quiet: bool = False) -> Settings:
    """Load the validated Settings of this process and configure logging.

    Raises
    ------
    ConfigurationError: a setting is missing or wrong; the message names it, never its value.
    """
    try:
        settings = Settings()
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(str(part) for part in problem['loc']).upper() or 'settings'}: {problem['msg']}"
            for problem in error.errors(include_input=False, include_url=False)
        )
        raise ConfigurationError(problems) from None
    level = "DEBUG" if settings.debug else "WARNING" if quiet else settings.log_level
    configure_logging(json=log_json or settings.log_json, level=level)
    return settings


def emit(value: Any) -> None:
    """Print a JSON value on one line of stdout."""
    sys.stdout.write(orjson.dumps(value, default=str).decode() + "\n")


@contextmanager
def progress(*more: ProgressColumn, disable: bool = False) -> Iterator[Progress]:
    """A progress display on stderr; silent if disabled or stderr is not a terminal.

    Parameters
    ----------
    more: columns after the usual ones.
    """
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(20 if more else 40),  # fits 80 characters
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        *more,
    )
    with Progress(*columns, console=err, disable=disable or not err.is_terminal) as display:
        yield display


@contextmanager
def exit_codes() -> Iterator[None]:
    """Turn this project's errors into a message on stderr and an exit code: 1 failed, 2 wrong usage."""
    try:
        yield
    except (ConfigurationError, InvalidRequest) as error:
        err.print(f"[red]error:[/red] {error}", soft_wrap=True)
        raise typer.Exit(WRONG_USE) from None
    except AlphaAdsError as error:
        hint = " (a retry may help)" if error.retryable else ""
        err.print(f"[red]failed:[/red] {error}{hint}", soft_wrap=True)
        raise typer.Exit(FAILED) from None
    except BrokenPipeError:
        raise typer.Exit(FAILED) from None
    except OSError as error:  # disk full, home not writable
        err.print(f"[red]failed:[/red] {error.filename or 'input or output'}: {error.strerror}", soft_wrap=True)
        raise typer.Exit(FAILED) from None
    except KeyboardInterrupt:
        err.print("stopped")
        raise typer.Exit(FAILED) from None
