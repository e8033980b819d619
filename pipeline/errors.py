"""The exceptions of Refdesk.

    RefdeskError
    ├── InvalidInput              the user can fix it: a file, a link, a question, an option
    │   ├── UnreadableFile        ├── EncryptedFile    ├── EmptyDocument    ├── UnsupportedFormat
    │   ├── FileTooLarge          ├── ParseTimeout     ├── ParserCrashed    ├── Quarantined
    │   ├── LinkNotAllowed        ├── LinkFailed       ├── InvalidQuestion  ├── UnknownName
    │   ├── QuotaExceeded         ├── BudgetExceeded   ├── NotAllowed       ├── NoJudgedQuestions
    │   └── ParserOutOfMemory
    ├── SetupError                the operator can fix it: a server, a model, a key, the schema
    │   ├── DatabaseUnavailable   ├── DatabaseTooOld   ├── SchemaMismatch   ├── BrokerUnavailable
    │   ├── ModelUnavailable      ├── ProfileMismatch  ├── ProfileNotReady
    │   ├── DiskFull (also a DatabaseUnavailable: what waits for the database waits for free space too)
    │   └── MissingExtra
    ├── ParserKilled              the system or an administrator killed the parser; the file is read again
    ├── LlmError                  an LLM endpoint failed; a reranker or the generator falls back
    │   ├── LlmTimeout            ├── LlmRejected      ├── LlmUnreachable   ├── LlmUnparsable
    │   └── PromptTooLong
    ├── Cancelled                 a user cancelled the job
    └── LeaseLost                 the lease expired or another worker has it; stop writing

The docstring of a class is its default message, so `raise DiskFull` needs no text. `retryable` is True if the same
input may succeed later without any change.
"""

from __future__ import annotations

from typing import ClassVar, Literal, Self

from pipeline.types import Usage

FORMER_NAMES = {
    "BadInput": "InvalidInput",
    "BadQuestion": "InvalidQuestion",
    "LinkRefused": "LinkNotAllowed",
    "OverQuota": "QuotaExceeded",
    "OverBudget": "BudgetExceeded",
    "NothingToMeasure": "NoJudgedQuestions",
    "DatabaseAway": "DatabaseUnavailable",
    "BrokerAway": "BrokerUnavailable",
    "LlmRefused": "LlmRejected",
}
"""Names of error classes before version 0.1.0, which older jobs and workers stored in `jobs.error_class`."""


class RefdeskError(Exception):
    """Internal error. The log contains the cause."""

    retryable: ClassVar[bool] = False

    def __init__(self, message: str = "") -> None:
        """Use `message` as the message, or the docstring of the class if it is empty."""
        super().__init__(message or (type(self).__doc__ or "").strip())

    @property
    def name(self) -> str:
        """The name of the class, as stored with a job."""
        return type(self).__name__


class InvalidInput(RefdeskError):
    """The input is invalid."""


class UnreadableFile(InvalidInput):
    """The file is damaged, or its format does not match its name. Open it, save it again and add the new copy."""


class EncryptedFile(InvalidInput):
    """The file is protected by a password. Save a copy without a password and add the copy."""


class EmptyDocument(InvalidInput):
    """The document contains no text. If it is a scan, run text recognition (OCR) on it first."""


class UnsupportedFormat(InvalidInput):
    """This file format is not supported. Convert the file to PDF, DOCX, HTML or plain text."""


class FileTooLarge(InvalidInput):
    """The file exceeds the size limit. Split it, or ask the operator to raise REFDESK_MAX_FILE_MB."""


class ParseTimeout(InvalidInput):
    """Parsing the file exceeded the time limit. Split it, or ask the operator to raise REFDESK_PARSE_TIMEOUT_S."""


class ParserCrashed(InvalidInput):
    """The parser crashed on this file because of a bug in a library. Save the file in another format."""


class ParserOutOfMemory(InvalidInput):
    """The file needs more memory than allowed. Split it, or ask the operator to raise REFDESK_PARSE_MEMORY_MB."""


class Quarantined(InvalidInput):
    """This content crashed a worker repeatedly and is in quarantine. Run `refdesk jobs retry` to try it again."""


class LinkNotAllowed(InvalidInput):
    """This link is not allowed; only public http and https addresses are fetched."""


class LinkFailed(InvalidInput):
    """The link could not be fetched. Check that it opens in a browser without a login."""


class InvalidQuestion(InvalidInput):
    """The question is empty or too long."""

    def __init__(
        self,
        message: str = "",
        *,
        problem: Literal["empty", "no-words", "long"] = "empty",
        length: int = 0,
        limit: int = 0,
    ) -> None:
        """Store what is wrong, so that the bot can show it in the user's language.

        Args:
            message: The message; empty for the class's docstring.
            problem: `no-words` means that the question contains no letter or digit.
            length: Characters of the question, for `long`.
            limit: Maximum characters, for `long`.
        """
        super().__init__(message)
        self.problem = problem
        self.length = length
        self.limit = limit


