import copy
import json
import struct
from collections.abc import Iterator
from datetime import date
from io import BytesIO
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.test import Client
from django.urls import reverse
from django.utils.timezone import now
from openbadgeslib.ob3 import OB3LdpVerifier, OB3VerificationError
from PIL import Image

from certificates import badge, keyfiles, keys, proofs, serials, statuses
from certificates.badge import baked_png, credential_of, public_credential
from certificates.badge_picture import Colours, picture
from certificates.designing import current_design
from certificates.models import Certificate, CertificateDesign, End
from certificates.serials import new_serial
from certificates.sharing import hide_name
from content.branding import contrast
from tests.factories import CertificateFactory, UserFactory
from tests.node.credentials import verify

pytestmark = pytest.mark.django_db

PLACE = 3 * statuses.PLACES + 4711


@pytest.fixture
def certificate(claim: dict[str, Any]) -> Certificate:
    return certificate_of(claim)


def certificate_of(claim: dict[str, Any], **fields: Any) -> Certificate:
    return CertificateFactory(
        serial=claim["serial"], public_claim=claim, status_index=PLACE, **fields
    )


def published_keys() -> dict[str, Any]:
    """What those who check badges find of our keys."""
    found: dict[str, Any] = json.loads(Client().get("/.well-known/did.json").content)
    return found


def lists() -> dict[str, dict[str, Any]]:
    number = PLACE // statuses.PLACES
    return {statuses.list_url(number): statuses.status_list(number)}


def judged(*credentials: dict[str, Any]) -> list[Any]:
    return verify(credentials, did=published_keys(), lists=lists())


def identity(credential: dict[str, Any]) -> tuple[str, str]:
    (one,) = credential["credentialSubject"]["identifier"]
    return one["identityType"], one["identityHash"]


# --- What it says ----------------------------------------------------------------


def test_credential_says_what_the_certificate_says(certificate):
    credential = credential_of(certificate)

    subject = credential["credentialSubject"]
    achievement = subject["achievement"]
    said = {
        "holder": identity(credential),
        "serial": subject["licenseNumber"],
        "while": subject["role"],
        "programme": achievement["name"],
        "edition": achievement["version"],
        "policy": achievement["humanCode"],
        "topics": [
            (asked["name"], done["status"], done["value"])
            for asked, done in zip(
                achievement["resultDescription"], subject["result"], strict=True
            )
        ],
        "awarded": credential["awardedDate"],
        "from": credential["validFrom"],
        "until": credential.get("validUntil"),
        "signed": credential["proof"]["created"],
        "by": credential["issuer"]["id"],
        "place": credential["credentialStatus"]["statusListIndex"],
    }
    assert said == {
        "holder": ("name", "Mara Lindqvist"),
        "serial": serials.shown(certificate.serial),
        "while": "While with Northwind Learning",
        "programme": "User Support",
        "edition": "Edition 1",
        "policy": "Reseller Support & Qualification Policy 1.3",
        "topics": [
            ("Using Resolve", "Completed", "2026-11-10"),
            ("Escalating Tickets", "Completed", "2026-11-12"),
        ],
        "awarded": "2026-11-12T15:04:05Z",
        "from": "2026-11-12T00:00:00Z",
        "until": None,
        "signed": "2026-11-12T15:04:05Z",
        "by": "did:web:localhost%3A8000",
        "place": "4711",
    }


def test_credential_ends_where_the_certificate_does(claim):
    credential = credential_of(certificate_of(claim | {"valid_until": "2028-11-12"}))

    assert credential["validUntil"] == "2028-11-12T00:00:00Z"


def test_credential_has_neither_address_nor_salt_nor_trainer(claim):
    certificate = certificate_of(
        claim | {"salt": "5a17" * 8}, private_claim={"evidence": [{"by": "Theo"}]}
    )

    text = badge.as_text(credential_of(certificate))

    email = certificate.enrolment.member.user.email
    assert [word for word in ("5a17", "Theo", email) if word in text] == []


