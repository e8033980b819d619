"""Users and their actions in a Discord client, with the client's checks."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from tests.fake_discord import authoring, filling, permissions
from tests.fake_discord.errors import DriverError
from tests.fake_discord.exchange import AUTOCOMPLETE, COMMAND, COMPONENT, MODAL_SUBMIT, Interaction
from tests.fake_discord.interaction_payloads import interaction_json
from tests.fake_discord.message_payloads import message_json
from tests.fake_discord.modals import build_submission
from tests.fake_discord.model import DM, Channel, Message, User
from tests.fake_discord.payloads import Json
from tests.fake_discord.recording import Upload
from tests.fake_discord.registration import MESSAGE_MENU
from tests.fake_discord.routes_channels import start_thread

if TYPE_CHECKING:
    from tests.fake_discord.world import World


@dataclass(frozen=True)
class Choice:
    """An autocomplete suggestion."""

    name: str
    value: Any


class Person(User):
    """A user with a Discord client."""

    world: World

    # ------------------------------------------------------------------------------------------------ interactions
    def slash(
        self,
        command: str,
        /,
        *,
        channel: Channel | None = None,
        options: dict[str, Any] | None = None,
        by_override: bool = False,
        **named: Any,
    ) -> Interaction:
        """Send a slash command such as `ask` or `docs show`, by default in the direct messages with the bot.

        Options are given by their English names, in `named` or, if a name clashes, in `options`; a file is an `Upload`
        or a pair of name and bytes. `by_override` means that an administrator removed the default permissions.
        """

        def send() -> Interaction:
            place = channel or self.world.dm_with(self)
            values = {**(options or {}), **named}
            data = filling.build_command_data(self.world, self, place, command, values, by_override=by_override)
            return self._interact(COMMAND, command, place, data)

        return self.world.run(send)

    def autocomplete(
        self,
        command: str,
        option: str,
        typed: Any = "",
        /,
        *,
        channel: Channel | None = None,
        options: dict[str, Any] | None = None,
        timeout_s: float = 5.0,
        **named: Any,
    ) -> list[Choice]:
        """Request autocomplete suggestions for an option."""

        def send() -> Interaction:
            place = channel or self.world.dm_with(self)
            values = {**(options or {}), **named, option: typed}
            data = filling.build_command_data(self.world, self, place, command, values, focused=option)
            return self._interact(AUTOCOMPLETE, command, place, data)

        interaction = self.world.run(send).wait_acknowledged(timeout_s)
        return [Choice(choice["name"], choice["value"]) for choice in interaction.choices or ()]

    def message_command(self, command: str, message: Message, /) -> Interaction:
        """Use a message command."""

        def send() -> Interaction:
            self._see(message)
            found = filling.find_menu(self.world, self, message.channel, command, MESSAGE_MENU)
            data: Json = {"id": found["id"], "name": found["name"], "type": MESSAGE_MENU}
            data["target_id"] = str(message.id)
            data["resolved"] = {"messages": {str(message.id): message_json(self.world, message)}}
            return self._interact(COMMAND, command, message.channel, data)

        return self.world.run(send)

    def click(self, message: Message, button: str, /) -> Interaction:
        """Press a button, by label or custom_id."""

        def send() -> Interaction:
            found = self._usable(message, button)
            if found["type"] != 2 or "custom_id" not in found:
                raise DriverError(f"{button!r} is not a button that sends an interaction.")
            data = {"component_type": 2, "custom_id": found["custom_id"], "id": found["id"]}
            return self._interact(COMPONENT, f"button {button}", message.channel, data, source=message)

        return self.world.run(send)

    def select(self, message: Message, menu: str, values: list[Any], /) -> Interaction:
        """Select values in a menu, by custom_id or placeholder; values are given by value or label."""

        def send() -> Interaction:
            found = self._usable(message, menu)
            data = filling.build_select_data(self.world, self, message.channel, found, values)
            return self._interact(COMPONENT, f"select {menu}", message.channel, data, source=message)

        return self.world.run(send)

    def submit_modal(self, opener: Interaction, values: dict[str, Any] | None = None, /) -> Interaction:
        """Submit the form that an interaction opened; values are by custom_id or label."""
        opener.wait_acknowledged()

        def send() -> Interaction:
            if opener.modal is None or opener.user is not self:
                raise DriverError(f"{opener} opened no form for {self.name}.")
            resolved: Json = {}
            upload = partial(filling.attach, self.world, opener.channel, resolved)
            components = build_submission(opener.modal, values or {}, upload)
            data = {"custom_id": opener.modal["custom_id"], "components": components, "resolved": resolved}
            return self._interact(MODAL_SUBMIT, f"form of {opener.name}", opener.channel, data, opened_by=opener)

        return self.world.run(send)

    # ---------------------------------------------------------------------------------------------------- messages
    def say(
        self,
        channel: Channel,
        text: str = "",
        /,
        *,
        attachments: list[Upload | tuple[str, bytes]] | None = None,
        mentions_bot: bool = False,
        reply_to: Message | None = None,
        ping_reply: bool = True,
    ) -> Message:
        """Send a message; a reply pings the author of the replied-to message unless `ping_reply` is false."""

        def send() -> Message:
            self._may_say(channel, reply_to)
            content = f"<@{self.world.bot.id}> {text}" if mentions_bot else text
            files = [filling.as_upload(file, index) for index, file in enumerate(attachments or ())]
            body: Json = {"content": content}
            body["allowed_mentions"] = {"parse": ["users", "roles", "everyone"], "replied_user": ping_reply}
            channel.archived_by_hand = False
            return authoring.create(self.world, channel, self, body, files, reply_to=reply_to)

        return self.world.run(send)

    def forward(self, message: Message, channel: Channel, /) -> Message:
        """Forward a message to a channel."""

        def send() -> Message:
            self._may_say(channel, None)
            return authoring.create(self.world, channel, self, {}, [], forward_of=message)

        return self.world.run(send)

    def delete(self, message: Message, /) -> None:
        """Delete the user's message, or any message with Manage Messages."""

        def act() -> None:
            if message.author is not self and not permissions.has_permissions(message.channel, self, "manage_messages"):
                raise DriverError(f"{self.name} may not delete {message}.")
            authoring.remove(self.world, message)

        self.world.run(act)

    def react(self, message: Message, emoji: str, /) -> None:
        """React to a message."""

        def act() -> None:
            self._see(message)
            message.reactions.setdefault(emoji, []).append(self)
            self.world.emit_reaction("MESSAGE_REACTION_ADD", message, emoji, self)

        self.world.run(act)

    def start_thread(self, message: Message, name: str, /, *, archive_minutes: int = 1440) -> Channel:
        """Start a thread on a message."""

        def act() -> Channel:
            self._see(message)
            options = {"auto_archive_duration": archive_minutes}
            return start_thread(self.world, message.channel, self, name, message, options)

        return self.world.run(act)

    @property
    def dm(self) -> Channel:
        """The direct message channel with the bot."""
        return self.world.run(lambda: self.world.dm_with(self))

    @property
    def dms(self) -> list[Message]:
        """The direct messages with the bot."""
        return self.dm.messages

    def sees(self, message: Message) -> bool:
        """Return whether this user can see a message now."""
        if message.deleted or (message.ephemeral_for or self) is not self or message.channel.deleted:
            return False
        return message.channel.type == DM or permissions.has_permissions(message.channel, self, "view_channel")

    # ------------------------------------------------------------------------------------------------------ checks
    def _see(self, message: Message) -> None:
        if not self.sees(message):
            raise DriverError(f"{self.name} does not see {message}.")

    def _usable(self, message: Message, name: str) -> Json:
        self._see(message)
        found = message.component(name)
        if found is None:
            names = [part.get("label") or part.get("custom_id") for part in message.buttons]
            raise DriverError(f"{name!r} is not a component of {message}; buttons: {names}.")
        if found.get("disabled"):
            raise DriverError(f"{name!r} on {message} is disabled.")
        return found

    def _may_say(self, channel: Channel, reply_to: Message | None) -> None:
        if channel.deleted or (channel.guild and not permissions.has_permissions(channel, self, "view_channel")):
            raise DriverError(f"{self.name} does not see {channel.name}.")
        wanted = "send_messages_in_threads" if channel.is_thread else "send_messages"
        if channel.guild and not permissions.has_permissions(channel, self, wanted):
            raise DriverError(f"{self.name} may not write in {channel.name}.")
        if channel.locked:
            raise DriverError(f"{channel.name} is locked.")
        if reply_to:
            self._see(reply_to)

    def _interact(
        self,
        kind: int,
        name: str,
        channel: Channel,
        data: Json,
        *,
        source: Message | None = None,
        opened_by: Interaction | None = None,
    ) -> Interaction:
        world = self.world
        guild = channel.guild
        owners = {"0": str(guild.id if guild else 0)} if guild is None or guild.has_app else {}
        if self.installed_app:
            owners["1"] = str(self.id)
        context = 0 if guild else 1 if channel.owner is world.bot else 2
        if context == 2:
            owners.pop("0", None)
        interaction = Interaction(
            world,
            world.ids.new(),
            secrets.token_urlsafe(48),
            kind,
            name,
            self,
            channel,
            guild,
            world.clock.now(),
            context,
            owners,
            data,
            source=source,
            opened_by=opened_by,
        )
        world.interactions[interaction.token] = interaction
        world.gateway.dispatch("INTERACTION_CREATE", interaction_json(world, interaction), guild)
        return interaction
