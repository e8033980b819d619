"""Request, response and route types of the fake API."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.fake_discord.errors import ApiError, FormErrors

if TYPE_CHECKING:
    from tests.fake_discord.recording import Request, Upload
    from tests.fake_discord.world import World


@dataclass(frozen=True)
class Call:
    """One request with its path parameters and the state it changes."""

    world: World
    request: Request
    params: dict[str, str]

    @property
    def body(self) -> Any:
        """The parsed body."""
        return self.request.body

    @property
    def fields(self) -> dict[str, Any]:
        """The parsed body, which must be an object."""
        if not isinstance(self.request.body, dict):
            errors = FormErrors()
            errors.add("", "MODEL_TYPE_CONVERT", "Only dictionaries may be used in a ModelType")
            errors.raise_if_any()
        return dict(self.request.body)

    @property
    def files(self) -> list[Upload]:
        """The uploaded files."""
        return self.request.files

    def number(self, name: str) -> int:
        """Return an id of the path."""
        text = self.params[name]
        if not text.isdecimal():
            raise ApiError(
                50035, {name: {"_errors": [{"code": "NUMBER_TYPE_COERCE", "message": f"Value {text!r} is no id."}]}}
            )
        return int(text)


@dataclass(frozen=True)
class Reply:
    """Status and body of a response."""

    status: int
    body: Any = None


Handler = Callable[[Call], Reply]


@dataclass(frozen=True)
class Route:
    """A method, path template and handler, and whether the bot's token is required."""

    method: str
    template: str
    handler: Handler
    needs_token: bool = True


NO_CONTENT = Reply(204)
