"""A webhook's secret: derived from the service's own key, so that it is stored nowhere.

Neither the database nor a backup of it holds a secret. Where ``RACEWAY_SECRET_KEY`` changes, all of them change.
"""

from __future__ import annotations

import hashlib
import hmac

from service.config import Config
from service.models import Webhook
from shared.webhooks import secret_of


def secret_for(config: Config, webhook: Webhook) -> str:
    """The secret that the webhook has now; its salt is another one whenever it is changed."""
    meant_for = f"webhook {webhook.tenant_id} {webhook.id} {webhook.salt}"
    return secret_of(hmac.new(config.secret_key.encode(), meant_for.encode(), hashlib.sha256).digest())
