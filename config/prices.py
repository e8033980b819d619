"""The price table of models, read from `REFDESK_PRICES`."""

from __future__ import annotations

import json
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

EXAMPLE = '{"gpt-4o-mini": {"prompt": 0.15, "completion": 0.6}, "rerank-v3.5": {"calls": 2}}'


class Price(BaseModel):
    """The prices of a model in US dollars."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    prompt: float = Field(0.0, ge=0)
    """Per million prompt tokens."""
    completion: float = Field(0.0, ge=0)
    """Per million completion tokens."""
    calls: float = Field(0.0, ge=0)
    """Per thousand calls, for rerank endpoints that charge by call."""


def parse_price_table(text: str) -> Any:
    """Parse the JSON of a price table; raises `ValueError` with an example."""
    try:
        return json.loads(text)
    except ValueError as error:
        raise ValueError(f"must be JSON, for example {EXAMPLE} ({error})") from None
