"""Server-sent events: how a stream waits while it holds nothing but its thread.

Streams wait for words on Redis, which one thread of each process hears for all of them, and look at the database when
woken, or now and then because a word may be lost. Between two looks they hold no connection. They end when their
process is asked to stop.
"""

from __future__ import annotations

import contextlib
import json
import logging
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

from flask import Flask, Response
from redis.exceptions import RedisError

from service.activity.events import TOPIC
from service.queue import queueing
from shared.errors import ServiceError

log = logging.getLogger(__name__)

HEARTBEAT_SECONDS = 10.0
"""How often a silent stream sends a comment: a client that has gone is noticed by it."""
LOOK_SECONDS = 2.0
"""How often a stream looks at the database unasked."""
_RECONNECT_MILLISECONDS = 1000
_LEASE_SECONDS = 30
"""How long a place is kept for a stream whose process was killed."""
_LISTEN_SECONDS = 1.0
_HEADERS = {
    "Cache-Control": "no-store",
    # nginx would gather the messages otherwise.
    "X-Accel-Buffering": "no",
}

# One script, so that two streams at once cannot both take the last place.
_TAKE = """
local now = tonumber(redis.call('TIME')[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
if not redis.call('ZSCORE', KEYS[1], ARGV[1]) and redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[2]) then return 0 end
redis.call('ZADD', KEYS[1], now + tonumber(ARGV[3]), ARGV[1])
redis.call('EXPIRE', KEYS[1], ARGV[3])
return 1
"""


def message(event: str, data: Mapping[str, Any], position: str = "") -> bytes:
    """One message; ``position`` is what the client sends back as ``Last-Event-ID`` when it comes again."""
    lines = [f"event: {event}", f"data: {json.dumps(data, ensure_ascii=False, default=str)}"]
    if position:
        lines.append(f"id: {position}")
    return ("\n".join(lines) + "\n\n").encode()


@dataclass(eq=False)  # Two that heard the same are two: the one that ends must not take the other's place away.
class Watch:
    """The ear of one stream: which rows of its tenant changed since it last asked."""

    streams: Streams
    tenant_id: UUID
    changed: set[str] = field(default_factory=set)

    def wait(self, seconds: float) -> set[str]:
        """The ids that changed, waiting up to ``seconds`` for the first; empty where none did."""
        with self.streams.woken:
            self.streams.woken.wait_for(lambda: self.changed or self.streams.stopping, timeout=seconds)
            found, self.changed = self.changed, set()
            return found


class Streams:
    """The streams of one process: their ears, their places, and their end."""

    def __init__(self, redis_url: str, *, per_process: int, per_tenant: int) -> None:
        """``per_process`` keeps threads free for requests; ``per_tenant`` counts over all processes."""
        self.stopping = False
        self.woken = threading.Condition()
        self._redis = queueing.connect(redis_url)
        self._per_process, self._per_tenant = per_process, per_tenant
        self._open = 0
        self._watches: list[Watch] = []
        self._listener: threading.Thread | None = None

    def stop(self) -> None:
        """End every stream now, because this process ends."""
        with self.woken:
            self.stopping = True
            self.woken.notify_all()

    @contextlib.contextmanager
    def watch(self, tenant_id: UUID) -> Iterator[Watch]:
        """Hear what changes in a tenant."""
        watch = Watch(self, tenant_id)
        with self.woken:
            self._watches.append(watch)
            if self._listener is None or not self._listener.is_alive():
                self._listener = threading.Thread(target=self._listen, name="events", daemon=True)
                self._listener.start()
        try:
            yield watch
        finally:
            with self.woken:
                self._watches.remove(watch)

    def response(self, tenant_id: UUID, messages: Iterable[bytes]) -> Response:
        """Answer with a stream of messages; an empty one among them is a silence, filled by a comment when long.

        Raises ServiceError (``service.too_many_streams``, status 429) where the tenant or this process has enough.
        """
        place = self._take_place(tenant_id)
        response = Response(self._beating(place, messages), mimetype="text/event-stream", headers=_HEADERS)
        response.call_on_close(place.leave)
        return response

    def _beating(self, place: _Place, messages: Iterable[bytes]) -> Iterator[bytes]:
        yield f"retry: {_RECONNECT_MILLISECONDS}\n\n".encode()
        sent = kept = time.monotonic()
        for content in messages:
            now = time.monotonic()
            if now - kept > HEARTBEAT_SECONDS:
                place.keep()
                kept = now
            if content or now - sent > HEARTBEAT_SECONDS:
                yield content or b": still here\n\n"
                sent = now

    def _take_place(self, tenant_id: UUID) -> _Place:
        place = _Place(self, f"raceway:streams:{tenant_id}", uuid4().hex)
        with self.woken:
            full = self._open >= self._per_process
            if not full:
                self._open += 1
        if full or not place.keep():
            if not full:
                place.leave()
            raise ServiceError(
                f"Too many event streams are open ({self._per_tenant} are allowed).",
                hint="Close pages that are no longer looked at, or ask again in some seconds; "
                "RACEWAY_STREAMS_PER_TENANT sets the limit.",
                code="service.too_many_streams",
                status=429,
            )
        return place

    def take(self, key: str, member: str) -> bool:
        """Count a stream in Redis; without Redis only the limit of this process holds."""
        try:
            return bool(self._redis.eval(_TAKE, 1, key, member, self._per_tenant, _LEASE_SECONDS))
        except RedisError as error:
            log.warning("streams are not counted: %s", error)
            return True

    def give_back(self, key: str, member: str) -> None:
        """The stream has ended."""
        with self.woken:
            self._open -= 1
        with contextlib.suppress(RedisError):
            self._redis.zrem(key, member)

    def _listen(self) -> None:
        """Hear the words of all tenants until this process ends."""
        while not self.stopping:
            try:
                with self._redis.pubsub(ignore_subscribe_messages=True) as heard:  # type: ignore[no-untyped-call]
                    heard.psubscribe(f"{TOPIC}*")
                    while not self.stopping:
                        word = heard.get_message(timeout=_LISTEN_SECONDS)
                        if word is not None:
                            self._tell(word["channel"].decode().removeprefix(TOPIC), word["data"].decode())
            except (RedisError, OSError) as error:
                log.warning("streams look by themselves, Redis is away: %s", error)
                time.sleep(_LISTEN_SECONDS)

    def _tell(self, tenant_id: str, subject_id: str) -> None:
        with self.woken:
            for watch in self._watches:
                if str(watch.tenant_id) == tenant_id:
                    watch.changed.add(subject_id)
            self.woken.notify_all()


@dataclass
class _Place:
    """A stream's place among those that may be open."""

    streams: Streams
    key: str
    member: str
    left: bool = False

    def keep(self) -> bool:
        return self.streams.take(self.key, self.member)

    def leave(self) -> None:
        if not self.left:
            self.left = True
            self.streams.give_back(self.key, self.member)


def streams_of(app: Flask) -> Streams:
    """The streams of the running service."""
    found: Streams = app.extensions["raceway_streams"]
    return found
