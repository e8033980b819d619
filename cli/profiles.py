"""`refdesk profiles`: change the embedding model with no downtime."""

from __future__ import annotations

import time
from enum import StrEnum
from shlex import quote
from typing import Annotated

import typer
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from cli import context as front_end
from cli import profile_comparison
from cli.console import err, note, one_document, print_json, print_table, say
from config.embedding import ProfileRequest, describe_profile
from config.settings import Settings
from db import profiles
from db.profiles import ProfileStatus
from db.vector_indexes import build_vector_indexes, drop_vector_indexes
from pipeline.errors import InvalidInput, ProfileNotReady, SetupError
from pipeline.types import EmbeddingProfile
from tasks.embed import max_embed_attempts

app = typer.Typer(
    help="Change the embedding model: add, build beside the live one, compare, switch, roll back, drop.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

POLL_S = 0.5
LONGEST_NAME = 200
STILL_S = 45.0
"""How long nothing may move while a worker names a problem; then the build ends with it and can be gone on with."""

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]
Name = Annotated[str, typer.Argument(metavar="NAME", help="The profile's name, see `refdesk profiles list`.")]
Wait = Annotated[float, typer.Option(min=0, help="Seconds to wait for workers and for the last vectors.")]


class PoolingName(StrEnum):
    """Ways to make one vector of a language model's hidden states."""

    mean = "mean"
    last = "last"


@app.command("list")
@one_document()
def list_command(as_json: Json = False) -> None:
    """List the embedding profiles, the live one first."""
    settings = front_end.begin()
    with front_end.opened(settings) as front:
        found = _statuses(front, settings)
    if as_json:
        print_json({"profiles": [_as_json(status) for status in found]})
        return
    if not found:
        say("There is no profile yet; the first worker makes one of REFDESK_EMBEDDING_MODEL.")
        return
    columns = ("name", "state", "model", "from", "dimensions", "reads", "vectors", "waiting", "problem")
    print_table(columns, [_row(status) for status in found], numbers=("dimensions", "reads", "vectors", "waiting"))


@app.command("add")
@one_document()
def add(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A name of your choice.")],
    model: Annotated[str, typer.Option(help="Name or folder of the model, or the endpoint's name for it.")],
    base_url: Annotated[str, typer.Option(help="OpenAI-compatible endpoint, e.g. https://api.openai.com/v1.")] = "",
    pooling: Annotated[
        PoolingName | None, typer.Option(help="Take a language model's hidden states: mean, or the last token's.")
    ] = None,
    dimensions: Annotated[int, typer.Option(min=0, help="Dimensions to ask an endpoint for; 0: all.")] = 0,
    query_prefix: Annotated[
        str | None, typer.Option(help="Put before a question; known for E5 and BGE, '' for none.")
    ] = None,
    passage_prefix: Annotated[str | None, typer.Option(help="Put before a passage; known for E5.")] = None,
    as_json: Json = False,
) -> None:
    """Describe a profile beside the live one; nothing is embedded yet.

    The model is one of sentence-transformers (with the prefixes of its family), one of an endpoint (--base-url, its
    key is REFDESK_EMBEDDING_API_KEY), or any language model whose hidden states are pooled (--pooling).
    """
    settings = front_end.begin()
    if not name.strip() or not name.isprintable() or len(name) > LONGEST_NAME:
        raise InvalidInput(f"A profile needs a name, of one line and at most {LONGEST_NAME} characters.")
    wanted = ProfileRequest(
        name=name.strip(),
        model=model,
        base_url=base_url,
        pooling=pooling.value if pooling else "",
        dimensions=dimensions,
        query_prefix=_typed(query_prefix),
        passage_prefix=_typed(passage_prefix),
    )
    described = describe_profile(settings, wanted)
    with front_end.opened(settings) as front, front.database.system() as session:
        added = profiles.add(session, described)
    if as_json:
        print_json(_described(added) | {"state": "added"})
        return
    say(f"{added.name}: {added.model}, {added.dimensions} dimensions, reads {added.max_tokens} tokens")
    say(f"before a question: {added.query_prefix!r}, before a passage: {added.passage_prefix!r}", "dim")
    if added.max_tokens < settings.ingest.chunk_tokens:
        note(
            f"passages have up to {settings.ingest.chunk_tokens} tokens; it reads {added.max_tokens} of each", "yellow"
        )
    note(f"next: refdesk profiles build {quote(added.name)}")


@app.command("build")
@one_document()
def build(name: Name, as_json: Json = False) -> None:
    """Embed everything for a profile while the live one goes on answering; starts again where it was stopped.

    From now on new documents are embedded for both. Ctrl-C stops only the watching: the workers go on.
    """
    settings = front_end.begin()
    with front_end.opened(settings, roles=("ingest",)) as front:
        with front.database.system() as session:
            profile, state = profiles.find(session, name)
            if state == "dropped":
                raise InvalidInput(f"The profile {name!r} was dropped; add it again, just as it was.")
            profiles.start_building(session, profile.id)
        status = _follow(front, settings, profile)
        build_vector_indexes(front.database)
    if as_json:
        print_json(_as_json(status))
        return
    say(f"{profile.name} has all {status.vectors} vectors")
    if state != "live":
        named = quote(profile.name)
        note(f"next: refdesk profiles compare {named}, or refdesk profiles switch {named}")


app.command("compare")(profile_comparison.compare)


