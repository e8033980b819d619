"""One interaction, from the user's action to the bot's responses."""

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
    """The accepted callback: its type, time and latency."""

    type: int
    at: float
    latency_s: float


@dataclass(eq=False)
class Interaction:
    """An interaction that a user started, and the responses to it."""

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
        """Whether the bot acknowledged it in time."""
        return self.ack is not None

    @property
    def ack_latency_s(self) -> float:
        """Seconds of the fake's clock from the action to the accepted callback."""
        if self.ack is None:
            raise DriverError(f"{self} was never acknowledged; refused callbacks: {self.refused}.")
        return self.ack.latency_s

    @property
    def attachment_size_limit(self) -> int:
        """Maximum file size of a response, which depends on the server's or user's subscription."""
        limit = self.user.attachment_size_limit
        return max(limit, self.guild.attachment_size_limit) if self.guild else limit

    @property
    def user_install_only(self) -> bool:
        """Whether only the user installed the app, so that the bot is not a member of the channel."""
        return "0" not in self.owners

    @property
    def messages_seen(self) -> list[Message]:
        """The responses that the user currently sees, public and private, original first."""
        found = ([self.original] if self.original else []) + self.followups
        return [message for message in found if not message.deleted]

    @property
    def message(self) -> Message:
        """The newest response that is not "is thinking…"."""
        found = [message for message in self.messages_seen if not message.loading]
        if not found:
            raise DriverError(f"The person sees no answer to {self} yet: {self.messages_seen}")
        return found[-1]

    @property
    def text(self) -> str:
        """The visible text of all responses."""
        return "\n".join(message.text for message in self.messages_seen)

    def wait_acknowledged(self, timeout_s: float = 10.0) -> Interaction:
        """Wait for the callback; fail immediately for an expired interaction."""
        self.world.wait_until(
            lambda: self.acknowledged or 10062 in self.refused, timeout_s, f"an acknowledgement of {self}"
        )
        if not self.acknowledged:
            raise DriverError(f"{self} was answered too late; refused callbacks: {self.refused}.")
        return self

    def wait_message(self, text: str = "", timeout_s: float = 10.0) -> Message:
        """Wait until a response other than "is thinking…" contains the text, and return it."""

        def found() -> list[Message]:
            return [seen for seen in self.messages_seen if not seen.loading and text in seen.text]

        self.world.wait_until(lambda: bool(found()), timeout_s, lambda: f"{text!r} in an answer; seen: {self.text!r}")
        return found()[-1]

    def __str__(self) -> str:
        return f"{self.name!r} of {self.user.name}"
