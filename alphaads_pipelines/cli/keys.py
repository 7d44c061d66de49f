"""`alphaads keys`."""

from __future__ import annotations

from datetime import UTC, datetime

import typer

from alphaads_pipelines.cli.audit_record import record
from alphaads_pipelines.cli.console import emit, err, exit_codes, load_settings, out, progress
from alphaads_pipelines.cli.options import JsonOutput
from alphaads_pipelines.wiring.app import wired

app = typer.Typer(help="Manage the key-encryption key, which wraps every data key.", no_args_is_help=True)


@app.command()
def status(as_json: JsonOutput = False) -> None:
    """List the key-encryption keys and the number of data keys each wraps; never a key."""
    with exit_codes(), wired(load_settings(quiet=True)) as wiring:
        from alphaads_pipelines.rights.backups.key_rotation import key_status

        found = key_status(wiring.key_ring, wiring.engine)
    shown = {"newest": found.newest, "former": sorted(found.former), "wrapped_keys": found.wrapped}
    if as_json:
        emit({**shown, "is_rotating": bool(found.former)})
        return
    for kek_id in (found.newest, *sorted(found.former)):
        state = "newest" if kek_id == found.newest else "former: `alphaads keys rotate` finishes the rotation"
        out.print(f"{kek_id}  {found.wrapped.get(kek_id, 0):,} data keys  {state}")


@app.command()
def rotate(as_json: JsonOutput = False) -> None:
    """Create a key-encryption key, rewrap all data keys and drop the old one; or finish an interrupted rotation."""
    with exit_codes(), wired(load_settings(quiet=True)) as wiring:
        from alphaads_pipelines.rights.backups import key_rotation

        record(wiring, "keys rotate", action="keys.rotate", purpose="operation")
        total = sum(key_rotation.key_status(wiring.key_ring, wiring.engine).wrapped.values())
        lock = wiring.settings.key_backups_path / "rotation.lock"
        with progress(disable=as_json) as display:
            task = display.add_task("wrapping data keys anew", total=total)
            done = key_rotation.rotate(
                wiring.key_ring,
                wiring.engine,
                wiring.rights.key_backups,
                datetime.now(UTC),
                lock,
                lambda count: display.advance(task, count),
            )
    if as_json:
        emit({"kek_id": done.kek_id, "rewrapped_keys": done.rewrapped, "dropped": sorted(done.dropped)})
        return
    out.print(f"{done.rewrapped:,} data keys are wrapped by {done.kek_id}; {len(done.dropped)} former keys are gone")
    err.print(f"back up {wiring.settings.key_file} now: copies from before the rotation open nothing any more")
