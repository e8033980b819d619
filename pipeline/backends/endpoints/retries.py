"""Retries: what every client of a model endpoint does about failures that may pass, within the time it has."""

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
"""What is read of the body of a refusal."""


class RetryableError(Exception):
    """A failure that may pass: carries what to raise when it does not, and how long the server asks to wait."""

    def __init__(self, final: LlmError, wait_s: float | None = None) -> None:
        """Take the error that counts in the end, and the server's wish."""
        super().__init__(str(final))
        self.final = final
        self.wait_s = wait_s


def build_retrying(max_retries: int, ends: float) -> Retrying:
    """Make the caller of a function that may raise `RetryableError`; it raises the final error in the end."""
    return Retrying(
        retry=retry_if_exception_type(RetryableError),
        stop=stop_after_attempt(max_retries + 1),
        wait=lambda state: _pause(state, ends),
        retry_error_callback=_raise_final,
    )


def read_error_body(response: httpx.Response, ends: float) -> str:
    """Read what a refusal says: the message of an error in JSON, or the text as it is, neither of them endless."""
    text = ""
    for part in response.iter_text():
        text += part
        if len(text) > MAX_ERROR_BODY_CHARS or monotonic() > ends:
            break
    try:
        value: Any = json.loads(text)
    except ValueError:
        return text
    error = value.get("error", value) if isinstance(value, dict) else value
    message = error.get("message", error.get("detail")) if isinstance(error, dict) else error
    return message if isinstance(message, str) else text


def parse_retry_after(response: httpx.Response) -> float | None:
    """Read how many seconds a server asks to wait, also when it names a date; None when it does not say."""
    asked = response.headers.get("Retry-After", "")
    try:
        wait_s = float(asked)
    except ValueError:
        try:
            wait_s = max(0.0, parsedate_to_datetime(asked).timestamp() - time())
        except (ValueError, OverflowError):
            return None
    return wait_s if math.isfinite(wait_s) and wait_s >= 0 else None


def _pause(state: RetryCallState, ends: float) -> float:
    """Wait as long as the server asks, else half a second, then twice that; never beyond the time that is left."""
    error = state.outcome.exception() if state.outcome is not None else None
    asked = error.wait_s if isinstance(error, RetryableError) else None
    wait_s = asked if asked is not None else 0.5 * 2 ** (state.attempt_number - 1)
    if isinstance(error, RetryableError) and monotonic() + wait_s >= ends:
        raise error.final from error
    return wait_s


def _raise_final(state: RetryCallState) -> NoReturn:
    error = state.outcome.exception() if state.outcome is not None else None
    if isinstance(error, RetryableError):
        raise error.final from error
    raise LlmUnreachable from error
