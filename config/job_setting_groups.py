"""The groups of settings for ingesting documents and running jobs; `setting_groups` contains the others."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from config.setting_groups import SettingsGroup, build_aliases


class IngestSettings(SettingsGroup, alias_generator=build_aliases("REFDESK_")):
    """Ingesting documents."""

    chunk_tokens: int = Field(
        254,
        ge=32,
        le=4096,
        description="Maximum tokens per chunk with its heading path; lowered to what the embedding model reads.",
    )
    chunk_overlap: int = Field(0, ge=0, description="Tokens that a chunk repeats from the previous chunk.")
    max_file_mb: float = Field(50, gt=0, description="Maximum megabytes per file.")
    max_unpacked_mb: float = Field(500, gt=0, description="Maximum unpacked megabytes of a zip-based file.")
    max_chunks: int = Field(50_000, ge=1, description="Maximum chunks per document.")
    parse_timeout_s: float = Field(120, gt=0, description="Seconds before parsing a file times out.")
    parse_memory_mb: int = Field(2048, ge=256, description="Maximum megabytes of memory of the parser.")
    fetch_timeout_s: float = Field(30, gt=0, description="Seconds before fetching a link times out.")
    fetch_private: bool = Field(
        default=False,
        description="Allow links to private and loopback addresses; for tests and closed networks only.",
    )

    @model_validator(mode="after")
    def _check_overlap(self) -> Self:
        if self.chunk_overlap * 2 > self.chunk_tokens:
            raise ValueError(
                f"REFDESK_CHUNK_OVERLAP must be at most half of REFDESK_CHUNK_TOKENS ({self.chunk_tokens}),"
                f" but is {self.chunk_overlap}"
            )
        return self


class OcrSettings(SettingsGroup, alias_generator=build_aliases("REFDESK_OCR_")):
    """Text recognition (OCR) in scans and images."""

    mode: Literal["auto", "off"] = Field(
        "auto",
        validation_alias="REFDESK_OCR",
        description="auto recognises text if the extra `ocr` is installed; off reports scans as not read.",
    )
    page_timeout_s: float = Field(60, gt=0, description="Seconds before recognising one page or image times out.")
    max_pages: int = Field(2000, ge=1, description="Maximum pages and images per file whose text is recognised.")


class JobSettings(SettingsGroup, alias_generator=build_aliases("REFDESK_")):
    """Jobs."""

    lease_s: float = Field(60, gt=0, description="Seconds before the lease of a job expires without a heartbeat.")
    max_attempts: int = Field(3, ge=1, description="Attempts before a job is dead.")
    query_concurrency: int = Field(
        16,
        ge=1,
        le=256,
        description="Questions that one query worker answers at once; fewer if memory or connections are short.",
    )
    sweep_s: float = Field(10, gt=0, description="Seconds between two runs of the sweeper.")
    message_expires_s: float = Field(
        86_400,
        gt=0,
        validation_alias="REFDESK_JOB_EXPIRES_S",
        description="Seconds before a queue message expires; the sweeper publishes the job again.",
    )
    celery_monitoring: bool = Field(
        default=False,
        description="Send Celery's events and accept its remote control, for Flower and `celery inspect`.",
    )


class MetricsSettings(SettingsGroup, alias_generator=build_aliases("REFDESK_METRICS_")):
    """Prometheus metrics and health checks."""

    port: int = Field(
        0,
        ge=0,
        le=65_532,
        description="Port of `refdesk metrics` and `refdesk up`; workers and bot use the next three. 0: no metrics.",
    )
    host: str = Field("127.0.0.1", min_length=1, description="IP address for metrics and health checks.")
