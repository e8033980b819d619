"""Where each setting comes from, and variables that look like a setting and are none, for `refdesk config`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Literal

from pydantic import SecretStr
from pydantic_settings import DotEnvSettingsSource, EnvSettingsSource

from config.logging import hide_url_secrets
from config.settings import Setting, Settings, iter_settings

Source = Literal["environment", ".env", "default"]
PREFIX = "REFDESK_"
OTHER_VARIABLES = frozenset({"REFDESK_SHARED"})
"""Variables of the tests."""
HIDDEN = "***"


@dataclass(frozen=True, slots=True)
class SettingValue:
    """A setting with its value, without secrets, and its source."""

    variable: str
    value: Any
    source: Source
    read_from: str
    """The variable that contains the value or, ending in `_FILE`, the path of the file with the secret; empty for a
    default."""


@dataclass(frozen=True, slots=True)
class UnknownVariable:
    """A variable with Refdesk's prefix that no setting has."""

    variable: str
    source: Source
    nearest: str
    """The setting with the most similar name; empty if none is similar."""

    @property
    def explanation(self) -> str:
        """A sentence about this variable."""
        where = "in .env" if self.source == ".env" else "in the environment"
        hint = f" Did you mean {self.nearest}?" if self.nearest else ""
        return f"{self.variable} {where} is not a setting and has no effect.{hint}"


def list_values(settings: Settings) -> list[SettingValue]:
    """Return all settings in the order of `.env.example`."""
    sources = _read_sources()
    plain = settings.model_dump(mode="json")
    return [
        SettingValue(setting.variable, _show(settings, setting, plain), *_find_source(setting, sources))
        for setting in iter_settings()
    ]


def list_unknown() -> list[UnknownVariable]:
    """Return the variables of the environment and of `.env` that have no effect."""
    known = {name for setting in iter_settings() for name in _names(setting)} | OTHER_VARIABLES
    return [
        UnknownVariable(name, source, "".join(get_close_matches(name, known, n=1)))
        for source, variables in _read_sources().items()
        for name in sorted(variables)
        if name.startswith(PREFIX) and name not in known
    ]


def _read_sources() -> dict[Source, set[str]]:
    """Return the names of the variables that are not empty; the source that wins is first."""
    environment, dotenv = EnvSettingsSource(Settings), DotEnvSettingsSource(Settings)
    return {
        "environment": {name.upper() for name in environment.env_vars},
        ".env": {name.upper() for name in dotenv.env_vars},
    }


def _names(setting: Setting) -> Iterator[str]:
    # A file takes precedence over the value of the variable itself.
    if setting.is_secret:
        yield f"{setting.variable}_FILE"
    yield setting.variable


def _find_source(setting: Setting, sources: dict[Source, set[str]]) -> tuple[Source, str]:
    for name in _names(setting):
        for source, variables in sources.items():
            if name in variables:
                return source, name
    return "default", ""


def _show(settings: Settings, setting: Setting, plain: dict[str, dict[str, Any]]) -> Any:
    value = getattr(getattr(settings, setting.group), setting.name)
    if isinstance(value, SecretStr):
        return HIDDEN
    shown = plain[setting.group][setting.name]
    return hide_url_secrets(shown) if isinstance(shown, str) else shown
