"""Render a simulation as one self-contained HTML page."""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path

from alphaads_pipelines.bandits.simulator.picture import draw, panel_of
from alphaads_pipelines.bandits.simulator.result import Simulation
from alphaads_pipelines.bandits.simulator.world import WORLDS
from alphaads_pipelines.page_templates import template

_TEMPLATES = Path(__file__).resolve().parent / "templates"


def render_page(found: Simulation) -> str:
    """Render the page, picture included."""
    picture = b64encode(draw([panel_of(found)])).decode()
    page = template(_TEMPLATES, "simulation.html")
    return str(page.render(found=found.as_dict(), world=WORLDS[found.world], picture=picture))
