"""An endpoint that takes JSON and gives JSON: posting within a time, retries, and sentences for what goes wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import monotonic
from typing import Any, TypeVar

import httpx

from pipeline.backends.endpoints.chat_address import authorization_header, redact_url
from pipeline.backends.endpoints.retries import RetryableError, build_retrying, parse_retry_after, read_error_body
from pipeline.errors import LlmError, LlmTimeout, LlmUnparsable, LlmUnreachable, RefdeskError
from pipeline.text.cleaning import clean_text

CONNECT_TIMEOUT_S = 5.0
MAX_ERROR_CHARS = 500

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Reply:
    """What an endpoint said."""

    status: int
    said: str
    """The whole body of a success, the message of a refusal."""


class JsonEndpoint:
    """One address of a model server."""

    def __init__(
        self,
        url: str,
        *,
        subject: str,
        api_key: str,
        key_setting: str,
        wrong_address: RefdeskError,
        advice: str,
        max_retries: int,
        max_reply_bytes: int,
    ) -> None:
        """Take the address, what sentences call it (`subject`), the key, and what to raise for an address that is none.

        `advice` ends the sentence that says that nobody is there.
        """
        self._url = url
        self._subject = f"{subject} {redact_url(url)}"
        self._api_key = api_key.strip()
        self._key_setting = key_setting
        self._wrong_address = wrong_address
        self._advice = advice
        self._max_retries = max_retries
        self._max_reply_bytes = max_reply_bytes
        self._client = httpx.Client()

    @property
    def subject(self) -> str:
        """The endpoint as sentences begin with it; its address without user name, password or query."""
        return self._subject

    def retried(self, ask: Callable[[float], Answer], timeout_s: float) -> Answer:
        """Ask, and again after a failure that may pass, within the time; `ask` is told when that ends.

        What is raised in the end is short and does not hold the key.
        """
        ends = monotonic() + timeout_s
        try:
            answer: Answer = build_retrying(self._max_retries, ends)(ask, ends)
        except RefdeskError as error:
            error.args = (self._tellable(str(error)),)
            raise
        return answer

    def post(self, payload: Mapping[str, Any], ends: float) -> Reply:
        """Post once; raises `RetryableError` for what may pass, and an `LlmError` for what does not."""
        left = ends - monotonic()
        if left <= 0:
            raise LlmTimeout(f"{self._subject} did not answer in time.")
        timeout = httpx.Timeout(left, connect=min(CONNECT_TIMEOUT_S, left))
        headers = authorization_header(self._api_key, self._key_setting)
        try:
            with self._client.stream("POST", self._url, json=payload, headers=headers, timeout=timeout) as response:
                if response.status_code == httpx.codes.OK:
                    return Reply(response.status_code, self._whole(response, ends))
                said = read_error_body(response, ends)
                self._check_busy(response, said)
                return Reply(response.status_code, said)
        except httpx.ConnectTimeout as error:
            raise RetryableError(self._unreachable(error)) from error
        except httpx.TimeoutException as error:
            raise LlmTimeout(f"{self._subject} did not answer in time.") from error
        except (httpx.UnsupportedProtocol, httpx.InvalidURL) as error:
            raise self._wrong_address from error
        except httpx.HTTPError as error:
            raise RetryableError(self._unreachable(error)) from error

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _check_busy(self, response: httpx.Response, said: str) -> None:
        status = response.status_code
        if status in {408, 425, 429} or status >= 500:
            reason = "asks to slow down" if status == 429 else "fails"
            final = LlmUnreachable(f"{self._subject} {reason} (status {status}). {said}")
            raise RetryableError(final, parse_retry_after(response))

    def _whole(self, response: httpx.Response, ends: float) -> str:
        body = bytearray()
        for part in response.iter_bytes():
            body += part
            if monotonic() > ends:
                raise LlmTimeout(f"{self._subject} did not finish its answer in time.")
            if len(body) > self._max_reply_bytes:
                raise LlmUnparsable(f"{self._subject} sent an endless answer.")
        return body.decode("utf-8", "replace")

    def _unreachable(self, error: httpx.HTTPError) -> LlmError:
        return LlmUnreachable(f"{self._subject} cannot be reached ({type(error).__name__}); {self._advice}.")

    def _tellable(self, said: str) -> str:
        """Shorten what a server may have put into an error, without the key that servers like to repeat."""
        text = clean_text(" ".join(said.split()))
        # The key goes before the cut: half a key is a secret too.
        return (text.replace(self._api_key, "…") if self._api_key else text)[:MAX_ERROR_CHARS]
