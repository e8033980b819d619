"""Build the fake's state and change it while the bot is running."""

from __future__ import annotations

from tests.fake_discord import authoring, permissions
from tests.fake_discord.gateway import GUILDS
from tests.fake_discord.model import DM, MIB, TEXT, Channel, Guild, Message, Role, User
from tests.fake_discord.payloads import Json, guild_create_json, member_json, role_json
from tests.fake_discord.people import Person
from tests.fake_discord.world import World


class Building:
    """Methods with which a test manages servers, channels and users."""

    world: World

    # ---------------------------------------------------------------------------------------------------- people
    def add_user(
        self,
        name: str,
        *,
        locale: str = "en-US",
        dms_open: bool = True,
        installed_app: bool = False,
        attachment_size_limit: int = 10 * MIB,
    ) -> Person:
        """Add a user; `installed_app` means that the user installed the bot."""

        def add() -> Person:
            person = Person(self.world.ids.new(), name, False, locale, dms_open, installed_app, attachment_size_limit)
            person.world = self.world
            self.world.users[person.id] = person
            return person

        return self.world.run(add)

    def add_guild(
        self,
        name: str = "Community",
        *,
        owner: Person | None = None,
        members: list[Person] | None = None,
        locale: str = "en-US",
        shard: int | None = None,
        has_app: bool = True,
        attachment_size_limit: int = 10 * MIB,
        bot_permissions: tuple[str, ...] = permissions.MEMBER_PERMISSIONS,
    ) -> Guild:
        """Add a server that contains the bot unless `has_app` is false, optionally on a given shard."""
        owner = owner or self.add_user(f"owner of {name}")

        def add() -> Guild:
            world = self.world
            count = world.gateway.shards
            number = world.ids.new() if shard is None else world.ids.of_shard(shard, count)
            everyone = Role(number, "@everyone", permissions.permission_bits(*permissions.MEMBER_PERMISSIONS))
            guild = Guild(number, name, owner, everyone, locale, attachment_size_limit, has_app)
            for person in (owner, *(members or ())):
                guild.members[person.id] = set()
            if has_app:
                own = Role(
                    world.ids.new(), world.bot.name, permissions.permission_bits(*bot_permissions), 1, managed=True
                )
                guild.roles[own.id] = own
                guild.members[world.bot.id] = {own.id}
            world.guilds[number] = guild
            world.commands.setdefault(number, {})
            if has_app:
                world.gateway.dispatch("GUILD_CREATE", guild_create_json(world, guild), guild, GUILDS)
            return guild

        return self.world.run(add)

    def add_member(self, guild: Guild, person: User, *roles: Role) -> None:
        """Add a member with roles."""
        self.world.run(lambda: guild.members.update({person.id: {role.id for role in roles}}))

    def set_member_roles(self, guild: Guild, person: User, *roles: Role) -> None:
        """Replace a member's roles; without the members intent, the bot is notified only about its own."""

        def change() -> None:
            guild.members[person.id] = {role.id for role in roles}
            if person is self.world.bot:
                body = member_json(guild, person) | {"guild_id": str(guild.id)}
                self.world.gateway.dispatch("GUILD_MEMBER_UPDATE", body, guild, GUILDS)

        self.world.run(change)

    def remove_member(self, guild: Guild, person: User) -> None:
        """Remove a member; removing the bot ends its access."""

        def remove() -> None:
            guild.members.pop(person.id, None)
            if person is self.world.bot:
                guild.has_app = False
                self.world.gateway.dispatch("GUILD_DELETE", {"id": str(guild.id)}, guild, GUILDS)

        self.world.run(remove)

    def add_role(self, guild: Guild, name: str, *allowed: str, mentionable: bool = False) -> Role:
        """Add a role with permissions."""

        def add() -> Role:
            role = Role(
                self.world.ids.new(), name, permissions.permission_bits(*allowed), len(guild.roles) + 1, mentionable
            )
            guild.roles[role.id] = role
            self._emit_role("GUILD_ROLE_CREATE", guild, role)
            return role

        return self.world.run(add)

    def set_role_permissions(self, guild: Guild, role: Role, *allowed: str) -> None:
        """Replace the permissions of a role; `guild.everyone` is a role as well."""

        def change() -> None:
            role.permissions = permissions.permission_bits(*allowed)
            self._emit_role("GUILD_ROLE_UPDATE", guild, role)

        self.world.run(change)

    def delete_role(self, guild: Guild, role: Role) -> None:
        """Delete a role; its members lose it."""

        def delete() -> None:
            del guild.roles[role.id]
            for held in guild.members.values():
                held.discard(role.id)
            body: Json = {"guild_id": str(guild.id), "role_id": str(role.id)}
            self.world.gateway.dispatch("GUILD_ROLE_DELETE", body, guild, GUILDS)

        self.world.run(delete)

    def bot_role(self, guild: Guild) -> Role:
        """Return the role with the bot's permissions."""
        return next(role for role in guild.roles.values() if role.managed)

    # -------------------------------------------------------------------------------------------------- channels
    def add_channel(self, guild: Guild, name: str = "general", *, topic: str | None = None) -> Channel:
        """Add a text channel."""

        def add() -> Channel:
            channel = Channel(self.world.ids.new(), TEXT, name, guild, topic=topic)
            self.world.channels[channel.id] = channel
            guild.channels[channel.id] = channel
            self.world.emit_channel("CHANNEL_CREATE", channel)
            return channel

        return self.world.run(add)

    def add_private_channel(self, *people: Person) -> Channel:
        """Add a private channel between users without the bot (interaction context 2)."""

        def add() -> Channel:
            channel = Channel(self.world.ids.new(), DM, "private", recipients=list(people), owner=people[0])
            self.world.channels[channel.id] = channel
            return channel

        return self.world.run(add)

    def allow(self, channel: Channel, target: Role | User, *names: str) -> None:
        """Allow permissions in one channel for a role or user, overriding role permissions."""
        self._overwrite(channel, target, permissions.permission_bits(*names), 0)

    def deny(self, channel: Channel, target: Role | User, *names: str) -> None:
        """Deny permissions in one channel for a role or user; `fake.bot` is a user as well."""
        self._overwrite(channel, target, 0, permissions.permission_bits(*names))

    def _overwrite(self, channel: Channel, target: Role | User, allow: int, deny: int) -> None:
        def change() -> None:
            allowed, denied = channel.overwrites.get(target.id, (0, 0))
            channel.overwrites[target.id] = ((allowed & ~deny) | allow, (denied & ~allow) | deny)
            self.world.emit_channel("CHANNEL_UPDATE", channel)

        self.world.run(change)

    def delete_channel(self, channel: Channel) -> None:
        """Delete a channel or thread with its messages."""

        def delete() -> None:
            self.world.emit_channel("THREAD_DELETE" if channel.is_thread else "CHANNEL_DELETE", channel)
            for one in [channel, *(c for c in self.world.channels.values() if c.parent is channel)]:
                one.deleted = True
            if channel.guild:
                channel.guild.channels.pop(channel.id, None)

        self.world.run(delete)

    def archive(self, thread: Channel, *, locked: bool = False) -> None:
        """Archive a thread and optionally lock it."""

        def change() -> None:
            thread.archived_by_hand, thread.locked = True, locked
            self.world.emit_channel("THREAD_UPDATE", thread)

        self.world.run(change)

    def delete_message(self, message: Message) -> None:
        """Delete a message as a moderator."""
        self.world.run(lambda: authoring.remove(self.world, message))

    def _emit_role(self, event: str, guild: Guild, role: Role) -> None:
        body: Json = {"guild_id": str(guild.id), "role": role_json(role, self.world.bot.id)}
        self.world.gateway.dispatch(event, body, guild, GUILDS)
