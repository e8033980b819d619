"""Check the Redis server."""

from __future__ import annotations

import redis

from config.redis_urls import to_client_url
from pipeline.errors import BrokerUnavailable, SetupError


def read_redis_version(url: str) -> str:
    """Return the version of the Redis server; raises `BrokerUnavailable`, or `SetupError` for an invalid URL."""
    try:
        with redis.Redis.from_url(to_client_url(url), socket_connect_timeout=5, socket_timeout=5) as client:
            return str(client.info("server")["redis_version"])
    except redis.AuthenticationError:
        raise BrokerUnavailable("Redis rejected the password; check REDIS_URL.") from None
    except ValueError:
        raise SetupError("REDIS_URL must be a Redis URL, for example redis://:password@host:6379/0.") from None
    except (redis.RedisError, OSError) as error:
        raise BrokerUnavailable(
            f"Redis is unreachable ({type(error).__name__}); check REDIS_URL and that the server is running."
        ) from error
