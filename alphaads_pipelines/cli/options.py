"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from alphaads_pipelines.errors import InvalidRequest

if TYPE_CHECKING:
    from alphaads_pipelines.settings import Settings

DEFAULT_TENANT = "default"
"""The tenant if none is given."""

JsonOutput = Annotated[bool, typer.Option("--json", help="Print JSON on stdout instead of a table.")]
LogJson = Annotated[bool, typer.Option("--log-json", help="Write logs as JSON lines on stderr.")]
PlatformName = Annotated[str, typer.Option("--platform", "-p", help="Network of the payloads: x, generic.")]
Subject = Annotated[str, typer.Argument(metavar="SUBJECT", help="A subject id, or platform:author_id.")]
PostName = Annotated[
    str, typer.Argument(metavar="POST", help="platform:post_id as the network has them, or key:POST_KEY.")
]
InputFile = Annotated[Path, typer.Argument(help="JSON lines or a JSON array; gzip accepted.")]
DataFolder = Annotated[
    Path | None, typer.Option("--data", help="Folder of the datasets, as docs/models.md says; default: NLP_DATA.")
]


def data_folder(given: Path | None, settings: Settings) -> Path:
    """Return the folder of the public datasets. Raises InvalidRequest."""
    folder = given or settings.nlp_data
    if folder is None:
        raise InvalidRequest("--data or NLP_DATA: name the folder of the datasets; docs/models.md says what is in it")
    if not folder.is_dir():
        raise InvalidRequest(f"{folder} is no folder; docs/models.md says where each dataset comes from")
    return folder
