"""Validate recorded requests when a test reads the problems, so that validation does not delay responses."""

from __future__ import annotations

import json
import os
import re
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.fake_discord.openapi import ApiDescription
from tests.fake_discord.recording import Problem, Request

if TYPE_CHECKING:
    from collections.abc import Callable

REPOSITORY: Final = Path(__file__).parent.parent.parent
_ID: Final = re.compile(r"\b\d{17,20}\b")
_ANY_ID: Final = "100000000000000000"


def default_openapi_path() -> Path:
    """Return the path of Discord's OpenAPI file in REFDESK_SHARED, by default next to the repository."""
    return Path(os.environ.get("REFDESK_SHARED") or REPOSITORY.parent / "shared") / "discord" / "openapi.json"


@lru_cache(maxsize=1)
def load_openapi(path: Path) -> ApiDescription | None:
    """Load the file once; return None if it does not exist."""
    return ApiDescription(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else None


class Checks:
    """Validates every completed request and response once."""

    def __init__(self, path: Path | None) -> None:
        self.path = path or default_openapi_path()
        self._done: set[int] = set()
        self._known: dict[tuple[str, ...], list[str]] = {}
        self.problems: list[Problem] = []

    @property
    def summary(self) -> str:
        """Describe whether an OpenAPI file is available."""
        if self.path.is_file():
            return f"validated against {self.path}"
        return f"not validated: there is no {self.path}; set REFDESK_SHARED to the folder of test material"

    def run(self, requests: list[Request]) -> list[Problem]:
        """Validate new requests and return all problems so far."""
        description = load_openapi(self.path)
        for record in requests if description else ():
            unfinished = record.status is None and record.fault is None
            if description is None or not record.template.startswith("/") or unfinished or id(record) in self._done:
                continue
            if record.template.startswith("/attachments"):
                continue
            self._done.add(id(record))
            self._check("openapi-request", record, json.dumps(record.body), description.check_request)
            if record.status is not None:
                self._check("openapi-answer", record, record.answer_text, description.check_answer)
        return list(self.problems)

    def _check(self, kind: str, record: Request, text: str, check: Callable[[Request], list[str]]) -> None:
        # Bodies that differ only in IDs have the same validity, so 300 similar responses are validated once.
        query = str(sorted(record.query.items()))
        key = (kind, record.route, record.content_type, query, str(record.status), _ID.sub(_ANY_ID, text))
        if key not in self._known:
            self._known[key] = check(record)
        self.problems += [Problem(kind, text, record) for text in self._known[key]]
