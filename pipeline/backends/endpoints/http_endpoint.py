"""Requests to a model server with the `openai` package: one deadline, retries, and errors with a fix.

The package builds, sends and decodes the requests. Its HTTP client gets what it lacks: a deadline for the whole call, a
size limit, and bodies in the form that it can read.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from time import monotonic
from typing import Any, NoReturn, TypeVar
from urllib.parse import parse_qsl

import httpx
import openai

from pipeline.backends.connections import build_client, describe_connect_error, is_certificate_error
from pipeline.backends.endpoints.call_deadline import CallNetwork, find_deadline, limit_call
from pipeline.backends.endpoints.chat_address import authorization_header, redact_url, split_path
from pipeline.backends.endpoints.error_bodies import describe_error, error_code, read_error_text
from pipeline.backends.endpoints.retries import (
    RetryableError,
    find_retry_after,
    is_loading,
    is_quota_used_up,
    is_retryable,
    run_with_retries,
)
from pipeline.errors import LlmError, LlmRejected, LlmTimeout, LlmUnparsable, LlmUnreachable, RefdeskError, SetupError
from pipeline.text.cleaning import clean_text

CONNECT_TIMEOUT_S = 5.0
MAX_ERROR_CHARS = 500
MAX_ERROR_BODY_BYTES = 10_000
"""Bytes that are read of the body of an error response."""
UNUSED_KEY = "unused"
"""The package requires a key when its client is built; every call is sent with the header of the endpoint's own key."""
CONNECTIONS = httpx.Limits(max_connections=None, max_keepalive_connections=32)
"""The callers limit their concurrent calls; a limit of the client would count waiting for it as a timeout."""

Answer = TypeVar("Answer")
Normalize = Callable[[Iterator[bytes], str | None, str], Iterator[bytes]]
"""Changes the body of a success, given its declared charset and the start of error messages."""


@dataclass(frozen=True, slots=True)
class EndpointTexts:
    """The parts of error messages that depend on the endpoint."""

    subject: str
    """Starts each message, for example `The reranker 'bge' at`; the URL follows."""
    unreachable_fix: str
    """Ends the message for an endpoint that cannot be reached."""
    key_setting: str
    """The setting with the API key."""
    not_found_fix: str = ""
    """Ends the message for status 404."""
    url_setting: str = ""
    """The setting with the URL; empty if the URL belongs to an embedding profile."""


class RejectedRequest(Exception):
    """A request that the endpoint has rejected and that must not be repeated unchanged."""

    def __init__(self, status: int, text: str) -> None:
        """Create the error with the status and the message of the server."""
        super().__init__(text)
        self.status = status
        self.text = text


@dataclass(frozen=True, slots=True)
class Call:
    """The client for one request, and the options to pass with it."""

    client: openai.OpenAI
    timeout: httpx.Timeout
    headers: dict[str, Any]

    @property
    def options(self) -> dict[str, Any]:
        """Keyword arguments of the client's typed methods."""
        return {"timeout": self.timeout, "extra_headers": self.headers}

    def post(self, path: str, body: dict[str, Any]) -> bytes:
        """Post JSON to a path that the package has no method for, and return the reply's body."""
        response: httpx.Response = self._post(path, body, cast_to=httpx.Response)
        return response.content

    def stream(self, path: str, body: dict[str, Any]) -> openai.Stream[dict[str, Any]]:
        """Post JSON and return the events of the reply.

        Chunks as dictionaries take half the time of the package's chunk types, whose fields are not validated
        either.
        """
        chunk = dict[str, Any]
        stream: openai.Stream[dict[str, Any]] = self._post(
            path, body, cast_to=chunk, stream=True, stream_cls=openai.Stream[chunk]
        )
        return stream

    def read_json(self, body: bytes) -> Any:
        """Return the JSON of a reply.

        Raises:
            openai.APIError: The reply is an error, which some proxies send with status 200.
            ValueError: The reply is not JSON, or `null`.
        """
        value: Any = json.loads(body)
        if value is None:
            raise ValueError("null")
        if isinstance(value, dict) and (value.get("error") or value.get("object") == "error"):
            request: Any = None  # the package only stores it
            raise openai.APIError("error in a reply", request, body=value.get("error") or value)
        return value

    def _post(self, path: str, body: dict[str, Any], **how: Any) -> Any:
        post: Any = self.client.post
        return post(path, body=body, options={"timeout": self.timeout, "headers": self.headers}, **how)


