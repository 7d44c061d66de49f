"""`alphaads parse`."""

from __future__ import annotations

import sys

import msgspec

from alphaads_pipelines.cli.console import exit_codes
from alphaads_pipelines.cli.options import InputFile, PlatformName
from alphaads_pipelines.errors import InvalidRequest
from alphaads_pipelines.platforms.base import Post


def run(file: InputFile, platform: PlatformName) -> None:
    """Print the posts of FILE as JSON lines; rejects go to stderr with line and reason."""
    from alphaads_pipelines.ingest.parsing import parse_file

    encoder = msgspec.json.Encoder()
    with exit_codes():
        result = None
        for result in parse_file(file, platform):
            stream = sys.stdout if isinstance(result, Post) else sys.stderr
            stream.write(encoder.encode(result).decode() + "\n")
        if result is None:
            raise InvalidRequest(f"{file} holds no payloads")
