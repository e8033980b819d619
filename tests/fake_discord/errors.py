"""Errors that Discord returns and errors in the use of the fake."""

from __future__ import annotations

from typing import Any, Final

MESSAGES: Final = {
    10002: (404, "Unknown Application"),
    10003: (404, "Unknown Channel"),
    10004: (404, "Unknown Guild"),
    10007: (404, "Unknown Member"),
    10008: (404, "Unknown Message"),
    10013: (404, "Unknown User"),
    10014: (400, "Unknown Emoji"),
    10015: (404, "Unknown Webhook"),
    10062: (404, "Unknown interaction"),
    10063: (404, "Unknown application command"),
    30032: (400, "Maximum number of application commands reached"),
    30034: (400, "Max number of daily application command creates has been reached (200)"),
    40005: (413, "Request entity too large"),
    40060: (400, "Interaction has already been acknowledged."),
    40094: (400, "This interaction has reached the maximum number of follow-up messages"),
    50001: (403, "Missing Access"),
    50005: (403, "Cannot edit a message authored by another user"),
    50006: (400, "Cannot send an empty message"),
    50007: (403, "Cannot send messages to this user"),
    50008: (400, "Cannot send messages in a non-text channel"),
    50013: (403, "Missing Permissions"),
    50024: (400, "Cannot execute action on this channel type"),
    50027: (401, "Invalid Webhook Token"),
    50035: (400, "Invalid Form Body"),
    50083: (400, "Thread is archived"),
    50109: (400, "The request body contains invalid JSON."),
    50278: (403, "Cannot send messages to this user due to having no mutual guilds"),
    160002: (400, "Cannot reply without permission to read message history"),
    160004: (400, "A thread has already been created for this message"),
}


class DriverError(AssertionError):
    """The test did something impossible in a Discord client, or a wait timed out."""


class ApiError(Exception):
    """An error response of Discord: status, code, message and field errors."""

    def __init__(self, code: int, errors: dict[str, Any] | None = None, *, status: int | None = None) -> None:
        default_status, message = MESSAGES.get(code, (400, "Bad Request"))
        super().__init__(message)
        self.status = status or default_status
        self.code = code
        self.body: dict[str, Any] = {"message": message, "code": code}
        if errors:
            self.body["errors"] = errors


class FormErrors:
    """Collects the field errors of one body as Discord returns them with code 50035."""

    def __init__(self) -> None:
        self.tree: dict[str, Any] = {}

    def add(self, path: str, code: str, message: str) -> None:
        """Add an error at a path such as `embeds.0.title`."""
        node = self.tree
        for part in path.split(".") if path else ():
            node = node.setdefault(part, {})
        node.setdefault("_errors", []).append({"code": code, "message": message})

    def require(self, path: str) -> None:
        """Report a missing field."""
        self.add(path, "BASE_TYPE_REQUIRED", "This field is required")

    def length(self, path: str, value: Any, shortest: int, longest: int) -> bool:
        """Check that a value is a text of valid length, and return whether it is."""
        if not isinstance(value, str):
            self.add(path, "BASE_TYPE_STRING", "Must be a string.")
        elif len(value) > longest or len(value) < shortest:
            bounds = f"Must be between {shortest} and {longest} in length." if shortest else ""
            self.add(path, "BASE_TYPE_BAD_LENGTH", bounds or f"Must be {longest} or fewer in length.")
        else:
            return True
        return False

    def lines(self) -> list[str]:
        """Return every error as one line: path, code and message."""
        found: list[str] = []

        def walk(node: dict[str, Any], path: str) -> None:
            found.extend(f"{path or 'body'}: {e['code']}: {e['message']}" for e in node.get("_errors", ()))
            for key, child in node.items():
                if key != "_errors":
                    walk(child, f"{path}.{key}" if path else key)

        walk(self.tree, "")
        return found

    def raise_if_any(self) -> None:
        """Raise 50035 if any error was added."""
        if self.tree:
            raise ApiError(50035, self.tree)
