"""The ingest task: thin. Claim, fetch or read the bytes, prepare, store, then help the embedder."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from db import jobs, store
from pipeline.errors import BadInput
from pipeline.ingest import prepare_document
from pipeline.types import Source
from tasks.app import INGEST, app
from tasks.embed import embed_backlog
from tasks.lease import Holder, holding
from tasks.runtime import Runtime, current
from tasks.signs import note_task


@app.task(name="refdesk.ingest", queue=INGEST)
def ingest(job_id: int) -> None:
    """Ingest one document, then embed what is due."""
    note_task()
    runtime = current()
    with holding(
        runtime.database, job_id, worker=runtime.worker, stage="start", lease_s=runtime.settings.lease_s
    ) as holder:
        if holder is not None:
            _ingest(runtime, holder)
    embed_backlog(runtime)


@app.task(name="refdesk.embed", queue=INGEST)
def embed() -> None:
    """Embed what is due; sent by the sweeper when chunks wait and nobody works on them."""
    note_task()
    embed_backlog(current())


def _ingest(runtime: Runtime, holder: Holder) -> None:
    payload = holder.lease.payload
    source, sha256 = _read_source(runtime, holder, payload)
    channels = payload.get("channels")
    identity = str(payload["source"])
    workspace_id = holder.lease.workspace_id
    with runtime.database.tenant(workspace_id) as session:
        store.require_not_quarantined(session, workspace_id, sha256)
        same = (
            None if payload.get("force") else store.find_same_bytes(session, workspace_id, sha256, channels, identity)
        )
        if same is not None:
            result = {
                "document": same.id,
                "title": same.title,
                "chunks": same.chunks,
                "unchanged": True,
                "same_as": same.source,
            }
            jobs.succeed(session, holder.lease, result)
            return
    parts = runtime.parts.ingest
    prepared = prepare_document(source, parts, on_stage=holder.report, cancelled=holder.cancelled)
    holder.report("store")
    version = store.NewVersion(identity, bytes.fromhex(sha256), channels, prepared.parsed, prepared.chunks)
    with runtime.database.tenant(workspace_id) as session:
        store.store_version(session, holder.lease, parts.profile.id, version)


def _read_source(runtime: Runtime, holder: Holder, payload: Mapping[str, Any]) -> tuple[Source, str]:
    workspace_id = holder.lease.workspace_id
    sha256 = payload.get("sha256")
    if sha256 is None:
        holder.report("fetch")
        fetched = runtime.parts.ingest.fetcher.fetch(str(payload["url"]))
        if not fetched.content:
            raise BadInput(f"The link {payload['url']} gave an empty page.")
        with runtime.database.tenant(workspace_id) as session:
            jobs.hold(session, holder.lease)
            sha256 = store.keep_blob(session, workspace_id, fetched.content)
        return fetched, sha256
    with runtime.database.tenant(workspace_id) as session:
        content = store.read_blob(session, workspace_id, sha256)
    return Source(str(payload["name"]), content, str(payload.get("media_type") or "")), sha256
