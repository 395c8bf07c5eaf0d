"""What a SAML provider and this service say of themselves: their metadata.

https://docs.oasis-open.org/security/saml/v2.0/saml-metadata-2.0-os.pdf
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import requests
import xmlsec
from lxml import etree
from lxml.builder import ElementMaker
from onelogin.saml2.constants import OneLogin_Saml2_Constants as Names
from onelogin.saml2.utils import OneLogin_Saml2_Utils
from onelogin.saml2.xml_utils import OneLogin_Saml2_XML

from service.accounts.single_sign_on.provider import TIMEOUT_SECONDS

_PROVIDER = "//md:EntityDescriptor/md:IDPSSODescriptor[contains(@protocolSupportEnumeration, $protocol)]"
_SIGNING = "md:KeyDescriptor[not(@use) or @use='signing']/ds:KeyInfo/ds:X509Data/ds:X509Certificate"
_md = ElementMaker(namespace=Names.NS_MD, nsmap={"md": Names.NS_MD})


@dataclass(frozen=True)
class ThisService:
    """What providers know this service by: its name, and the address that takes their answers."""

    entity_id: str
    consumer: str

    def metadata(self) -> bytes:
        """The document that an administrator registers at the provider."""
        described = _md.SPSSODescriptor(
            _md.NameIDFormat(Names.NAMEID_EMAIL_ADDRESS),
            _md.AssertionConsumerService(
                Binding=Names.BINDING_HTTP_POST, Location=self.consumer, index="0", isDefault="true"
            ),
            AuthnRequestsSigned="false",
            WantAssertionsSigned="true",
            protocolSupportEnumeration=Names.NS_SAMLP,
        )
        whole = _md.EntityDescriptor(described, entityID=self.entity_id)
        text: bytes = etree.tostring(whole, xml_declaration=True, encoding="UTF-8", pretty_print=True)
        return text


@dataclass(frozen=True)
class ProviderMetadata:
    """A provider's name, the address where a login begins, and the certificates (PEM) whose keys sign its answers."""

    entity_id: str
    login: str
    certificates: tuple[str, ...]

    @classmethod
    def load(cls, place: str) -> ProviderMetadata:
        """Of a file or an ``https:`` address.

        Raises OSError (requests' own errors are some) where nothing is there, ValueError that says what is wrong.
        """
        if not is_address(place):
            return cls.read(Path(place).read_bytes())
        # Whose keys are trusted is not asked of anybody but that address.
        answer = requests.get(place, timeout=TIMEOUT_SECONDS, allow_redirects=False)
        if answer.status_code != requests.codes.ok:
            raise ValueError(f"{place} answers with {answer.status_code}, not with metadata")
        return cls.read(answer.content)

    @classmethod
    def read(cls, text: bytes) -> ProviderMetadata:
        """Raises ValueError that says what is wrong."""
        try:
            root = OneLogin_Saml2_XML.to_etree(text)
        except etree.XMLSyntaxError as error:
            raise ValueError(f"the metadata is no XML: {error}") from error
        found = root.xpath(_PROVIDER, namespaces=Names.NSMAP, protocol=Names.NS_SAMLP)
        if len(found) != 1:
            raise ValueError(f"the metadata describes {len(found)} identity providers of SAML 2.0, not one")
        described = found[0]
        for until in described.xpath("ancestor-or-self::*/@validUntil"):
            if time_of(until) <= datetime.now(UTC):
                raise ValueError(f"the metadata was valid until {until}")
        redirect = f"md:SingleSignOnService[@Binding='{Names.BINDING_HTTP_REDIRECT}']"
        logins = [each.get("Location", "") for each in described.iterfind(redirect, Names.NSMAP)]
        if not logins or not logins[0].startswith(("https://", "http://")):
            raise ValueError("the metadata names no address for logins by HTTP-Redirect")
        certificates = tuple(map(_certificate, described.xpath(_SIGNING, namespaces=Names.NSMAP)))
        if not certificates:
            raise ValueError("the metadata has no certificate for signatures")
        return cls(described.getparent().get("entityID", ""), logins[0], certificates)


def is_address(place: str) -> bool:
    """Whether this is the address of a server, and not a file."""
    return "://" in place


def time_of(text: str) -> datetime:
    """A moment as SAML writes it. Raises ValueError."""
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _certificate(element: Any) -> str:
    text: str = OneLogin_Saml2_Utils.format_cert("".join((element.text or "").split()))
    try:
        xmlsec.Key.from_memory(text, xmlsec.constants.KeyDataFormatCertPem, None)
    except (xmlsec.Error, TypeError, ValueError) as error:
        raise ValueError("a certificate in the metadata cannot be read") from error
    return text
