"""The price table: what models cost, as `REFDESK_PRICES` names them."""

from __future__ import annotations

import json
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

EXAMPLE = '{"gpt-4o-mini": {"prompt": 0.15, "completion": 0.6}, "rerank-v3.5": {"calls": 2}}'


class Price(BaseModel):
    """What a model costs, in US dollars."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    prompt: float = Field(0.0, ge=0)
    """Of a million tokens sent."""
    completion: float = Field(0.0, ge=0)
    """Of a million tokens received."""
    calls: float = Field(0.0, ge=0)
    """Of a thousand calls, where a reranking service charges by the call."""


def parse_price_table(text: str) -> Any:
    """Read the JSON of a price table; raises `ValueError` with what it should look like."""
    try:
        return json.loads(text)
    except ValueError as error:
        raise ValueError(f"not JSON ({error}); write it like {EXAMPLE}") from None
