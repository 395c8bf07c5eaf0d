"""An identity provider that speaks SAML 2.0: it vouches for whom it is told to, in any way that a test wants.

It signs by signxml, another library than the one that the service verifies with.
"""

from __future__ import annotations

import base64
import contextlib
import html
import ssl
import threading
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4
from xml.sax.saxutils import escape

import signxml
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from lxml import etree

SAML = "urn:oasis:names:tc:SAML:2.0:assertion"
SAMLP = "urn:oasis:names:tc:SAML:2.0:protocol"
DS = "http://www.w3.org/2000/09/xmldsig#"
MD = "urn:oasis:names:tc:SAML:2.0:metadata"
NAMES = {"saml": SAML, "samlp": SAMLP, "ds": DS, "md": MD}
EMAIL = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"
PERSISTENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"
BINDINGS = "urn:oasis:names:tc:SAML:2.0:bindings"
_SIGNATURE = f'<ds:Signature xmlns:ds="{DS}" Id="placeholder"/>'


class LaxSigner(signxml.XMLSigner):
    """Signs with SHA-1 as well."""

    def check_deprecated_methods(self) -> None:
        pass


@dataclass(frozen=True)
class Key:
    """A key pair, and its certificate (DER, Base64)."""

    private: Any
    certificate: str

    @classmethod
    @cache
    def make(cls, name: str = "provider", kind: str = "rsa") -> Key:
        private = ec.generate_private_key(ec.SECP256R1()) if kind == "ecdsa" else rsa.generate_private_key(65537, 2048)
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        today = datetime.now(UTC)
        certificate = (
            x509.CertificateBuilder(subject, subject, private.public_key(), x509.random_serial_number())
            .not_valid_before(today - timedelta(days=1))
            .not_valid_after(today + timedelta(days=30))
            .sign(private, hashes.SHA256())
        )
        return cls(private, base64.b64encode(certificate.public_bytes(Encoding.DER)).decode())


@dataclass(frozen=True)
class Request:
    """What the service asks for."""

    id: str
    issuer: str
    consumer: str
    document: Any

    @classmethod
    def of(cls, page: str) -> Request:
        """Of the address to which the service sends a browser."""
        [packed] = parse_qs(urlsplit(page).query)["SAMLRequest"]
        document = etree.fromstring(zlib.decompress(base64.b64decode(packed), -zlib.MAX_WBITS))
        return cls(
            document.get("ID"),
            document.findtext("saml:Issuer", namespaces=NAMES),
            document.get("AssertionConsumerServiceURL"),
            document,
        )


@dataclass(frozen=True)
class Answer:
    """What the provider says, of whom and to whom; None leaves it out.

    ``signed`` are the elements that are signed. ``name``, ``audience`` and ``attributes`` are XML already, and so is
    ``identity``, which stands in place of the name. Without success there is no assertion.
    """

    issuer: str
    audience: str | None
    recipient: str | None
    destination: str | None
    in_response_to: str | None
    confirmed_request: str | None
    name: str = ""
    name_format: str = EMAIL
    identity: str = ""
    attributes: Sequence[tuple[str, str]] = ()
    status: str = "Success"
    not_before: timedelta = timedelta(minutes=-1)
    until: timedelta | None = timedelta(minutes=5)
    confirmed_until: timedelta | None = timedelta(minutes=5)
    method: str = "bearer"
    signed: Sequence[str] = ("Assertion",)
    key: Key = field(default_factory=Key.make)
    signature: str = "rsa-sha256"
    digest: str = "sha256"
    assertion_id: str = field(default_factory=lambda: f"_{uuid4().hex}")

    @classmethod
    def to(cls, request: Request, issuer: str, email: str, /, **changes: Any) -> Answer:
        to_request = cls(issuer, request.issuer, request.consumer, request.consumer, request.id, request.id, email)
        return replace(to_request, **changes)

    def document(self) -> Any:
        """The response, signed."""
        response = etree.fromstring(self._response())
        assertion = response.find("saml:Assertion", NAMES)
        if "Assertion" in self.signed and assertion is not None:
            response.replace(assertion, self._sign(assertion))
        return self._sign(response) if "Response" in self.signed else response

    def encoded(self) -> str:
        """As the browser posts it."""
        return encoded(etree.tostring(self.document()))

    def _sign(self, element: Any) -> Any:
        canonical = signxml.CanonicalizationMethod.EXCLUSIVE_XML_CANONICALIZATION_1_0
        signer = LaxSigner(signxml.methods.enveloped, self.signature, self.digest, canonical)
        # An element of its own: what is signed must not depend on where it stands.
        alone = etree.fromstring(etree.tostring(element))
        pem = f"-----BEGIN CERTIFICATE-----\n{self.key.certificate}\n-----END CERTIFICATE-----\n"
        return signer.sign(alone, key=self.key.private, cert=pem, reference_uri=element.get("ID"), id_attribute="ID")

    def _response(self) -> str:
        placeholder = _SIGNATURE if "Response" in self.signed else ""
        sent = _attributes(Destination=self.destination, InResponseTo=self.in_response_to)
        return (
            f'<samlp:Response xmlns:samlp="{SAMLP}" xmlns:saml="{SAML}" ID="_{uuid4().hex}" Version="2.0"'
            f' IssueInstant="{moment()}"{sent}><saml:Issuer>{escape(self.issuer)}</saml:Issuer>{placeholder}'
            f'<samlp:Status><samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:{self.status}"/></samlp:Status>'
            f"{self.assertion() if self.status == 'Success' else ''}</samlp:Response>"
        )

    def assertion(self) -> str:
        """The assertion, without a signature."""
        placeholder = _SIGNATURE if "Assertion" in self.signed else ""
        confirmed = _attributes(
            Recipient=self.recipient, InResponseTo=self.confirmed_request, NotOnOrAfter=moment(self.confirmed_until)
        )
        holds = _attributes(NotBefore=moment(self.not_before), NotOnOrAfter=moment(self.until))
        audience = f"<saml:Audience>{self.audience}</saml:Audience>"
        restriction = f"<saml:AudienceRestriction>{audience}</saml:AudienceRestriction>" if self.audience else ""
        name = f'<saml:NameID Format="{self.name_format}">{self.name}</saml:NameID>'
        told = "".join(
            f'<saml:Attribute Name="{name}"><saml:AttributeValue>{text}</saml:AttributeValue></saml:Attribute>'
            for name, text in self.attributes
        )
        return (
            f'<saml:Assertion xmlns:saml="{SAML}" ID="{self.assertion_id}" Version="2.0" IssueInstant="{moment()}">'
            f"<saml:Issuer>{escape(self.issuer)}</saml:Issuer>{placeholder}<saml:Subject>"
            f"{self.identity or name}"
            f'<saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:{self.method}">'
            f"<saml:SubjectConfirmationData{confirmed}/></saml:SubjectConfirmation></saml:Subject>"
            f"<saml:Conditions{holds}>{restriction}</saml:Conditions>"
            f'<saml:AuthnStatement AuthnInstant="{moment()}"><saml:AuthnContext><saml:AuthnContextClassRef>'
            "urn:oasis:names:tc:SAML:2.0:ac:classes:Password</saml:AuthnContextClassRef></saml:AuthnContext>"
            "</saml:AuthnStatement>"
            f"{f'<saml:AttributeStatement>{told}</saml:AttributeStatement>' if told else ''}</saml:Assertion>"
        )


