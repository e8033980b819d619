"""State of the fake: users, guilds, roles, channels and messages; rules are in other modules."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from tests.fake_discord.exchange import Interaction

MIB: Final = 1024 * 1024
TEXT, DM, PUBLIC_THREAD, PRIVATE_THREAD = 0, 1, 11, 12
SUPPRESS_EMBEDS, HAS_THREAD, EPHEMERAL, LOADING = 1 << 2, 1 << 5, 1 << 6, 1 << 7
SILENT, COMPONENTS_V2 = 1 << 12, 1 << 15


@dataclass(eq=False)
class User:
    """An account: a person or the bot."""

    id: int
    name: str
    bot: bool = False
    locale: str = "en-US"
    dms_open: bool = True
    installed_app: bool = False
    attachment_size_limit: int = 10 * MIB


@dataclass(eq=False)
class Role:
    """A role with its permissions; the role with the guild's ID is @everyone."""

    id: int
    name: str
    permissions: int
    position: int = 0
    mentionable: bool = False
    managed: bool = False


@dataclass(eq=False)
class Guild:
    """A server with its roles, members and channels."""

    id: int
    name: str
    owner: User
    everyone: Role
    locale: str = "en-US"
    attachment_size_limit: int = 10 * MIB
    has_app: bool = True
    roles: dict[int, Role] = field(default_factory=dict)
    members: dict[int, set[int]] = field(default_factory=dict)
    channels: dict[int, Channel] = field(default_factory=dict)

    def roles_of(self, user: User) -> list[Role]:
        """Return a member's roles without @everyone."""
        return [self.roles[role] for role in sorted(self.members.get(user.id, ())) if role in self.roles]


@dataclass(eq=False)
class Channel:
    """A text channel, a thread or a direct message channel."""

    id: int
    type: int
    name: str
    guild: Guild | None = None
    parent: Channel | None = None
    owner: User | None = None
    topic: str | None = None
    recipients: list[User] = field(default_factory=list)
    overwrites: dict[int, tuple[int, int]] = field(default_factory=dict)
    all_messages: dict[int, Message] = field(default_factory=dict)
    thread_members: set[int] = field(default_factory=set)
    archived_by_hand: bool = False
    locked: bool = False
    auto_archive_minutes: int = 1440
    active_at: float = 0.0
    deleted: bool = False

    @property
    def is_thread(self) -> bool:
        """Whether this is a thread."""
        return self.type in {PUBLIC_THREAD, PRIVATE_THREAD}

    @property
    def messages(self) -> list[Message]:
        """The messages visible to all members, oldest first, without ephemeral and deleted messages."""
        found = [m for m in list(self.all_messages.values()) if m.ephemeral_for is None and not m.deleted]
        return sorted(found, key=lambda message: message.id)

    def is_archived(self, now: float) -> bool:
        """Return whether the thread is archived, manually or automatically."""
        return self.is_thread and (self.archived_by_hand or now - self.active_at > self.auto_archive_minutes * 60)


@dataclass(eq=False)
class Attachment:
    """A stored file with its bytes."""

    id: int
    filename: str
    data: bytes = field(repr=False)
    content_type: str
    description: str | None = None
    ephemeral: bool = False
    channel_id: int = 0
    title: str | None = None


@dataclass(frozen=True)
class Pings:
    """Who is notified by a message: everyone, role IDs, user IDs; false if empty."""

    everyone: bool = False
    roles: frozenset[int] = frozenset()
    users: frozenset[int] = frozenset()

    def __bool__(self) -> bool:
        return self.everyone or bool(self.roles) or bool(self.users)


@dataclass(frozen=True)
class Snapshot:
    """The content of a message from a point in time on."""

    at: float
    content: str
    embeds: tuple[dict[str, Any], ...]
    components: tuple[dict[str, Any], ...]
    attachments: tuple[Attachment, ...]
    flags: int

    @property
    def text(self) -> str:
        """The visible text, one item per line: content, embeds, text displays, labels, file names."""
        embeds = () if self.flags & SUPPRESS_EMBEDS else self.embeds  # the flag hides the bot's own embeds too
        lines = [self.content, *(line for embed in embeds for line in _embed_lines(embed))]
        for component in walk(self.components):
            lines += [component[key] for key in ("content", "label", "placeholder") if component.get(key)]
        return "\n".join([line for line in lines if line] + [file.filename for file in self.attachments])


@dataclass(eq=False)
class Message:
    """A message with its visibility and history."""

    id: int
    channel: Channel
    author: User
    created_at: float
    type: int = 0
    content: str = ""
    embeds: list[dict[str, Any]] = field(default_factory=list)
    components: list[dict[str, Any]] = field(default_factory=list)
    attachments: list[Attachment] = field(default_factory=list)
    flags: int = 0
    nonce: str | int | None = None
    reply_to: Message | None = None
    forward_of: Message | None = None
    interaction: Interaction | None = None
    ephemeral_for: User | None = None
    thread: Channel | None = None
    edited_at: float | None = None
    deleted: bool = False
    tts: bool = False
    allowed_mentions: dict[str, Any] | None = None
    pings: Pings = Pings()
    reactions: dict[str, list[User]] = field(default_factory=dict)
    history: list[Snapshot] = field(default_factory=list)

    def __repr__(self) -> str:
        return f"<Message {self.id} by {self.author.name}: {self.text[:200]!r}>"

    @property
    def loading(self) -> bool:
        """Whether the message shows only "is thinking…"."""
        return bool(self.flags & LOADING)

    @property
    def ephemeral(self) -> bool:
        """Whether only one user sees it."""
        return self.ephemeral_for is not None

    @property
    def text(self) -> str:
        """The current visible text."""
        return self.look(self.created_at).text

    @property
    def buttons(self) -> list[dict[str, Any]]:
        """The buttons of the message at any nesting level."""
        return [component for component in walk(self.components) if component.get("type") == 2]

    def component(self, name: str) -> dict[str, Any] | None:
        """Find a button or select by custom_id, label or placeholder."""
        found = list(walk(self.components))
        for key in ("custom_id", "label", "placeholder"):
            for component in found:
                if component.get(key) == name:
                    return component
        return None

    def look(self, at: float) -> Snapshot:
        """Append the current content to the history."""
        return Snapshot(
            at, self.content, tuple(self.embeds), tuple(self.components), tuple(self.attachments), self.flags
        )


def walk(components: Any) -> Iterator[dict[str, Any]]:
    """Iterate over the components of a message or modal, including nested ones."""
    for component in components:
        yield component
        yield from walk(component.get("components", ()))
        for key in ("accessory", "component"):
            if isinstance(component.get(key), dict):
                yield from walk([component[key]])


def _embed_lines(embed: dict[str, Any]) -> list[str]:
    lines = [embed.get("author", {}).get("name", ""), embed.get("title", ""), embed.get("description", "")]
    for part in embed.get("fields", ()):
        lines += [part.get("name", ""), part.get("value", "")]
    return [*lines, embed.get("footer", {}).get("text", "")]
