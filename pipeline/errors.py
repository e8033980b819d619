"""Every error Refdesk raises on purpose.

    RefdeskError
    ├── InvalidInput              the user can fix it: a file, a link, a question, an option
    │   ├── UnreadableFile        ├── EncryptedFile    ├── EmptyDocument    ├── UnsupportedFormat
    │   ├── FileTooLarge          ├── ParseTimeout     ├── ParserCrashed    ├── Quarantined
    │   ├── LinkNotAllowed        ├── LinkFailed       ├── InvalidQuestion  ├── UnknownName
    │   ├── QuotaExceeded         ├── BudgetExceeded   ├── NotAllowed       └── NoJudgedQuestions
    ├── SetupError                the operator can fix it: a server, a model, a key, the schema
    │   ├── DatabaseUnavailable   ├── DatabaseTooOld   ├── SchemaMismatch   ├── BrokerUnavailable
    │   ├── ModelUnavailable      ├── ProfileMismatch  ├── ProfileNotReady
    │   ├── DiskFull              └── MissingExtra
    ├── LlmError                  an LLM endpoint failed; a reranker or the generator falls back
    │   ├── LlmTimeout            ├── LlmRejected      ├── LlmUnreachable   └── LlmUnparsable
    ├── Cancelled                 a person cancelled the job
    └── LeaseLost                 another worker owns the job now; this one must stop writing

A class's docstring is its default message, so raising one needs no text. ``retryable`` says whether the same input
may succeed later without anybody changing anything.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from pipeline.types import Usage


class RefdeskError(Exception):
    """Something went wrong in Refdesk."""

    retryable: ClassVar[bool] = False

    def __init__(self, message: str = "") -> None:
        """Take the sentence a person reads; the class's docstring when none is given."""
        super().__init__(message or (type(self).__doc__ or "").strip())

    @property
    def name(self) -> str:
        """The error class as stored on a job row."""
        return type(self).__name__


class InvalidInput(RefdeskError):
    """The input cannot be used."""


class UnreadableFile(InvalidInput):
    """The file is damaged or is not what its name says."""


class EncryptedFile(InvalidInput):
    """The file is protected by a password; save a copy without one and add that."""


class EmptyDocument(InvalidInput):
    """The document holds no text; if it is a scan, run text recognition on it first."""


class UnsupportedFormat(InvalidInput):
    """This kind of file cannot be read."""


class FileTooLarge(InvalidInput):
    """The file is larger than the limit; split it or ask the operator to raise REFDESK_MAX_FILE_MB."""


class ParseTimeout(InvalidInput):
    """Reading the file took longer than the limit; split it or ask the operator to raise REFDESK_PARSE_TIMEOUT_S."""


class ParserCrashed(InvalidInput):
    """The parser died on this file; it ran out of its memory limit or hit a fault of the library."""


class Quarantined(InvalidInput):
    """These exact bytes killed a worker several times and are not tried again; `refdesk jobs retry` lifts this."""


class LinkNotAllowed(InvalidInput):
    """This link points to a place Refdesk does not fetch from."""


class LinkFailed(InvalidInput):
    """The link could not be fetched."""


class InvalidQuestion(InvalidInput):
    """The question is empty or too long."""

    def __init__(
        self,
        message: str = "",
        *,
        problem: Literal["empty", "wordless", "long"] = "empty",
        length: int = 0,
        limit: int = 0,
    ) -> None:
        """Store what is wrong, so that the bot can show it in the user's language.

        Args:
            message: The message; empty for the class's docstring.
            problem: `wordless` means that the question contains no letter or digit.
            length: Characters of the question, for `long`.
            limit: Maximum characters, for `long`.
        """
        super().__init__(message)
        self.problem = problem
        self.length = length
        self.limit = limit


class UnknownName(InvalidInput):
    """There is nothing of that name here."""


class NotAllowed(InvalidInput):
    """You may not do this here."""


class NoJudgedQuestions(InvalidInput):
    """There are no judged questions to measure on."""


class QuotaExceeded(InvalidInput):
    """So much is allowed in this time; wait a while and try again."""

    def __init__(
        self,
        message: str = "",
        *,
        limit: int = 0,
        window_s: float = 0.0,
        scope: Literal["user", "server"] = "user",
        frees_in_s: float = 0.0,
        kind: Literal["ask", "ingest"] = "ask",
    ) -> None:
        """Remember the limit, the time it counts over, whose it is, when there is room again, and of what."""
        super().__init__(message)
        self.limit = limit
        self.window_s = window_s
        self.scope = scope
        self.frees_in_s = frees_in_s
        self.kind = kind


class BudgetExceeded(InvalidInput):
    """So much money may be spent and no more; wait a while, or ask the operator to raise the limit."""


class SetupError(RefdeskError):
    """Something Refdesk needs is missing or set up wrongly."""


class DatabaseUnavailable(SetupError):
    """The database cannot be reached; check DATABASE_URL and that the server runs."""

    retryable = True


class DatabaseTooOld(SetupError):
    """The database is too old for Refdesk."""


class SchemaMismatch(SetupError):
    """The database has another schema version than this program; run `refdesk migrate`."""


class BrokerUnavailable(SetupError):
    """Redis cannot be reached; check REDIS_URL and that the server runs. Queued jobs are safe and run later."""

    retryable = True


class ModelUnavailable(SetupError):
    """The model cannot be loaded."""


class ProfileMismatch(SetupError):
    """This worker's embedding model is not the one of the store's profile; it refuses to write."""


class ProfileNotReady(SetupError):
    """The embedding profile lacks vectors; build it first."""


class DiskFull(SetupError):
    """The disk is full; free some space and try again."""

    retryable = True


class MissingExtra(SetupError):
    """A part of Refdesk is not installed here."""


class LlmError(RefdeskError):
    """The language model endpoint failed."""

    retryable = True
    usage: Usage = Usage()
    """What the calls may have cost at most that reached the endpoint and brought no reply that says it."""


def lost_usage(error: Exception) -> Usage:
    """Give what the calls that ended in this error may have cost; nothing for any that is none of an endpoint's."""
    return error.usage if isinstance(error, LlmError) else Usage()


class LlmTimeout(LlmError):
    """The language model did not answer in time."""


class LlmRejected(LlmError):
    """The language model endpoint refused the request; check the key, the model name and the URL."""

    retryable = False


class LlmUnreachable(LlmError):
    """The language model endpoint cannot be reached."""


class LlmUnparsable(LlmError):
    """The language model's answer has not the form that was asked for."""

    retryable = False


class Cancelled(RefdeskError):
    """The job was cancelled."""


class LeaseLost(RefdeskError):
    """Another worker owns this job now."""