@app.command("switch")
@one_document()
def switch(
    name: Name,
    wait: Wait = 120.0,
    force: Annotated[
        bool, typer.Option("--force", help="Switch although vectors are missing or workers have not its model.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Let another profile answer from now on: one statement, no question fails or mixes the two.

    Waits until every worker that answers questions has the model in memory and every passage has its vector. The old
    profile is kept, and kept filled, for `refdesk profiles rollback`.
    """
    settings = front_end.begin()
    with front_end.opened(settings) as front:
        with front.database.system() as session:
            profile, state = profiles.find(session, name)
        if state not in {"building", "retired"}:
            way_out = (
                "it is live already" if state == "live" else f"build it first: `refdesk profiles build {quote(name)}`"
            )
            raise InvalidInput(f"The profile {name!r} is {state}; {way_out}.")
        _switch(front, profile, wait_s=wait, force=force)
    _tell_switched(profile, as_document=as_json)


@app.command("rollback")
@one_document()
def rollback(wait: Wait = 120.0, as_json: Json = False) -> None:
    """Go back to the profile that was live before."""
    settings = front_end.begin()
    with front_end.opened(settings) as front:
        with front.database.system() as session:
            profile = profiles.find_rollback(session)
        _switch(front, profile, wait_s=wait, force=False)
    _tell_switched(profile, as_document=as_json)


@app.command("drop")
@one_document()
def drop(name: Name, as_json: Json = False) -> None:
    """Delete the vectors and indexes of a profile that is not live."""
    settings = front_end.begin()
    deleted = 0
    with front_end.opened(settings) as front:
        with front.database.system() as session:
            profile, state = profiles.find(session, name)
            profiles.drop(session, profile)
        drop_vector_indexes(front.database, profile.id)
        while batch := _drop_batch(front, profile):
            deleted += batch
        drop_vector_indexes(front.database, profile.id)  # once more: one may have been under construction
    if as_json:
        print_json({"name": profile.name, "was": state, "vectors_deleted": deleted})
    else:
        say(f"dropped {profile.name} with {deleted} vectors")


def _statuses(front: front_end.CommandContext, settings: Settings) -> list[ProfileStatus]:
    with front.database.system() as session:
        return profiles.list_statuses(session, max_attempts=max_embed_attempts(settings))


def _follow(front: front_end.CommandContext, settings: Settings, profile: EmbeddingProfile) -> ProfileStatus:
    """Watch until every chunk has its vector; raises `SetupError` with what a worker says when nothing moves."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    moved = time.monotonic()
    with Progress(*columns, TimeRemainingColumn(), console=err) as progress:
        bar = progress.add_task(f"embedding for {escape(profile.name)}", total=None)
        before = -1
        while True:
            status = next(s for s in _statuses(front, settings) if s.profile.id == profile.id)
            if status.state == "dropped":
                raise InvalidInput(f"The profile {profile.name!r} was dropped meanwhile; add it again to build it.")
            progress.update(bar, completed=status.vectors, total=status.vectors + status.waiting)
            if status.waiting == status.stuck:
                break
            if status.vectors != before:
                before, moved = status.vectors, time.monotonic()
            if status.problem and time.monotonic() - moved > STILL_S:
                raise SetupError(f"{status.problem} What is embedded is kept; build again to go on.")
            time.sleep(POLL_S)
    if status.stuck:
        raise SetupError(
            f"{status.stuck} chunks could not be embedded for {profile.name}. {status.problem} Build again to go on."
        )
    return status


def _switch(front: front_end.CommandContext, profile: EmbeddingProfile, *, wait_s: float, force: bool) -> None:
    """Switch as soon as workers and vectors are ready; raises `ProfileNotReady` when they are not in time."""
    ends = time.monotonic() + (0 if force else wait_s)
    told = False
    while True:
        try:
            with front.database.system() as session:
                lacking = [] if force else profiles.list_workers_without(session, profile.id)
                if lacking:
                    raise ProfileNotReady(
                        f"These workers have not loaded the model of {profile.name!r}: {', '.join(lacking)}. See their"
                        " logs, or switch with --force; they load it at their next question then."
                    )
                profiles.switch(session, profile, whole=not force)
        except ProfileNotReady as error:
            if time.monotonic() >= ends:
                raise
            if not told:
                note(f"waiting: {error}")
                told = True
            time.sleep(POLL_S)
        else:
            return


def _drop_batch(front: front_end.CommandContext, profile: EmbeddingProfile) -> int:
    with front.database.system() as session:
        return profiles.drop_vectors(session, profile.id)


def _tell_switched(profile: EmbeddingProfile, *, as_document: bool) -> None:
    if as_document:
        print_json(_described(profile) | {"state": "live"})
        return
    say(f"{profile.name} answers now")
    note("back again: refdesk profiles rollback")


def _typed(prefix: str | None) -> str | None:
    """Take a prefix from the command line, where a line break is written as two characters."""
    return None if prefix is None else prefix.replace("\\n", "\n")


def _row(status: ProfileStatus) -> tuple[object, ...]:
    profile = status.profile
    origin = profile.base_url or (f"hidden states, {profile.pooling}" if profile.pooling else "here")
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


def _described(profile: EmbeddingProfile) -> dict[str, object]:
    return {
        "name": profile.name,
        "model": profile.model,
        "backend": profile.backend,
        "base_url": profile.base_url,
        "pooling": profile.pooling,
        "dimensions": profile.dimensions,
        "max_tokens": profile.max_tokens,
        "query_prefix": profile.query_prefix,
        "passage_prefix": profile.passage_prefix,
    }


def _as_json(status: ProfileStatus) -> dict[str, object]:
    return _described(status.profile) | {
        "state": status.state,
        "vectors": status.vectors,
        "waiting": status.waiting,
        "stuck": status.stuck,
        "problem": status.problem,
    }
