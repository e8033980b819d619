"""Base URL, API key header and model list of an OpenAI-compatible endpoint."""

from __future__ import annotations

import httpx

from pipeline.errors import LlmRejected, LlmUnparsable, LlmUnreachable
from pipeline.text.cleaning import clean_line

LIST_MODELS_TIMEOUT_S = 5.0


def normalize_base_url(base_url: str) -> str:
    """Return the base URL (…/v1), also of a URL that was copied with `/chat/completions`."""
    return base_url.strip().rstrip("/").removesuffix("/chat/completions")


def redact_url(url: str) -> str:
    """Return the endpoint's URL for messages: without user name, password and query."""
    try:
        return normalize_base_url(str(httpx.URL(url).copy_with(username=None, password=None, query=None)))
    except httpx.InvalidURL:
        return "(not a URL)"


def authorization_header(api_key: str, setting: str = "REFDESK_LLM_API_KEY") -> dict[str, str]:
    """Return the header with the API key; no header for an empty key.

    Raises:
        LlmRejected: The key contains characters that no key has.
    """
    if not api_key.isascii() or not api_key.isprintable():
        raise LlmRejected(f"{setting} is not a valid API key: it contains unsupported characters. Set it again.")
    return {"Authorization": f"Bearer {api_key}"} if api_key else {}


def list_models(base_url: str, api_key: str) -> tuple[str, ...]:
    """Return the names of the models that an endpoint offers.

    Raises:
        LlmError: The endpoint cannot be reached or rejects the request; `LlmUnparsable` if it returns no list.
    """
    url, address = normalize_base_url(base_url) + "/models", redact_url(base_url) + "/models"
    try:
        reply = httpx.get(url, headers=authorization_header(api_key.strip()), timeout=LIST_MODELS_TIMEOUT_S)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise LlmUnreachable(
            f"{address} cannot be reached ({type(error).__name__}); check REFDESK_LLM_BASE_URL."
        ) from None
    if reply.status_code in {401, 403}:
        raise LlmRejected(f"{address} rejected the API key (status {reply.status_code}); check REFDESK_LLM_API_KEY.")
    if reply.status_code != httpx.codes.OK:
        raise LlmUnreachable(
            f"{address} returned status {reply.status_code}; check REFDESK_LLM_BASE_URL and the server's log."
        )
    try:
        listed = reply.json()["data"]
        return tuple(clean_line(str(model["id"]), 100) for model in listed)
    except (ValueError, LookupError, TypeError, RecursionError):
        raise LlmUnparsable(f"{address} returned no list of models.") from None
