"""An identity provider that speaks SAML 2.0 (ADFS, Shibboleth, Keycloak, Entra ID, Google, Okta, ...).

``RACEWAY_SAML_METADATA`` is what it says of itself, a file or an ``https:`` address, ``RACEWAY_SAML_EMAIL`` the
attribute that has people's addresses, ``RACEWAY_SAML_NAME`` what people call it. A login begins here: the browser is
sent to the provider with a request, and posts the provider's answer (profile: web browser SSO; bindings: HTTP-Redirect
there, HTTP-POST back).

That post comes from another site, so that browsers send none of our cookies along: what the answer says is put into a
cookie of its own, signed and for a minute, and the browser is sent on by GET. There its other cookies tell whether it
is the one that has begun the login.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import ClassVar
from urllib.parse import urlencode, urlsplit

from flask import redirect, request
from flask import session as cookie
from itsdangerous import BadData, URLSafeTimedSerializer
from lxml import etree
from lxml.builder import ElementMaker
from onelogin.saml2.constants import OneLogin_Saml2_Constants as Names
from onelogin.saml2.utils import OneLogin_Saml2_Utils
from werkzeug.wrappers import Response

from service.accounts import auth, throttle
from service.accounts.single_sign_on import saml_answer
from service.accounts.single_sign_on.provider import BACK, DEFAULT_NAME, METADATA, MOST_BEGUN, IdentityProvider
from service.accounts.single_sign_on.saml_metadata import ProviderMetadata, ThisService, is_address
from shared.errors import InputError

_BEGUN = "saml_begun"
"""In the cookie of the browser's session: the requests it was sent to the provider with, and when."""
BEGUN_SECONDS = 3600
_VOUCHED = "raceway_vouched"
VOUCHED_SECONDS = 60
_SALT = "vouched for by SAML"
METADATA_SECONDS = 600
"""For which the provider's metadata is kept: it announces new certificates there."""
_USUAL = (
    "email",
    "mail",
    "urn:oid:0.9.2342.19200300.100.1.3",
    "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress",
)
"""What providers call the attribute that has the e-mail address."""
_samlp = ElementMaker(namespace=Names.NS_SAMLP, nsmap={"samlp": Names.NS_SAMLP, "saml": Names.NS_SAML})
_saml = ElementMaker(namespace=Names.NS_SAML)


