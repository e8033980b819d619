"""A fake Discord: HTTP and gateway servers on loopback, simulated users, and a record of all requests.

The bot under test is an unmodified process that the variables in `fake.environment` connect to the fake:
`REFDESK_DISCORD_API_URL` is the REST URL; `/gateway/bot` and READY return the gateway URL. The test interface is
synchronous; the fake runs on a separate thread.

    with FakeDiscord() as fake:
        anna = fake.add_user("anna", locale="zh-CN")
        guild = fake.add_guild(members=[anna])
        channel = fake.add_channel(guild, "general")
        bot = subprocess.Popen([...], env={**os.environ, **fake.environment})
        fake.wait_ready()
        asked = anna.slash("ask", channel=channel, question="Where is the kettle?")
        answer = asked.wait_message("On the shelf")        # asked.ack_latency_s, asked.messages_seen, asked.text
        why = anna.click(answer, "Why these sources?").wait_message()
        assert why.ephemeral and why not in channel.messages
        assert not any(message.pings for message in channel.messages)
        assert not fake.problems, fake.transcript()

Build (class `Building`): `add_user(name, locale=, dms_open=, installed_app=, attachment_size_limit=)`,
`add_guild(name, owner=, members=, locale=, shard=, has_app=, attachment_size_limit=, bot_permissions=)`,
`add_channel(guild, name)`, `add_private_channel(*people)`, `add_role(guild, name, *permissions)`, `add_member`,
`set_member_roles`, `delete_role`, `remove_member` (of `fake.bot`: ends its access), `set_role_permissions(guild, role,
*permissions)` with `guild.everyone` and `fake.bot_role(guild)`, `allow` and `deny(channel, role_or_user,
*permissions)`, `delete_channel`, `archive(thread, locked=)`, `delete_message`. Permissions have discord.py's names.

Act (class `Person`): `slash("docs show", channel=, options=, by_override=, **named)` (without a channel: the direct
messages with the bot; a file is `("a.pdf", data)`), `autocomplete("docs show", "document", "typed", channel=) ->
[Choice]`, `message_command("Add to library", message)`, `click(message, label_or_custom_id)`, `select(message, menu,
[values])`, `submit_modal(interaction, {label_or_custom_id: value})`, `say(channel, text, attachments=, mentions_bot=,
reply_to=)`, `react`, `delete`, `start_thread`, `dm`, `dms`, `sees(message)`. Actions that a client does not offer
raise `DriverError`.

Look: `interaction.wait_acknowledged()`, `.wait_message(text)`, `.message`, `.messages_seen`, `.text`,
`.ack_latency_s`, `.modal`, `.refused` (codes of refused callbacks); `channel.messages`; a message has `text`,
`content`, `embeds`, `components`, `buttons`, `component(name)`, `attachments` (with `data`), `history` (a `Snapshot`
per change, with `at`), `pings`, `ephemeral`, `loading`, `reply_to`, `thread`, `reactions`. `fake.requests`,
`fake.requests_to(route)`, `fake.commands`, `fake.sessions`, `fake.gateway_log`, `fake.invalid_requests`,
`fake.transcript()`, `fake.wait_until(predicate, timeout_s, what)`, `fake.wait_ready(sessions)`.

Time: `fake.clock.advance(seconds)`; the clock follows real time plus the advanced time. It determines callback
deadlines (3 seconds), token expiry (15 minutes), attachment URLs (a day), nonces, archiving, old edits and limits.

Faults: routes are templates (`"PATCH /channels/{channel_id}/messages/{message_id}"`), paths with IDs, or `*`.
`rate_limit(route, retry_after_s=, scope="user|global|shared", times=)`, `limit(route, count, per_s=)`, `fail(route,
status=, processed=)`, `drop(route, processed=)`, `delay(route, seconds)`, `with hold(route) as held:
held.wait_arrived()`, `clear_faults()`; `processed` means after processing the request. Gateway: `reconnect()`,
`invalidate_sessions(resumable=)`, `drop_sockets()`, `close_sockets(code)`, `hold_events()`,
`repeat_event("INTERACTION_CREATE")`.

Problems (`fake.problems`): bodies that Discord rejects (50035, 50006, 40005), gateway protocol errors, unknown
routes, errors of the fake, and requests and responses that Discord's OpenAPI file does not allow (`fake.validation`
describes whether the file was found; `openapi.KNOWN_FINDINGS` lists accepted deviations). Missing permissions,
deleted objects and late or repeated callbacks are not problems but error responses.

Differences from Discord: pings are counted as if the bot had Mention Everyone, also in code. Editing the bot's own
"is thinking…" message through the channel route is undocumented; the fake allows it. The rate of IDENTIFYs is
announced (`max_concurrency`) but not enforced. Old messages allow ten edits per hour and channel
(`fake.world.old_edit_cap`); Discord's number is not documented.
"""

from tests.fake_discord.driver import FakeDiscord
from tests.fake_discord.errors import DriverError
from tests.fake_discord.people import Choice, Person
from tests.fake_discord.recording import Problem, Request, Upload
from tests.fake_discord.registration import validate_registration

__all__ = ["Choice", "DriverError", "FakeDiscord", "Person", "Problem", "Request", "Upload", "validate_registration"]
