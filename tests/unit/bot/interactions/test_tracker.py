import asyncio
from types import SimpleNamespace

import pytest
from structlog.testing import capture_logs

from bot.interactions.tracker import InteractionTracker, record_of


def interaction():
    return SimpleNamespace(
        extras={}, user=SimpleNamespace(id=1), guild_id=2, channel_id=3, token="secret", data={"x": "y"}
    )


async def handle_error(_interaction, error):
    return f"refused: {type(error).__name__}"


def test_track__logs_one_line_without_content_or_token():
    async def run():
        tracker, one = InteractionTracker(), interaction()
        async with tracker.track(one, "ask", handle_error) as record:
            record.acknowledge()
            record.jobs.append(7)
        tracker.end(one)

    with capture_logs() as lines:
        asyncio.run(run())
    assert len(lines) == 1
    line = lines[0]
    assert line["acknowledged_ms"] >= 0
    assert line["name"] == "ask"
    assert not {"user", "guild", "channel"} & line.keys()
    assert (line["jobs"], line["outcome"]) == ([7], "done")
    assert "secret" not in str(line)


def test_track__an_error_is_answered_and_logged_as_the_outcome():
    async def run():
        async with InteractionTracker().track(interaction(), "ask", handle_error):
            raise ValueError

    with capture_logs() as lines:
        asyncio.run(run())
    assert [line["outcome"] for line in lines] == ["refused: ValueError"]
    assert lines[0]["acknowledged_ms"] is None


def test_drain__waits_for_open_interactions():
    async def run():
        tracker, one = InteractionTracker(), interaction()
        assert await tracker.drain(0)
        tracker.begin(one, "ask")
        assert not await tracker.drain(0)
        waiting = asyncio.create_task(tracker.drain(10))
        await asyncio.sleep(0)
        tracker.end(one)
        assert await waiting
        assert tracker.closing

    asyncio.run(run())


def test_record_of__an_untracked_interaction():
    assert record_of(interaction()).jobs == []


def test_acknowledge__records_the_first_response_only():
    tracker, one = InteractionTracker(), interaction()
    record = tracker.begin(one, "ask")
    record.acknowledge()
    first = record.acknowledged_ms
    record.acknowledge()
    assert record.acknowledged_ms == first == pytest.approx(first)
