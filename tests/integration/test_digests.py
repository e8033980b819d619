"""Claims on weekly digests: one process at a time, once a week."""

from __future__ import annotations

import pytest

from db import digests

KEYS = ["guild:1"]


@pytest.fixture
def digest(library):
    with library.database.tenant(library.other) as session:
        digests.turn_on(session, library.other, application_id="9", channel_id="7", user_id="42", locale="en-US")
    return library


def claim(library, keys=KEYS, application="9"):
    with library.database.system() as session:
        return digests.claim(session, application, keys)


def finish(library, claimed, error=None):
    with library.database.system() as session:
        digests.finish(session, claimed, error)


def make_due(library, late="1 hour"):
    library.run(f"UPDATE digests SET due_at = now() - interval '{late}'")


def read(library):
    with library.database.tenant(library.other) as session:
        return digests.read(session, library.other)


def test_digest__is_claimed_once_a_week_by_one_process_that_sees_the_server(digest):
    assert claim(digest) is None, "the first one is due in a week"
    make_due(digest)
    assert claim(digest, keys=["guild:2"]) is None
    assert claim(digest, application="8") is None
    claimed = claim(digest)
    assert (claimed.workspace, claimed.channel_id, claimed.claimed_before) == ("guild:1", "7", False)
    assert claim(digest) is None, "another process"
    finish(digest, claimed)
    assert claim(digest) is None
    assert digest.count("digests", "due_at BETWEEN now() + interval '6 days' AND now() + interval '7 days'") == 1


def test_digest__of_missed_weeks_is_posted_once(digest):
    make_due(digest, "20 days")
    finish(digest, claim(digest))
    assert claim(digest) is None
    assert digest.count("digests", "due_at > now()") == 1


def test_claim__of_a_process_that_ended_is_taken_over_and_fenced(digest):
    make_due(digest)
    first = claim(digest)
    digest.run("UPDATE digests SET claimed_at = now() - interval '2 minutes'")
    second = claim(digest)
    assert second.claimed_before
    finish(digest, first, "late")
    assert read(digest).error is None
    finish(digest, second)
    assert claim(digest) is None


def test_digest__moved_and_turned_off(digest):
    make_due(digest)
    finish(digest, claim(digest), "403 50013: Missing Permissions")
    assert read(digest) == digests.DigestSetting("7", "403 50013: Missing Permissions")
    with digest.database.tenant(digest.other) as session:
        digests.turn_on(session, digest.other, application_id="9", channel_id="8", user_id="43", locale="zh-CN")
        assert digests.read(session, digest.other) == digests.DigestSetting("8", None)
        digests.turn_off(session, digest.other)
        assert digests.read(session, digest.other) is None
