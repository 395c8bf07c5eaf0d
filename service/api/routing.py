"""One declaration per route. Validation, permission, commit, answer and the OpenAPI document all follow from it."""

from __future__ import annotations

import functools
import hashlib
import inspect
import json
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, ParamSpec, TypeVar

from flask import Blueprint, Response, request
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError, model_validator

from service.accounts import auth
from service.accounts.permissions import Permission
from service.api.json_rows import Written
from service.api.validation import faults_of
from service.database import commit, release, session
from shared.errors import InputError

P = ParamSpec("P")
R = TypeVar("R")

PREFIX = "/api"

_HALF_PAIR = re.compile("[\ud800-\udfff]")

IfMatch = Literal["", "optional", "required"]


def composed(value: Any) -> Any:
    """``value`` with all its texts in Unicode's composed form, NFC: macOS sends ``ö`` as an ``o`` and two dots, which
    looks the same and is another name. Passwords, too (RFC 8265, 4.2.2). Paths of files stay as they are."""
    if isinstance(value, str):
        return value if value.isascii() else unicodedata.normalize("NFC", value)
    if isinstance(value, dict):
        return {composed(key): each if _is_path(key) else composed(each) for key, each in value.items()}
    return [composed(each) for each in value] if isinstance(value, list) else value


def _is_path(name: Any) -> bool:
    return isinstance(name, str) and name.endswith(("_path", "_paths"))


class Request(BaseModel):
    """Base of request bodies and queries: unknown fields are refused, so that a misspelled one is noticed."""

    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _compose(cls, values: Any) -> Any:
        return composed(values)


class Reply(BaseModel):
    """Base of what is answered; read from rows by attribute."""

    model_config = ConfigDict(from_attributes=True)


@dataclass(frozen=True)
class Answer:
    """Data with a status or headers other than the usual ones; what ``answer`` can read, or JSON already."""

    data: Any
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Endpoint:
    """What a route declares.

    ``answer`` is the type of ``data``, or None where the view answers a file itself, of ``media_type``, which may be a
    range of types such as ``image/*``. ``errors`` are the statuses that it refuses with beside those that follow from
    the rest, see :mod:`service.api.openapi`; ``status_again`` is the status of a call that was made before and is
    answered alike. ``before_two_factor``: it is open to who has to set up a second factor first.
    """

    method: str
    path: str
    tag: str
    permission: Permission
    query: type[Request] | None
    body: type[Request] | None
    upload: str
    answer: Any
    media_type: str
    status: int
    if_match: IfMatch
    errors: tuple[int, ...]
    status_again: int
    before_two_factor: bool
    name: str
    help: str

    @functools.cached_property
    def answers_row(self) -> bool:
        """Whether it answers one row, which has an entity tag then."""
        return isinstance(self.answer, type) and {"id", "updated_at"} <= set(getattr(self.answer, "model_fields", ()))

    @functools.cached_property
    def serves_file(self) -> bool:
        """Whether it answers a file as it lies on the storage, of which one may ask for parts; no list, log or ZIP."""
        return self.media_type.startswith(("*/", "image/", "video/"))

    @functools.cached_property
    def adapter(self) -> TypeAdapter[Any]:
        """Turns what the view returned into JSON."""
        return TypeAdapter(self.answer)


class Resource(Blueprint):
    """A blueprint whose routes are declared; ``endpoints`` lists them."""

    def __init__(self, name: str, prefix: str) -> None:
        super().__init__(name, __name__, url_prefix=PREFIX + prefix)
        self.prefix = prefix
        self.endpoints: list[Endpoint] = []

    def declare(
        self,
        method: str,
        path: str,
        *,
        permission: Permission,
        query: type[Request] | None = None,
        body: type[Request] | None = None,
        upload: str = "",
        answer: Any = None,
        media_type: str = "application/json",
        status: int = 200,
        if_match: IfMatch = "",
        errors: tuple[int, ...] = (),
        status_again: int = 0,
        before_two_factor: bool = False,
    ) -> Callable[[Callable[P, R]], Callable[P, R]]:
        """Declare a route.

        The view gets the path's values by name, ``query`` and ``body`` validated, and returns what ``answer`` can
        read, an :class:`Answer`, or a Flask response. Its transaction is committed when it returns and rolled back
        when it raises. ``upload`` names the media type of a raw body that the view reads itself. ``if_match`` tells
        whether the view heeds that header; where it is required, a request without it is refused (428).
        """

        def add(view: Callable[P, R]) -> Callable[P, R]:
            endpoint = Endpoint(
                method=method,
                path=PREFIX + self.prefix + path,
                tag=self.name,
                permission=permission,
                query=query,
                body=body,
                upload=upload,
                answer=answer,
                media_type=media_type,
                status=status,
                if_match=if_match,
                errors=errors,
                status_again=status_again,
                before_two_factor=before_two_factor,
                name=view.__name__,
                help=inspect.cleandoc(view.__doc__ or ""),
            )
            self.endpoints.append(endpoint)
            self.add_url_rule(path, view.__name__, _serve(endpoint, view), methods=[method])
            return view

        return add


