"""`GET /api/v1/decisions/{decision_id}/why`, and `.../why/page` as HTML."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path
from fastapi.responses import HTMLResponse

from alphaads_pipelines.decisions.explain.explanation import Why
from alphaads_pipelines.decisions.explain.why import decision_subjects, explain
from alphaads_pipelines.nlp.plots import EMOTION_COLOURS
from alphaads_pipelines.wiring.app import Wiring
from api.access import scope
from api.audit import Recorder, recorded
from api.credentials import Caller
from api.deps import WiringDep
from api.templates import page

router = APIRouter(tags=["decisions"])
DecisionId = Annotated[str, Path(pattern=r"^[0-9a-f]{32}$", description="`decision_id` of the decision's response.")]
Reader = Annotated[Caller, scope("decisions:read")]
Record = Annotated[Recorder, recorded("decision.explain", "rights")]
_POSTS_SHOWN = 15


@router.get("/decisions/{decision_id}/why", summary="Explain a decision")
def get_why(decision_id: DecisionId, wiring: WiringDep, caller: Reader, audit: Record) -> Why:
    """Explain a decision: the policy with its recomputed draw, the text and its generator, and the campaign.

    For a mood-based decision it lists the posts behind the mood with their stream offsets, without their text.
    404: not the tenant's, or not ingested yet (takes seconds); 409: the person's data is restricted; 410: erased.
    """
    return _explained(decision_id, wiring, caller, audit)


@router.get("/decisions/{decision_id}/why/page", summary="Explain a decision as HTML", response_class=HTMLResponse)
def get_why_page(decision_id: DecisionId, wiring: WiringDep, caller: Reader, audit: Record) -> HTMLResponse:
    """Return the explanation as an HTML page."""
    why = _explained(decision_id, wiring, caller, audit)
    posts = why.person.posts[:_POSTS_SHOWN] if why.person else []
    return page("why.html", why=why, posts=posts, colours=EMOTION_COLOURS)


def _explained(decision_id: str, wiring: Wiring, caller: Caller, audit: Recorder) -> Why:
    subjects = decision_subjects(wiring.engine, wiring.pseudonyms, caller.tenant, decision_id)
    audit.record(*subjects) if subjects else audit.nobody()
    topic = wiring.topics.posts
    return explain(wiring.engine, wiring.lake, caller.tenant, decision_id, subjects, topic)
