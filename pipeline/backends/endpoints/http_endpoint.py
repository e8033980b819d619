"""HTTP requests to a model server: POST JSON before a deadline, retry, and turn failures into errors with a fix."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from time import monotonic
from typing import Any, TypeVar

import httpx

from pipeline.backends.connections import build_client, describe_connect_error, is_certificate_error
from pipeline.backends.endpoints.chat_address import authorization_header, redact_url
from pipeline.backends.endpoints.retries import (
    RetryableError,
    build_retrying,
    find_retry_after,
    is_loading,
    is_quota_used_up,
    is_retryable,
    read_error_body,
)
from pipeline.errors import LlmRejected, LlmTimeout, LlmUnparsable, LlmUnreachable, RefdeskError, SetupError
from pipeline.text.cleaning import clean_text

CONNECT_TIMEOUT_S = 5.0
MAX_ERROR_CHARS = 500
CONNECTIONS = httpx.Limits(max_connections=None, max_keepalive_connections=32)
"""The callers limit their concurrent calls; a limit of the client would count waiting for it as a timeout."""

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class HttpReply:
    """Status and text of a reply."""

    status: int
    text: str
    """The whole body of a success, the error message of any other status."""


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


class HttpEndpoint:
    """One URL of a model server."""

    def __init__(
        self,
        url: str,
        texts: EndpointTexts,
        *,
        api_key: str,
        invalid_url: Callable[[], RefdeskError],
        max_retries: int,
        max_reply_bytes: int = 0,
    ) -> None:
        """Create the client; no request is sent yet.

        Args:
            url: The address to post to.
            texts: Parts of the error messages.
            api_key: Sent as a bearer token; empty sends none.
            invalid_url: Builds the error for a URL that is not http(s).
            max_retries: Retries after the first attempt.
            max_reply_bytes: Limit of a successful reply that `post` reads.
        """
        self._url = url
        self._texts = texts
        self._address = redact_url(url)
        self._api_key = api_key.strip()
        self._invalid_url = invalid_url
        self._max_retries = max_retries
        self._max_reply_bytes = max_reply_bytes
        self._lock = threading.Lock()
        self._client: httpx.Client | None = None

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
            answer: Answer = build_retrying(self._max_retries, deadline)(request, deadline)
        except RefdeskError as error:
            error.args = (self._redact(str(error)),)
            raise
        return answer

    def post(self, payload: Mapping[str, Any], deadline: float) -> HttpReply:
        """Post once and read the whole reply.

        Raises:
            RetryableError: A retry may succeed.
            LlmError: A retry would not help.
        """
        with self.open(payload, deadline) as response:
            if response.status_code == httpx.codes.OK:
                return HttpReply(response.status_code, self._read(response, deadline))
            text = read_error_body(response, deadline)
            self.check_retryable(response, text)
            return HttpReply(response.status_code, text)

    @contextmanager
    def open(
        self, payload: Mapping[str, Any], deadline: float, on_lost: Callable[[], None] = lambda: None
    ) -> Iterator[httpx.Response]:
        """Post once and yield the unread response.

        Every failure of the connection, also while the response is read, becomes a `RetryableError` or an `LlmError`.

        Args:
            payload: The request's JSON.
            deadline: End of the request, in the time of `monotonic`.
            on_lost: Called when the connection fails after the request may have reached the server.
        """
        left = deadline - monotonic()
        if left <= 0:
            raise LlmTimeout(f"{self.subject} did not answer in time.")
        timeout = httpx.Timeout(left, connect=min(CONNECT_TIMEOUT_S, left))
        headers = authorization_header(self._api_key, self._texts.key_setting, url=self._url)
        client = self._open_client()
        try:
            with client.stream("POST", self._url, json=payload, headers=headers, timeout=timeout) as response:
                yield response
        except httpx.ConnectTimeout as error:
            raise RetryableError(self._unreachable(error)) from error
        except httpx.TimeoutException as error:
            on_lost()
            raise LlmTimeout(f"{self.subject} did not answer in time.") from error
        except (httpx.UnsupportedProtocol, httpx.InvalidURL) as error:
            raise self._invalid_url() from error
        except httpx.HTTPError as error:
            if not isinstance(error, httpx.ConnectError | httpx.ProxyError):
                on_lost()
            unreachable = self._unreachable(error)
            if is_certificate_error(error):  # a retry would get the same certificate
                raise unreachable from error
            raise RetryableError(unreachable) from error

    def check_retryable(self, response: httpx.Response, text: str) -> None:
        """Raise `RetryableError` for a status that may pass: rate limits, timeouts and server errors."""
        status = response.status_code
        if not is_retryable(status):
            return
        if is_quota_used_up(status, text):
            raise LlmRejected(f"{self.subject} reports that the account's quota is used up (status {status}). {text}")
        problem = "reached its rate limit" if status == 429 else "failed"
        final = LlmUnreachable(f"{self.subject} {problem} (status {status}). {text}")
        raise RetryableError(final, find_retry_after(response, text), is_loading=is_loading(status, text))

    def format_rejection(self, status: int, text: str) -> str:
        """Format the message for a rejected request: the likely cause, what to check, and the server's own message."""
        key = self._texts.key_setting
        setting = f"; check {self._texts.url_setting}" if self._texts.url_setting else ""
        problem = {
            401: f"rejected the API key; check {key}",
            402: "requires a payment; check the balance of the account",
            403: f"does not allow this API key; check {key}",
            404: f"does not have this URL or model{self._texts.not_found_fix}",
        }.get(status, f"redirects to another URL{setting}" if 300 <= status < 400 else "rejected the request")
        return f"{self.subject} {problem} (status {status}). {text}".rstrip()

    def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            self._client.close()

    def _open_client(self) -> httpx.Client:
        """Return the client, built at the first request, so that a wrong proxy or certificate file ends no worker."""
        with self._lock:
            if self._client is None:
                try:
                    self._client = build_client(self._url, limits=CONNECTIONS)
                except (httpx.InvalidURL, ValueError) as error:
                    raise self._invalid_url() from error
                except SetupError as error:
                    raise LlmRejected(f"{self.subject} cannot be used. {error}") from error
            return self._client

    def _read(self, response: httpx.Response, deadline: float) -> str:
        body = bytearray()
        for part in response.iter_bytes():
            body += part
            if monotonic() > deadline:
                raise LlmTimeout(f"{self.subject} did not finish its reply in time.")
            if len(body) > self._max_reply_bytes:
                raise LlmUnparsable(f"{self.subject} sent a reply larger than {self._max_reply_bytes:,} bytes.")
        return body.decode("utf-8", "replace")

    def _unreachable(self, error: httpx.HTTPError) -> LlmUnreachable:
        cause, fix = describe_connect_error(error, self._url, self._texts.unreachable_fix)
        return LlmUnreachable(f"{self.subject} cannot be reached{cause}; {fix}.")

    def _redact(self, message: str) -> str:
        """Shorten a message that may quote the server, and remove the key that servers often repeat."""
        text = clean_text(" ".join(message.split()))
        # The key is removed before the cut, because a part of a key is a secret too.
        return (text.replace(self._api_key, "…") if self._api_key else text)[:MAX_ERROR_CHARS]
