"""What a SAML provider did not say, or said to others, or of somebody else, lets nobody in."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from datetime import timedelta
from typing import Any

import pytest
from lxml import etree

from service.accounts.permissions import Role
from tests.service.page import Page
from tests.service.saml_provider import (
    DS,
    EMAIL,
    NAMES,
    PERSISTENT,
    SAML,
    SAMLP,
    Answer,
    Key,
    encoded,
    moment,
    serving_saml,
)
from tests.service.saml_sign_on import BACK, ENTITY, SERVICE, Start, sign_on
from tests.service.studio import StudioUnderTest

__all__ = ["sign_on"]  # fixtures

OTHER = "https://other.example/saml"
MINUTE = timedelta(minutes=1)
NOT_SIGNED = "not signed by a certificate of its metadata"
UNSAFE = "signed in a way that is not safe"
FOR_OTHERS = "meant for another service"
WRONG_TIME = "too old"
UNASKED = "answers no login that was begun here"
DAMAGED = "its answer does not hold"


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"signed": ()}, NOT_SIGNED),
        ({"signature": "rsa-sha1"}, UNSAFE),
        ({"digest": "sha1"}, UNSAFE),
        ({"audience": OTHER}, FOR_OTHERS),
        ({"audience": None}, FOR_OTHERS),
        ({"audience": f"{SERVICE}/login/provider/metadata/other"}, FOR_OTHERS),
        ({"recipient": OTHER}, FOR_OTHERS),
        ({"recipient": None}, FOR_OTHERS),
        ({"recipient": f"{BACK}.evil.example"}, FOR_OTHERS),
        ({"recipient": f"https://evil.example/?{BACK}"}, FOR_OTHERS),
        ({"destination": OTHER}, FOR_OTHERS),
        ({"destination": f"{BACK}/other"}, FOR_OTHERS),
        ({"destination": ""}, DAMAGED),
        ({"issuer": OTHER}, DAMAGED),
        ({"issuer": ""}, DAMAGED),
        ({"not_before": 10 * MINUTE}, WRONG_TIME),
        ({"until": -10 * MINUTE}, WRONG_TIME),
        ({"confirmed_until": -1 * MINUTE}, WRONG_TIME),
        ({"confirmed_until": None}, WRONG_TIME),
        ({"method": "holder-of-key"}, FOR_OTHERS),
        # Begun at the provider; and such an answer in the clothes of one that was asked for.
        ({"in_response_to": None, "confirmed_request": None}, UNASKED),
        ({"confirmed_request": None}, UNASKED),
        ({"in_response_to": "_other"}, FOR_OTHERS),
        ({"in_response_to": "_other", "confirmed_request": "_other"}, "did not begin that login"),
        ({"status": "Responder"}, "it has declined"),
        ({"status": "Responder", "signed": ("Response",)}, "it has declined"),
    ],
    ids=str,
)
def test_an_answer_holds_whole_or_not_at_all(
    studio: StudioUnderTest, sign_on: Start, changes: dict[str, Any], told: str
) -> None:
    there = sign_on()
    refused = there.log_in(studio.email(Role.ARTIST), **changes)
    assert refused.status_code == 401 and told in Page(refused).text
    assert not there.who()


@pytest.mark.parametrize("signed", [("Assertion",), ("Response",)])
def test_nobody_else_signs_for_the_provider(studio: StudioUnderTest, sign_on: Start, signed: tuple[str]) -> None:
    there = sign_on()
    refused = there.log_in(studio.email(Role.ARTIST), key=Key.make("somebody else"), signed=signed)
    assert refused.status_code == 401 and NOT_SIGNED in Page(refused).text
    assert not there.who()


def test_all_restrictions_of_the_audience_count(studio: StudioUnderTest, sign_on: Start) -> None:
    there = sign_on()
    ours = there.go().issuer
    both = f"{ours}</saml:Audience></saml:AudienceRestriction><saml:AudienceRestriction><saml:Audience>{OTHER}"
    assert FOR_OTHERS in Page(there.log_in(studio.email(Role.ARTIST), audience=both)).text
    either = f"{OTHER}</saml:Audience><saml:Audience>{ours}"
    assert there.log_in(studio.email(Role.ARTIST), audience=either).status_code == 303


def test_what_confirms_a_subject_does_so_alone(studio: StudioUnderTest, sign_on: Start) -> None:
    """A confirmation that lacks something, and one that has it and is of another kind."""
    there, email = sign_on(), studio.email(Role.ARTIST)
    request = there.go()
    whole = f'Recipient="{BACK}" InResponseTo="{request.id}" NotOnOrAfter="{moment(MINUTE)}"'
    for method, status in (("holder-of-key", 401), ("bearer", 303)):
        identity = (
            f'<saml:NameID Format="{EMAIL}">{email}</saml:NameID>'
            f'<saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:{method}">'
            f"<saml:SubjectConfirmationData {whole}/></saml:SubjectConfirmation>"
        )
        answer = Answer.to(request, ENTITY, email, identity=identity, recipient=None, confirmed_request=None)
        assert there.post(answer.encoded()).status_code == status


def test_an_encrypted_answer_is_told(studio: StudioUnderTest, sign_on: Start) -> None:
    there, email = sign_on(), studio.email(Role.ARTIST)
    cipher = "<xenc:CipherData><xenc:CipherValue>AAAA</xenc:CipherValue></xenc:CipherData>"
    data = f'<xenc:EncryptedData xmlns:xenc="http://www.w3.org/2001/04/xmlenc#">{cipher}</xenc:EncryptedData>'
    response = Answer.to(there.go(), ENTITY, email, signed=()).document()
    hidden = etree.fromstring(f'<saml:EncryptedAssertion xmlns:saml="{SAML}">{data}</saml:EncryptedAssertion>')
    response.replace(response.find("saml:Assertion", NAMES), hidden)
    for refused in (
        there.post(encoded(etree.tostring(response))),
        there.log_in(email, identity=f"<saml:EncryptedID>{data}</saml:EncryptedID>"),
    ):
        assert refused.status_code == 401 and "turns the encryption of assertions off" in Page(refused).text


def changed(answer: Answer, old: str, new: str) -> str:
    """What the browser posts after somebody has changed what was signed."""
    text = etree.tostring(answer.document()).decode()
    assert old in text
    return encoded(text.replace(old, new).encode())


@pytest.mark.parametrize("signed", [("Assertion",), ("Response",)])
def test_what_was_signed_cannot_be_changed(studio: StudioUnderTest, sign_on: Start, signed: tuple[str]) -> None:
    there = sign_on()
    answer = Answer.to(there.go(), ENTITY, studio.email(Role.ARTIST), signed=signed)
    refused = there.post(changed(answer, studio.email(Role.ARTIST), studio.email(Role.TENANT_ADMIN)))
    assert NOT_SIGNED in Page(refused).text and not there.who()


@pytest.mark.parametrize("place", ["name", "attribute"])
@pytest.mark.parametrize("between", ["<!---->", "<!-- a --><!-- b -->", "<![CDATA[]]>"])
def test_a_comment_cuts_no_address_short(studio: StudioUnderTest, sign_on: Start, place: str, between: str) -> None:
    """CVE-2017-11427: signatures pass over comments, and some readers end at the first."""
    there, victim = sign_on(), studio.email(Role.TENANT_ADMIN)
    own = f"{victim}.evil.example"
    told = {"attributes": [("mail", own)], "name_format": PERSISTENT} if place == "attribute" else {}
    answer = Answer.to(there.go(), ENTITY, own, **told)
    refused = there.post(changed(answer, own, f"{victim}{between}.evil.example"))
    assert refused.status_code == 403 and f"has the e-mail address {own}." in Page(refused).text
    assert not there.who()


def test_an_instruction_inside_an_address_breaks_the_signature(studio: StudioUnderTest, sign_on: Start) -> None:
    there, victim = sign_on(), studio.email(Role.TENANT_ADMIN)
    answer = Answer.to(there.go(), ENTITY, f"{victim}.evil.example")
    assert there.post(changed(answer, f"{victim}.", f"{victim}<?x?>.")).status_code in (401, 403)
    assert not there.who()


def extension_of(element: Any) -> Any:
    """What may lawfully hold anything."""
    extensions = etree.Element(f"{{{SAMLP}}}Extensions")
    etree.SubElement(extensions, "{urn:example}any").append(element)
    return extensions


def beside(response: Any, forged: Any) -> None:
    response.find("samlp:Status", NAMES).addnext(forged)


def after(response: Any, forged: Any) -> None:
    response.append(forged)


def over_the_signed_one_in_an_extension(response: Any, forged: Any) -> None:
    signed = response.find("saml:Assertion", NAMES)
    response.replace(signed, forged)
    response.find("saml:Issuer", NAMES).addnext(extension_of(signed))


def over_the_signed_one_in_its_signature(response: Any, forged: Any) -> None:
    signed = response.find("saml:Assertion", NAMES)
    response.replace(signed, forged)
    signature = signed.find("ds:Signature", NAMES)
    forged.find("saml:Issuer", NAMES).addnext(signature)
    etree.SubElement(signature, f"{{{DS}}}Object").append(signed)


def over_the_signed_one_in_its_advice(response: Any, forged: Any) -> None:
    signed = response.find("saml:Assertion", NAMES)
    response.replace(signed, forged)
    forged.find("saml:Issuer", NAMES).addnext(deepcopy(signed.find("ds:Signature", NAMES)))
    advice = etree.Element(f"{{{SAML}}}Advice")
    advice.append(signed)
    forged.find("saml:Conditions", NAMES).addnext(advice)


def with_its_name_and_signature(response: Any, forged: Any) -> None:
    signed = response.find("saml:Assertion", NAMES)
    forged.set("ID", signed.get("ID"))
    forged.find("saml:Issuer", NAMES).addnext(deepcopy(signed.find("ds:Signature", NAMES)))
    response.replace(signed, forged)


def around_the_signed_response(response: Any, forged: Any) -> None:
    signed = deepcopy(response)
    response.set("ID", "_outer")
    response.replace(response.find("saml:Assertion", NAMES), forged)
    response.find("saml:Issuer", NAMES).addnext(extension_of(signed))


def test_a_signed_refusal_vouches_for_nobody(studio: StudioUnderTest, sign_on: Start) -> None:
    there = sign_on()
    request = there.go()
    refusal = Answer.to(request, ENTITY, "", status="Responder", signed=("Response",)).document()
    forged = Answer.to(request, ENTITY, studio.email(Role.TENANT_ADMIN), signed=()).document()
    forged.set("ID", refusal.get("ID"))
    forged.find("saml:Issuer", NAMES).addnext(deepcopy(refusal.find("ds:Signature", NAMES)))
    forged.find("ds:Signature", NAMES).addnext(extension_of(refusal))
    refused = there.post(encoded(etree.tostring(forged)))
    assert DAMAGED in Page(refused).text and not there.who()


def test_a_signature_refers_to_nothing_else(studio: StudioUnderTest, sign_on: Start) -> None:
    there = sign_on()
    answer = Answer.to(there.go(), ENTITY, studio.email(Role.ARTIST))
    with serving_saml() as server:
        reference = (
            f'<ds:Reference URI="{server.url}/metadata"><ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/>'
            "<ds:DigestValue>AAAA</ds:DigestValue></ds:Reference></ds:SignedInfo>"
        )
        refused = there.post(changed(answer, "</ds:SignedInfo>", reference))
        assert DAMAGED in Page(refused).text and not server.fetched


@pytest.mark.parametrize("signed", [("Assertion",), ("Response",), ("Assertion", "Response")])
@pytest.mark.parametrize(
    "wrap",
    [
        beside,
        after,
        over_the_signed_one_in_an_extension,
        over_the_signed_one_in_its_signature,
        over_the_signed_one_in_its_advice,
        with_its_name_and_signature,
        around_the_signed_response,
    ],
)
def test_a_signature_vouches_for_what_it_signs_only(
    studio: StudioUnderTest, sign_on: Start, wrap: Callable[[Any, Any], None], signed: tuple[str]
) -> None:
    """Signature wrapping: an assertion of one's own, and one that was forged where the service might look instead."""
    there = sign_on()
    request = there.go()
    response = Answer.to(request, ENTITY, studio.email(Role.ARTIST), signed=signed).document()
    forged = Answer.to(request, ENTITY, studio.email(Role.TENANT_ADMIN), signed=()).assertion()
    if "Assertion" not in signed:
        # So that there is a signature to move.
        inner = Answer.to(request, ENTITY, studio.email(Role.ARTIST)).document().find("saml:Assertion", NAMES)
        response.replace(response.find("saml:Assertion", NAMES), inner)
    wrap(response, etree.fromstring(forged))
    refused = there.post(encoded(etree.tostring(response)))
    assert refused.status_code == 401 and not there.who()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('xmldsig#enveloped-signature"', 'xmldsig#enveloped-signature"/><ds:Transform Algorithm="http://www.w3.org/TR/1999/REC-xslt-19991116"'),
        ("http://www.w3.org/2001/04/xmldsig-more#rsa-sha256", "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256"),
        ("http://www.w3.org/2001/04/xmldsig-more#rsa-sha256", "http://www.w3.org/2001/04/xmldsig-more#rsa-md5"),
    ],
    ids=["XSLT", "HMAC", "MD5"],
)  # fmt: skip
def test_signatures_compute_only_what_is_known_to_be_safe(
    studio: StudioUnderTest, sign_on: Start, old: str, new: str
) -> None:
    there = sign_on()
    answer = Answer.to(there.go(), ENTITY, studio.email(Role.ARTIST))
    assert UNSAFE in Page(there.post(changed(answer, old, new))).text


