"""How a command is recorded in the audit log: by whom, and what for."""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from alphaads_pipelines.wiring.app import Wiring


def actor() -> str:
    """Who runs this command: `cli:USER`, as the operating system knows them, whatever the environment says."""
    try:
        return f"cli:{pwd.getpwuid(os.getuid()).pw_name}"
    except KeyError:  # a container may run under a number that has no name
        return f"cli:{os.getuid()}"


def record(
    wiring: Wiring, command: str, *, action: str, purpose: str, subjects: Iterable[str] = (), correlation_id: str = ""
) -> None:
    """One entry for a command, before it reads or changes personal data.

    Parameters
    ----------
    command: its name, such as `export`; never its arguments, which may name a person.

    Raises
    ------
    StoreUnavailable: it could not be recorded, so the command may go no further.
    """
    wiring.audit.record(
        action=action,
        purpose=purpose,
        actor=actor(),
        resource=f"alphaads {command}",
        subjects=subjects,
        correlation_id=correlation_id,
    )
