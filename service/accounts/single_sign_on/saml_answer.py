"""Whether a SAML provider's answer holds, and what it says: the web browser SSO profile, by python3-saml.

https://docs.oasis-open.org/security/saml/v2.0/saml-profiles-2.0-os.pdf (4.1.4)

The library looks at the form of an answer and at its signatures; what the profile demands of an assertion it takes
where it is there. So that is demanded here, of the one assertion that is signed: whom it is for and until when, and
which login it answers. Signatures that are made in an unusual way are not looked at: before it finds one wrong, xmlsec
fetches, transforms and computes what it names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from onelogin.saml2.constants import OneLogin_Saml2_Constants as Names
from onelogin.saml2.errors import OneLogin_Saml2_Error as LibraryError
from onelogin.saml2.errors import OneLogin_Saml2_ValidationError as InvalidError
from onelogin.saml2.response import OneLogin_Saml2_Response
from onelogin.saml2.settings import OneLogin_Saml2_Settings

from service.accounts.single_sign_on.provider import METADATA
from service.accounts.single_sign_on.saml_metadata import ProviderMetadata, ThisService, time_of

_MOST_CHARACTERS = 256 * 1024
_EXCLUSIVE = "http://www.w3.org/2001/10/xml-exc-c14n#"
_MORE = "http://www.w3.org/2001/04/xmldsig-more#"
_CANONICAL = {_EXCLUSIVE, f"{_EXCLUSIVE}WithComments"}
_ALGORITHMS = {
    "CanonicalizationMethod": _CANONICAL,
    "Transform": {*_CANONICAL, f"{Names.NS_DS}enveloped-signature"},
    "SignatureMethod": {f"{_MORE}{key}-sha{bits}" for key in ("rsa", "ecdsa") for bits in (256, 384, 512)},
    "DigestMethod": {Names.SHA256, Names.SHA384, Names.SHA512},
}
"""By the elements of a signature that name them."""


@dataclass(frozen=True)
class Vouched:
    """What an answer that holds says of somebody, and the request of ours that it answers.

    ``name`` is what the provider calls them, if that is an e-mail address; of ``attributes`` those that are plain text.
    """

    request_id: str
    name: str
    attributes: Mapping[str, list[str]]


class AnswerError(Exception):
    """Why an answer does not hold, and what to do about it, for whoever logs in; the cause is for the log."""

    def __init__(self, why: str, hint: str) -> None:
        super().__init__(why)
        self.why = why
        self.hint = hint


_Told = tuple[str, str]
_DAMAGED: _Told = (
    "its answer does not hold",
    "Try again. Where that does not help, the log of the service has the reason.",
)
_UNSIGNED: _Told = (
    "its answer is not signed by a certificate of its metadata",
    "An administrator has it sign its assertions, and gives RACEWAY_SAML_METADATA the metadata that it has now.",
)
_UNSAFE: _Told = ("its answer is signed in a way that is not safe", "An administrator has it sign with SHA-256.")
_FOR_OTHERS: _Told = (
    "its answer is meant for another service",
    f"An administrator registers there what {METADATA} says of this one.",
)
_WRONG_TIME: _Told = (
    "its answer is too old, or comes too early",
    "Try again. Where that does not help, an administrator compares the clocks of both machines.",
)
_UNCONFIRMED: _Told = ("its answer is too old, or meant for another service", _WRONG_TIME[1])
_UNASKED: _Told = ("its answer answers no login that was begun here", "Begin it here, not at the provider.")
_ENCRYPTED: _Told = (
    "its answer is encrypted",
    "An administrator turns the encryption of assertions off there: they are signed, and travel by HTTPS.",
)
_DECLINED: _Told = ("it has declined", "Try again, or ask whoever runs it: the log of the service has its reason.")

_OF_LIBRARY = {
    **dict.fromkeys((InvalidError.INVALID_SIGNATURE, InvalidError.NO_SIGNATURE_FOUND), _UNSIGNED),
    **dict.fromkeys((InvalidError.WRONG_AUDIENCE, InvalidError.WRONG_DESTINATION), _FOR_OTHERS),
    **dict.fromkeys((InvalidError.ASSERTION_TOO_EARLY, InvalidError.ASSERTION_EXPIRED), _WRONG_TIME),
    InvalidError.SESSION_EXPIRED: _WRONG_TIME,
    InvalidError.WRONG_SUBJECTCONFIRMATION: _UNCONFIRMED,
    InvalidError.ENCRYPTED_ATTRIBUTES: _ENCRYPTED,
    InvalidError.STATUS_CODE_IS_NOT_SUCCESS: _DECLINED,
}


def read(text: str, provider: ProviderMetadata, service: ThisService) -> Vouched:
    """What an answer (``text``, Base64) of ``provider`` to ``service`` says.

    Raises AnswerError where it does not hold. Which browser has begun the login that it answers is not known here.
    """
    try:
        if len(text) > _MOST_CHARACTERS:
            raise ValueError(f"{len(text)} characters are no answer")
        response = OneLogin_Saml2_Response(_settings(provider, service), text)
        _check_signatures(response.document)
        response.is_valid(_request_to(service), raise_exceptions=True)
        # Of a document that the signatures hold for, and which has one assertion.
        [assertion] = response.document.findall("saml:Assertion", Names.NSMAP)
        return _vouched(response.document, assertion, provider, service)
    except AnswerError:
        raise
    except InvalidError as error:
        raise AnswerError(*_OF_LIBRARY.get(error.code, _DAMAGED)) from error
    except LibraryError as error:
        is_encrypted = error.code == LibraryError.PRIVATE_KEY_NOT_FOUND
        raise AnswerError(*(_ENCRYPTED if is_encrypted else _DAMAGED)) from error
    except Exception as error:
        # Whatever a stranger may post: the libraries raise what their parts do.
        raise AnswerError(*_DAMAGED) from error


def _settings(provider: ProviderMetadata, service: ThisService) -> OneLogin_Saml2_Settings:
    return OneLogin_Saml2_Settings(
        {
            "strict": True,
            "sp": {"entityId": service.entity_id, "assertionConsumerService": {"url": service.consumer}},
            "idp": {
                "entityId": provider.entity_id,
                "singleSignOnService": {"url": provider.login},
                "x509certMulti": {"signing": list(provider.certificates)},
            },
            "security": {
                "allowSingleLabelDomains": True,
                "rejectDeprecatedAlgorithm": True,
                "requestedAuthnContext": False,
                "wantAttributeStatement": False,
                "wantNameId": False,
            },
        }
    )


def _request_to(service: ThisService) -> dict[str, str]:
    address = urlsplit(service.consumer)
    return {
        "https": "on" if address.scheme == "https" else "off",
        "http_host": address.netloc,
        "script_name": address.path,
    }


def _check_signatures(document: Any) -> None:
    """Raises AnswerError for a signature that is made in an unusual way, ValueError for one of something else than the
    element in which it stands."""
    for signature in document.iter(f"{{{Names.NS_DS}}}Signature"):
        for kind, known in _ALGORITHMS.items():
            named = {each.get("Algorithm") for each in signature.iter(f"{{{Names.NS_DS}}}{kind}")}
            if not named <= known:
                raise AnswerError(*_UNSAFE) from ValueError(f"{kind}: {', '.join(map(str, named))}")
        signed = [each.get("URI") for each in signature.iter(f"{{{Names.NS_DS}}}Reference")]
        if signed != [f"#{signature.getparent().get('ID')}"] or signature.find("ds:Object", Names.NSMAP) is not None:
            raise ValueError("a signature is not that of the element in which it stands")


def _vouched(document: Any, assertion: Any, provider: ProviderMetadata, service: ThisService) -> Vouched:
    if _texts(assertion, "saml:Issuer") != [provider.entity_id]:
        raise ValueError("the assertion is not the provider's")
    restrictions = assertion.findall("saml:Conditions/saml:AudienceRestriction", Names.NSMAP)
    audiences = [_texts(each, "saml:Audience") for each in restrictions]
    is_for_us = bool(audiences) and all(service.entity_id in each for each in audiences)
    if not is_for_us or document.get("Destination", service.consumer) != service.consumer:
        raise AnswerError(*_FOR_OTHERS)
    if assertion.find("saml:Subject/saml:EncryptedID", Names.NSMAP) is not None:
        raise AnswerError(*_ENCRYPTED)
    request_id = _answered(assertion, service)
    names = f"saml:Subject/saml:NameID[@Format='{Names.NAMEID_EMAIL_ADDRESS}']"
    attributes: dict[str, list[str]] = {}
    for each in assertion.iterfind("saml:AttributeStatement/saml:Attribute", Names.NSMAP):
        attributes.setdefault(each.get("Name"), []).extend(_texts(each, "saml:AttributeValue"))
    return Vouched(request_id, "".join(_texts(assertion, names)), attributes)


def _answered(assertion: Any, service: ThisService) -> str:
    """The request that an assertion answers, by a confirmation that holds for whoever brings it to us now."""
    refused = _FOR_OTHERS
    for each in assertion.iterfind("saml:Subject/saml:SubjectConfirmation", Names.NSMAP):
        data = each.find("saml:SubjectConfirmationData", Names.NSMAP)
        if each.get("Method") != Names.CM_BEARER or data is None or data.get("Recipient") != service.consumer:
            continue
        until = data.get("NotOnOrAfter")
        if until is None or time_of(until) <= datetime.now(UTC):
            refused = _WRONG_TIME
        elif request_id := data.get("InResponseTo"):
            return str(request_id)
        else:
            refused = _UNASKED
    raise AnswerError(*refused)


def _texts(element: Any, path: str) -> list[str]:
    """The texts of the elements at ``path``. One that has others inside is no text: some of it would be missing."""
    found = element.iterfind(path, Names.NSMAP)
    return [text for each in found if not len(each) and (text := (each.text or "").strip())]