def test_credential_is_the_same_for_the_same_claim_and_key(certificate):
    first = badge.as_text(credential_of(certificate))
    again = badge.as_text(credential_of(Certificate.objects.get()))

    assert first == again


def test_two_of_one_edition_are_the_same_achievement(certificate, claim):
    other_serial = "0000000000000"
    same = CertificateFactory(
        serial=other_serial,
        public_claim=claim | {"serial": other_serial},
        enrolment__edition=certificate.enrolment.edition,
        enrolment__programme=certificate.enrolment.programme,
    )
    other = CertificateFactory()

    first, second, third = [
        credential_of(each)["credentialSubject"]["achievement"]["id"]
        for each in (certificate, same, other)
    ]

    assert first == second != third


def test_what_no_context_knows_is_not_signed(certificate):
    document = credential_of(certificate)
    del document["proof"]

    with pytest.raises(proofs.CannotSign, match="nickname"):
        proofs.signed({**document, "nickname": "M"}, created="2026-11-12T15:04:05Z")


def test_what_others_would_write_otherwise_is_not_signed(certificate):
    document = credential_of(certificate)
    del document["proof"]

    with pytest.raises(proofs.CannotSign, match="control character"):
        proofs.signed({**document, "name": "a\x7f"}, created="2026-11-12T15:04:05Z")


def test_no_context_comes_from_elsewhere():
    with pytest.raises(proofs.CannotSign, match="refused"):
        proofs.load("https://www.w3.org/ns/credentials/examples/v2")


def test_a_context_that_is_not_as_published_is_refused(monkeypatch):
    proofs._context.cache_clear()
    path, _digest = proofs._CONTEXTS[proofs.CREDENTIALS_V2]
    monkeypatch.setitem(proofs._CONTEXTS, proofs.CREDENTIALS_V2, (path, "0" * 64))

    with pytest.raises(proofs.CannotSign, match="not the document"):
        proofs.load(proofs.CREDENTIALS_V2)
    proofs._context.cache_clear()


# --- Checked by others -----------------------------------------------------------


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to each text, number and truth value in it."""
    if isinstance(value, dict | list):
        parts = value.items() if isinstance(value, dict) else enumerate(value)
        for key, part in parts:
            yield from leaves(part, (*path, key))
    else:
        yield path


def keys_of(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to each member of an object in it."""
    if isinstance(value, dict):
        for key, part in value.items():
            yield (*path, key)
            yield from keys_of(part, (*path, key))
    elif isinstance(value, list):
        for at, part in enumerate(value):
            yield from keys_of(part, (*path, at))


def changed(credential: dict[str, Any], path: tuple[Any, ...]) -> dict[str, Any]:
    """The credential with the leaf there made another of its kind."""
    copied = copy.deepcopy(credential)
    *way, last = path
    place: Any = copied
    for step in way:
        place = place[step]
    old = place[last]
    place[last] = not old if isinstance(old, bool) else _other_text(str(old))
    return copied


def _other_text(text: str) -> str:
    """One symbol of it made another, so that a date stays a date."""
    middle = len(text) // 2
    for at in (*range(middle, len(text)), *range(middle)):
        if text[at].isalnum():
            return text[:at] + ("2" if text[at] != "2" else "3") + text[at + 1 :]
    return text + "2"


def without(credential: dict[str, Any], path: tuple[Any, ...]) -> dict[str, Any]:
    copied = copy.deepcopy(credential)
    *way, last = path
    place: Any = copied
    for step in way:
        place = place[step]
    del place[last]
    return copied