@dataclass
class SamlProvider(IdentityProvider):
    """``place`` is where its metadata is, ``service`` what it knows us by, ``email_attribute`` may be empty."""

    variable: ClassVar[str] = "RACEWAY_SAML_METADATA"
    place: str
    service: ThisService
    email_attribute: str = ""
    name: str = DEFAULT_NAME
    _kept: tuple[float, ProviderMetadata] | None = field(default=None, init=False, repr=False)

    @classmethod
    def from_environment(cls, env: Mapping[str, str], public_url: str) -> SamlProvider | None:
        """None where nothing is set. Raises InputError (``input.config``) that names what is missing or wrong."""
        place = env.get(cls.variable, "").strip()
        if not place:
            return None
        wrong = {}
        if is_address(place) and (urlsplit(place).scheme != "https" or not urlsplit(place).netloc):
            wrong[cls.variable] = "is neither a file nor an address that begins with https://"
        if not public_url:
            wrong["RACEWAY_PUBLIC_URL"] = "is not set, to which the identity provider sends people back"
        if wrong:
            raise InputError(
                f"Single sign-on is not configured: {', '.join(f'{name} {what}' for name, what in wrong.items())}.",
                hint="Set both, or do without RACEWAY_SAML_METADATA.",
                code="input.config",
                fields=wrong,
            )
        return cls(
            place,
            ThisService(f"{public_url}{METADATA}", f"{public_url}{BACK}"),
            env.get("RACEWAY_SAML_EMAIL", "").strip(),
            env.get("RACEWAY_SAML_NAME", "").strip() or DEFAULT_NAME,
        )

    def metadata(self) -> bytes:
        return self.service.metadata()

    def look(self) -> str:
        return ProviderMetadata.load(self.place).entity_id

    def send(self) -> Response:
        theirs = self._theirs()
        # An XML ID does not begin with a digit.
        request_id = f"_{secrets.token_hex(16)}"
        begun = [*cookie.get(_BEGUN, {}).items(), (request_id, int(time.time()))]
        cookie[_BEGUN] = dict(sorted(begun, key=lambda each: each[1])[-MOST_BEGUN:])
        asked = _samlp.AuthnRequest(
            _saml.Issuer(self.service.entity_id),
            ID=request_id,
            Version="2.0",
            IssueInstant=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            Destination=theirs.login,
            AssertionConsumerServiceURL=self.service.consumer,
            ProtocolBinding=Names.BINDING_HTTP_POST,
        )
        packed = OneLogin_Saml2_Utils.deflate_and_base64_encode(etree.tostring(asked))
        joint = "&" if urlsplit(theirs.login).query else "?"
        return redirect(f"{theirs.login}{joint}{urlencode({'SAMLRequest': packed})}")

    def take_answer(self) -> Response:
        theirs = self._theirs()
        try:
            vouched = saml_answer.read(request.form.get("SAMLResponse", ""), theirs, self.service)
        except saml_answer.AnswerError as error:
            raise self.refused(error.why, error.hint, error.__cause__ or error) from error
        answer = redirect(BACK, 303)
        answer.set_cookie(
            _VOUCHED,
            _signer().dumps([vouched.request_id, self._email_of(vouched)]),
            max_age=VOUCHED_SECONDS,
            path=BACK,
            secure=self.service.consumer.startswith("https:"),
            httponly=True,
            samesite="Lax",
        )
        return answer

    def email(self) -> str:
        again = f"Begin again at {self.service.consumer.removesuffix(BACK)}/login, and let the browser keep cookies."
        try:
            request_id, email = _signer().loads(request.cookies.get(_VOUCHED, ""), max_age=VOUCHED_SECONDS)
        except BadData as error:
            raise self.refused("there is no answer of it, or it was not fetched in time", again, error) from error
        begun = dict(cookie.get(_BEGUN, {}))
        is_ours = time.time() - begun.pop(request_id, 0) < BEGUN_SECONDS
        # Whoever keeps old cookies could come back with them.
        if not is_ours or not throttle.is_first(f"saml {request_id}", seconds=BEGUN_SECONDS):
            raise self.refused("this browser did not begin that login, or has ended it before", again)
        cookie[_BEGUN] = begun
        return str(email)

    def _email_of(self, vouched: saml_answer.Vouched) -> str:
        names = (self.email_attribute,) if self.email_attribute else _USUAL
        found = [vouched.attributes[name] for name in names if vouched.attributes.get(name)]
        emails = {vouched.name} if vouched.name and not self.email_attribute else set(found[0] if found else ())
        if not emails:
            wanted = self.email_attribute or "email, or a NameID of the format emailAddress"
            raise self.without_address(
                "does not tell your e-mail address", f"An administrator lets it: the attribute {wanted}."
            )
        if len(emails) > 1:
            raise self.without_address(
                "tells several e-mail addresses of yours",
                "An administrator names an attribute that has one: RACEWAY_SAML_EMAIL.",
            )
        return emails.pop()

    def _theirs(self) -> ProviderMetadata:
        """What the provider says of itself. Raises ServiceError where that cannot be had, or is of no use."""
        if self._kept is None or time.monotonic() - self._kept[0] > METADATA_SECONDS:
            try:
                self._kept = (time.monotonic(), ProviderMetadata.load(self.place))
            except (OSError, ValueError) as error:
                raise self.away(error) from error
        return self._kept[1]


def _signer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(auth.config().secret_key, salt=_SALT)
