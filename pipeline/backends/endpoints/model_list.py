"""The list of models that an OpenAI-compatible endpoint offers."""

from __future__ import annotations

from functools import partial
from typing import Any

from pipeline.backends.endpoints.chat_address import CHAT_PATH, is_azure, redact_url
from pipeline.backends.endpoints.http_endpoint import Call, EndpointTexts, HttpEndpoint, RejectedRequest
from pipeline.errors import LlmRejected, LlmUnparsable, LlmUnreachable
from pipeline.text.cleaning import clean_line

LIST_MODELS_TIMEOUT_S = 5.0
MAX_REPLY_BYTES = 10_000_000
"""Largest list that is read; hosted services offer hundreds of models, with descriptions."""
MAX_MODEL_CHARS = 100


def list_models(base_url: str, api_key: str) -> tuple[str, ...]:
    """Return the names of the models that an endpoint offers.

    Raises:
        LlmError: The endpoint cannot be reached or rejects the request; `LlmUnparsable` if it returns no list.
    """
    address = redact_url(base_url)
    if "/deployments/" in base_url and is_azure(base_url):
        raise LlmUnparsable(f"{address} is an Azure deployment, which has no list of models.")
    endpoint = HttpEndpoint(
        base_url,
        CHAT_PATH,
        EndpointTexts(
            subject="The model server at",
            unreachable_fix="check REFDESK_LLM_BASE_URL",
            key_setting="REFDESK_LLM_API_KEY",
            not_found_fix="; check REFDESK_LLM_BASE_URL",
            url_setting="REFDESK_LLM_BASE_URL",
        ),
        api_key=api_key,
        invalid_url=partial(LlmUnreachable, f"{address} is not an http(s) URL; check REFDESK_LLM_BASE_URL."),
        max_retries=0,
        max_reply_bytes=MAX_REPLY_BYTES,
    )
    try:
        return endpoint.run_with_retries(
            lambda deadline: _request_models(endpoint, deadline), timeout_s=LIST_MODELS_TIMEOUT_S
        )
    finally:
        endpoint.close()


def _request_models(endpoint: HttpEndpoint, deadline: float) -> tuple[str, ...]:
    try:
        return endpoint.call(_read_models, deadline)
    except RejectedRequest as rejected:
        kind = LlmRejected if rejected.status in {401, 403} else LlmUnreachable
        raise kind(endpoint.format_rejection(rejected)) from None
    except LlmUnparsable:
        raise LlmUnparsable(f"{endpoint.subject} returned no list of models.") from None


def _read_models(call: Call) -> tuple[str, ...]:
    listed: Any = call.client.models.list(**call.options).data
    if not isinstance(listed, list):
        raise TypeError("no list")
    return tuple(clean_line(str(model.id), MAX_MODEL_CHARS) for model in listed)
