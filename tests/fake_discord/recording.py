"""Records of requests with their responses, and of problems."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any, Final

from aiohttp import web
from aiohttp.multipart import BodyPartReader

from tests.fake_discord.errors import ApiError
from tests.fake_discord.limits import RateLimitState

_FILE_FIELD: Final = re.compile(r"files\[(\d+)\]")
_SECRET_HEADERS: Final = {"authorization", "cookie"}


@dataclass(frozen=True)
class Upload:
    """A file that a user attached or that the bot sent in `files[n]`."""

    filename: str
    data: bytes = field(repr=False)
    content_type: str = "application/octet-stream"
    index: int = 0


@dataclass(eq=False)
class Request:
    """A request of the bot and the fake's response."""

    method: str
    path: str
    template: str
    at: float
    query: dict[str, str]
    headers: dict[str, str] = field(repr=False)
    authorized: bool = False
    content_type: str = ""
    body: Any = None
    files: list[Upload] = field(default_factory=list)
    status: int | None = None
    answer_text: str = field(default="", repr=False)
    answered_at: float | None = None
    fault: str | None = None
    standing: RateLimitState | None = field(default=None, repr=False)
    limit_scope: str | None = None

    @property
    def route(self) -> str:
        """Method and path template, such as `POST /channels/{channel_id}/messages`."""
        return f"{self.method} {self.template or self.path}"

    @property
    def answer(self) -> Any:
        """The parsed response; None without a body."""
        return json.loads(self.answer_text) if self.answer_text else None

    @property
    def error_code(self) -> int | None:
        """Discord's error code of an error response."""
        refused = self.status is not None and self.status >= 400 and self.answer_text
        return self.answer.get("code") if refused else None


@dataclass(frozen=True)
class Problem:
    """A problem; kind is `openapi-request`, `openapi-answer`, `rule`, `gateway` or `fake`."""

    kind: str
    text: str
    request: Request | None = field(default=None, repr=False)

    def __str__(self) -> str:
        return f"[{self.kind}] {self.request.route + ': ' if self.request else ''}{self.text}"


def start_record(request: web.Request, template: str, prefix: str, now: float) -> Request:
    """Start the record of a request when its headers have arrived."""
    headers = {key: value for key, value in request.headers.items() if key.lower() not in _SECRET_HEADERS}
    path = request.path.removeprefix(prefix)
    return Request(
        method=request.method,
        path=path,
        template=template,
        at=now,
        query=dict(request.query),
        headers=headers,
        authorized="Authorization" in request.headers,
        content_type=request.content_type if request.can_read_body else "",
    )


async def read_body(request: web.Request, record: Request) -> None:
    """Read JSON, or `payload_json` with `files[n]`."""
    if not request.can_read_body:
        return
    if record.content_type == "multipart/form-data":
        await _read_parts(request, record)
        return
    raw = await request.read()
    if raw:
        record.body = _parse(raw)


async def _read_parts(request: web.Request, record: Request) -> None:
    record.body = {}  # files may come alone
    reader = await request.multipart()
    async for part in reader:
        if not isinstance(part, BodyPartReader):
            raise ApiError(50035, {"_errors": [{"code": "NESTED_MULTIPART", "message": "Nested multipart."}]})
        data = bytes(await part.read(decode=False))
        name = part.name or ""
        if name == "payload_json":
            record.body = _parse(data)
        elif match := _FILE_FIELD.fullmatch(name):
            kind = part.headers.get("Content-Type", "application/octet-stream")
            record.files.append(Upload(part.filename or "unknown", data, kind, int(match.group(1))))
        else:
            raise ApiError(50035, {name: {"_errors": [{"code": "UNKNOWN_PART", "message": "Unknown form field."}]}})


def _parse(raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except ValueError:
        raise ApiError(50109) from None
