"""Explanations in sentences for everyone; they contain no personal text."""

from __future__ import annotations

from datetime import datetime

from alphaads_pipelines.bandits.policy_roles import CANARY
from alphaads_pipelines.decisions.explain.explanation import PersonReason, Why
from alphaads_pipelines.profiles.mood import HALF_LIFE_HOURS, HORIZON_HOURS


def sentences(why: Why) -> list[str]:
    """The summary of a complete explanation."""
    told = [_what(why), f"{why.because}.", *_posts(why.person), _drawn(why), _again(why), *_experiments(why)]
    return [*told, *_text(why), _heard(why)]


def _time(at: datetime) -> str:
    return f"{at:%Y-%m-%d} at {at:%H:%M} UTC"


def _what(why: Why) -> str:
    ad = why.creative.headline if why.creative else why.creative_id
    campaign = why.campaign.name if why.campaign else None
    of_campaign = f" of the campaign “{campaign}”" if campaign else ""
    return f"On {_time(why.decided_at)} the ad “{ad}”{of_campaign} was chosen for the placement “{why.placement}”."


def _posts(person: PersonReason | None) -> list[str]:
    if person is None:
        return ["Nothing of any person was used."]
    if not person.shares:
        return []
    emotion, share = next(iter(person.shares.items()))
    many = "1 post" if person.posts_weighed == 1 else f"{person.posts_weighed:,} posts"
    told = [
        f"{many} of the {HORIZON_HOURS // 24} days before weighed in, a post half as much {HALF_LIFE_HOURS:.0f} hours "
        f"later; {share:.0%} of their weight shows {emotion}."
    ]
    if person.mood_again != person.mood:
        told.append(
            f"As they stand now these posts would make the mood {person.mood_again or 'unknown'}: posts, labels or "
            "linked accounts changed since the decision."
        )
    return told


def _drawn(why: Why) -> str:
    policy, fit = why.policy, len(why.eligible)
    version = f"version {policy.version}" if policy.version else "which had learned nothing yet"
    taught = f", taught on {_time(policy.taught_at)}" if policy.taught_at else ""
    role = " as the canary" if policy.role == CANARY else ""
    ads = "It was the only approved ad that fitted" if fit == 1 else f"It was one of {fit} approved ads that fitted"
    return (
        f"{ads}; the policy {policy.name} ({version}{taught}) drew it{role} with probability {policy.propensity:.2f}."
    )


def _again(why: Why) -> str:
    policy = why.policy
    if policy.problem:
        return f"The draw cannot be computed again: {policy.problem}."
    if policy.is_same_arm and policy.is_same_propensity:
        return "Computed again from the record, the draw gives the same ad with the same probability."
    return "Computed again from the record, the draw does NOT give what was logged; the record cannot be trusted."


def _experiments(why: Why) -> list[str]:
    return [
        f"It was part of the experiment “{each.name or each.experiment_id}”, arm {each.arm}."
        for each in why.experiments
    ]


def _text(why: Why) -> list[str]:
    if why.creative is None:
        return ["The ad's text is no longer kept."]
    creative = why.creative
    state = f"is {creative.state}" if creative.state_then is None else f"was {creative.state_then} then"
    reviewer = f", decided by {creative.reviewer}" if creative.reviewer else ""
    return [
        f"Its text was written by {creative.generator} for people who show {creative.emotion}, in the tone "
        f"{creative.tone}; in moderation it {state}{reviewer}."
    ]


def _heard(why: Why) -> str:
    if why.impression_at is None and why.click_at is None and why.conversion_at is None:
        return "Nothing was heard of the ad after that."
    events = {"shown": why.impression_at, "clicked": why.click_at, "converted": why.conversion_at}
    return "It was " + ", ".join(f"{what} on {_time(at)}" for what, at in events.items() if at is not None) + "."
