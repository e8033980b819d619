"""The number of tokens that embedding and rerank endpoints report."""

from __future__ import annotations

from typing import Any


def read_token_count(answer: Any) -> int | None:
    """Return the tokens that the server counted, in any of the known fields; None if it reports none."""
    reply = answer if isinstance(answer, dict) else {}
    meta = reply["meta"] if isinstance(reply.get("meta"), dict) else {}
    for counts, field in (
        (reply.get("usage"), "prompt_tokens"),
        (reply.get("usage"), "total_tokens"),
        (meta.get("tokens"), "input_tokens"),
    ):
        counted = counts.get(field) if isinstance(counts, dict) else None
        if isinstance(counted, int) and counted > 0:
            return counted
    return None
