"""Signatures of webhooks: how Raceway signs what it sends, and how a receiver verifies it.

As Standard Webhooks has them (https://www.standardwebhooks.com, symmetric signatures), so that its libraries verify
them, too: a message has the headers ``webhook-id`` (the same whenever it is sent again), ``webhook-timestamp``
(seconds since 1970, when it was sent) and ``webhook-signature``: one or more signatures with spaces between them, each
``v1,`` and the base64 of HMAC-SHA256 over ``{id}.{timestamp}.{body}``. The key is the base64 behind ``whsec_`` in the
secret. A receiver does no more than this::

    verify(request.headers, request.get_data(), "whsec_...")
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import time
from collections.abc import Mapping

from shared.errors import AuthError, InputError

ID, TIMESTAMP, SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"
TOLERANCE_SECONDS = 300.0
"""How far the clocks of sender and receiver may differ; what is older was perhaps recorded by somebody."""

_PREFIX = "whsec_"
_VERSION = "v1,"


def secret_of(key: bytes) -> str:
    """The secret that a receiver is given, of a key of 24 to 64 random bytes."""
    return _PREFIX + base64.b64encode(key).decode()


def headers_of(secret: str, message_id: str, body: bytes, now: float | None = None) -> dict[str, str]:
    """The headers that go with a message. ``now``: seconds since 1970. Raises InputError for what is no secret."""
    sent = str(int(time.time() if now is None else now))
    return {ID: message_id, TIMESTAMP: sent, SIGNATURE: _VERSION + _sign(_key_of(secret), message_id, sent, body)}


def verify(
    headers: Mapping[str, str],
    body: bytes,
    *secrets: str,
    tolerance: float = TOLERANCE_SECONDS,
    now: float | None = None,
) -> str:
    """The id of a message that is signed with one of ``secrets``; ``body`` is what came, byte by byte.

    Whoever has handled that id already answers 200 and does no more: a message may come more than once. Several
    secrets let a receiver know the new one beside the old one while it is changed.

    Raises AuthError (``auth.signature``) where a header is missing, no signature is right, or the message was not sent
    within ``tolerance`` seconds of ``now``; InputError for what is no secret.
    """
    given = {name.lower(): value for name, value in headers.items()}
    message_id, sent, signatures = (given.get(name, "") for name in (ID, TIMESTAMP, SIGNATURE))
    # Every comparison is made, in a time that does not depend on what is right.
    expected = [_VERSION + _sign(_key_of(secret), message_id, sent, body) for secret in secrets]
    pairs = [(one, each) for one in signatures.split() for each in expected]
    right = [hmac.compare_digest(one.encode(), each.encode()) for one, each in pairs]
    if not (message_id and sent and any(right)):
        raise _refusal(
            "This is not signed with the webhook's secret.",
            "Verify the body as it came, and use the secret that the webhook has now.",
        )
    if not sent.isdecimal() or abs((time.time() if now is None else now) - int(sent)) > tolerance:
        raise _refusal(
            "This was signed at another time.", "Set the clock of this machine; else somebody sent it again."
        )
    return message_id


def _sign(key: bytes, message_id: str, sent: str, body: bytes) -> str:
    signed = b".".join((message_id.encode(), sent.encode(), body))
    return base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def _key_of(secret: str) -> bytes:
    try:
        return base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        raise InputError("This is no secret of a webhook.", hint=f"It begins with {_PREFIX}.") from None


def _refusal(message: str, hint: str) -> AuthError:
    return AuthError(message, hint=hint, code="auth.signature")
