"""One interaction from the person's action to everything the bot made of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from tests.fake_discord.errors import DriverError

if TYPE_CHECKING:
    from tests.fake_discord.model import Channel, Guild, Message, User
    from tests.fake_discord.world import World

COMMAND, COMPONENT, AUTOCOMPLETE, MODAL_SUBMIT = 2, 3, 4, 5
ACK_WINDOW_S: Final = 3.0
TOKEN_LIFE_S: Final = 900.0


@dataclass(frozen=True)
class Acknowledgement:
    """The accepted callback: its type, when it came, and how long after the action."""

    type: int
    at: float
    latency_s: float


@dataclass(eq=False)
class Interaction:
    """What a person started, and what came back."""

    world: World = field(repr=False)
    id: int
    token: str = field(repr=False)
    type: int
    name: str
    user: User
    channel: Channel
    guild: Guild | None
    created_at: float
    context: int
    owners: dict[str, str]
    data: dict[str, Any] = field(default_factory=dict)
    source: Message | None = None
    opened_by: Interaction | None = None
    ack: Acknowledgement | None = None
    original: Message | None = None
    followups: list[Message] = field(default_factory=list)
    choices: list[dict[str, Any]] | None = None
    modal: dict[str, Any] | None = None
    refused: list[int] = field(default_factory=list)

    @property
    def acknowledged(self) -> bool:
        """Whether the bot answered in time."""
        return self.ack is not None

    @property
    def ack_latency_s(self) -> float:
        """Seconds of the fake's clock from the action to the accepted callback."""
        if self.ack is None:
            raise DriverError(f"{self} was never acknowledged; refused callbacks: {self.refused}.")
        return self.ack.latency_s

    @property
    def attachment_size_limit(self) -> int:
        """How large a file of an answer may be: what the server or the person has paid for."""
        limit = self.user.attachment_size_limit
        return max(limit, self.guild.attachment_size_limit) if self.guild else limit

    @property
    def user_install_only(self) -> bool:
        """Whether only the person installed the app, so that the bot is no member of the place."""
        return "0" not in self.owners

    @property
    def messages_seen(self) -> list[Message]:
        """The answers to this interaction that the person sees now: public and private, original first."""
        found = ([self.original] if self.original else []) + self.followups
        return [message for message in found if not message.deleted]

    @property
    def message(self) -> Message:
        """The newest answer that is more than "is thinking…"."""
        found = [message for message in self.messages_seen if not message.loading]
        if not found:
            raise DriverError(f"The person sees no answer to {self} yet: {self.messages_seen}")
        return found[-1]

    @property
    def text(self) -> str:
        """All that the person reads in the answers."""
        return "\n".join(message.text for message in self.messages_seen)

    def wait_acknowledged(self, timeout_s: float = 10.0) -> Interaction:
        """Wait for the callback; an interaction that Discord gave up fails at once."""
        self.world.wait_until(
            lambda: self.acknowledged or 10062 in self.refused, timeout_s, f"an acknowledgement of {self}"
        )
        if not self.acknowledged:
            raise DriverError(f"{self} was answered too late; refused callbacks: {self.refused}.")
        return self

    def wait_message(self, text: str = "", timeout_s: float = 10.0) -> Message:
        """Wait until an answer that is no "is thinking…" contains the text, and return it."""

        def found() -> list[Message]:
            return [seen for seen in self.messages_seen if not seen.loading and text in seen.text]

        self.world.wait_until(lambda: bool(found()), timeout_s, lambda: f"{text!r} in an answer; seen: {self.text!r}")
        return found()[-1]

    def __str__(self) -> str:
        return f"{self.name!r} of {self.user.name}"
