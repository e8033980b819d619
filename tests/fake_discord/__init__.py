"""A fake Discord: HTTP and gateway on loopback, people who act, and a record of everything.

The bot under test is an unmodified process; two environment variables send it here (`fake.environment`):
`REFDESK_DISCORD_API_URL` names the REST address, `/gateway/bot` and READY name the gateway. Everything a test calls is
synchronous; the fake runs on a thread of its own.

    with FakeDiscord() as fake:
        anna = fake.add_user("anna", locale="zh-CN")
        guild = fake.add_guild(members=[anna])
        channel = fake.add_channel(guild, "general")
        bot = subprocess.Popen([...], env={**os.environ, **fake.environment})
        fake.wait_ready()
        asked = anna.slash("ask", channel=channel, question="Where is the kettle?")
        answer = asked.wait_message("On the shelf")        # asked.ack_latency_s, asked.messages_seen, asked.text
        why = anna.click(answer, "Why these").wait_message()
        assert why.ephemeral and why not in channel.messages
        assert not any(message.pings for message in channel.messages)
        assert not fake.problems, fake.transcript()

Build (class `Building`): `add_user(name, locale=, dms_open=, installed_app=, attachment_size_limit=)`,
`add_guild(name, owner=, members=, locale=, shard=, has_app=, attachment_size_limit=, bot_permissions=)`,
`add_channel(guild, name)`, `add_private_channel(*people)`, `add_role(guild, name, *permissions)`, `add_member`,
`set_member_roles`, `remove_member` (of `fake.bot`: thrown out), `set_role_permissions(guild, role, *permissions)` with
`guild.everyone` and `fake.bot_role(guild)`, `allow` and `deny(channel, role_or_user, *permissions)`,
`delete_channel`, `archive(thread, locked=)`, `delete_message`. Permissions have discord.py's names.

Act (class `Person`): `slash("docs show", channel=, options=, by_override=, **named)` (no channel: the conversation with
the bot; a file is `("a.pdf", data)`), `autocomplete("docs show", "document", "typed", channel=) -> [Choice]`,
`message_command("Add to library", message)`, `click(message, label_or_custom_id)`, `select(message, menu, [values])`,
`submit_modal(interaction, {label_or_custom_id: value})`, `say(channel, text, attachments=, mentions_bot=, reply_to=)`,
`react`, `delete`, `start_thread`, `dm`, `dms`, `sees(message)`. What a client would not offer raises `DriverError`.

Look: `interaction.wait_acknowledged()`, `.wait_message(text)`, `.message`, `.messages_seen`, `.text`, `.ack_latency_s`,
`.modal`, `.refused` (codes of refused callbacks); `channel.messages`; a message has `text`, `content`, `embeds`,
`components`, `buttons`, `component(name)`, `attachments` (with `data`), `history` (a `Snapshot` per change, with
`at`), `pings`, `ephemeral`, `loading`, `reply_to`, `thread`, `reactions`. `fake.requests`, `fake.requests_to(route)`,
`fake.commands`, `fake.sessions`, `fake.gateway_log`, `fake.invalid_requests`, `fake.transcript()`,
`fake.wait_until(predicate, timeout_s, what)`, `fake.wait_ready(sessions)`.

Time: `fake.clock.advance(seconds)`; the clock runs with real time, plus what was advanced. It rules the 3 seconds of a
callback, the 15 minutes of a token, the day of an attachment's address, nonces, archiving, old edits and limits.

Disturb: routes are templates (`"PATCH /channels/{channel_id}/messages/{message_id}"`), paths with real ids, or `*`.
`rate_limit(route, retry_after_s=, scope="user|global|shared", times=)`, `limit(route, count, per_s=)`,
`fail(route, status=, processed=)`, `drop(route, processed=)`, `delay(route, seconds)`,
`with hold(route) as held: held.wait_arrived()`, `clear_faults()`; `processed` means after doing what was asked.
Gateway: `reconnect()`, `invalidate_sessions(resumable=)`, `drop_sockets()`, `close_sockets(code)`, `hold_events()`,
`repeat_event("INTERACTION_CREATE")`.

Problems (`fake.problems`): bodies that Discord refuses (50035, 50006, 40005), protocol errors at the gateway, routes
the fake does not know, faults of the fake, and every request and answer that Discord's OpenAPI file does not allow
(`fake.validation` says whether the file was there; `openapi.KNOWN_FINDINGS` is what is let through). Missing
permissions, things that are gone, late or second callbacks are no problems but answers.

Stricter or looser than Discord: pings are counted as if the bot held Mention Everyone, also in code. What Discord does
when a bot edits its own "is thinking…" message through the channel route is undocumented; the fake lets it.
How fast IDENTIFYs may follow each other is told (`max_concurrency`) but not enforced. Old messages take ten edits an
hour for each channel (`fake.world.old_edit_cap`); Discord keeps its number to itself.
"""

from tests.fake_discord.driver import FakeDiscord
from tests.fake_discord.errors import DriverError
from tests.fake_discord.people import Choice, Person
from tests.fake_discord.recording import Problem, Request, Upload
from tests.fake_discord.registration import validate_registration

__all__ = ["Choice", "DriverError", "FakeDiscord", "Person", "Problem", "Request", "Upload", "validate_registration"]
