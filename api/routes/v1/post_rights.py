"""`/api/v1/posts/{platform}/{post_id}`, for privacy officers."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path

from alphaads_pipelines.decisions.explain.affected_decisions import PostImpact, find_affected_decisions, members_of
from alphaads_pipelines.ingest.find_post import FoundPost, find_post, keys_of
from alphaads_pipelines.pipeline.forget_post import Forgotten, forget_post
from alphaads_pipelines.wiring.app import Wiring
from api.access import scope
from api.audit import Recorder, recorded
from api.credentials import Caller
from api.deps import WiringDep

router = APIRouter(tags=["rights"])
Platform = Annotated[str, Path(pattern=r"^[a-z0-9_.-]{1,40}$", description="The network, or `key` before a post key.")]
PostId = Annotated[str, Path(min_length=1, max_length=256, description="The network's post id, or a post key.")]
Officer = Annotated[Caller, scope("privacy:officer")]
_PATIENCE_S = 20.0


@router.get("/posts/{platform}/{post_id}/touched", summary="Trace a post's influence")
def get_touched(
    platform: Platform,
    post_id: PostId,
    wiring: WiringDep,
    caller: Officer,
    audit: Annotated[Recorder, recorded("post.trace", "rights")],
) -> PostImpact:
    """List the decisions of all tenants that the post influenced, and the ads chosen.

    404: unknown post. Proxies may log the post's id; `key/POST_KEY` names it, too.
    """
    post = _found(wiring, platform, post_id)
    audit.record(*members_of(wiring.engine, post[0]))
    return find_affected_decisions(wiring.engine, wiring.lake, post)


def _found(wiring: Wiring, platform: str, post_id: str) -> list[FoundPost]:
    keys = keys_of(wiring.pseudonyms, platform, post_id)
    return find_post(wiring.engine, wiring.ledger, wiring.lake, wiring.topics.posts, keys)


@router.delete("/posts/{platform}/{post_id}", summary="Forget a post that its author deleted")
def delete_post(
    platform: Platform,
    post_id: PostId,
    wiring: WiringDep,
    caller: Officer,
    audit: Annotated[Recorder, recorded("post.forget", "rights")],
) -> Forgotten:
    """Delete the post from lake and stream, rebuild its author's profile without it and block its re-ingestion.

    The post is blocked even if it was not found. Returns the decisions that it influenced. 409: its partition was busy
    throughout; the post is blocked, retry for the rest.
    """
    keys = keys_of(wiring.pseudonyms, platform, post_id)
    return forget_post(wiring, keys, lambda who: audit.record(*who), _PATIENCE_S)
