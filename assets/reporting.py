"""Turn step reports into Dagster materialisations, metadata and schema checks."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from dagster import AssetCheckResult, AssetCheckSpec, AssetKey, AssetSpec, MaterializeResult, MetadataValue

from alphaads_pipelines.errors import SchemaMismatch
from alphaads_pipelines.schema.columns import Table
from alphaads_pipelines.schema.tables import EMOTIONS

if TYPE_CHECKING:
    from dagster import RawMetadataValue

    from alphaads_pipelines.pipeline.reports import StepReport

SCHEMA_CHECK = "schema"
_PLOT_EVERY_S = 60.0
_OFFSETS_SHOWN = 40
_NAMES_SHOWN = 10


def asset_spec(table: Table, group: str, deps: Iterable[str] = (), kinds: Iterable[str] = ("deltalake",)) -> AssetSpec:
    """The asset of a table, with its name and description."""
    return AssetSpec(table.name, description=table.doc, group_name=group, deps=list(deps), kinds=set(kinds))


def schema_checks(*tables: Table) -> list[AssetCheckSpec]:
    """One blocking schema check per table."""
    doc = "Rows satisfy the contract of the table in tables.py; else nothing is written and nothing downstream runs."
    return [AssetCheckSpec(SCHEMA_CHECK, asset=table.name, blocking=True, description=doc) for table in tables]


def schema_result(table: Table, problems: Sequence[str] = ()) -> AssetCheckResult:
    """The result of a table's schema check."""
    shown = {"problems": MetadataValue.md("\n".join(f"- {each}" for each in problems))} if problems else {}
    return AssetCheckResult(
        asset_key=AssetKey(table.name), check_name=SCHEMA_CHECK, passed=not problems, metadata=shown
    )


def materialised(
    report: StepReport, tables: Sequence[Table], extra: Mapping[str, Mapping[str, RawMetadataValue]] | None = None
) -> Iterator[MaterializeResult[None] | AssetCheckResult]:
    """Yield a check result, then a materialisation for each table.

    Parameters
    ----------
    extra: further metadata by table name.

    Raises
    ------
    SchemaMismatch: a check failed; nothing was written, nothing downstream runs.
    """
    for table in tables:
        yield schema_result(table, report.tables[table.name].problems)
    if report.problems:
        raise SchemaMismatch("; ".join(report.problems))
    for table in tables:
        metadata = {**_metadata(report), **_table_metadata(report, table), **(extra or {}).get(table.name, {})}
        yield MaterializeResult(asset_key=AssetKey(table.name), metadata=metadata)


def published(report: StepReport) -> MaterializeResult[None]:
    """The materialisation of the published pointer."""
    return MaterializeResult(metadata=_metadata(report))


def _metadata(report: StepReport) -> dict[str, RawMetadataValue]:
    shown = report.offsets[:_OFFSETS_SHOWN]
    rows = [(partition, f"{start:,}", f"{end:,}", f"{end - start:,}") for partition, start, end in shown]
    return {
        "batches": ", ".join(report.batches) or "none",
        "offsets": markdown_table(("partition", "from", "to", "records"), rows),
        "seconds": round(report.seconds, 3),
        **({"correlation_ids": ", ".join(report.correlation_ids)} if report.correlation_ids else {}),
        **report.figures,
    }


def _table_metadata(report: StepReport, table: Table) -> dict[str, RawMetadataValue]:
    written = report.tables[table.name]
    version = {} if written.version is None else {"delta_version": written.version}
    return {"dagster/row_count": written.rows, **version}


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> MetadataValue[str]:
    """A Markdown table."""
    lines = ["| " + " | ".join(header) + " |", "|" + " --- |" * len(header)]
    lines += ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]
    return MetadataValue.md("\n".join(lines))


def picture(name: str, png: bytes) -> MetadataValue[str]:
    """An inline PNG."""
    return MetadataValue.md(f"![{name}](data:image/png;base64,{base64.b64encode(png).decode()})")


def entity_metadata(report: StepReport) -> dict[str, RawMetadataValue]:
    """Entities by type, and the most frequent tracked names."""
    from alphaads_pipelines.pipeline.reports import ENTITY_TYPES, TRACKED_NAMES

    types, tracked = (report.tallies.get(tally, {}) for tally in (ENTITY_TYPES, TRACKED_NAMES))
    top = sorted(tracked.items(), key=lambda each: (-each[1], each[0]))[:_NAMES_SHOWN]
    return {
        "by_type": markdown_table(("type", "entities"), sorted(types.items())),
        "top_tracked_names": markdown_table(("tracked name", "entities"), top),
    }


class EmotionPlot:
    """Plots a batch's emotions at most once a minute per process: a plot costs as much as 1,000 posts."""

    def __init__(self) -> None:
        self._drawn_at = -_PLOT_EVERY_S

    def metadata(self, report: StepReport) -> dict[str, RawMetadataValue]:
        """The plot, or nothing if one is recent."""
        if time.monotonic() - self._drawn_at < _PLOT_EVERY_S:
            return {}
        from alphaads_pipelines.nlp.plots import emotion_plot_png

        self._drawn_at = time.monotonic()
        counts = {emotion: report.figures[f"{emotion}_posts"] for emotion in EMOTIONS}
        png = emotion_plot_png(counts, report.figures["posts"] - sum(counts.values()))
        return {"emotions": picture("emotions", png)}
