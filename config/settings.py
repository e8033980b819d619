"""Settings: the environment becomes one frozen object, built by `load()` in an entry point, never at import.

Every variable is listed with its default in `.env.example`. A secret may also come from a file: `NAME_FILE` holds the
path. Below `config` everything takes arguments.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import platformdirs
from dotenv import dotenv_values
from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from config.prices import Price, read_table
from pipeline.cascades import check_reranker
from pipeline.errors import SetupError, UnknownName

ENV_FILE = ".env"
BUDGETS = ("budget_question", "budget_user_day", "budget_server_day")
"""Beginnings of the settings that limit what is spent."""
SECRETS = (
    "DATABASE_URL",
    "REDIS_URL",
    "DISCORD_TOKEN",
    "REFDESK_LLM_API_KEY",
    "REFDESK_RERANK_API_KEY",
    "REFDESK_EMBEDDING_API_KEY",
)
"""Variables that may be given as NAME_FILE."""


def _default_home() -> Path:
    # For root the user's data folder lies under /root, which is closed to others, while PostgreSQL must run as an
    # ordinary user and reach its files: /var/lib is open to pass through, so nothing has to be loosened.
    if os.geteuid() == 0:
        return Path("/var/lib/refdesk")
    return Path(platformdirs.user_data_dir("refdesk", appauthor=False))


class Settings(BaseSettings):
    """Everything that can be set."""

    model_config = SettingsConfigDict(
        env_prefix="REFDESK_",
        env_file=ENV_FILE,
        env_ignore_empty=True,
        frozen=True,
        extra="ignore",
        populate_by_name=True,
        allow_inf_nan=False,
    )

    # Where things are
    home: Path = Field(default_factory=_default_home, description="Folder of the embedded servers and logs.")
    database_url: SecretStr | None = Field(
        None, validation_alias="DATABASE_URL", description="PostgreSQL 15+ with pgvector 0.8.4+; embedded when empty."
    )
    redis_url: SecretStr | None = Field(
        None, validation_alias="REDIS_URL", description="Redis 6+ as message broker; embedded when empty."
    )
    discord_token: SecretStr | None = Field(None, validation_alias="DISCORD_TOKEN", description="The bot's token.")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="Least severe line logged.")
    log_format: Literal["text", "json"] = Field("text", description="Log lines for people or for machines.")

    # Discord
    discord_api_url: str = Field(
        "https://discord.com/api/v10",
        description="Discord's HTTP API; another address where a REST proxy stands between.",
    )
    discord_shard_count: int = Field(0, ge=0, description="Shards in all; 0: as many as Discord advises.")
    discord_shard_ids: str = Field("", description="Shards of this bot process, e.g. 0,1 or 0-3; empty: all of them.")
    questions_per_user_hour: int = Field(60, ge=0, description="Questions one person may ask in an hour; 0: no limit.")
    questions_per_day: int = Field(2000, ge=0, description="Questions one server may ask in a day; 0: no limit.")
    documents_per_user_day: int = Field(200, ge=0, description="Documents one person may add in a day; 0: no limit.")
    documents_per_day: int = Field(2000, ge=0, description="Documents one server may add in a day; 0: no limit.")

    # Models
    embedding_model: str = Field(
        "all-MiniLM-L6-v2",
        description="Model of an empty store, a name or folder; later `refdesk profiles` changes it.",
    )
    embedding_base_url: str = Field(
        "",
        description="OpenAI-compatible endpoint that has the model, e.g. https://api.openai.com/v1.",
    )
    embedding_api_key: SecretStr | None = Field(None, description="The endpoint's key, where it wants one.")
    embedding_dimensions: int = Field(
        0, ge=0, le=4000, description="Dimensions to ask the endpoint for; 0: as many as it gives."
    )
    embedding_pooling: Literal["", "mean", "last"] = Field(
        "", description="Take a language model's hidden states: their mean, or that of the last token."
    )
    embedding_request_size: int = Field(
        256, ge=1, le=2048, description="Texts of one request to the endpoint; one that takes fewer gets fewer."
    )
    cross_encoder_model: str = Field(
        "cross-encoder/ms-marco-MiniLM-L6-v2", description="A sentence-transformers CrossEncoder name or folder."
    )
    threads: int = Field(0, ge=0, description="Threads a model may use; 0: as many as there are cores.")
    embed_batch_size: int = Field(32, ge=1, le=512, description="Chunks a model reads at once.")
    embed_claim_size: int = Field(256, ge=1, le=4096, description="Chunks a worker claims at once, across documents.")
    token_cache_mb: int = Field(
        256, ge=0, description="Memory for the token vectors of passages that late-interaction has read."
    )
    embed_linger_s: float = Field(10.0, ge=0, description="Seconds a partly filled claim waits for more chunks.")

    # Language model
    llm_base_url: str = Field("", description="OpenAI-compatible server, e.g. http://127.0.0.1:11434/v1.")
    llm_api_key: SecretStr | None = Field(None, description="Its key, where it wants one.")
    llm_model: str = Field("", description="The model's name at that server.")
    llm_timeout_s: float = Field(60.0, gt=0, description="Seconds one call may take.")
    llm_concurrency: int = Field(4, ge=1, le=64, description="Calls at once.")
    llm_max_tokens: int = Field(800, ge=16, description="Longest answer in tokens.")
    llm_price_prompt_usd: float = Field(0.0, ge=0, description="Price of a million prompt tokens in US dollars.")
    llm_price_completion_usd: float = Field(
        0.0, ge=0, description="Price of a million completion tokens in US dollars."
    )

    # Answering
    recall: Literal["hybrid", "dense", "keyword"] = Field("hybrid", description="Recall used when none is asked for.")
    reranker: str = Field("late-interaction", description="Reranker used when none is asked for.")
    top_n: int = Field(50, ge=1, le=200, description="Candidates recalled.")
    top_k: int = Field(3, ge=1, le=20, description="Passages an answer is written from.")
    context_tokens: int = Field(
        2400,
        ge=0,
        description="Tokens of the passages and the chunks beside them that a language model answers from; "
        "0: the passages alone.",
    )
    abstain_below: float = Field(
        0.35, ge=0, le=1, description="Best cosine similarity under which there is no answer (unless keywords match)."
    )
    rerank_timeout_s: float = Field(20.0, gt=0, description="Seconds the rerank stage may take before it falls back.")
    rerank_max_tokens: int = Field(
        300_000, ge=0, description="Tokens that a method may spend on reranking for one question; 0: no limit."
    )
    rerank_reply_tokens: int = Field(
        400, ge=16, description="Room in each rating or ranking for what a model thinks before it answers, in tokens."
    )
    rerank_reasoning_effort: str = Field(
        "", description="Sent with ratings and rankings where set, e.g. none or low; models that think rank slowly."
    )
    rerank_scale: Literal["5", "10"] = Field("10", description="llm-pointwise: the best rating of a passage.")
    rerank_passages_per_call: int = Field(1, ge=1, le=20, description="llm-pointwise: passages rated by one call.")
    rerank_logprobs: bool = Field(
        default=False, description="llm-pointwise: weigh ratings by token probabilities, where the server gives them."
    )
    rerank_pairs: Literal["sort", "sliding", "all-pairs"] = Field(
        "sort", description="llm-pairwise: how comparisons become an order."
    )
    rerank_depth: int = Field(20, ge=1, le=200, description="llm-pairwise: places that sort and sliding work out.")
    rerank_window: int = Field(20, ge=2, le=50, description="llm-listwise: passages put in order by one call.")
    rerank_step: int = Field(10, ge=1, le=50, description="llm-listwise: places from one window to the next.")
    rerank_api_url: str = Field(
        "", description="rerank-api: endpoint like Cohere's, e.g. https://api.cohere.com/v2/rerank."
    )
    rerank_api_key: SecretStr | None = Field(None, description="Its key, where it wants one.")
    rerank_api_model: str = Field("", description="The model's name there, where it has several.")
    rerank_api_price_call_usd: float = Field(0.0, ge=0, description="Price of a thousand calls in US dollars.")
    rerank_api_price_tokens_usd: float = Field(0.0, ge=0, description="Price of a million tokens in US dollars.")
    max_question_chars: int = Field(4000, ge=1, description="Longest question.")

    # Prices and budgets
    prices: Annotated[Mapping[str, Price], NoDecode] = Field(
        default_factory=dict,
        description="Prices by model as JSON: of a million prompt and completion tokens, of a thousand calls.",
    )
    budget_question_soft_usd: float = Field(
        0.0, ge=0, description="US dollars from which on a question gets a cheaper reranker; 0: no limit."
    )
    budget_question_hard_usd: float = Field(
        0.0, ge=0, description="US dollars that a question may cost at most; 0: no limit."
    )
    budget_user_day_soft_usd: float = Field(
        0.0, ge=0, description="US dollars a day from which on one person's questions get a cheaper reranker."
    )
    budget_user_day_hard_usd: float = Field(
        0.0, ge=0, description="US dollars that one person's questions may cost a day at most."
    )
    budget_server_day_soft_usd: float = Field(
        0.0, ge=0, description="US dollars a day from which on a server's questions get a cheaper reranker."
    )
    budget_server_day_hard_usd: float = Field(
        0.0, ge=0, description="US dollars that a server's questions may cost a day at most."
    )

    # Ingestion
    chunk_tokens: int = Field(
        254, ge=32, le=4096, description="Most tokens of a chunk, heading path included; at most what the model reads."
    )
    chunk_overlap: int = Field(0, ge=0, description="Tokens a chunk repeats of the one before.")
    max_file_mb: float = Field(50, gt=0, description="Largest file.")
    max_unpacked_mb: float = Field(500, gt=0, description="Most a zip-based file may unpack to.")
    max_chunks: int = Field(50_000, ge=1, description="Most chunks of one document.")
    parse_timeout_s: float = Field(120, gt=0, description="Seconds the parser may take for one file.")
    parse_memory_mb: int = Field(2048, ge=256, description="Memory the parser may take.")
    fetch_timeout_s: float = Field(30, gt=0, description="Seconds a link may take.")
    fetch_private: bool = Field(
        default=False, description="Let links reach private and loopback addresses; for tests and closed networks only."
    )

    # The ledger
    lease_s: float = Field(60, gt=0, description="Seconds a worker owns a job without renewing.")
    max_attempts: int = Field(3, ge=1, description="Attempts before a job is dead.")
    sweep_s: float = Field(10, gt=0, description="Seconds between two sweeps.")
    job_expires_s: float = Field(86_400, gt=0, description="Seconds a queue message lives; the sweeper renews it.")

    @field_validator("home")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        try:
            return value.expanduser().absolute()
        except RuntimeError as error:
            raise ValueError(f"there is no home folder for {value.parts[0]}") from error

    @field_validator("discord_api_url")
    @classmethod
    def _an_address(cls, value: str) -> str:
        if not re.fullmatch(r"https?://[^/\s?#]+(/[^\s?#]*)?", value):
            raise ValueError("not an address such as https://discord.com/api/v10")
        return value.rstrip("/")

    @field_validator("discord_shard_ids")
    @classmethod
    def _shards(cls, value: str) -> str:
        if value and not re.fullmatch(r"\d{1,5}(-\d{1,5})?(,\d{1,5}(-\d{1,5})?)*", value):
            raise ValueError("not a list of numbers such as 0,1 or 0-3")
        return value

    @field_validator("prices", mode="before")
    @classmethod
    def _a_price_table(cls, value: Any) -> Any:
        return read_table(value) if isinstance(value, str) else value

    @field_validator("reranker")
    @classmethod
    def _a_reranker(cls, value: str) -> str:
        try:
            return check_reranker(value)
        except UnknownName as error:
            raise ValueError(str(error)) from None

    @property
    def llm_price(self) -> Price:
        """Price of the language model: as the table names it, else the two single prices."""
        single = Price(prompt=self.llm_price_prompt_usd, completion=self.llm_price_completion_usd)
        return self.prices.get(self.llm_model, single)

    @property
    def rerank_api_price(self) -> Price:
        """Price of the reranking service: as the table names its model, else the two single prices."""
        single = Price(prompt=self.rerank_api_price_tokens_usd, calls=self.rerank_api_price_call_usd)
        return self.prices.get(self.rerank_api_model, single)

    @property
    def has_budget(self) -> bool:
        """Whether any limit of what may be spent is set."""
        return any(getattr(self, f"{name}_{kind}_usd") for name in BUDGETS for kind in ("soft", "hard"))

    @property
    def shard_ids(self) -> list[int]:
        """Shards of this bot process; empty for all."""
        spans = [span.partition("-") for span in self.discord_shard_ids.split(",") if span]
        return sorted({n for first, _, last in spans for n in range(int(first), int(last or first) + 1)})

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        if self.discord_shard_ids and not self.discord_shard_count:
            raise ValueError("REFDESK_DISCORD_SHARD_IDS: name REFDESK_DISCORD_SHARD_COUNT too")
        if self.shard_ids and self.shard_ids[-1] >= self.discord_shard_count:
            raise ValueError("REFDESK_DISCORD_SHARD_IDS: the last shard is REFDESK_DISCORD_SHARD_COUNT - 1")
        if self.rerank_step > self.rerank_window:
            raise ValueError("REFDESK_RERANK_STEP: at most REFDESK_RERANK_WINDOW")
        for name in BUDGETS:
            soft, hard = getattr(self, f"{name}_soft_usd"), getattr(self, f"{name}_hard_usd")
            if hard and soft > hard:
                variable = variable_of(f"{name}_soft_usd")
                raise ValueError(f"{variable}: at most {variable_of(f'{name}_hard_usd')}")
        if self.chunk_overlap * 2 > self.chunk_tokens:
            raise ValueError("REFDESK_CHUNK_OVERLAP: at most half of REFDESK_CHUNK_TOKENS")
        return self


def load() -> Settings:
    """Read the environment and `.env` once; raises `SetupError` naming each wrong variable."""
    try:
        return Settings(**_secrets_from_files())
    except ValidationError as error:
        lines = [_explain(e["loc"], e["msg"]) for e in error.errors(include_input=False)]
        raise SetupError("These settings are wrong. " + "; ".join(lines)) from None


def _secrets_from_files() -> dict[str, Any]:
    # What `.env` says counts here too; the environment wins.
    given = {**dotenv_values(ENV_FILE), **os.environ}
    return {_field_of(name): _read_secret(name, path) for name in SECRETS if (path := given.get(f"{name}_FILE"))}


def _read_secret(name: str, path: str) -> str:
    try:
        secret = Path(path).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise SetupError(f"{name}_FILE names {path}, which cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError:
        raise SetupError(f"{name}_FILE names {path}, which is no text.") from None
    if not secret:
        raise SetupError(f"{name}_FILE names {path}, which is empty.")
    return secret


def _explain(location: tuple[int | str, ...], message: str) -> str:
    message = message.removeprefix("Value error, ")
    if not location:
        return message
    return ": ".join((variable_of(str(location[0])), *map(str, location[1:]), message))


def _field_of(variable: str) -> str:
    return next(name for name in Settings.model_fields if variable_of(name) == variable)


def variable_of(field_name: str) -> str:
    """Name the environment variable of a field."""
    field = Settings.model_fields.get(field_name)
    if field is None:
        return field_name
    alias = field.validation_alias
    return alias if isinstance(alias, str) else f"REFDESK_{field_name}".upper()
