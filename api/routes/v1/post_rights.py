"""`/api/v1/posts/{platform}/{post_id}`: for privacy officers: what a single post touched, and forgetting it."""

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
Platform = Annotated[
    str, Path(pattern=r"^[a-z0-9_.-]{1,40}$", description="The network; `key` where a post key follows.")
]
PostId = Annotated[str, Path(min_length=1, max_length=256, description="As the network has it, or a post key.")]
Officer = Annotated[Caller, scope("privacy:officer")]
_PATIENCE_S = 20.0


@router.get("/posts/{platform}/{post_id}/touched", summary="What a post touched")
def get_touched(
    platform: Platform,
    post_id: PostId,
    wiring: WiringDep,
    caller: Officer,
    audit: Annotated[Recorder, recorded("post.trace", "rights")],
) -> PostImpact:
    """The decisions, of every tenant, in which the post weighed in, and the ads that were chosen there. 404: no post
    of this name is here. The post's id may be logged by whoever forwards the request: `key/POST_KEY` names it, too.
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
    """The post leaves lake and stream, its author's profile is as if it had never been here, and it is not taken
    in again, whether or not it was here. The answer lists what it touched before.

    409: batches of its partition were at work all the time; the post does not come in again, ask again for the rest.
    """
    keys = keys_of(wiring.pseudonyms, platform, post_id)
    return forget_post(wiring, keys, lambda who: audit.record(*who), _PATIENCE_S)
