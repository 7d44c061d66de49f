"""Audit entries of commands."""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from alphaads_pipelines.wiring.app import Wiring


def actor() -> str:
    """Return `cli:USER`, from the operating system rather than from the environment."""
    try:
        return f"cli:{pwd.getpwuid(os.getuid()).pw_name}"
    except KeyError:  # a container may run under a user id without a name
        return f"cli:{os.getuid()}"


def record(
    wiring: Wiring, command: str, *, action: str, purpose: str, subjects: Iterable[str] = (), correlation_id: str = ""
) -> None:
    """Write a command's entry, before it reads or changes personal data.

    Parameters
    ----------
    command: its name, such as `export`; never its arguments, which may name a person.

    Raises
    ------
    StoreUnavailable: the entry could not be written; abort the command.
    """
    wiring.audit.record(
        action=action,
        purpose=purpose,
        actor=actor(),
        resource=f"alphaads {command}",
        subjects=subjects,
        correlation_id=correlation_id,
    )
