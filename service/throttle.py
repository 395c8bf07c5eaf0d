"""Slows down whoever guesses passwords: a count of failures in Redis, for each address and each sender."""

from __future__ import annotations

import contextlib
import hashlib

from flask import current_app, request
from redis.exceptions import RedisError

from service import queueing
from shared.errors import AuthError

FAILURES = 10
WINDOW_SECONDS = 300


def check_login(email: str) -> None:
    """Raises AuthError (``auth.rate_limited``, status 429) after too many failures within five minutes."""
    with contextlib.suppress(RedisError):  # without Redis a login is slower to guess, not impossible to make
        for key in _keys(email):
            count = queueing.bell(current_app).redis.get(key)
            if isinstance(count, bytes) and int(count) >= FAILURES:
                raise AuthError(
                    "There were too many wrong passwords.",
                    hint=f"Wait {WINDOW_SECONDS // 60} minutes and try again.",
                    code="auth.rate_limited",
                    status=429,
                )


def count_failed_login(email: str) -> None:
    """Remember a failure."""
    with contextlib.suppress(RedisError):
        pipeline = queueing.bell(current_app).redis.pipeline()
        for key in _keys(email):
            pipeline.incr(key)
            pipeline.expire(key, WINDOW_SECONDS)
        pipeline.execute()


def _keys(email: str) -> list[str]:
    sender = f"{email.lower()} {request.remote_addr}"
    return [f"raceway:login:{hashlib.sha256(sender.encode()).hexdigest()}"]
