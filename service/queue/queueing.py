"""The doorbell: messages on Redis, through RQ, that tell workers a job waits in PostgreSQL.

A message carries no more than the tenant and the job. Losing one or ringing twice does no harm: the sweeper rings
again, and only one worker can claim a job.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from flask import Flask
from redis import Redis
from redis.exceptions import RedisError
from rq import Queue

from shared.errors import ServiceError

log = logging.getLogger(__name__)

QUEUES = ("cad", "render", "default")
"""In the order in which a worker serves them."""

STOP_TOPIC = "raceway:stop"
"""Redis channel of jobs that were cancelled while they run."""

TASK = "service.tasks.runner.run_job"
_NO_TIME_LIMIT = -1
_RESULT_SECONDS = 60


@dataclass(frozen=True)
class Bell:
    """Rings workers through one Redis."""

    redis: Redis

    def ring(self, queue: str, tenant_id: UUID, job_id: UUID) -> bool:
        """Tell the workers of ``queue`` that a job waits; False where Redis does not answer."""
        try:
            self._queue(queue).enqueue(
                TASK,
                str(tenant_id),
                str(job_id),
                job_id=message_id(job_id),
                job_timeout=_NO_TIME_LIMIT,
                result_ttl=_RESULT_SECONDS,
                failure_ttl=_RESULT_SECONDS,
            )
        except RedisError as error:
            log.warning("no bell for job %s, the sweeper rings later: %s", job_id, error)
            return False
        return True

    def stop(self, job_id: UUID) -> None:
        """Tell the worker that does the job to look at it at once, because somebody cancelled it.

        It looks several times a second anyway, so a word that is lost costs no more than that.
        """
        try:
            self.redis.publish(STOP_TOPIC, str(job_id))
        except RedisError as error:
            log.warning("no word to the worker of job %s, it looks by itself: %s", job_id, error)

    def is_ringing(self, queue: str, job_id: UUID) -> bool:
        """Whether a message for the job waits in the queue. Raises RedisError where Redis does not answer."""
        waiting = self.redis.lpos(self._queue(queue).key, message_id(job_id))
        return waiting is not None

    def _queue(self, name: str) -> Queue:
        return Queue(name, connection=self.redis)


def bell_queue(queue: str, needs: Iterable[str] = ()) -> str:
    """The bell of jobs with these needs: its own, so that no worker hears one that it cannot do (``render+gpu``)."""
    return "+".join([queue, *sorted(set(needs))])


def bells_of(queues: Sequence[str], capabilities: Collection[str]) -> list[str]:
    """Every bell that a worker with these capabilities hears, the most urgent queue first."""
    able = sorted(set(capabilities))
    return [
        bell_queue(queue, needs)
        for queue in queues
        for count in range(len(able), -1, -1)
        for needs in itertools.combinations(able, count)
    ]


def connect(url: str) -> Redis:
    """A connection for messages. Its time-outs keep a request from hanging on a Redis that is away."""
    return Redis.from_url(url, socket_connect_timeout=2, socket_timeout=5, health_check_interval=30)


def check(url: str) -> None:
    """Raises ServiceError (``service.redis``) where the Redis at ``url`` cannot be used; shown without its password."""
    try:
        connect(url).ping()
    except (RedisError, ValueError) as error:
        shown = url.rpartition("@")[2].removeprefix("redis://")
        raise ServiceError(
            f"The Redis {shown} cannot be used: {str(error).rstrip('.')}.",
            code="service.redis",
            hint="Check that Redis runs and that REDIS_URL is right, or let `raceway up` start its own.",
        ) from error


def bell(app: Flask) -> Bell:
    """The bell of the running service."""
    found: Bell = app.extensions["raceway_bell"]
    return found


def message_id(job_id: UUID) -> str:
    """Id of a job's message on the queue."""
    return f"job-{job_id}"
