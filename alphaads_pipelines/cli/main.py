"""`alphaads`: the commands, each in the file named for it."""

from __future__ import annotations

import typer

from alphaads_pipelines.cli import (
    audit,
    backfill,
    backup,
    batches,
    bench,
    campaign,
    consent,
    creative,
    demo,
    doctor,
    erase,
    evaluate,
    experiment,
    export,
    forget_post,
    gazetteer,
    ingest,
    keys,
    link,
    ope,
    parse,
    policy,
    replay,
    score,
    simulate,
    token,
    touched,
    train,
    up,
)

app = typer.Typer(
    name="alphaads",
    help="Real-time, emotion-aware advertising data platform.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (
    *(demo, up, doctor, ingest, parse, score, backfill, replay, batches, token, bench, export, erase, ope),
    *(simulate, touched, forget_post),
):
    app.command(command.__name__.rpartition(".")[2].replace("_", "-"))(command.run)
app.add_typer(audit.app, name="audit")
app.add_typer(consent.app, name="consent")
app.add_typer(link.app, name="link")
app.add_typer(gazetteer.app, name="gazetteer")
app.add_typer(evaluate.app, name="evaluate")
app.add_typer(campaign.app, name="campaign")
app.add_typer(creative.app, name="creative")
app.add_typer(experiment.app, name="experiment")
app.add_typer(policy.app, name="policy")
app.add_typer(train.app, name="train")
app.add_typer(keys.app, name="keys")
app.add_typer(backup.app, name="backup")


def main() -> None:
    """Entry point of the `alphaads` script."""
    app()


if __name__ == "__main__":
    main()
