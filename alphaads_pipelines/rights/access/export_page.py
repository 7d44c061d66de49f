"""Render an export as one self-contained HTML page, without scripts or external resources."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson

from alphaads_pipelines.page_templates import template
from alphaads_pipelines.rights.access.export_document import Export, ListSummary

_TEMPLATES = Path(__file__).resolve().parent / "templates"
_LONGEST = 400
_POST_LISTS = ("raw_posts", "rejected_posts")
_OPTIONS = orjson.OPT_NON_STR_KEYS | orjson.OPT_UTC_Z


def render_page(export: Export, summaries: Sequence[ListSummary], document: str) -> str:
    """Render the page; `document` is the name of the complete JSON file."""
    return str(
        template(_TEMPLATES, "export.html").render(
            subject_id=export.subject_id,
            platform=export.platform or "unknown",
            exported_at=_cell(export.exported_at),
            profile=_facts(export.profile or {}),
            linked=export.linked_subjects,
            posts=[_post(row) for each in summaries if each.name in _POST_LISTS for row in each.rows],
            posts_count=sum(each.count for each in summaries if each.name in _POST_LISTS),
            lists=[_list(each) for each in summaries],
            rows_count=sum(each.count for each in summaries),
            document=document,
        )
    )


def _facts(profile: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(name.replace("_", " "), _cell(value)) for name, value in profile.items() if value not in (None, [], {})]


def _post(row: Mapping[str, Any]) -> dict[str, str]:
    payload = row.get("payload")
    text = _text(payload) if isinstance(payload, dict) else None
    return {
        "text": text or _cell(payload) or "(cannot be opened)",
        "at": _cell(row.get("created_at") or row["observed_at"]),
        "note": f"not accepted: {row['reason']}" if "reason" in row else str(row.get("kind", "")),
    }


def _text(payload: Mapping[str, Any]) -> str | None:
    found = payload.get("text") or payload.get("full_text")
    return found if isinstance(found, str) else None


def _list(summary: ListSummary) -> dict[str, Any]:
    columns = list(dict.fromkeys(name for row in summary.rows for name in row))
    return {
        "store": summary.store,
        "name": summary.name,
        "doc": summary.doc,
        "count": summary.count,
        "columns": columns,
        "rows": [_cells(row.get(name) for name in columns) for row in summary.rows],
        "more": summary.count - len(summary.rows),
    }


def _cells(values: Iterable[Any]) -> list[str]:
    return [_cell(value) for value in values]


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S UTC")
    if isinstance(value, float):
        return f"{value:.4g}"
    text = value if isinstance(value, str) else orjson.dumps(value, option=_OPTIONS, default=str).decode()
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
