"""`refdesk verify` and `refdesk repair`: check the invariants of the store, and repair what can be repaired safely."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from cli import context as cli_context
from cli.console import json_on_error, print_json, print_line, print_note, print_table
from config.settings import Settings
from db import repair as repairs
from db.repair import Repair
from db.verify import CheckResult, Invariant, default_grace_s
from db.verify import verify as verify_store

EXAMPLES = 10
"""Maximum findings of a check that are shown."""

Full = Annotated[
    bool, typer.Option("--full", help="Also compare all postings and the hashes of all original bytes; takes longer.")
]
Grace = Annotated[
    float | None,
    typer.Option(
        min=0,
        help="Age in seconds from which an intermediate state is a finding; default: 30 + REFDESK_LEASE_S"
        " + 2 * REFDESK_SWEEP_S.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("verify")(verify)
    app.command("repair")(repair)


@json_on_error()
def verify(full: Full = False, grace: Grace = None, as_json: AsJson = False) -> int:
    """Check the store: jobs, leases, documents, vectors, keyword index, deliveries and spending.

    Reads one snapshot and changes nothing; workers may be running. Exits with 1 if something is wrong.
    """
    settings = cli_context.start_command()
    with cli_context.open_context(settings) as context:
        started = time.monotonic()
        results = verify_store(
            context.database, grace_s=_grace_s(settings, grace), full=full, on_check=_note_check(as_json)
        )
    elapsed_s = time.monotonic() - started
    broken = [result for result in results if result.findings]
    if as_json:
        print_json(
            {"ok": not broken, "elapsed_s": round(elapsed_s, 2), "checks": [_to_json(result) for result in results]}
        )
        return bool(broken)
    _show(broken)
    skipped = "" if full else " Postings and original bytes were not read; `--full` compares them too."
    print_line(f"{len(results)} checks in {elapsed_s:.1f} s, {len(broken)} with findings.{skipped}")
    if any(repairs.find_repair(result.invariant) for result in broken):
        print_line("See what `refdesk repair` would do; `refdesk repair --yes` does it.")
    return int(bool(broken))


@json_on_error()
def repair(
    yes: Annotated[bool, typer.Option("--yes", help="Repair; without it, nothing is changed.")] = False,
    full: Full = False,
    grace: Grace = None,
    as_json: AsJson = False,
) -> int:
    """Show how the findings of `refdesk verify` can be repaired, and with --yes repair them.

    Deletes rows that nothing refers to, queues documents and vectors that are missing, and rebuilds statistics. Workers
    may be running. Exits with 1 if findings remain.
    """
    settings = cli_context.start_command()
    with cli_context.open_context(settings) as context:
        grace_s = _grace_s(settings, grace)
        planned = repairs.plan(context.database, grace_s=grace_s, full=full)
        if yes:
            planned = repairs.repair(context.database, grace_s=grace_s, full=full)
        remaining = verify_store(context.database, grace_s=grace_s, full=full) if yes else []
    broken = [result for result in remaining if result.findings]
    if as_json:
        print_json(
            {"done": yes, "repairs": list(map(_repair_to_json, planned)), "remaining": list(map(_to_json, broken))}
        )
        return bool(broken) if yes else bool(planned)
    _show_repairs(planned, done=yes)
    _show(broken)
    return bool(broken) if yes else bool(planned)


def _grace_s(settings: Settings, grace: float | None) -> float:
    return default_grace_s(settings.jobs.lease_s, settings.jobs.sweep_s) if grace is None else grace


def _note_check(as_json: bool) -> Any:
    return lambda invariant: None if as_json else print_note(f"{invariant.label} …")


def _show(broken: Sequence[CheckResult]) -> None:
    for result in broken:
        print_line(f"{result.invariant.label}: {result.invariant.description}", "red")
        rows = [_describe(result.invariant, finding) for finding in result.findings[:EXAMPLES]]
        print_table(("row", "workspace", "finding"), rows)
        if len(result.findings) > EXAMPLES:
            print_line(f"{len(result.findings) - EXAMPLES} more. `--json` shows all.", "dim")


def _describe(invariant: Invariant, finding: Any) -> tuple[str, Any, str]:
    return (f"{invariant.rows} {finding.id}" if invariant.rows else "", finding.workspace_id, finding.detail)


def _show_repairs(planned: Sequence[Repair], *, done: bool) -> None:
    if not planned:
        print_line("Nothing to repair.")
        return
    rows = [
        (each.invariant.label, len(each.findings), each.action or "none; see docs/operations.md") for each in planned
    ]
    print_table(("check", "findings", "repair"), rows, numbers=("findings",))
    if not done:
        print_line("Nothing was changed. Run `refdesk repair --yes` to repair.")


def _to_json(result: CheckResult) -> dict[str, Any]:
    return {
        "check": result.invariant.label,
        "invariant": result.invariant.description,
        "findings": [
            {"row": result.invariant.rows, "id": each.id, "workspace": each.workspace_id, "detail": each.detail}
            for each in result.findings
        ],
    }


def _repair_to_json(planned: Repair) -> dict[str, Any]:
    return {"check": planned.invariant.label, "findings": len(planned.findings), "repair": planned.action or None}
