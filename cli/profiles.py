"""`refdesk profiles`: change the embedding model without downtime."""

from __future__ import annotations

import time
from enum import StrEnum
from shlex import quote
from typing import Annotated

import typer
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from cli import context as cli_context
from cli import profile_comparison
from cli.console import err, json_on_error, print_json, print_line, print_note, print_table
from config.embedding import ProfileRequest, describe_profile
from config.settings import Settings
from db import profiles
from db.profiles import ProfileStatus
from db.vector_indexes import build_vector_indexes, drop_vector_indexes
from pipeline.errors import InvalidInput, ProfileNotReady, SetupError
from pipeline.types import EmbeddingProfile
from tasks.embed import max_embed_attempts

app = typer.Typer(
    help="Change the embedding model: add, build in parallel, compare, switch, roll back, drop.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

POLL_S = 0.5
MAX_NAME_CHARS = 200
STALLED_S = 45.0
"""Seconds without progress after which a build stops with the error that a worker reported."""

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]
Name = Annotated[str, typer.Argument(metavar="NAME", help="Name of the profile, from `refdesk profiles list`.")]
Wait = Annotated[float, typer.Option(min=0, help="Seconds to wait for workers and for the last vectors.")]


class PoolingName(StrEnum):
    """The methods of pooling the hidden states of a language model into one vector."""

    mean = "mean"
    last = "last"


class QuantizationName(StrEnum):
    """The precisions that a local model can be quantized to."""

    int8 = "int8"


@app.command("list")
@json_on_error()
def list_command(as_json: Json = False) -> None:
    """List the embedding profiles, the live one first."""
    settings = cli_context.start_command()
    with cli_context.open_context(settings) as context:
        statuses = _statuses(context, settings)
    if as_json:
        print_json({"profiles": [_as_json(status) for status in statuses]})
        return
    if not statuses:
        print_line("There is no profile yet. The first worker creates one for REFDESK_EMBEDDING_MODEL.")
        return
    columns = ("name", "state", "model", "source", "dimensions", "max tokens", "vectors", "waiting", "problem")
    print_table(
        columns, [_row(status) for status in statuses], numbers=("dimensions", "max tokens", "vectors", "waiting")
    )


