"""Slows down whoever guesses passwords, or has mails sent: counts in Redis, which all processes of the service share.

Each attempt is counted before it is looked at, so that many at once get no more tries than one after the other; a
login that succeeds takes its count back.
"""

from __future__ import annotations

import hashlib
import logging

from flask import current_app, request
from redis.exceptions import RedisError

from service.queue import queueing
from shared.errors import AuthError

log = logging.getLogger(__name__)

WINDOW_SECONDS = 300
ATTEMPTS_PER_ACCOUNT = 10
ATTEMPTS_PER_ADDRESS = 100
"""Of one network address on all accounts: a whole studio may share one."""
CODE_WINDOW_SECONDS = 3600
"""In which attempts count that guess a code: six digits, of which three are right at a time."""
_PREFIX = "raceway:login:"


class RateLimitError(AuthError):
    """Too many attempts; ``retry_after`` is the number of seconds to wait."""

    code = "auth.rate_limited"
    status = 429

    def __init__(self, retry_after: int) -> None:
        super().__init__("There were too many attempts.", hint=f"Wait {retry_after} seconds and try again.")
        self.retry_after = retry_after


def count_attempt(account: str, *, seconds: int = WINDOW_SECONDS, most: int = ATTEMPTS_PER_ACCOUNT) -> None:
    """Count an attempt on ``account``, any text that names it: to log in, to have a link mailed, or to say something
    as a guest.

    Raises RateLimitError after more than ``most`` for this account within ``seconds``, or too many from this address
    within five minutes.
    """
    redis = queueing.bell(current_app).redis
    try:
        of_account, of_address = _keys(account, most).items()
        for (key, limit), window in ((of_account, seconds), (of_address, WINDOW_SECONDS)):
            pipeline = redis.pipeline()
            pipeline.set(key, 0, ex=window, nx=True)
            pipeline.incr(key)
            pipeline.ttl(key)
            _, count, left = pipeline.execute()
            if count > limit:
                raise RateLimitError(max(left, 1))
    except RedisError as error:
        # Without Redis a password is quicker to guess; that nobody could log in would be worse.
        log.warning("logins are not limited: Redis does not answer (%s)", type(error).__name__)


def forgive(account: str) -> None:
    """Take back the count of an attempt that succeeded, and of the wrong ones before it."""
    try:
        pipeline = queueing.bell(current_app).redis.pipeline()
        of_account, of_address = _keys(account)
        pipeline.delete(of_account)
        pipeline.decr(of_address)
        pipeline.expire(of_address, WINDOW_SECONDS)
        pipeline.execute()
    except RedisError as error:
        log.warning("a count of logins stays: Redis does not answer (%s)", type(error).__name__)


def is_first(what: str, *, seconds: int) -> bool:
    """Whether this is the first time within ``seconds`` that somebody asks for ``what``; true without Redis."""
    try:
        return bool(queueing.bell(current_app).redis.set(_PREFIX + what, 1, ex=seconds, nx=True))
    except RedisError:
        return True


def _keys(account: str, most: int = ATTEMPTS_PER_ACCOUNT) -> dict[str, int]:
    """Key and limit of the account and of the address, in this order. Neither can be read from its key."""
    names = {f"account {account.strip().lower()}": most}
    names[f"address {request.remote_addr}"] = ATTEMPTS_PER_ADDRESS
    return {_PREFIX + hashlib.sha256(name.encode()).hexdigest(): limit for name, limit in names.items()}
