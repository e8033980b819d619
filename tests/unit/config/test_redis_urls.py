"""Redis URLs in the forms that Celery and redis-py accept."""

from __future__ import annotations

import pytest

from config.redis_urls import to_broker_url, to_client_url

PAIRS = [
    ("redis+socket:///tmp/a/redis.sock", "unix:///tmp/a/redis.sock"),
    ("redis+socket:///tmp/a/redis.sock?virtual_host=3", "unix:///tmp/a/redis.sock?db=3"),
    ("redis+socket://:secret@/tmp/redis.sock?virtual_host=3", "unix://:secret@/tmp/redis.sock?db=3"),
    ("redis://:secret@127.0.0.1:6379/2", "redis://:secret@127.0.0.1:6379/2"),
    ("rediss://cache.example:6380/0?ssl_cert_reqs=required", "rediss://cache.example:6380/0?ssl_cert_reqs=required"),
]


@pytest.mark.parametrize(("broker", "client"), PAIRS)
def test_redis_urls__convert_between_broker_and_client_form(broker: str, client: str) -> None:
    assert to_client_url(broker) == client
    assert to_client_url(client) == client
    assert to_broker_url(client) == broker
    assert to_broker_url(broker) == broker
