"""The settings by subject: one frozen class per group, each field with its default, limits and description.

A field's environment variable is the group's prefix plus the field's name in capitals (`LlmSettings.base_url` is
`REFDESK_LLM_BASE_URL`), unless the field names another one as its `validation_alias`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Self

import platformdirs
from pydantic import AliasGenerator, BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from config.prices import Price, parse_price_table
from pipeline.cascades import check_reranker
from pipeline.errors import UnknownName

BUDGET_LIMITS = ("question", "user_day", "server_day")
"""Beginnings of the fields of `BudgetSettings` that have a soft and a hard limit."""


def _default_home() -> Path:
    # PostgreSQL refuses to run as root and must reach its files as an ordinary user. Root's own data folder is below
    # /root, which other users cannot enter; every user can enter /var/lib.
    if os.geteuid() == 0:
        return Path("/var/lib/refdesk")
    return Path(platformdirs.user_data_dir("refdesk", appauthor=False))


def build_aliases(prefix: str) -> AliasGenerator:
    """Return the generator of a group's environment variable names."""
    return AliasGenerator(validation_alias=lambda name: f"{prefix}{name}".upper())


class SettingsGroup(BaseModel):
    """A group of settings. The environment fills its fields by variable name, code by field name."""

    model_config = ConfigDict(populate_by_name=True, extra="forbid", frozen=True, allow_inf_nan=False)


class ServerSettings(SettingsGroup, alias_generator=build_aliases("REFDESK_")):
    """Data folder and servers."""

    home: Path = Field(
        default_factory=_default_home,
        description="Folder of the embedded servers and the logs; the user's data folder when empty.",
    )
    database_url: SecretStr | None = Field(
        None,
        validation_alias="DATABASE_URL",
        description="URL of PostgreSQL 15+ with pgvector 0.8.4+; the embedded server when empty.",
    )
    redis_url: SecretStr | None = Field(
        None,
        validation_alias="REDIS_URL",
        description="URL of Redis 6+, the message broker; the embedded server when empty.",
    )

    @field_validator("home")
    @classmethod
    def _make_absolute(cls, value: Path) -> Path:
        try:
            return value.expanduser().absolute()
        except RuntimeError as error:
            raise ValueError(f"the user {value.parts[0]} has no home folder; write the path in full") from error


class LogSettings(SettingsGroup, alias_generator=build_aliases("REFDESK_LOG_")):
    """Logging."""

    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="Lowest level that is logged.")
    format: Literal["text", "json"] = Field(
        "text", description="Format of log lines: text, or JSON for log collectors."
    )


