"""Logging to stderr, as text or JSON, without secrets."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Iterable, Mapping, MutableMapping
from typing import Any

import structlog

from config.settings import Settings

_URL_PASSWORD = re.compile(r"(?<=://)([^/@\s:]*):([^/@\s]+)@")
_URL_KEY = re.compile(r"([?&][\w.-]{0,40}(?:key|token|secret|password|signature)=)[^&#\s\"'<>]+", re.IGNORECASE)
"""A secret in the query of a URL; some endpoints take their key there."""


def set_up_logging(settings: Settings) -> None:
    """Send the log lines of structlog and of libraries to stderr in the configured format."""
    hide = _SecretFilter(secret.get_secret_value() for secret in settings.secrets)
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        hide,
    ]
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if settings.log.format == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer], foreign_pre_chain=shared
        )
    )
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    for package in ("bot", "cli", "tasks", "config", "db", "pipeline", "evaluation", "__main__"):
        logging.getLogger(package).setLevel(settings.log.level)
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


def hide_url_secrets(text: str) -> str:
    """Replace the passwords of URLs, and the keys in their queries, with `***`."""
    return _URL_KEY.sub(r"\1***", _URL_PASSWORD.sub(r"\1:***@", text))


class _SecretFilter:
    """Replaces secrets and URL passwords with `***` in all values of a log line."""

    def __init__(self, secrets: Iterable[str]) -> None:
        # Clients send a key without the spaces and line ends around it.
        self._secrets = [secret for secret in map(str.strip, secrets) if len(secret) > 3]

    def __call__(self, _logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        # Keys with a leading underscore belong to structlog and are not printed.
        return {key: value if key.startswith("_") else self._clean_any(value) for key, value in event.items()}

    def _clean_any(self, value: Any) -> Any:
        if value is None or isinstance(value, (bool, int, float)):
            return value
        if isinstance(value, Mapping):
            return {key: self._clean_any(inner) for key, inner in value.items()}
        if isinstance(value, (list, tuple, set, frozenset)):
            return [self._clean_any(inner) for inner in value]
        return self._clean(str(value))

    def _clean(self, value: str) -> str:
        value = hide_url_secrets(value)
        for secret in self._secrets:
            value = value.replace(secret, "***")
        return value
