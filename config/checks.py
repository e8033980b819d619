"""The checks of `refdesk doctor`: what is configured, reachable and in use, with the fix for each problem."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from config.chat_model import format_language_model, list_served_models
from config.concurrency import describe_concurrency
from config.cross_encoders import locate_choice, read_choice, uses_cross_encoder
from config.embedding import check_profile, describe_configured_profile, find_configured_model, inspect_encoder
from config.environment import describe_certificates, describe_proxies
from config.prices import Price
from config.redis_server import read_redis_version
from config.rerankers import build_rerank_endpoint
from config.setting_sources import list_unknown
from config.settings import Settings
from db import profiles, workers
from db.engine import Database
from db.logins import LOGIN_NAMES, describe_login, find_problem
from db.schema import inspect_schema
from pipeline import errors
from pipeline.errors import LlmError, LlmUnparsable, ModelUnavailable, RefdeskError, SetupError, format_install_hint

MIN_FREE_MB = 500
MAX_MODELS_NAMED = 5
RERANK_CHECK_TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True)
class Check:
    """The result of one check."""

    name: str
    status: Literal["ok", "note", "problem"]
    detail: str


def check_settings(settings: Settings) -> Iterator[Check]:
    """Check what needs no database or Redis: folder, disk, packages, models and endpoints."""
    yield Check("data folder", "ok", str(settings.servers.home))
    free_mb = shutil.disk_usage(_find_existing_folder(settings)).free / 1e6
    enough = free_mb >= MIN_FREE_MB
    yield Check(
        "disk",
        "ok" if enough else "problem",
        f"{free_mb:,.0f} MB free" + ("" if enough else f"; free at least {MIN_FREE_MB} MB"),
    )
    for extra, module in (
        ("worker", "kreuzberg"),  # torch may be missing where the model is exported
        ("evaluate", "pytrec_eval"),
        ("bot", "discord"),
    ):
        installed = find_spec(module) is not None
        yield Check(
            f"extra [{extra}]",
            "ok" if installed else "note",
            "installed" if installed else f"not installed. {format_install_hint(extra)}",
        )
    yield _check_text_recognition(settings)
    yield run_check("reading files", _check_confinement)
    yield from check_environment(settings)
    yield run_check("embedding model", lambda: _check_embedding(settings))
    yield _check_language_model(settings)
    yield from _check_prices(settings)
    if settings.rerank_api.url or "rerank-api" in settings.answer.reranker:
        yield run_check("rerank endpoint", lambda: _check_rerank_endpoint(settings))
    token = "set" if settings.discord.token else "not set; set DISCORD_TOKEN to run the bot"
    yield Check("discord token", "ok" if settings.discord.token else "note", token)


def _check_text_recognition(settings: Settings) -> Check:
    if settings.ocr.mode == "off":
        return Check("text recognition", "note", "switched off; scans and images are not read. Set REFDESK_OCR=auto")
    if not all(map(find_spec, ("rapidocr", "openvino"))):
        return Check(
            "text recognition", "note", f"not installed; scans and images are not read. {format_install_hint('ocr')}"
        )
    engine = f"RapidOCR {version('rapidocr')} on OpenVINO {version('openvino')}"
    return Check("text recognition", "ok", f"{engine}, models PP-OCRv6 small; reads Latin, Chinese and Japanese script")


def _check_confinement() -> Check:
    """Check in a process of its own what the system supports, since confinement cannot be undone."""
    command = [sys.executable, "-P", "-m", "pipeline.backends.documents.confinement"]
    environment = {"PYTHONPATH": str(Path(errors.__file__).parents[1])}
    done = subprocess.run(command, env=environment, capture_output=True, timeout=30, check=False)
    if done.returncode:
        return Check("reading files", "problem", f"the check failed: {done.stderr.decode(errors='replace')[-300:]}")
    result = json.loads(done.stdout)
    if result["files"] and result["network"] != "open" and result["processes"]:
        return Check("reading files", "ok", "in a process without network that can write one temporary folder only")
    missing = [
        *([] if result["files"] else ["it can read and write files like the worker (Landlock needs Linux 5.13)"]),
        *([] if result["network"] != "open" else ["it has network access (needs network namespaces or Linux 6.7)"]),
        *(
            []
            if result["processes"]
            else ["it can reach Unix sockets and other processes (needs seccomp on x86-64 or 64-bit ARM)"]
        ),
    ]
    return Check("reading files", "note", f"in a separate process with limits; {'; '.join(missing)}")


def check_environment(settings: Settings) -> Iterator[Check]:
    """Check the proxies, the certificate authorities and the variables of the environment."""
    yield run_check("proxy", lambda: describe_proxies(settings))
    yield run_check("certificates", describe_certificates)
    for unknown in list_unknown():
        yield Check("settings", "note", unknown.explanation)


def check_servers(settings: Settings, database_url: str, redis_url: str) -> Iterator[Check]:
    """Check the database, Redis, the workers and the profile of the store."""
    yield run_check("database", lambda: _check_database(settings, database_url))
    yield run_check("database logins", lambda: _check_logins(database_url))
    yield run_check("redis", lambda: _check_redis(settings, redis_url))
    database = Database(database_url)
    try:
        for queue in ("query", "ingest"):
            yield run_check(f"worker for {queue}", lambda queue=queue: _check_worker(database, queue))  # type: ignore[misc]
        yield run_check("questions at once", lambda: _check_concurrency(settings, database_url))
        yield run_check("store", lambda: _check_store(database, settings))
        yield run_check("reranker", lambda: _check_reranker(database, settings))
    finally:
        database.close()


def run_check(name: str, check: Callable[[], str | Check]) -> Check:
    """Run a check; an error becomes a result with status `problem`."""
    try:
        result = check()
    except RefdeskError as error:
        return Check(name, "problem", str(error))
    return result if isinstance(result, Check) else Check(name, "ok", result)


def _find_existing_folder(settings: Settings) -> str:
    folder = settings.servers.home
    while not folder.exists():
        folder = folder.parent
    return str(folder)


def _check_embedding(settings: Settings) -> str | Check:
    profile = describe_configured_profile(settings)
    detail = f"{profile.model}, {profile.dimensions} dimensions, up to {profile.max_tokens} tokens per text"
    if profile.backend == "openai":
        return detail
    report = inspect_encoder(settings, profile)
    return Check("embedding model", "note" if report.is_fallback else "ok", f"{detail}; {report.detail}")


def _check_reranker(database: Database, settings: Settings) -> str | Check:
    """Report which reranker answers questions, and why `auto` chooses it."""
    reranker = settings.answer.reranker
    if not uses_cross_encoder(reranker):
        return reranker
    choice = read_choice(settings, database)
    try:
        location = locate_choice(choice)
    except ModelUnavailable as error:
        status: Literal["ok", "problem"] = "problem" if "cross-encoder" in reranker else "ok"
        return Check("reranker", status, f"{reranker} uses late-interaction: {error}")
    return f"{reranker} uses the cross-encoder {choice.model} {location}, because {choice.reason}"


def _check_rerank_endpoint(settings: Settings) -> str:
    if not settings.rerank_api.url:
        raise SetupError(
            "REFDESK_RERANKER is rerank-api, but REFDESK_RERANK_API_URL is not set. Set it to the URL of an endpoint."
        )
    endpoint = build_rerank_endpoint(settings)
    try:
        answer = endpoint.score("Does it work?", ["It works."], timeout_s=RERANK_CHECK_TIMEOUT_S)
    finally:
        endpoint.close()
    if answer.scores[0] is None:
        raise SetupError(f"{endpoint.name} responds without a score: {answer.note}")
    return f"{endpoint.name} returns scores"


def _check_language_model(settings: Settings) -> Check:
    name = "language model"
    if not settings.llm.base_url:
        return Check(
            name,
            "note",
            "not set, so answers are extracted from the passages; set REFDESK_LLM_BASE_URL and REFDESK_LLM_MODEL",
        )
    description = format_language_model(settings)
    try:
        models = list_served_models(settings)
    except LlmUnparsable as error:
        models, reason = None, str(error)
    except LlmError as error:
        return Check(name, "problem", str(error))
    if not settings.llm.model:
        return Check(name, "problem", "REFDESK_LLM_MODEL is not set; set it to a model of the server")
    if models is None:
        return Check(name, "note", f"{description}; the list of its models could not be read: {reason}")
    # Ollama lists models with their tag but accepts them without it.
    if not {settings.llm.model, f"{settings.llm.model}:latest"} & set(models):
        available = ", ".join(models[:MAX_MODELS_NAMED]) + (", …" if len(models) > MAX_MODELS_NAMED else "")
        return Check(
            name, "problem", f"{description} does not exist; set REFDESK_LLM_MODEL to one of: {available or 'none'}"
        )
    return Check(name, "ok", description)


def _check_prices(settings: Settings) -> Iterator[Check]:
    """Report models without a price when spending is limited; a price of 0 in the table is a price."""
    if not settings.budget.has_limit:
        return
    used = []
    if settings.llm.base_url:
        used.append((settings.llm.model, settings.llm_price))
    if settings.embedding.base_url:
        model = settings.embedding.model
        used.append((model, settings.find_embedding_price(model)))
    if settings.rerank_api.url:
        used.append((settings.rerank_api.model or settings.rerank_api.url, settings.rerank_api_price))
    unknown = [name for name, price in used if price == Price() and name not in settings.budget.prices]
    if unknown:
        models = ", ".join(unknown)
        yield Check(
            "prices",
            "note",
            f"no price for {models}, so REFDESK_BUDGET_* does not limit its use; add it to REFDESK_PRICES",
        )
    elif used:
        yield Check("prices", "ok", "every model in use has a price")


def _check_database(settings: Settings, url: str) -> str | Check:
    state = inspect_schema(url)
    kind = "embedded" if settings.servers.database_url is None else "DATABASE_URL"
    detail = f"PostgreSQL {state.postgres}, pgvector {state.pgvector}, schema {state.current or 'none'} ({kind})"
    if not state.up_to_date:
        return Check("database", "problem", f"{detail}; this version needs {state.head}; run `refdesk migrate`")
    return detail


def _check_logins(url: str) -> str | Check:
    """Report whether the application connects with logins that have few rights, or as the owner."""
    if not (reason := find_problem(url)):
        return ", ".join(describe_login(url, login).name for login in LOGIN_NAMES)
    detail = f"Refdesk connects as the owner of the database. {reason}. docs/operations.md describes the logins"
    return Check("database logins", "note", detail)


def _check_redis(settings: Settings, url: str) -> str:
    kind = "embedded" if settings.servers.redis_url is None else "REDIS_URL"
    return f"Redis {read_redis_version(url)} ({kind})"


def _check_worker(database: Database, queue: str) -> str | Check:
    with database.system() as session:
        alive = workers.count_alive(session, queue)
    if alive:
        return f"{alive} running"
    return Check(
        f"worker for {queue}",
        "note",
        "none running; `refdesk ask` and `refdesk ingest` start temporary workers, `refdesk up` permanent ones",
    )


def _check_concurrency(settings: Settings, database_url: str) -> str | Check:
    allowed = describe_concurrency(settings, database_url)
    if not allowed.reason:
        return f"{allowed.questions} per query worker"
    wanted = settings.jobs.query_concurrency
    return Check(
        "questions at once",
        "note",
        f"{allowed.questions} instead of {wanted} (REFDESK_QUERY_CONCURRENCY) for a query worker that starts now, the"
        f" others wait in the queue: {allowed.reason}",
    )


def _check_store(database: Database, settings: Settings) -> str | Check:
    with database.system() as session:
        profile, known = profiles.find_live(session), profiles.list_models(session)
    if profile is None:
        return "empty"
    configured = find_configured_model(settings, known)
    if configured not in {"", profile.model}:
        effect = "its profile is not live" if configured in known else "workers cannot start"
        return Check(
            "store",
            "note" if configured in known else "problem",
            f"embedded with {profile.model}, but REFDESK_EMBEDDING_MODEL is {configured}; {effect}",
        )
    precision = f", {profile.quantization}" if profile.quantization else ""
    detail = f"embedding profile {profile.name}, {profile.dimensions} dimensions{precision}"
    try:
        check_profile(settings, profile)
    except RefdeskError as error:
        return Check("store", "problem", f"{detail}; until this is fixed, questions are answered by keywords: {error}")
    return detail
