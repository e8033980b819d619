"""Settings: environment variables and `.env` become one frozen object, built by `load()` in an entry point.

Nothing is read at import, and modules below `config` take arguments. `.env.example` lists every variable with its
default. A secret can also be read from a file: the variable `NAME_FILE` contains its path.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast, get_args

from pydantic import BaseModel, Field, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from config.job_setting_groups import IngestSettings, JobSettings, MetricsSettings, OcrSettings
from config.prices import Price
from config.setting_groups import (
    AnswerSettings,
    BudgetSettings,
    DiscordSettings,
    EmbeddingSettings,
    LlmSettings,
    LocalModelSettings,
    LogSettings,
    QuotaSettings,
    RerankApiSettings,
    RerankSettings,
    ServerSettings,
)
from pipeline.errors import SetupError

MAX_VALUE_CHARS = 80
"""Longest part of an invalid value that an error message repeats."""


class Settings(BaseSettings):
    """All settings, by group."""

    model_config = SettingsConfigDict(env_file=".env", env_ignore_empty=True, extra="forbid", frozen=True)

    servers: ServerSettings = Field(default_factory=ServerSettings)  # its default depends on the user who runs this
    log: LogSettings = LogSettings()
    discord: DiscordSettings = DiscordSettings()
    quotas: QuotaSettings = QuotaSettings()
    embedding: EmbeddingSettings = EmbeddingSettings()
    models: LocalModelSettings = LocalModelSettings()
    llm: LlmSettings = LlmSettings()
    answer: AnswerSettings = AnswerSettings()
    rerank: RerankSettings = RerankSettings()
    rerank_api: RerankApiSettings = RerankApiSettings()
    budget: BudgetSettings = BudgetSettings()
    ingest: IngestSettings = IngestSettings()
    ocr: OcrSettings = OcrSettings()
    jobs: JobSettings = JobSettings()
    metrics: MetricsSettings = MetricsSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 (the signature is pydantic's)
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Sort the flat variables of the environment and `.env` into the groups; the environment wins."""
        dotenv, environment = (cast("EnvSettingsSource", source).env_vars for source in (dotenv_settings, env_settings))
        return init_settings, InitSettingsSource(settings_cls, _group({**dotenv, **environment}))

    @property
    def llm_price(self) -> Price:
        """Price of the language model: from the price table, or else from its two single prices."""
        single = Price(prompt=self.llm.price_prompt_usd, completion=self.llm.price_completion_usd)
        return self.budget.prices.get(self.llm.model, single)

    @property
    def rerank_api_price(self) -> Price:
        """Price of the rerank endpoint: from the price table, or else from its two single prices."""
        single = Price(prompt=self.rerank_api.price_tokens_usd, calls=self.rerank_api.price_call_usd)
        return self.budget.prices.get(self.rerank_api.model, single)

    def find_embedding_price(self, model: str) -> Price:
        """Return the price of an embedding endpoint's model: from the price table, or else the single price."""
        return self.budget.prices.get(model, Price(prompt=self.embedding.price_tokens_usd))

    @property
    def secrets(self) -> list[SecretStr]:
        """The values of all secrets that are set."""
        values = [getattr(getattr(self, setting.group), setting.name) for setting in iter_settings(type(self))]
        return [value for value in values if isinstance(value, SecretStr)]


@dataclass(frozen=True, slots=True)
class Setting:
    """One field of a group, with its environment variable."""

    group: str
    name: str
    variable: str
    field: FieldInfo

    @property
    def is_secret(self) -> bool:
        """Whether the value is a secret, which can also be read from the file that `<variable>_FILE` names."""
        return SecretStr in (self.field.annotation, *get_args(self.field.annotation))


def iter_settings(settings: type[Settings] = Settings) -> Iterator[Setting]:
    """Yield every setting in the order of `.env.example`."""
    for group, group_field in settings.model_fields.items():
        fields = cast("type[BaseModel]", group_field.annotation).model_fields
        for name, field in fields.items():
            yield Setting(group, name, str(field.validation_alias), field)


def load() -> Settings:
    """Read the environment and `.env` once; raises `SetupError` that names each invalid variable."""
    try:
        return Settings()
    except ValidationError as error:
        problems = [_explain(one["loc"], one["msg"], one["input"]) for one in error.errors()]
    raise SetupError("Invalid settings. " + "; ".join(problems) + ".")


def _group(variables: Mapping[str, str | None]) -> dict[str, dict[str, str]]:
    """Sort variables (names in small letters) into groups, by variable name; secrets are read from their files."""
    groups: dict[str, dict[str, str]] = {}
    for setting in iter_settings():
        value = variables.get(setting.variable.lower())
        if setting.is_secret and (path := variables.get(f"{setting.variable}_FILE".lower())):
            value = _read_secret(setting.variable, path)
        if value is not None:
            groups.setdefault(setting.group, {})[setting.variable] = value
    return groups


def _read_secret(variable: str, path: str) -> str:
    try:
        secret = Path(path).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise SetupError(f"{variable}_FILE: {path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError:
        raise SetupError(f"{variable}_FILE: {path} is not a UTF-8 text file.") from None
    if not secret:
        raise SetupError(f"{variable}_FILE: {path} is empty.")
    return secret


def _explain(location: tuple[int | str, ...], message: str, value: object) -> str:
    """Format one validation error; `location` is the group, then the variable and the keys inside its value."""
    message = message.removeprefix("Value error, ")
    _group_name, *path = location
    if not path:  # the check of a whole group names its variables itself
        return message
    # A secret never fails validation, because every text is a valid SecretStr.
    return f"{': '.join(map(str, path))}: {message} (got {str(value)[:MAX_VALUE_CHARS]!r})"