def _serve(endpoint: Endpoint, view: Callable[..., Any]) -> Callable[..., Response]:
    def serve(**values: Any) -> Response:
        auth.authorise(endpoint.permission, before_two_factor=endpoint.before_two_factor)
        if endpoint.if_match == "required" and not request.headers.get("If-Match"):
            raise _no_if_match()
        if endpoint.upload and request.mimetype == "multipart/form-data":
            raise _in_a_form(endpoint)
        if endpoint.query:
            values["query"] = _validated(endpoint.query, _query_values())
        if endpoint.body:
            values["body"] = _validated(endpoint.body, _json_body())
        result = view(**values)
        commit(session())
        if isinstance(result, Response):
            return result
        if not isinstance(result, Answer):
            result = Answer(result, endpoint.status)
        data = result.data if isinstance(result.data, Written) else _written(endpoint, result.data)
        text = b'{"ok":true,"data":' + data.json + b"}\n"
        response = Response(text, result.status, mimetype="application/json")
        response.headers.update(result.headers)
        if data.version:
            response.headers.setdefault("ETag", _etag(data.version, data.digested or data.json))
        if request.method == "GET" and "ETag" in response.headers:
            # Between browser and service nobody keeps an answer, but the browser may ask whether its own still holds.
            response.headers["Cache-Control"] = "private, no-cache"
            if request.if_none_match.contains_weak(response.get_etag()[0] or ""):
                response.status_code = 304
        return response

    return serve


def _written(endpoint: Endpoint, data: Any) -> Written:
    read = endpoint.adapter.validate_python(data, from_attributes=True)
    version = version_of(getattr(read, "revision", None), read.updated_at) if endpoint.answers_row else ""
    return Written(endpoint.adapter.dump_json(read), version)


def version_of(revision: int | None, updated_at: datetime) -> str:
    """What If-Match compares: the revision of a row that counts them, else the time of its last change."""
    return str(revision) if revision is not None else f"{int(updated_at.timestamp() * 1_000_000):x}"


def matches(version: str) -> bool:
    """Whether the request's If-Match, if it has one, names this version of the row."""
    header = request.headers.get("If-Match", "").strip()
    tags = [tag.strip().removeprefix("W/").strip('"').partition("-")[0] for tag in header.split(",")]
    return not header or header == "*" or version in tags


def _etag(version: str, text: bytes) -> str:
    """Entity tag: the row's version, and a digest of the answer, which also tells of other rows' names."""
    return f'"{version}-{hashlib.blake2b(text, digest_size=6).hexdigest()}"'


def _no_if_match() -> InputError:
    return InputError(
        "This call replaces the whole and must say what it replaces.",
        hint="Read it first and send its ETag as If-Match, or `If-Match: *` to replace whatever stands there.",
        code="input.if_match",
        status=428,
    )


def _in_a_form(endpoint: Endpoint) -> InputError:
    return InputError(
        "The file is wrapped in a form.",
        hint=f"Send it as the body itself, with the header Content-Type: {endpoint.upload} (curl --data-binary @FILE).",
        code="input.content_type",
        status=415,
    )


def _validated(model: type[Request], values: Any) -> Request:
    try:
        return model.model_validate(values)
    except ValidationError as error:
        fields = {name or "body": text for name, text in faults_of(error).items()}
        raise InputError(
            f"The request is not valid: {'; '.join(f'{name}: {text}' for name, text in fields.items())}.",
            hint=f"See {PREFIX}/docs for what this call takes.",
            fields=fields,
        ) from None
    except RecursionError:
        raise InputError(
            "The request is not valid: it is nested too deeply.", hint="Send fewer lists within lists."
        ) from None


def _query_values() -> dict[str, str]:
    values = request.args.to_dict()
    _check_text(values)
    return values


def body_bytes() -> bytes:
    """The whole body of an upload; no transaction is open while it comes."""
    release(session())
    return _body()


def _body() -> bytes:
    body = request.get_data(cache=False)
    # Of a body in chunks Werkzeug reads what is allowed and stops: that there is more shows in reading on (413).
    request.stream.read(1)
    return body


def _json_body() -> Any:
    if not request.is_json:
        raise InputError(
            "The body of this request must be JSON.",
            hint="Send it with the header Content-Type: application/json.",
            code="input.content_type",
            status=415,
        )
    try:
        text = _body() or b"{}"
        body = json.loads(text, parse_constant=_no_constant)
        if b"\\" in text or not text.isascii():
            _check_text(body)
    except (ValueError, RecursionError) as error:
        raise InputError(
            f"The body is not valid JSON: {error}.", hint="Check its syntax.", code="input.json", status=400
        ) from None
    return body


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")


def _check_text(values: Any) -> None:
    """Refuse what PostgreSQL cannot store as text: null characters and half surrogate pairs."""
    text = json.dumps(values, ensure_ascii=False)
    if "\\u0000" in text or _HALF_PAIR.search(text):
        raise InputError(
            "The request holds characters that are not text (null, or half a surrogate pair).",
            hint="Send plain Unicode text.",
            code="input.text",
        )
