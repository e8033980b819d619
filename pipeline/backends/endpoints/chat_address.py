"""Where a language model is reached, and what it has: the address, the key, the list of models."""

from __future__ import annotations

import httpx

from pipeline.errors import LlmRejected, LlmUnparsable, LlmUnreachable
from pipeline.text.cleaning import clean_line

LIST_MODELS_TIMEOUT_S = 5.0


def normalize_base_url(base_url: str) -> str:
    """Give the address that ends in /v1, also of one that was copied with its path."""
    return base_url.strip().rstrip("/").removesuffix("/chat/completions")


def redact_url(url: str) -> str:
    """Write the endpoint for people: no user name, password or query."""
    try:
        return normalize_base_url(str(httpx.URL(url).copy_with(username=None, password=None, query=None)))
    except httpx.InvalidURL:
        return "(not a URL)"


def authorization_header(api_key: str, setting: str = "REFDESK_LLM_API_KEY") -> dict[str, str]:
    """Give the header that carries the key; raises `LlmRejected` for what can be no key."""
    if not api_key.isascii() or not api_key.isprintable():
        raise LlmRejected(f"The key in {setting} holds characters that no key has; set it again.")
    return {"Authorization": f"Bearer {api_key}"} if api_key else {}


def list_models(base_url: str, api_key: str) -> tuple[str, ...]:
    """Ask an endpoint which models it has; raises an `LlmError`, `LlmUnparsable` when it gives no list."""
    url, shown = normalize_base_url(base_url) + "/models", redact_url(base_url) + "/models"
    try:
        reply = httpx.get(url, headers=authorization_header(api_key.strip()), timeout=LIST_MODELS_TIMEOUT_S)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise LlmUnreachable(
            f"{shown} cannot be reached ({type(error).__name__}); check REFDESK_LLM_BASE_URL."
        ) from None
    if reply.status_code in {401, 403}:
        raise LlmRejected(f"{shown} refuses the key (status {reply.status_code}); check REFDESK_LLM_API_KEY.")
    if reply.status_code != httpx.codes.OK:
        raise LlmUnreachable(
            f"{shown} answers with status {reply.status_code}; check REFDESK_LLM_BASE_URL and that the server is well."
        )
    try:
        listed = reply.json()["data"]
        return tuple(clean_line(str(model["id"]), 100) for model in listed)
    except (ValueError, LookupError, TypeError, RecursionError):
        raise LlmUnparsable(f"{shown} gives no list of models.") from None