class UnknownName(InvalidInput):
    """The name does not exist."""


class NotAllowed(InvalidInput):
    """You do not have permission to do this here."""


class NoJudgedQuestions(InvalidInput):
    """There are no judged questions to evaluate with."""


class QuotaExceeded(InvalidInput):
    """The request quota is used up. Try again later."""

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
        """Store the quota, so that the bot can show it in the user's language.

        Args:
            message: The message; empty for the class's docstring.
            limit: Maximum number of jobs in the window.
            window_s: Length of the window in seconds.
            scope: Whether the quota applies to one user or to the whole server.
            frees_in_s: Seconds until the next job is allowed.
            kind: The kind of job that is limited.
        """
        super().__init__(message)
        self.limit = limit
        self.window_s = window_s
        self.scope = scope
        self.frees_in_s = frees_in_s
        self.kind = kind


class LibraryFull(InvalidInput):
    """The library's quota of stored files is used up. Delete documents, or ask the operator for more."""

    def __init__(self, message: str = "", *, used: int = 0, needed: int = 0, limit: int = 0) -> None:
        """Store the sizes in bytes, so that the bot can show them in the user's language."""
        sizes = f"{needed / 1e6:.1f} MB are needed, {used / 1e6:.1f} of {limit / 1e6:g} MB are used"
        super().__init__(message or f"The library's quota of stored files is used up: {sizes}. Delete documents first.")
        self.used = used
        self.needed = needed
        self.limit = limit


class BudgetExceeded(InvalidInput):
    """The spending limit is reached. Try again later, or ask the operator to raise the limit."""


class SetupError(RefdeskError):
    """Refdesk is not set up correctly. Run `refdesk doctor` to find the cause."""


class DatabaseUnavailable(SetupError):
    """The database cannot be reached. Check DATABASE_URL and that the server is running."""

    retryable = True


class DatabaseTooOld(SetupError):
    """The version of PostgreSQL or pgvector is too old. Upgrade it."""


class SchemaMismatch(SetupError):
    """The database schema does not match this version of Refdesk. Run `refdesk migrate`."""


class BrokerUnavailable(SetupError):
    """Redis cannot be reached. Check REDIS_URL and that the server is running. Submitted jobs run later."""

    retryable = True


class ModelUnavailable(SetupError):
    """The model cannot be loaded. Run `refdesk doctor` to see which one."""


class ProfileMismatch(SetupError):
    """The worker's embedding model is not the model of the live profile. Correct REFDESK_EMBEDDING_MODEL."""


class ProfileNotReady(SetupError):
    """The embedding profile is incomplete. Build it first with `refdesk profiles build`."""


class DiskFull(DatabaseUnavailable):
    """The disk is full. Free some space and try again."""


class MissingExtra(SetupError):
    """An optional dependency of Refdesk is not installed. Run `refdesk doctor` to see which one."""

    @classmethod
    def for_part(cls, part: str, extra: str, *, alternative: str = "") -> Self:
        """Build the error for a part of Refdesk whose libraries are not installed.

        Args:
            part: The part with its article, for example "the bot".
            extra: The extra of pyproject.toml that installs the libraries.
            alternative: Another fix, for example "set REDIS_URL to another server".
        """
        other = f", or {alternative}" if alternative else ""
        return cls(f"The libraries of {part} are not installed. {format_install_hint(extra)}{other}.")


def format_install_hint(extra: str) -> str:
    """Return the instruction that installs an extra, without a full stop. Refdesk is not on a package index."""
    return f"Run `scripts/install {extra}` in the checkout"


class ParserKilled(RefdeskError):
    """The process that reads files was killed repeatedly, by the system or by an administrator."""

    retryable = True


class LlmError(RefdeskError):
    """The language model endpoint failed."""

    retryable = True
    usage: Usage = Usage()
    """Upper estimate of the usage of calls that reached the endpoint and returned no usage."""


def usage_of_error(error: Exception) -> Usage:
    """Return the estimated usage of the calls that failed with this error; zero if it is not an endpoint's error."""
    return error.usage if isinstance(error, LlmError) else Usage()


class LlmTimeout(LlmError):
    """The language model did not answer in time."""


class LlmRejected(LlmError):
    """The language model endpoint rejected the request. Check the API key, the model name and the URL."""

    retryable = False


class PromptTooLong(LlmRejected):
    """The prompt is longer than the language model's context. Lower REFDESK_CONTEXT_TOKENS or REFDESK_TOP_K."""


class LlmUnreachable(LlmError):
    """The language model endpoint cannot be reached. Check REFDESK_LLM_BASE_URL and that the server is running."""


class LlmUnparsable(LlmError):
    """The language model's reply does not have the requested format."""

    retryable = False


class Cancelled(RefdeskError):
    """The job was cancelled."""


class DocumentDeleted(RefdeskError):
    """A document was deleted while the question was answered from it. Ask again."""

    retryable = True


class LeaseLost(RefdeskError):
    """The lease of this job was lost: it expired or another worker has it."""
