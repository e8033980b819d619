"""The roles of workers. Imports nothing, for processes that only start or count workers."""

from __future__ import annotations

from typing import Literal

Role = Literal["query", "ingest"]
QUEUE_OF_ROLE: dict[Role, str] = {"query": "query", "ingest": "ingest"}
"""The queue that a worker of each role consumes."""