@app.command("add")
@json_on_error()
def add(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name for the new profile.")],
    model: Annotated[str, typer.Option(help="Name or folder of the model, or its name at the endpoint.")],
    base_url: Annotated[str, typer.Option(help="OpenAI-compatible endpoint, e.g. https://api.openai.com/v1.")] = "",
    pooling: Annotated[
        PoolingName | None, typer.Option(help="Pool the hidden states of a language model: mean, or last token.")
    ] = None,
    dimensions: Annotated[
        int, typer.Option(min=0, help="Dimensions to request from an endpoint; 0 for its default.")
    ] = 0,
    query_prefix: Annotated[
        str | None, typer.Option(help="Prefix of questions; '' for none (default: known for E5 and BGE).")
    ] = None,
    passage_prefix: Annotated[str | None, typer.Option(help="Prefix of passages (default: known for E5).")] = None,
    quantization: Annotated[
        QuantizationName | None, typer.Option(help="Run a local model in 8 bits; needs the extra int8.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Add an embedding profile. Nothing is embedded yet.

    The model is a sentence-transformers model, a model of an endpoint (--base-url, with the key in
    REFDESK_EMBEDDING_API_KEY), or a language model whose hidden states are pooled (--pooling).
    """
    settings = cli_context.start_command()
    if not name.strip() or not name.isprintable() or len(name) > MAX_NAME_CHARS:
        raise InvalidInput(f"The name of a profile must be one line of 1 to {MAX_NAME_CHARS} characters.")
    request = ProfileRequest(
        name=name.strip(),
        model=model,
        base_url=base_url,
        pooling=pooling.value if pooling else "",
        dimensions=dimensions,
        query_prefix=_unescape_prefix(query_prefix),
        passage_prefix=_unescape_prefix(passage_prefix),
        quantization=quantization.value if quantization else "",
    )
    described = describe_profile(settings, request)
    with cli_context.open_context(settings) as context, context.database.system() as session:
        added = profiles.add(session, described)
    if as_json:
        print_json(_profile_json(added) | {"state": "added"})
        return
    print_line(f"{added.name}: {added.model}, {added.dimensions} dimensions, up to {added.max_tokens} tokens")
    print_line(f"query prefix {added.query_prefix!r}, passage prefix {added.passage_prefix!r}", "dim")
    if added.max_tokens < settings.ingest.chunk_tokens:
        print_note(
            f"Chunks have up to {settings.ingest.chunk_tokens} tokens; the model reads the first {added.max_tokens}.",
            "yellow",
        )
    print_note(f"Next: refdesk profiles build {quote(added.name)}")


@app.command("build")
@json_on_error()
def build(name: Name, as_json: Json = False) -> None:
    """Embed all chunks for a profile while the live one stays in use. An interrupted build continues.

    From now on new documents are embedded for both profiles. Ctrl-C stops only the display; the workers continue.
    """
    settings = cli_context.start_command()
    with cli_context.open_context(settings, roles=("ingest",)) as context:
        with context.database.system() as session:
            profile, state = profiles.find(session, name)
            if state == "dropped":
                raise InvalidInput(f"The profile {name!r} was dropped. Add it again with the same options.")
            profiles.start_building(session, profile.id)
        status = _watch_build(context, settings, profile)
        build_vector_indexes(context.database)
    if as_json:
        print_json(_as_json(status))
        return
    print_line(f"{profile.name} has all {status.vectors} vectors")
    if state != "live":
        quoted_name = quote(profile.name)
        print_note(f"Next: refdesk profiles compare {quoted_name}, or refdesk profiles switch {quoted_name}")


app.command("compare")(profile_comparison.compare)


@app.command("switch")
@json_on_error()
def switch(
    name: Name,
    wait: Wait = 120.0,
    force: Annotated[
        bool, typer.Option("--force", help="Switch even if vectors are missing or workers have not loaded the model.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Make another profile the live one. No question fails or mixes vectors of both.

    Waits until every query worker has loaded the model and every chunk has a vector. The old profile is kept up to date
    for `refdesk profiles rollback`.
    """
    settings = cli_context.start_command()
    with cli_context.open_context(settings) as context:
        with context.database.system() as session:
            profile, state = profiles.find(session, name)
        if state not in {"building", "retired"}:
            fix = "it is already live" if state == "live" else f"build it first: `refdesk profiles build {quote(name)}`"
            raise InvalidInput(f"The profile {name!r} is {state}; {fix}.")
        _switch(context, profile, wait_s=wait, force=force)
    _print_switched(profile, as_document=as_json)


@app.command("rollback")
@json_on_error()
def rollback(wait: Wait = 120.0, as_json: Json = False) -> None:
    """Switch back to the profile that was live before."""
    settings = cli_context.start_command()
    with cli_context.open_context(settings) as context:
        with context.database.system() as session:
            profile = profiles.find_rollback(session)
        _switch(context, profile, wait_s=wait, force=False)
    _print_switched(profile, as_document=as_json)


@app.command("drop")
@json_on_error()
def drop(name: Name, as_json: Json = False) -> None:
    """Delete the vectors and indexes of a profile that is not live."""
    settings = cli_context.start_command()
    deleted = 0
    with cli_context.open_context(settings) as context:
        with context.database.system() as session:
            profile, state = profiles.find(session, name)
            profiles.drop(session, profile)
        drop_vector_indexes(context.database, profile.id)
        while batch := _drop_batch(context, profile):
            deleted += batch
        drop_vector_indexes(context.database, profile.id)  # again, because one may have been under construction
    if as_json:
        print_json({"name": profile.name, "was": state, "vectors_deleted": deleted})
    else:
        print_line(f"dropped {profile.name} with {deleted} vectors")


def _statuses(context: cli_context.CommandContext, settings: Settings) -> list[ProfileStatus]:
    with context.database.system() as session:
        return profiles.list_statuses(session, max_attempts=max_embed_attempts(settings))


def _watch_build(context: cli_context.CommandContext, settings: Settings, profile: EmbeddingProfile) -> ProfileStatus:
    """Show progress until every chunk has a vector; raises `SetupError` with a worker's error if the build stalls."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    moved = time.monotonic()
    with Progress(*columns, TimeRemainingColumn(), console=err) as progress:
        bar = progress.add_task(f"embedding for {escape(profile.name)}", total=None)
        before = -1
        while True:
            status = next(s for s in _statuses(context, settings) if s.profile.id == profile.id)
            if status.state == "dropped":
                raise InvalidInput(
                    f"The profile {profile.name!r} was dropped during the build. Add it again to build it."
                )
            progress.update(bar, completed=status.vectors, total=status.vectors + status.waiting)
            if status.waiting == status.stuck:
                break
            if status.vectors != before:
                before, moved = status.vectors, time.monotonic()
            if status.problem and time.monotonic() - moved > STALLED_S:
                raise SetupError(f"{status.problem} The vectors so far are kept; run build again to continue.")
            time.sleep(POLL_S)
    if status.stuck:
        raise SetupError(
            f"{status.stuck} chunks could not be embedded for {profile.name}. {status.problem} Run build again."
        )
    return status


def _switch(context: cli_context.CommandContext, profile: EmbeddingProfile, *, wait_s: float, force: bool) -> None:
    """Switch as soon as workers and vectors are ready; raises `ProfileNotReady` after `wait_s` seconds."""
    ends = time.monotonic() + (0 if force else wait_s)
    reported = False
    while True:
        try:
            with context.database.system() as session:
                unready = [] if force else profiles.list_workers_without(session, profile.id)
                if unready:
                    raise ProfileNotReady(
                        f"Workers without the model of {profile.name!r}: {', '.join(unready)}. Check their logs, or use"
                        " --force; they then load it with their next question."
                    )
                profiles.switch(session, profile, require_complete=not force)
        except ProfileNotReady as error:
            if time.monotonic() >= ends:
                raise
            if not reported:
                print_note(f"waiting: {error}")
                reported = True
            time.sleep(POLL_S)
        else:
            return


def _drop_batch(context: cli_context.CommandContext, profile: EmbeddingProfile) -> int:
    with context.database.system() as session:
        return profiles.drop_vectors(session, profile.id)


def _print_switched(profile: EmbeddingProfile, *, as_document: bool) -> None:
    if as_document:
        print_json(_profile_json(profile) | {"state": "live"})
        return
    print_line(f"{profile.name} is live")
    print_note("To switch back: refdesk profiles rollback")


def _unescape_prefix(prefix: str | None) -> str | None:
    """Replace backslash and n in a command-line prefix with a line break."""
    return None if prefix is None else prefix.replace("\\n", "\n")


def _row(status: ProfileStatus) -> tuple[object, ...]:
    profile = status.profile
    origin = profile.base_url or (f"hidden states, {profile.pooling}" if profile.pooling else "local")
    if profile.quantization:
        origin += f", {profile.quantization}"
    return (
        profile.name,
        status.state,
        profile.model,
        origin,
        profile.dimensions,
        profile.max_tokens,
        status.vectors,
        status.waiting,
        status.problem[:80],
    )


def _profile_json(profile: EmbeddingProfile) -> dict[str, object]:
    return {
        "name": profile.name,
        "model": profile.model,
        "backend": profile.backend,
        "base_url": profile.base_url,
        "pooling": profile.pooling,
        "quantization": profile.quantization,
        "dimensions": profile.dimensions,
        "max_tokens": profile.max_tokens,
        "query_prefix": profile.query_prefix,
        "passage_prefix": profile.passage_prefix,
    }


def _as_json(status: ProfileStatus) -> dict[str, object]:
    return _profile_json(status.profile) | {
        "state": status.state,
        "vectors": status.vectors,
        "waiting": status.waiting,
        "stuck": status.stuck,
        "problem": status.problem,
    }
