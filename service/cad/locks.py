"""A lock in Redis: one worker at a time does a piece of work, wherever the workers run.

The lock holds a token of its owner. Only the owner renews or releases it (Redis compares and acts in one step), and
when the owner is killed it expires, so that another takes the work up. It keeps work from being done twice at once;
what keeps a late worker's results out is the lease in PostgreSQL (:mod:`service.tasks.lease`).
"""

from __future__ import annotations

import contextlib
import logging
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from redis import Redis
from redis.exceptions import RedisError

from shared.errors import ConflictError

log = logging.getLogger(__name__)

LOCK_SECONDS = 15.0
"""How long a lock outlives its last renewal."""
_RENEWALS = 4
"""Renewals in the life of a lock: some may fail before it is lost."""
_FIRST_LOOK, _LAST_LOOK = 0.05, 1.0
"""Seconds between two looks at a lock that another holds: growing from the first to the last."""
_PREFIX = "raceway:lock:"

# A lock that Redis has lost (it restarted) is taken again, unless another worker was faster.
_RENEW = """
local owner = redis.call('get', KEYS[1])
if owner == ARGV[1] then return redis.call('pexpire', KEYS[1], ARGV[2]) end
if owner then return 0 end
redis.call('set', KEYS[1], ARGV[1], 'px', ARGV[2])
return 1
"""
_RELEASE = """
if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end
return 0
"""


class LockCancelledError(ConflictError):
    """The wait for a lock was given up because the caller must stop."""

    code = "process.cancelled"


@dataclass
class Lock:
    """One owner's claim to ``name``."""

    redis: Redis
    name: str
    seconds: float = LOCK_SECONDS
    token: str = field(default_factory=lambda: secrets.token_hex(16))
    _valid_until: float = 0.0

    @property
    def key(self) -> str:
        return _PREFIX + self.name

    @property
    def lost(self) -> bool:
        """Whether another may hold it: it was taken over, or could not be renewed in its time."""
        return time.monotonic() >= self._valid_until

    def acquire(self) -> bool:
        """Take the lock if nobody holds it. Raises RedisError where Redis does not answer."""
        since = time.monotonic()
        if not self.redis.set(self.key, self.token, nx=True, px=self._milliseconds):
            return False
        self._valid_until = since + self.seconds
        return True

    def renew(self) -> bool:
        """Hold it for its full time again. False, and lost for good, where another holds it."""
        since = time.monotonic()
        if not self.redis.eval(_RENEW, 1, self.key, self.token, self._milliseconds):
            self._valid_until = 0.0
            return False
        self._valid_until = since + self.seconds
        return True

    def release(self) -> bool:
        """Let it go; False where it was another's by now, which then keeps it."""
        self._valid_until = 0.0
        return bool(self.redis.eval(_RELEASE, 1, self.key, self.token))

    @property
    def _milliseconds(self) -> int:
        return int(self.seconds * 1000)


@contextlib.contextmanager
def held(
    redis: Redis, name: str, should_stop: Callable[[], bool] = lambda: False, *, seconds: float = LOCK_SECONDS
) -> Iterator[Lock]:
    """Wait for the lock, hold it for the body, and renew it meanwhile in a thread of its own.

    The body asks ``lost`` now and then. Raises LockCancelledError where ``should_stop`` says so during the wait.
    """
    lock = Lock(redis, name, seconds)
    pause = _FIRST_LOOK
    while not _acquired(lock):
        if should_stop():
            raise LockCancelledError(f"The wait for {name} was given up.")
        time.sleep(pause)
        pause = min(pause * 1.5, _LAST_LOOK)
    ended = threading.Event()
    thread = threading.Thread(target=_renew_until, args=(lock, ended), name="lock", daemon=True)
    thread.start()
    try:
        yield lock
    finally:
        ended.set()
        thread.join()
        try:
            lock.release()
        except RedisError as error:
            log.warning("lock %s is left to expire: %s", name, error)


def _acquired(lock: Lock) -> bool:
    try:
        return lock.acquire()
    except RedisError as error:
        log.warning("lock %s cannot be asked for: %s", lock.name, error)
        return False


def _renew_until(lock: Lock, ended: threading.Event) -> None:
    while not ended.wait(lock.seconds / _RENEWALS):
        try:
            if not lock.renew():
                log.warning("lock %s was taken by another worker", lock.name)
                return
        except RedisError as error:
            log.warning("lock %s could not be renewed: %s", lock.name, error)