def test_documents_that_define_anything_are_refused(studio: StudioUnderTest, sign_on: Start) -> None:
    there = sign_on()
    valid = etree.tostring(Answer.to(there.go(), ENTITY, studio.email(Role.ARTIST)).document()).decode()
    bomb = '<!ENTITY a "aaaaaaaaaa">' + "".join(
        f'<!ENTITY {name} "{10 * f"&{before};"}">' for before, name in zip("abcdefgh", "bcdefghi", strict=True)
    )
    with serving_saml() as server:
        for definition in (
            "<!DOCTYPE x>",
            f'<!DOCTYPE x SYSTEM "{server.url}/metadata">',
            '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>',
            f'<!DOCTYPE x [<!ENTITY % e SYSTEM "{server.url}/metadata"> %e;]>',
            f"<!DOCTYPE x [{bomb}]>",
        ):
            for text in (valid, valid.replace(studio.email(Role.ARTIST), "&e;"), valid.replace("Success", "&i;")):
                for encoding in ("utf-8", "utf-16"):
                    refused = there.post(encoded(f"{definition}{text}".encode(encoding)))
                    assert refused.status_code == 401 and DAMAGED in Page(refused).text
        assert not server.fetched
    assert there.post(encoded(valid.encode())).status_code == 303


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "x",
        "====",
        "\N{SNOWMAN}",
        encoded(b"no XML"),
        encoded(b"<a/>"),
        encoded(f'<samlp:Response xmlns:samlp="{SAMLP}"/>'.encode()),
        encoded(f'<ds:Signature xmlns:ds="{DS}"/>'.encode()),
        encoded(f'<samlp:Response xmlns:samlp="{SAMLP}" Version="2.0" ID="_a">{"<a>" * 9000}'.encode()),
        encoded(bytes(range(256))),
        "A" * 300_000,
    ],
    ids=lambda text: text[:8],
)
def test_whatever_a_stranger_posts_is_refused(sign_on: Start, answer: str) -> None:
    refused = sign_on().post(answer)
    assert refused.status_code == 401 and DAMAGED in Page(refused).text


def test_answers_have_a_size(studio: StudioUnderTest, sign_on: Start) -> None:
    there, email = sign_on(), studio.email(Role.ARTIST)
    assert there.log_in(email, attributes=[("groups", 150_000 * "g")]).status_code == 303
    refused = there.log_in(email, attributes=[("groups", 200_000 * "g")])
    assert refused.status_code == 401 and DAMAGED in Page(refused).text
