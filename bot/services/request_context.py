"""The request context: who made a request, in which channel, and what that user may see and do there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from db.deliveries import Delivery
from db.job_views import JobWithOwner
from db.workspace_settings import WorkspaceSettings


@dataclass(frozen=True, slots=True)
class RequestContext:
    """A user in a channel at the time of one request, with the permissions that Discord reported."""

    application_id: str
    user_id: str
    channel_id: str
    guild_id: str | None = None
    """The server, if the bot is a member of it. None: the request uses the user's personal workspace."""
    parent_id: str | None = None
    """The channel that a thread belongs to."""
    private_thread: bool = False
    manager: bool = True
    role_ids: frozenset[str] = frozenset()
    locale: str = "en-US"
    reachable: bool = False
    """Whether the bot can edit a message in this channel with its bot token."""
    open_to_all: bool = False
    """Whether every member of the server can view this channel."""
    viewable_channels: tuple[str, ...] = ()
    """The channels that the user can view now; empty unless `with_visible_channels` has computed them."""
    guild_channels: tuple[str, ...] = ()
    """All channels and open threads of the server; empty unless `with_visible_channels` has computed them."""
    guild_roles: frozenset[str] = frozenset()
    """All roles of the server; empty if they are unknown."""
    from_direct_messages: bool = False
    """Whether a member of the server asks it from direct messages; `channel_id` is then that of these messages."""

    @property
    def workspace(self) -> str:
        """The key of the workspace: the server's, or the user's personal one."""
        return f"user:{self.user_id}" if self.guild_id is None else f"guild:{self.guild_id}"

    @property
    def audience_channel(self) -> str:
        """The channel whose members read what is posted here. A public thread counts as its parent channel."""
        return self.parent_id if self.parent_id and not self.private_thread else self.channel_id

    @property
    def public_channels(self) -> tuple[str, ...]:
        """The channels whose documents a public answer may use: this channel and, for a thread, its parent."""
        return tuple(dict.fromkeys((self.channel_id, *([self.parent_id] if self.parent_id else []))))

    @property
    def private_channels(self) -> tuple[str, ...]:
        """The channels whose documents a private answer to this user may use."""
        return tuple(dict.fromkeys((*self.viewable_channels, *self.public_channels)))

    def visible_to(self, visible: str | None) -> tuple[str, ...] | None:
        """Return the scope of a new document for the option `server`, `channel` or none; None: the whole workspace."""
        if self.guild_id is None or visible == "server" or (visible is None and self.open_to_all):
            return None
        return (self.audience_channel,)

    def may_see(self, channels: Sequence[str] | None) -> bool:
        """Check whether a private message to the user may show a document of this scope."""
        return channels is None or self.guild_id is None or not set(channels).isdisjoint(self.private_channels)

    def may_see_document_of(self, owned: JobWithOwner) -> bool:
        """Check whether a private message to the user may name the document of a job; True for a question."""
        if owned.job.kind != "ingest" or owned.requester == self.user_id:
            return True
        return self.may_see(owned.job.payload.get("channels"))

    def may_change(self, owner: str) -> bool:
        """Check whether the user may delete or replace a document, or cancel or retry a job, of `owner`."""
        return self.manager or owner == self.user_id

    def may_add(self, settings: WorkspaceSettings) -> bool:
        """Check whether the user may add documents to the workspace."""
        if self.manager or settings.ingest_by in {None, "everyone"}:
            return True
        return settings.ingest_by == "role" and settings.ingest_role in self.role_ids

    def may_ask(self, settings: WorkspaceSettings) -> bool:
        """Check whether the user may ask in this channel."""
        roles = settings.roles_that_ask(self.public_channels)
        return self.guild_id is None or self.manager or not roles or not self.role_ids.isdisjoint(roles)

    def existing_roles(self, roles: Sequence[str]) -> tuple[str, ...]:
        """Return those of the roles that were not deleted; all if the roles of the server are unknown."""
        return tuple(role for role in roles if not self.guild_roles or role in self.guild_roles)

    def may_answer_publicly(self, settings: WorkspaceSettings) -> bool:
        """Check whether an answer may be public in this channel."""
        if self.guild_id is None:
            return True
        if answers := settings.rule_of(self.public_channels).answers:
            return answers == "public"
        allowed = settings.public_channels
        return not allowed or not set(allowed).isdisjoint(self.public_channels)

    def wants_thread(self, settings: WorkspaceSettings) -> bool:
        """Check whether a thread is started on a public answer in this channel; there are none inside a thread."""
        return (
            self.guild_id is not None and self.parent_id is None and bool(settings.rule_of([self.channel_id]).threads)
        )

    def may_read(self, requester: str, delivery: Delivery | None) -> bool:
        """Check whether the user may read an answer: their own anywhere, another user's public one in its channel."""
        if requester == self.user_id:
            return True
        return delivery is not None and not delivery.private and delivery.channel_id == self.channel_id
