"""Signatures of webhooks: what is sent verifies, and nothing else does."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import AuthError, InputError
from shared.webhooks import ID, SIGNATURE, TIMESTAMP, headers_of, secret_of, verify

SECRET = secret_of(bytes(range(32)))
NOW = 1_800_000_000.0


def test_a_signature_is_that_of_standard_webhooks() -> None:
    """The example of its own libraries."""
    secret, body = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", b'{"test": 2432232314}'
    headers = headers_of(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", body, 1614265330)
    assert headers[SIGNATURE] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert verify(headers, body, secret, now=1614265330) == headers[ID]


@given(body=st.binary(max_size=100), other=st.binary(max_size=100), key=st.binary(min_size=24, max_size=64))
def test_only_what_was_sent_verifies_and_only_with_its_secret(body: bytes, other: bytes, key: bytes) -> None:
    headers = headers_of(SECRET, "id", body, NOW)
    assert verify({name.title(): value for name, value in headers.items()}, body, SECRET, now=NOW) == "id"
    assert verify(headers, body, secret_of(key), SECRET, now=NOW) == "id"
    wrong = [(headers, body, secret_of(key))] if secret_of(key) != SECRET else []
    wrong += [(headers, other, SECRET)] if other != body else []
    wrong += [({**headers, ID: "another"}, body, SECRET), ({**headers, TIMESTAMP: str(int(NOW) + 1)}, body, SECRET)]
    for given_headers, given_body, secret in wrong:
        with pytest.raises(AuthError) as caught:
            verify(given_headers, given_body, secret, now=NOW)
        assert caught.value.code == "auth.signature" and caught.value.hint


@pytest.mark.parametrize("left_out", [ID, TIMESTAMP, SIGNATURE])
def test_what_is_not_signed_is_refused(left_out: str) -> None:
    headers = headers_of(SECRET, "id", b"{}", NOW)
    del headers[left_out]
    with pytest.raises(AuthError, match="not signed"):
        verify(headers, b"{}", SECRET, now=NOW)


def test_what_somebody_recorded_is_refused_later() -> None:
    headers = headers_of(SECRET, "id", b"{}", NOW)
    assert verify(headers, b"{}", SECRET, now=NOW + 299)
    for moment in (NOW + 301, NOW - 301):
        with pytest.raises(AuthError, match="another time"):
            verify(headers, b"{}", SECRET, now=moment)
    with pytest.raises(AuthError, match="another time"):
        verify(headers, b"{}", SECRET)
    assert verify(headers_of(SECRET, "id", b"{}"), b"{}", SECRET) == "id"


def test_what_is_no_secret_is_called_so_and_not_repeated() -> None:
    with pytest.raises(InputError) as caught:
        verify(headers_of(SECRET, "id", b""), b"", "whsec_mistyped!")
    assert "mistyped" not in f"{caught.value.message} {caught.value.hint}"
