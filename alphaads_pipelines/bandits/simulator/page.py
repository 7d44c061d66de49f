"""The page of a simulation: one HTML file that needs nothing beside itself."""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path

from alphaads_pipelines.bandits.simulator.picture import draw, panel_of
from alphaads_pipelines.bandits.simulator.result import Simulation
from alphaads_pipelines.bandits.simulator.world import WORLDS

_TEMPLATES = Path(__file__).resolve().parent / "templates"


def render_page(found: Simulation) -> str:
    """The page, with its picture in it."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(loader=FileSystemLoader(_TEMPLATES), autoescape=True, undefined=StrictUndefined)
    return environment.get_template("simulation.html").render(
        found=found.as_dict(), world=WORLDS[found.world], picture=b64encode(draw([panel_of(found)])).decode()
    )
