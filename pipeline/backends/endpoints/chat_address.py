"""Base URL, API key header and model list of an OpenAI-compatible endpoint."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlsplit

import httpx

from pipeline.backends.connections import build_client, describe_connect_error
from pipeline.errors import LlmRejected, LlmUnparsable, LlmUnreachable, SetupError
from pipeline.text.cleaning import clean_line

LIST_MODELS_TIMEOUT_S = 5.0
CHAT_PATH = "/chat/completions"
AZURE_DOMAINS = (".azure.com", ".azure-api.net", ".azure.us", ".azure.cn")

_API_VERSION = re.compile(r"[\w.-]{1,30}")


def normalize_base_url(base_url: str) -> str:
    """Return the base URL (…/v1), also of a URL that was copied with `/chat/completions`; a query stays at the end."""
    path, question_mark, query = base_url.strip().partition("?")
    return f"{path.rstrip('/').removesuffix(CHAT_PATH).rstrip('/')}{question_mark}{query}"


def chat_url(base_url: str) -> str:
    """Return the URL for chat completions."""
    return append_path(normalize_base_url(base_url), CHAT_PATH)


def append_path(url: str, path: str) -> str:
    """Return a URL with a path at its end if it is missing, before a query such as Azure's `?api-version=…`."""
    base, question_mark, query = url.strip().partition("?")
    base = base.rstrip("/")
    return f"{base if base.endswith(path) else base + path}{question_mark}{query}"


def redact_url(url: str) -> str:
    """Return the endpoint's URL for messages: without user name, password and query, except for `api-version`."""
    try:
        shown = normalize_base_url(str(httpx.URL(url).copy_with(username=None, password=None, query=None)))
        version = parse_qs(urlsplit(url).query).get("api-version", [""])[0]
    except (httpx.InvalidURL, ValueError):
        return "(not a URL)"
    return f"{shown}?api-version={version}" if _API_VERSION.fullmatch(version) else shown


def authorization_header(api_key: str, setting: str = "REFDESK_LLM_API_KEY", *, url: str = "") -> dict[str, str]:
    """Return the header with the API key; no header for an empty key. Azure reads keys from `api-key`.

    Raises:
        LlmRejected: The key contains characters that no key has.
    """
    if not api_key.isascii() or not api_key.isprintable():
        raise LlmRejected(f"{setting} is not a valid API key: it contains unsupported characters. Set it again.")
    if not api_key:
        return {}
    return {"api-key": api_key} if _is_azure(url) else {"Authorization": f"Bearer {api_key}"}


def list_models(base_url: str, api_key: str) -> tuple[str, ...]:
    """Return the names of the models that an endpoint offers.

    Raises:
        LlmError: The endpoint cannot be reached or rejects the request; `LlmUnparsable` if it returns no list.
    """
    url = append_path(normalize_base_url(base_url), "/models")
    address = redact_url(url)
    if "/deployments/" in url and _is_azure(url):
        raise LlmUnparsable(f"{redact_url(base_url)} is an Azure deployment, which has no list of models.")
    try:
        with build_client(url, timeout=LIST_MODELS_TIMEOUT_S) as client:
            reply = client.get(url, headers=authorization_header(api_key.strip(), url=url))
    except (httpx.InvalidURL, httpx.UnsupportedProtocol, ValueError) as error:
        raise LlmUnreachable(f"{address} is not an http(s) URL; check REFDESK_LLM_BASE_URL.") from error
    except SetupError as error:
        raise LlmRejected(f"{address} cannot be used. {error}") from error
    except httpx.HTTPError as error:
        cause, fix = describe_connect_error(error, url, "check REFDESK_LLM_BASE_URL")
        raise LlmUnreachable(f"{address} cannot be reached{cause}; {fix}.") from None
    return _read_models(reply, address)


def _read_models(reply: httpx.Response, address: str) -> tuple[str, ...]:
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


def _is_azure(url: str) -> bool:
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return False
    return host.endswith(AZURE_DOMAINS)
