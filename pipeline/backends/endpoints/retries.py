"""Retries of requests to model endpoints: which errors are retried, how long to wait, when to stop."""

from __future__ import annotations

import json
import math
from email.utils import parsedate_to_datetime
from time import monotonic, time
from typing import Any, NoReturn

import httpx
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt

from pipeline.errors import LlmError, LlmUnreachable

MAX_ERROR_BODY_CHARS = 10_000
"""Characters that are read of the body of an error response."""
FIRST_WAIT_S = 0.5
"""Wait before the first retry; it doubles with each further one. A `Retry-After` header has precedence."""


class RetryableError(Exception):
    """A failure that a retry may fix."""

    def __init__(self, final: LlmError, wait_s: float | None = None) -> None:
        """Create the error.

        Args:
            final: The error to raise if there is no further retry.
            wait_s: Seconds that the server asked to wait; None if unknown.
        """
        super().__init__(str(final))
        self.final = final
        self.wait_s = wait_s


def build_retrying(max_retries: int, deadline: float) -> Retrying:
    """Build the caller of a function that may raise `RetryableError`.

    It raises the error's `final` after `max_retries` retries, or when the next wait would pass the deadline.
    """
    return Retrying(
        retry=retry_if_exception_type(RetryableError),
        stop=stop_after_attempt(max_retries + 1),
        wait=lambda state: _wait_s(state, deadline),
        retry_error_callback=_raise_final,
    )


def read_error_body(response: httpx.Response, deadline: float) -> str:
    """Return the message of an error response: from its JSON if there is one, else its text, cut to a limit."""
    text = ""
    for part in response.iter_text():
        text += part
        if len(text) > MAX_ERROR_BODY_CHARS or monotonic() > deadline:
            break
    try:
        value: Any = json.loads(text)
    except ValueError:
        return text
    error = value.get("error", value) if isinstance(value, dict) else value
    message = error.get("message", error.get("detail")) if isinstance(error, dict) else error
    return message if isinstance(message, str) else text


def parse_retry_after(response: httpx.Response) -> float | None:
    """Return the seconds of a `Retry-After` header, also when it is a date; None if it is missing or invalid."""
    header = response.headers.get("Retry-After", "")
    try:
        wait_s = float(header)
    except ValueError:
        try:
            wait_s = max(0.0, parsedate_to_datetime(header).timestamp() - time())
        except (ValueError, OverflowError):
            return None
    return wait_s if math.isfinite(wait_s) and wait_s >= 0 else None


def _wait_s(state: RetryCallState, deadline: float) -> float:
    """Return the seconds before the next retry; raise the final error if that would pass the deadline."""
    error = state.outcome.exception() if state.outcome is not None else None
    requested = error.wait_s if isinstance(error, RetryableError) else None
    wait_s = requested if requested is not None else FIRST_WAIT_S * 2 ** (state.attempt_number - 1)
    if isinstance(error, RetryableError) and monotonic() + wait_s >= deadline:
        raise error.final from error
    return wait_s


def _raise_final(state: RetryCallState) -> NoReturn:
    error = state.outcome.exception() if state.outcome is not None else None
    if isinstance(error, RetryableError):
        raise error.final from error
    raise LlmUnreachable from error