def test_node_verifies_it_and_nothing_that_was_changed(claim):
    """Digital Bazaar's libraries, offline: each leaf altered, each member left out."""
    credential = credential_of(certificate_of(claim | {"valid_until": "2099-11-12"}))
    altered = {path: changed(credential, path) for path in leaves(credential)}
    fewer = {
        ("without", *path): without(credential, path) for path in keys_of(credential)
    }
    more = {"more": {**credential, "alumniOf": "A university"}}

    whole, *others = judged(
        credential, *altered.values(), *fewer.values(), *more.values()
    )

    fooled = [
        path
        for path, one in zip([*altered, *fewer, *more], others, strict=True)
        if one.verified
    ]
    assert (whole.verified, whole.status, whole.why) == (True, False, "")
    assert len(others) > 100
    assert fooled == []


NAMES = [
    "Mara Łukasik",
    "Нина Петрова",
    "Ελένη Παπαδοπούλου",
    "Nguyễn Thị Ánh",
    "محمد علي",
    "נועה כהן",
    "मीरा शर्मा",
    "高橋 さくら",
    "김 민준",
    "สมชาย ใจดี",
    'Robert "Bob" \\ O\'Neil <b>&amp;</b>',
    "=1+1",
    "a\u202eb\u200dc\u00ad",
    "😀 Zed",
    "\u0085\u2028\u007f\t\r\n\b",
]


def test_node_reads_names_in_any_script_as_we_write_them(claim):
    """Both canonicalise alike, or the signature would not hold."""
    claims = [
        claim | {"name": name, "serial": f"{number:013}", "reseller": name}
        for number, name in enumerate(NAMES)
    ]
    credentials = [
        credential_of(CertificateFactory(serial=each["serial"], public_claim=each))
        for each in claims
    ]

    assert [
        one.verified for one in verify(credentials, did=published_keys(), lists={})
    ] == [True] * len(NAMES)


@pytest.mark.parametrize(
    ("as_", "is_set"),
    [(End.REVOKED, True), (End.WITHDRAWN, True), (End.REPLACED, True), ("", False)],
)
def test_node_reads_from_the_list_whether_it_still_stands(claim, as_, is_set):
    ended = {"ended_as": as_, "ended_at": now()} if as_ else {}
    credential = credential_of(certificate_of(claim, **ended))

    (one,) = judged(credential)

    assert (one.verified, one.status) == (True, is_set)


def test_node_verifies_by_a_key_that_has_been_retired(certificate, settings, tmp_path):
    settings.DATA_DIR = tmp_path
    credential = credential_of(certificate)
    keyfiles.keep_next(keyfiles.BADGE, keyfiles.new_badge())

    new = credential_of(certificate)
    old_one, new_one = judged(credential, new)

    assert (
        credential["proof"]["verificationMethod"] != new["proof"]["verificationMethod"]
    )
    assert (old_one.verified, new_one.verified) == (True, True)


def test_openbadgeslib_verifies_it_and_nothing_that_was_changed(certificate):
    """A second verifier, in Python, which reads what Open Badges 3.0 asks for too."""
    credential = credential_of(certificate)
    public = keys.badge_key().public_key()
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    verifier = OB3LdpVerifier(pem)

    read = verifier.verify(credential)

    assert read.achievement.name == "User Support"
    with pytest.raises(OB3VerificationError, match="mismatch"):
        verifier.verify({**credential, "name": "Another"})


# --- What the public gets --------------------------------------------------------


def test_the_public_one_is_the_one_inside_the_file(claim):
    kept = {"id": "as it was signed"}
    certificate = certificate_of(claim, credential=kept)

    assert public_credential(certificate) == kept


def test_a_hidden_name_is_in_no_public_form(certificate):
    hide_name(certificate, by=certificate.enrolment.member.user)

    credential = public_credential(certificate)
    text = badge.as_text(credential) + baked_png(certificate).decode("latin-1")

    assert identity(credential) == ("ext:initials", "M. L.")
    assert [word for word in ("Mara", "Lindqvist") if word in text] == []
    assert credential["id"] != credential_of(certificate)["id"]
    assert [one.verified for one in judged(credential)] == [True]


