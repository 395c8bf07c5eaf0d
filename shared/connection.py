"""The connection to the service's API: requests, tokens, pages of lists, and errors told as the service tells them.

Every method answers the ``data`` of the service's answer as plain JSON values, and raises the service's own error
(:class:`shared.errors.RacewayError` or a subclass) or ServiceError where there is no service to ask.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Self

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from shared.context import Context
from shared.errors import AuthError, RacewayError, ServiceError
from shared.files import atomic_path

Json = dict[str, Any]

CONNECT_SECONDS = 5
READ_SECONDS = 60
_CHUNK = 1 << 20


class Connection:
    """The calls that everything else is made of, with a token or a login. Not shared between threads."""

    def __init__(self, api_url: str, token: str = "") -> None:
        """``api_url`` with or without the ``/api`` at its end; ``token`` from a login or the artist's settings."""
        url = api_url.rstrip("/")
        self.api_url = url if url.endswith("/api") else f"{url}/api"
        self._session = requests.Session()
        self._session.headers["Accept"] = "application/json"
        # Only requests that may be repeated safely are repeated by the adapter.
        retry = Retry(total=3, connect=2, backoff_factor=0.2, status_forcelist=(502, 503, 504), raise_on_status=False)
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, HTTPAdapter(max_retries=retry))
        self.token = token
        self._refresh_token = ""

    @classmethod
    def from_context(cls, context: Context) -> Self:
        return cls(context.api_url, context.token)

    @property
    def token(self) -> str:
        return self._token

    @token.setter
    def token(self, token: str) -> None:
        if any(ord(character) < 33 or ord(character) > 126 for character in token):
            raise AuthError("The token contains characters that no token has.", code="auth.unauthorized")
        self._token = token
        if token:
            self._session.headers["Authorization"] = f"Bearer {token}"
        else:
            self._session.headers.pop("Authorization", None)

    def close(self) -> None:
        self._session.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- the calls everything else is made of

    def get(self, path: str, **parameters: Any) -> Any:
        """``GET`` a path below ``/api``; parameters that are None are left out."""
        return self._call("GET", path, params=present(parameters))

    def post(self, path: str, body: Mapping[str, Any] | None = None, **options: Any) -> Any:
        """``POST`` a JSON body."""
        return self._call("POST", path, json=dict(body or {}), **options)

    def patch(self, path: str, body: Mapping[str, Any], **options: Any) -> Any:
        return self._call("PATCH", path, json=dict(body), **options)

    def put(self, path: str, body: Mapping[str, Any], **options: Any) -> Any:
        return self._call("PUT", path, json=dict(body), **options)

    def delete(self, path: str) -> Any:
        return self._call("DELETE", path)

    def pages(self, path: str, **parameters: Any) -> Iterator[Json]:
        """Every item of a list, page by page."""
        page = 1
        while True:
            answer = self.get(path, page=page, page_size=200, **parameters)
            yield from answer["items"]
            if page * answer["page_size"] >= answer["total"]:
                return
            page += 1

    # -- login

    def health(self) -> Json:
        """Ask whether the service is up; raises ServiceError where it is not."""
        return self._object(self.get("/health"))

    def login(self, email: str, password: str, code: str = "") -> Json:
        """Log in and keep the session's token; answers ``token``, ``expires_at`` and ``user``.

        Raises AuthError; of the code ``auth.code_needed`` where ``code``, of an authenticator app, is needed as well.
        While this client lives it stays logged in: an expired token is exchanged for a new one.
        """
        body = {"email": email, "password": password, **({"code": code} if code else {})}
        return self._logged_in(self.post("/auth/login", body))

    def refresh(self) -> Json:
        """New tokens for those of the login; raises AuthError where it has ended."""
        token, self._refresh_token = self._refresh_token, ""
        return self._logged_in(self.post("/auth/refresh", {"refresh_token": token}))

    def me(self) -> Json:
        """The user and tenant of the token."""
        return self._object(self.get("/auth/me"))

    def download(self, path: str, target: Path) -> Path:
        """Fetch a file below ``/api`` to ``target``, whole or not at all."""
        answer = self._send("GET", path, stream=True)
        if answer.status_code >= 400:
            raise _error_of(answer)
        with atomic_path(target) as temporary, temporary.open("wb") as stream:
            for chunk in answer.iter_content(_CHUNK):
                stream.write(chunk)
        return target

    # -- transport

    def _call(self, method: str, path: str, **options: Any) -> Any:
        answer = self._send(method, path, **options)
        if answer.status_code >= 400:
            error = _error_of(answer)
            # A stream that was read cannot be sent again.
            if error.code == "auth.expired_token" and self._refresh_token and "data" not in options:
                self.refresh()
                return self._call(method, path, **options)
            raise error
        try:
            body = answer.json()
            return body["data"]
        except (ValueError, KeyError, TypeError) as error:
            raise _not_ours(answer) from error

    def _send(self, method: str, path: str, **options: Any) -> requests.Response:
        try:
            return self._session.request(
                method, self.api_url + path, timeout=(CONNECT_SECONDS, READ_SECONDS), allow_redirects=False, **options
            )
        except requests.exceptions.Timeout as error:
            raise ServiceError(f"The service at {self.api_url} did not answer in time.") from error
        except requests.exceptions.ConnectionError as error:
            raise ServiceError(f"The service at {self.api_url} cannot be reached.") from error
        except (requests.exceptions.RequestException, UnicodeError) as error:
            raise ServiceError(f"{self.api_url} cannot be asked: {error}.", hint="Check PM_API_URL.") from error

    def _logged_in(self, answer: Any) -> Json:
        tokens = self._object(answer)
        self.token, self._refresh_token = tokens["token"], str(tokens.get("refresh_token", ""))
        return tokens

    @staticmethod
    def _object(value: Any) -> Json:
        if not isinstance(value, dict):
            raise ServiceError("The service answered something that is not the API's.", code="service.protocol")
        return value


def present(values: Mapping[str, Any]) -> Json:
    """``values`` without those that are None."""
    return {name: value for name, value in values.items() if value is not None}


def _error_of(answer: requests.Response) -> RacewayError:
    try:
        error = answer.json()["error"]
    except (ValueError, KeyError, TypeError):
        return _not_ours(answer)
    return RacewayError.from_json(error, status=answer.status_code)


def _not_ours(answer: requests.Response) -> ServiceError:
    if answer.status_code in (502, 503, 504):
        # What stands before the service says so in words of its own.
        return ServiceError(f"The service behind {answer.url.partition('?')[0]} does not answer.")
    return ServiceError(
        f"{answer.url.partition('?')[0]} answered {answer.status_code} with something that is not the API's.",
        hint="Check PM_API_URL: does it name the Raceway service?",
        code="service.protocol",
    )