def _attributes(**values: str | None) -> str:
    return "".join(f' {name}="{escape(text)}"' for name, text in values.items() if text is not None)


def moment(later: timedelta | None = timedelta()) -> str | None:
    """So much later than now, as SAML writes it."""
    return None if later is None else (datetime.now(UTC) + later).strftime("%Y-%m-%dT%H:%M:%SZ")


def encoded(document: bytes) -> str:
    return base64.b64encode(document).decode()


def metadata(
    entity_id: str,
    login: str,
    keys: Sequence[Key] | None = None,
    *,
    use: str = "signing",
    binding: str = "HTTP-Redirect",
    more: str = "",
    attributes: Mapping[str, str] | None = None,
) -> str:
    """What a provider says of itself; ``more`` follows, ``attributes`` are those of its element."""
    certificates = "".join(
        f'<md:KeyDescriptor use="{use}"><ds:KeyInfo xmlns:ds="{DS}"><ds:X509Data><ds:X509Certificate>'
        f"{key.certificate}</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>"
        for key in (keys if keys is not None else [Key.make()])
    )
    return (
        f'<md:EntitiesDescriptor xmlns:md="{MD}"><md:EntityDescriptor entityID="{entity_id}"'
        f"{_attributes(**attributes or {})}>"
        f'<md:IDPSSODescriptor protocolSupportEnumeration="{SAMLP}" WantAuthnRequestsSigned="true">{certificates}'
        f'<md:SingleSignOnService Binding="{BINDINGS}:{binding}" Location="{escape(login)}"/>'
        f"</md:IDPSSODescriptor></md:EntityDescriptor>{more}</md:EntitiesDescriptor>"
    )


@dataclass
class SamlServer:
    """A provider with a page of its own: whoever comes is ``email``, and posts so to the service at once."""

    url: str = ""
    email: str = ""
    fetched: int = 0
    """How often its metadata was."""
    redirects: bool = False

    def page(self, path: str) -> str:
        request = Request.of(f"{self.url}{path}")
        form = Answer.to(request, self.url, self.email).encoded()
        return (
            f'<!doctype html><form method="post" action="{html.escape(request.consumer)}">'
            f'<input type="hidden" name="SAMLResponse" value="{form}"></form>'
            "<script>document.forms[0].submit()</script>"
        )


@contextlib.contextmanager
def serving_saml(certificate: Path | None = None) -> Iterator[SamlServer]:
    """A provider at ``localhost``; with a ``certificate`` and its key by HTTPS. Its metadata is at ``/metadata``."""
    server = SamlServer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/metadata":
                server.fetched += 1
                body = metadata(server.url, f"{server.url}/login")
            else:
                body = server.page(self.path)
            self.send_response(302 if server.redirects else 200)
            self.send_header("Location", "/elsewhere")
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *arguments: object) -> None:
            pass

    listener = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if certificate:
        secure = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        secure.load_cert_chain(certificate)
        listener.socket = secure.wrap_socket(listener.socket, server_side=True)
    server.url = f"{'https' if certificate else 'http'}://localhost:{listener.server_port}"
    thread = threading.Thread(target=listener.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        listener.shutdown()
        listener.server_close()
        thread.join()
