"""300 questions within 3 seconds are all acknowledged in time, and none is lost."""

from __future__ import annotations

import logging
import statistics
import time

from tests.acceptance.conftest import Installation
from tests.fake_discord import FakeDiscord

log = logging.getLogger(__name__)

USERS = 30
QUESTIONS = 300
WITHIN_S = 3.0


def test_many__300_interactions_within_3_seconds(installation: Installation, discord: FakeDiscord) -> None:
    users = [discord.add_user(f"member {n}") for n in range(USERS)]
    guild = discord.add_guild("Busy", members=users)
    channels = [discord.add_channel(guild, f"channel-{n}") for n in range(10)]
    installation.start_bot(discord)

    asked = []
    start = time.monotonic()
    for number in range(QUESTIONS):
        person, channel = users[number % USERS], channels[number % len(channels)]
        asked.append(person.slash("ask", channel=channel, question=f"What is rule number {number}?"))
        time.sleep(max(0.0, start + (number + 1) * WITHIN_S / QUESTIONS - time.monotonic()))
    elapsed_s = time.monotonic() - start
    for interaction in asked:
        interaction.wait_acknowledged(10)
    latencies = sorted(interaction.ack_latency_s for interaction in asked)
    # Shown by `pytest --log-cli-level=INFO`.
    log.info(
        "%d interactions in %.2f s: acknowledged p50 %.0f ms, p99 %.0f ms, max %.0f ms",
        QUESTIONS,
        elapsed_s,
        statistics.median(latencies) * 1000,
        latencies[QUESTIONS * 99 // 100] * 1000,
        latencies[-1] * 1000,
    )

    # Each question became a separate job, and each message shows that it is waiting.
    installation.wait_until(
        lambda: installation.value("SELECT count(*) FROM jobs") == QUESTIONS, "all jobs in the ledger"
    )
    assert installation.value("SELECT count(DISTINCT payload ->> 'question') FROM jobs") == QUESTIONS
    assert installation.value("SELECT count(DISTINCT message_id) FROM deliveries") == QUESTIONS
    discord.wait_until(lambda: all(i.messages_seen and not i.messages_seen[0].loading for i in asked), 120, "messages")
    assert not any(request.status == 429 for request in discord.requests)
