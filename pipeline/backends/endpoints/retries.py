"""Retries of requests to model endpoints: which errors are retried, how long to wait, when to stop."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from time import monotonic, time
from typing import Any, TypeVar

from tenacity import RetryCallState, Retrying, retry_if_exception_type

from pipeline.backends.endpoints.error_bodies import find_wait_s
from pipeline.errors import LlmError

Answer = TypeVar("Answer")

FIRST_WAIT_S = 0.5
"""Wait before the first retry; it doubles with each further one. A wait that the server names has precedence."""
LOADING_WAIT_S = 2.0
"""Wait before the next request to a server that is loading its model."""
RETRYABLE_STATUSES = frozenset({408, 425, 429})
"""Retried like every status from 500 on."""

_LOADING = re.compile(r"\b(?:loading|warming up|starting up|not ready)\b", re.IGNORECASE)
_USED_UP = re.compile(r"\b(?:quota|billing|credits?|insufficient (?:funds|balance))\b", re.IGNORECASE)


class RetryableError(Exception):
    """A failure that a retry may fix."""

    def __init__(self, final: LlmError, wait_s: float | None = None, *, is_loading: bool = False) -> None:
        """Create the error.

        Args:
            final: The error to raise if there is no further retry.
            wait_s: Seconds that the server asked to wait; None if unknown.
            is_loading: Whether the server is loading its model. Then the deadline alone limits the retries.
        """
        super().__init__(str(final))
        self.final = final
        self.wait_s = wait_s
        self.is_loading = is_loading


def is_retryable(status: int | None) -> bool:
    """Return whether a status may pass: rate limits, timeouts and server errors."""
    return status is not None and (status in RETRYABLE_STATUSES or status >= 500)


def is_loading(status: int, text: str) -> bool:
    """Return whether an error response means that the server is still loading the model."""
    return status == 503 and bool(_LOADING.search(text))


def is_quota_used_up(status: int, text: str) -> bool:
    """Return whether a rate limit is a used-up quota or balance, which no retry within seconds can fix."""
    return status == 429 and bool(_USED_UP.search(text)) and find_wait_s(text) is None


def run_with_retries(request: Callable[[], Answer], max_retries: int, deadline: float) -> Answer:
    """Call a function again after each `RetryableError`.

    Raises the error's `final` after `max_retries` retries, or when the next wait would pass the deadline.
    """

    def should_stop(state: RetryCallState) -> bool:
        is_last = state.attempt_number > max_retries and not _error_of(state).is_loading
        return is_last or monotonic() + state.upcoming_sleep >= deadline

    retrying = Retrying(retry=retry_if_exception_type(RetryableError), stop=should_stop, wait=_wait_s, reraise=True)
    try:
        answer: Answer = retrying(request)
    except RetryableError as error:
        raise error.final from error
    return answer


def find_retry_after(status: int, headers: Mapping[str, str], text: str) -> float | None:
    """Return the seconds that a server asks to wait, in a header or in its message; None if it asks for none."""
    milliseconds = headers.get("retry-after-ms", "")
    if re.fullmatch(r"\d{1,9}(?:\.\d{1,9})?", milliseconds):
        return float(milliseconds) / 1000
    wait_s = _parse_retry_after(headers.get("retry-after", ""))
    return find_wait_s(text) if wait_s is None and status == 429 else wait_s


def _parse_retry_after(header: str) -> float | None:
    """Return the seconds of a `Retry-After` header, also when it is a date; None if it is missing or invalid."""
    try:
        wait_s = float(header)
    except ValueError:
        try:
            wait_s = max(0.0, parsedate_to_datetime(header).timestamp() - time())
        except (ValueError, OverflowError):
            return None
    return wait_s if math.isfinite(wait_s) and wait_s >= 0 else None


def _wait_s(state: RetryCallState) -> float:
    """Return the seconds before the next retry."""
    error = _error_of(state)
    if error.wait_s is not None:
        return error.wait_s
    return LOADING_WAIT_S if error.is_loading else FIRST_WAIT_S * 2.0 ** (state.attempt_number - 1)


def _error_of(state: RetryCallState) -> RetryableError:
    outcome: Any = state.outcome  # only this error leads to another attempt
    error: RetryableError = outcome.exception()
    return error
