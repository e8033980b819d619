"""The settings of the app on Celery's command line. Imports no part of a worker, because the bot imports the app."""

from __future__ import annotations

from pydantic import SecretStr

from config.logging import set_up_logging
from config.settings import load
from pipeline.errors import RefdeskError, SetupError
from tasks.app import configure


def configure_from_settings() -> None:
    """Configure the app from the environment and `.env`, or exit with the reason why that is impossible."""
    try:
        settings = load()
        set_up_logging(settings)
        configure(read_url(settings.servers.redis_url))
    except RefdeskError as error:
        raise SystemExit(f"error: {error}") from error


def read_url(url: SecretStr | None) -> str:
    """Return the URL of a server; raise `SetupError` if it is not set."""
    if url is None:
        raise SetupError(
            "Celery's command line needs DATABASE_URL and REDIS_URL. For the embedded servers, put `refdesk exec` in"
            " front of the command: `refdesk exec celery -A tasks.app inspect ping`."
        )
    return url.get_secret_value()