class HttpEndpoint:
    """The requests to one base URL."""

    def __init__(
        self,
        url: str,
        path: str,
        texts: EndpointTexts,
        *,
        api_key: str,
        invalid_url: Callable[[], RefdeskError],
        max_retries: int,
        max_reply_bytes: int,
        normalize: Normalize | None = None,
    ) -> None:
        """Create the endpoint; no request is sent yet.

        Args:
            url: The base URL, also one that ends with `path`; a query is sent with each request.
            path: The path of the requests.
            texts: Parts of the error messages.
            api_key: Sent as a bearer token, to Azure as `api-key`; empty sends none.
            invalid_url: Builds the error for a URL that is not http(s).
            max_retries: Retries after the first attempt.
            max_reply_bytes: Largest reply that is read.
            normalize: Changes the body of a success before the package reads it.
        """
        self._url = split_path(url, path)
        self._texts = texts
        self._address = redact_url(url)
        self._api_key = api_key.strip()
        self._invalid_url = invalid_url
        self._max_retries = max_retries
        self._max_reply_bytes = max_reply_bytes
        self._normalize = normalize
        self._lock = threading.Lock()
        self._client: openai.OpenAI | None = None

    @property
    def address(self) -> str:
        """The URL without user name, password and query."""
        return self._address

    @property
    def subject(self) -> str:
        """The start of error messages: what the endpoint is and its address."""
        return f"{self._texts.subject} {self._address}"

    def run_with_retries(self, request: Callable[[float], Answer], timeout_s: float) -> Answer:
        """Call `request` with the deadline, and again after each `RetryableError` until the time is over.

        The message of the final error is shortened and does not contain the key.
        """
        deadline = monotonic() + timeout_s
        try:
            return run_with_retries(lambda: request(deadline), self._max_retries, deadline)
        except RefdeskError as error:
            error.args = (self._redact(str(error)),)
            raise

    def call(
        self, request: Callable[[Call], Answer], deadline: float, on_lost: Callable[[], None] = lambda: None
    ) -> Answer:
        """Send one request and read its reply.

        Args:
            request: Sends the request and reads the whole reply.
            deadline: End of the call, in the time of `monotonic`.
            on_lost: Called when the call fails after the server may have worked on it.

        Raises:
            RetryableError: A retry may succeed.
            RejectedRequest: The endpoint has rejected the request.
            LlmError: A retry would not help.
        """
        left = deadline - monotonic()
        if left <= 0:
            raise LlmTimeout(f"{self.subject} did not answer in time.")
        headers = authorization_header(self._api_key, self._texts.key_setting, url=self._url)
        call = Call(
            self._open_client(),
            httpx.Timeout(left, connect=min(CONNECT_TIMEOUT_S, left)),
            {"Authorization": openai.Omit(), **headers},
        )
        try:
            with limit_call(deadline):
                return request(call)
        except openai.APIStatusError as error:
            self._raise_status(error)
        except openai.APIConnectionError as error:  # also `APITimeoutError`
            self._raise_unreachable(error, on_lost)
        except openai.APIError as error:
            self._raise_reported(error, on_lost)
        except LlmError:
            on_lost()
            raise
        except (ValueError, TypeError, AttributeError, RecursionError) as error:  # fields are not validated
            on_lost()
            raise LlmUnparsable(f"{self.subject} sent a reply that is not JSON of a known form.") from error

    def format_rejection(self, rejected: RejectedRequest) -> str:
        """Format the message for a rejected request: the likely cause, what to check, and the server's own message."""
        key, status = self._texts.key_setting, rejected.status
        setting = f"; check {self._texts.url_setting}" if self._texts.url_setting else ""
        problem = {
            401: f"rejected the API key; check {key}",
            402: "requires a payment; check the balance of the account",
            403: f"does not allow this API key; check {key}",
            404: f"does not have this URL or model{self._texts.not_found_fix}",
        }.get(status, f"redirects to another URL{setting}" if 300 <= status < 400 else "rejected the request")
        return f"{self.subject} {problem} (status {status}). {rejected.text}".rstrip()

    def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            self._client.close()

    def _open_client(self) -> openai.OpenAI:
        """Return the client, built at the first request, so that a wrong proxy or certificate file ends no worker."""
        with self._lock:
            if self._client is None:
                if not _is_http(self._url):
                    raise self._invalid_url()
                hooks = {"response": [self._limit]}
                try:
                    http_client = build_client(self._url, limits=CONNECTIONS, network=CallNetwork(), event_hooks=hooks)
                except SetupError as error:
                    raise LlmRejected(f"{self.subject} cannot be used. {error}") from error
                self._client = _build_openai(self._url, http_client)
            return self._client

    def _limit(self, response: httpx.Response) -> None:
        """Replace the body by one that ends at the deadline and at the size limit. It is decompressed already."""
        body = httpx.Response(response.status_code, headers=response.headers, stream=response.stream)
        response.headers.pop("Content-Encoding", None)
        parts = self._read_limited(body, response)
        if response.is_success and self._normalize is not None:
            parts = self._normalize(parts, response.charset_encoding, self.subject)
        response.stream = _Body(parts, response.stream)

    def _read_limited(self, body: httpx.Response, response: httpx.Response) -> Iterator[bytes]:
        limit = self._max_reply_bytes if response.is_success else MAX_ERROR_BODY_BYTES
        read = 0
        try:
            for part in body.iter_bytes():
                is_late = monotonic() > find_deadline()  # a body that is complete in memory needs no further read
                read += len(part)
                if not response.is_success and (is_late or read > limit):
                    yield part[:limit]
                    return
                if is_late:
                    raise LlmTimeout(f"{self.subject} did not finish its reply in time.")
                if read > limit:
                    raise LlmUnparsable(f"{self.subject} sent a reply larger than {limit:,} bytes.")
                yield part
        except httpx.TimeoutException as error:
            if response.is_success:
                raise LlmTimeout(f"{self.subject} did not finish its reply in time.") from error
            # The status of an error is known, so its message may be incomplete.

    def _raise_status(self, error: openai.APIStatusError) -> NoReturn:
        """Raise `RetryableError` for a status that may pass: rate limits, timeouts and server errors."""
        status, text = error.status_code, read_error_text(error.response.text)
        if not is_retryable(status):
            raise RejectedRequest(status, text) from None
        if is_quota_used_up(status, text):
            raise LlmRejected(f"{self.subject} reports that the account's quota is used up (status {status}). {text}")
        problem = "reached its rate limit" if status == 429 else "failed"
        final = LlmUnreachable(f"{self.subject} {problem} (status {status}). {text}")
        wait_s = find_retry_after(status, error.response.headers, text)
        raise RetryableError(final, wait_s, is_loading=is_loading(status, text)) from None

    def _raise_unreachable(self, error: openai.APIConnectionError, on_lost: Callable[[], None]) -> NoReturn:
        cause = error.__cause__ if isinstance(error.__cause__, Exception) else error
        if isinstance(error, openai.APITimeoutError) and not isinstance(cause, httpx.ConnectTimeout):
            on_lost()
            raise LlmTimeout(f"{self.subject} did not answer in time.") from error
        if not isinstance(cause, httpx.ConnectTimeout | httpx.ConnectError | httpx.ProxyError):
            on_lost()
        how, fix = describe_connect_error(cause, self._url, self._texts.unreachable_fix)
        unreachable = LlmUnreachable(f"{self.subject} cannot be reached{how}; {fix}.")
        if is_certificate_error(cause):  # a retry would get the same certificate
            raise unreachable from error
        raise RetryableError(unreachable) from error

    def _raise_reported(self, error: openai.APIError, on_lost: Callable[[], None]) -> NoReturn:
        """Raise the error that a server reports with status 200."""
        reported = {"error": error.body}
        final = LlmUnreachable(f"{self.subject} reported an error in its reply: {describe_error(reported)}")
        if is_retryable(error_code(reported)):
            raise RetryableError(final) from None
        on_lost()
        raise final from None

    def _redact(self, message: str) -> str:
        """Shorten a message that may quote the server, and remove the key that servers often repeat."""
        text = clean_text(" ".join(message.split()))
        # The key is removed before the cut, because a part of a key is a secret too.
        return (text.replace(self._api_key, "…") if self._api_key else text)[:MAX_ERROR_CHARS]


class _Body(httpx.SyncByteStream):
    """A changed body, and the stream of the connection that it is read from."""

    def __init__(self, parts: Iterator[bytes], stream: Any) -> None:
        self._parts = parts
        self._stream = stream

    def __iter__(self) -> Iterator[bytes]:
        return self._parts

    def close(self) -> None:
        self._stream.close()


def _is_http(url: str) -> bool:
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL:
        return False
    return parsed.scheme in {"http", "https"} and bool(parsed.host)


def _build_openai(url: str, http_client: Any) -> openai.OpenAI:
    """Build the client of the package, which takes no key and no other header from environment variables."""
    base, _, query = url.partition("?")
    client = openai.OpenAI(
        base_url=base,
        api_key=UNUSED_KEY,
        admin_api_key="",
        organization="",
        project="",
        webhook_secret="",
        default_query=dict(parse_qsl(query, keep_blank_values=True)),
        max_retries=0,
        http_client=http_client,
    )
    # The organization and the project would be sent as empty headers, and OPENAI_CUSTOM_HEADERS to any endpoint.
    client.organization = client.project = None
    client._custom_headers = {}  # noqa: SLF001 (there is no option for it)
    return client
