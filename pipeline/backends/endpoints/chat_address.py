"""Base URL and API key header of an OpenAI-compatible endpoint."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlsplit

import httpx

from pipeline.errors import LlmRejected

CHAT_PATH = "/chat/completions"
AZURE_DOMAINS = (".azure.com", ".azure-api.net", ".azure.us", ".azure.cn")

_API_VERSION = re.compile(r"[\w.-]{1,30}")


def split_path(url: str, path: str = CHAT_PATH) -> str:
    """Return the base URL (…/v1), also of a URL that was copied with the path of requests; a query stays at the end."""
    base, question_mark, query = url.strip().partition("?")
    return f"{base.rstrip('/').removesuffix(path).rstrip('/')}{question_mark}{query}"


def redact_url(url: str) -> str:
    """Return the endpoint's URL for messages: without user name, password and query, except for `api-version`."""
    try:
        shown = split_path(str(httpx.URL(url).copy_with(username=None, password=None, query=None)))
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
        raise LlmRejected(
            f"{setting} is not a valid API key: it contains a line break or another unsupported"
            " character. Set it to the key alone, on one line."
        )
    if not api_key:
        return {}
    return {"api-key": api_key} if is_azure(url) else {"Authorization": f"Bearer {api_key}"}


def is_azure(url: str) -> bool:
    """Return whether a URL belongs to Azure, which reads keys from another header."""
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return False
    return host.endswith(AZURE_DOMAINS)