def test_after_an_erasure_it_is_about_whoever_had_the_serial(claim):
    certificate = certificate_of(
        claim | {"name": ""}, erased_at=now(), private_claim={}
    )
    Certificate.objects.update(public_claim={})
    certificate.refresh_from_db()

    credential = public_credential(certificate)

    shown = serials.shown(certificate.serial)
    assert identity(credential) == ("ext:serial", shown)
    assert "role" not in credential["credentialSubject"]
    assert credential["name"] == certificate.enrolment.edition.title
    assert [one.verified for one in judged(credential)] == [True]


def test_the_holder_alone_gets_the_whole_one_of_a_hidden_name(client, certificate):
    holder = certificate.enrolment.member.user
    hide_name(certificate, by=holder)
    url = reverse("certificates:credential", args=[certificate.serial])

    client.force_login(holder)
    own = client.get(url)
    client.force_login(UserFactory(is_staff=True))
    others = client.get(url)

    assert identity(json.loads(own.content)) == ("name", "Mara Lindqvist")
    assert others.status_code == 404


# --- The picture -----------------------------------------------------------------


def chunks(png: bytes) -> list[tuple[bytes, bytes]]:
    """The parts of a PNG: the name and content of each."""
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    found, at = [], 8
    while at < len(png):
        (length,) = struct.unpack(">I", png[at : at + 4])
        found.append((png[at + 4 : at + 8], png[at + 8 : at + 8 + length]))
        at += 12 + length
    return found


def baked_text(png: bytes) -> str:
    """What is baked into it: keyword, then not compressed, no language, no translation."""
    (text,) = [content for name, content in chunks(png) if name == b"iTXt"]
    keyword, _zero, rest = text.partition(b"\0")
    assert keyword == b"openbadgecredential"
    assert rest[:4] == b"\0\0\0\0"
    return rest[4:].decode()


def test_the_picture_carries_the_credential_once(certificate):
    png = baked_png(certificate)

    credential = json.loads(baked_text(png))
    image = Image.open(BytesIO(png))
    assert credential == public_credential(certificate)
    assert image.size == (600, 600)
    assert len(png) < 100_000
    assert [one.verified for one in judged(credential)] == [True]


def test_the_picture_is_the_same_for_the_same_certificate(certificate):
    assert baked_png(certificate) == baked_png(Certificate.objects.get())


def test_the_picture_has_the_colours_of_the_certificates_design(claim, certificate):
    """That of its own: a later design changes the pictures of later ones alone."""
    before = baked_png(certificate)
    design = CertificateDesign.objects.get()
    design.ink, design.accent = "#4a1029", "#8a5a1c"
    design.save_revision().publish()
    claim["serial"] = new_serial()
    later = CertificateFactory(
        serial=claim["serial"], public_claim=claim, design=current_design()
    )

    assert baked_png(Certificate.objects.get(pk=certificate.pk)) == before
    middle = (
        Image.open(BytesIO(baked_png(later)))
        .convert("RGBA")
        .convert("RGB")
        .getpixel((300, 110))
    )
    assert middle == pytest.approx((0x4A, 0x10, 0x29), abs=4)


@pytest.mark.parametrize("ink", ["#000000", "#16294f", "#5c5c5c", "#757575"])
@pytest.mark.parametrize("accent", ["#84682c", "#757575", "#000080"])
def test_words_on_the_picture_can_be_read_in_any_colours(ink, accent):
    colours = Colours.of(ink, accent)

    for words in (colours.pale, colours.gleam, "#ffffff"):
        assert contrast(words, ink) >= 4.5


@pytest.mark.parametrize(
    "title",
    ["", " ", "User Support", "W" * 300, "word " * 60, "प्रबंधन", "قسم الدعم", "☃" * 9],
)
def test_any_title_makes_a_picture(title):
    png = picture(
        title, issued_on=date(2026, 11, 12), valid_until=None, issuer="ByteKast"
    )

    assert Image.open(BytesIO(png)).size == (600, 600)
