"""Small files in the layout of the Open Bandit Dataset."""

from __future__ import annotations

from pathlib import Path

from alphaads_pipelines.bandits.ope.logs import Log

HEADER = (
    ",item_id,position,click,propensity_score,user_feature_0,"
    "user-item_affinity_0,user-item_affinity_1,user-item_affinity_2"
)


def line(
    item: object, position: object, click: object, propensity: str, word: str = "red", affinity: str = "0,0,0"
) -> str:
    """One record; the first column counts, and is not read."""
    return f"0,{item},{position},{click},{propensity},{word},{affinity}"


def save(path: Path, rows: list[str], header: str = HEADER) -> Path:
    """A file of these records."""
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def save_log(path: Path, log: Log) -> Path:
    """A log as a file; of contexts only the affinities are kept, and they are 0."""
    affinities = [f"user-item_affinity_{arm}" for arm in range(len(log.arms))]
    rows = [
        f"{chosen},{position},{reward:.0f},{propensity!r},{','.join('0' for _ in affinities)}"
        for chosen, position, reward, propensity in zip(
            log.chosen.tolist(), log.positions.tolist(), log.rewards.tolist(), log.propensities.tolist(), strict=True
        )
    ]
    return save(path, rows, ",".join(["item_id", "position", "click", "propensity_score", *affinities]))
