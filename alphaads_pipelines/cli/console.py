"""What every command shares: where text goes, how progress looks, how an error ends the process.

Data goes to stdout, everything for people to stderr, so that output can be piped.
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
    """The validated Settings of this process; logging follows them.

    Raises
    ------
    ConfigurationError: a setting is missing or wrong; the message names it and never shows its value.
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
    """One JSON value on one line of stdout."""
    sys.stdout.write(orjson.dumps(value, default=str).decode() + "\n")


@contextmanager
def progress(*more: ProgressColumn, disable: bool = False) -> Iterator[Progress]:
    """A progress display on stderr; nothing is drawn when stderr is no terminal or when disabled.

    Parameters
    ----------
    more: what is shown behind the usual columns.
    """
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(20 if more else 40),  # so that a line of 80 characters holds it all
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        *more,
    )
    with Progress(*columns, console=err, disable=disable or not err.is_terminal) as display:
        yield display


@contextmanager
def exit_codes() -> Iterator[None]:
    """Turn this project's errors into a message on stderr and the exit code: 1 failed, 2 wrong use."""
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
    except OSError as error:  # a full disk, a home that may not be written
        err.print(f"[red]failed:[/red] {error.filename or 'input or output'}: {error.strerror}", soft_wrap=True)
        raise typer.Exit(FAILED) from None
    except KeyboardInterrupt:
        err.print("stopped")
        raise typer.Exit(FAILED) from None