class DiscordSettings(SettingsGroup, alias_generator=build_aliases("REFDESK_DISCORD_")):
    """Discord bot."""

    token: SecretStr | None = Field(
        None, validation_alias="DISCORD_TOKEN", description="Token of the bot; without one the bot does not start."
    )
    api_url: str = Field(
        "https://discord.com/api/v10", description="URL of Discord's HTTP API; set it to use a REST proxy."
    )
    shard_count: int = Field(0, ge=0, description="Total shards; 0 uses Discord's recommendation.")
    shard_ids: tuple[int, ...] = Field(
        (), description="Shards of this bot process, for example 0,1 or 0-3; all shards when empty."
    )

    @field_validator("api_url")
    @classmethod
    def _check_url(cls, value: str) -> str:
        if not re.fullmatch(r"https?://[^/\s?#]+(/[^\s?#]*)?", value):
            raise ValueError("must be an http(s) URL, for example https://discord.com/api/v10")
        return value.rstrip("/")

    @field_validator("shard_ids", mode="before")
    @classmethod
    def _parse_shards(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        if not re.fullmatch(r"\d{1,5}(-\d{1,5})?(,\d{1,5}(-\d{1,5})?)*", value):
            raise ValueError("must be a list of shard numbers, for example 0,1 or 0-3")
        spans = [(int(first), int(last or first)) for first, _, last in (s.partition("-") for s in value.split(","))]
        if any(first > last for first, last in spans):
            raise ValueError("must have ranges from the lower to the higher shard number, for example 0-3")
        return tuple(sorted({n for first, last in spans for n in range(first, last + 1)}))

    @model_validator(mode="after")
    def _check_shards(self) -> Self:
        if self.shard_ids and not self.shard_count:
            raise ValueError("REFDESK_DISCORD_SHARD_IDS needs REFDESK_DISCORD_SHARD_COUNT; set both")
        if self.shard_ids and self.shard_ids[-1] >= self.shard_count:
            raise ValueError(
                f"REFDESK_DISCORD_SHARD_IDS must be below REFDESK_DISCORD_SHARD_COUNT ({self.shard_count}),"
                f" but contains {self.shard_ids[-1]}"
            )
        return self


class QuotaSettings(SettingsGroup, alias_generator=build_aliases("REFDESK_")):
    """Quotas and retention; servers can lower them for themselves with `/settings`."""

    questions_per_user_hour: int = Field(60, ge=0, description="Questions per user and hour; 0 sets no quota.")
    questions_per_day: int = Field(2000, ge=0, description="Questions per server and day; 0 sets no quota.")
    documents_per_user_day: int = Field(200, ge=0, description="Documents added per user and day; 0 sets no quota.")
    documents_per_day: int = Field(2000, ge=0, description="Documents added per server and day; 0 sets no quota.")
    library_mb: int = Field(
        0, ge=0, description="Megabytes of original files per server or other workspace; 0 sets no quota."
    )
    retention_days: int = Field(
        0, ge=0, le=36_500, description="Days after which questions, answers and jobs are deleted; 0 keeps them."
    )


class EmbeddingSettings(SettingsGroup, alias_generator=build_aliases("REFDESK_EMBEDDING_")):
    """Embedding model."""

    model: str = Field(
        "multilingual-e5-small",
        description="Name or folder of an empty store's embedding model; change it later with `refdesk profiles`.",
    )
    base_url: str = Field(
        "",
        description="OpenAI-compatible endpoint of the model, for example https://api.openai.com/v1; "
        "the model runs locally when empty.",
    )
    api_key: SecretStr | None = Field(None, description="API key of the endpoint.")
    dimensions: int = Field(
        0, ge=0, le=4000, description="Dimensions requested from the endpoint; 0 uses the model's default."
    )
    pooling: Literal["", "mean", "last"] = Field(
        "", description="Embed with a language model's hidden states: mean of all tokens (mean) or last token (last)."
    )
    price_tokens_usd: float = Field(0.0, ge=0, description="US dollars per million tokens of the endpoint.")
    quantization: Literal["", "int8"] = Field(
        "",
        description="Precision of an empty store's local model: int8, or as the model is when empty; int8 needs the "
        "extra int8.",
    )
    request_size: int = Field(
        256,
        ge=1,
        le=2048,
        description="Maximum texts per request; halved when the endpoint rejects a request as too large.",
    )
    batch_size: int = Field(
        32, ge=1, le=512, validation_alias="REFDESK_EMBED_BATCH_SIZE", description="Chunks per batch of a local model."
    )
    claim_size: int = Field(
        256,
        ge=1,
        le=4096,
        validation_alias="REFDESK_EMBED_CLAIM_SIZE",
        description="Maximum chunks per claim, across documents; a slow model claims what takes it a second.",
    )
    linger_s: float = Field(
        0.5,
        ge=0,
        validation_alias="REFDESK_EMBED_LINGER_S",
        description="Maximum seconds that chunks wait for a full batch while documents are queued.",
    )


class LocalModelSettings(SettingsGroup, alias_generator=build_aliases("REFDESK_")):
    """Local models."""

    threads: int = Field(0, ge=0, description="CPU threads per local model; 0 uses all cores.")
    encoder: Literal["auto", "openvino", "torch"] = Field(
        "auto",
        description="What runs local models: torch on a GPU and OpenVINO on a CPU (auto), or always openvino or torch.",
    )
    cross_encoder_model: str = Field("", description="Name or folder of the cross-encoder; by language when empty.")
    token_cache_mb: int = Field(
        256, ge=0, description="Megabytes of memory for cached token vectors of the late-interaction reranker."
    )


class LlmSettings(SettingsGroup, alias_generator=build_aliases("REFDESK_LLM_")):
    """Language model; without one, answers are sentences extracted from the passages."""

    base_url: str = Field(
        "", description="OpenAI-compatible server, for example http://127.0.0.1:11434/v1; no language model when empty."
    )
    api_key: SecretStr | None = Field(None, description="API key of the server.")
    model: str = Field("", description="Name of the model on the server.")
    timeout_s: float = Field(60.0, gt=0, description="Seconds before a call times out.")
    concurrency: int = Field(4, ge=1, le=64, description="Maximum concurrent calls of one rerank stage.")
    max_tokens: int = Field(800, ge=16, description="Maximum tokens per answer.")
    reasoning_tokens: int = Field(
        3200,
        ge=0,
        description="Extra tokens per answer once a model has used up REFDESK_LLM_MAX_TOKENS for its reasoning.",
    )
    reasoning_effort: str = Field(
        "",
        description="Reasoning effort sent with answers and follow-up questions, for example none or low; "
        "not sent when empty.",
    )
    price_prompt_usd: float = Field(0.0, ge=0, description="US dollars per million prompt tokens.")
    price_completion_usd: float = Field(0.0, ge=0, description="US dollars per million completion tokens.")


class AnswerSettings(SettingsGroup, alias_generator=build_aliases("REFDESK_")):
    """Answering questions."""

    recall: Literal["hybrid", "dense", "keyword"] = Field("hybrid", description="Default recall mode.")
    reranker: str = Field("auto", description="Default reranker or cascade; auto: a cross-encoder within reach.")
    top_n: int = Field(50, ge=1, le=200, description="Candidates to recall.")
    top_k: int = Field(3, ge=1, le=20, description="Passages used to write an answer.")
    context_tokens: int = Field(
        2400,
        ge=0,
        description="Maximum tokens of the passages and their neighbours in a prompt; 0 sends the passages alone.",
    )
    abstain_below: float = Field(
        0.33,
        ge=0,
        le=1,
        description="Minimum relevance of a passage for an answer, 0 to 1; below it Refdesk abstains.",
    )
    max_question_chars: int = Field(4000, ge=1, description="Maximum characters per question.")

    @field_validator("reranker")
    @classmethod
    def _check_reranker(cls, value: str) -> str:
        try:
            return check_reranker(value)
        except UnknownName as error:
            raise ValueError(str(error)) from None


class RerankSettings(SettingsGroup, alias_generator=build_aliases("REFDESK_RERANK_")):
    """Reranking."""

    timeout_s: float = Field(20.0, gt=0, description="Seconds before the rerank stage falls back to a simpler method.")
    max_tokens: int = Field(
        300_000, ge=0, description="Maximum tokens per question and rerank method; 0 sets no limit."
    )
    reply_tokens: int = Field(400, ge=16, description="Extra completion tokens per rerank call for reasoning models.")
    reasoning_effort: str = Field(
        "", description="Reasoning effort sent with rerank calls, for example none or low; not sent when empty."
    )
    scale: Literal["5", "10"] = Field("10", description="llm-pointwise: highest rating of a passage.")
    passages_per_call: int = Field(1, ge=1, le=20, description="llm-pointwise: passages rated per call.")
    logprobs: bool = Field(
        default=False,
        description="llm-pointwise: weight ratings by token probabilities, if the server returns them.",
    )
    pairs: Literal["sort", "sliding", "all-pairs"] = Field(
        "sort", description="llm-pairwise: strategy of comparisons (sort, sliding or all-pairs)."
    )
    depth: int = Field(20, ge=1, le=200, description="llm-pairwise: top ranks that sort and sliding determine.")
    window: int = Field(20, ge=2, le=50, description="llm-listwise: passages ordered per call.")
    step: int = Field(10, ge=1, le=50, description="llm-listwise: ranks between the starts of two windows.")

    @model_validator(mode="after")
    def _check_step(self) -> Self:
        if self.step > self.window:
            raise ValueError(
                f"REFDESK_RERANK_STEP must be at most REFDESK_RERANK_WINDOW ({self.window}), but is {self.step}"
            )
        return self


class RerankApiSettings(SettingsGroup, alias_generator=build_aliases("REFDESK_RERANK_API_")):
    """Rerank endpoint, for the reranker `rerank-api`."""

    url: str = Field(
        "", description="URL of a Cohere-compatible endpoint, for example https://api.cohere.com/v2/rerank."
    )
    key: SecretStr | None = Field(None, description="API key of the endpoint.")
    model: str = Field("", description="Name of the model; not sent when empty.")
    price_call_usd: float = Field(0.0, ge=0, description="US dollars per thousand calls.")
    price_tokens_usd: float = Field(0.0, ge=0, description="US dollars per million tokens.")


class BudgetSettings(SettingsGroup, alias_generator=build_aliases("REFDESK_BUDGET_")):
    """Prices and budgets; a day is the last 24 hours, and 0 sets no limit."""

    prices: Mapping[str, Price] = Field(
        default_factory=dict,
        validation_alias="REFDESK_PRICES",
        description="Prices by model as JSON: US dollars per million prompt and completion tokens, per thousand calls.",
    )
    question_soft_usd: float = Field(
        0.0, ge=0, description="US dollars per question above which a cheaper reranker is used."
    )
    question_hard_usd: float = Field(0.0, ge=0, description="Maximum US dollars per question.")
    user_day_soft_usd: float = Field(
        0.0, ge=0, description="US dollars per user and day above which a cheaper reranker is used."
    )
    user_day_hard_usd: float = Field(0.0, ge=0, description="Maximum US dollars per user and day.")
    server_day_soft_usd: float = Field(
        0.0, ge=0, description="US dollars per server and day above which a cheaper reranker is used."
    )
    server_day_hard_usd: float = Field(0.0, ge=0, description="Maximum US dollars per server and day.")

    @field_validator("prices", mode="before")
    @classmethod
    def _parse_prices(cls, value: Any) -> Any:
        return parse_price_table(value) if isinstance(value, str) else value

    @property
    def has_limit(self) -> bool:
        """Whether any spending limit is set."""
        return any(getattr(self, f"{name}_{kind}_usd") for name in BUDGET_LIMITS for kind in ("soft", "hard"))

    @model_validator(mode="after")
    def _check_limits(self) -> Self:
        for name in BUDGET_LIMITS:
            soft, hard = getattr(self, f"{name}_soft_usd"), getattr(self, f"{name}_hard_usd")
            if hard and soft > hard:
                variable = f"REFDESK_BUDGET_{name}".upper()
                raise ValueError(f"{variable}_SOFT_USD must be at most {variable}_HARD_USD ({hard:g}), but is {soft:g}")
        return self
