import shutil
import stat
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from django.core.management import call_command
from django.urls import reverse

from certificates import keyfiles, keys
from certificates.models import PublicKey

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def key_folder(settings, tmp_path):
    settings.DATA_DIR = tmp_path
    return tmp_path / "keys"


def test_keys_are_made_at_their_first_use_for_us_alone(key_folder):
    keys.seal_key()
    keys.badge_key()

    modes = {
        str(path.relative_to(key_folder)): stat.S_IMODE(path.stat().st_mode)
        for path in key_folder.rglob("*")
    }
    assert stat.S_IMODE(key_folder.stat().st_mode) == 0o700
    assert modes == {
        "authority-1": 0o700,
        "authority-1/key.pem": 0o600,
        "authority-1/certificates.pem": 0o600,
        "seal-1": 0o700,
        "seal-1/key.pem": 0o600,
        "seal-1/certificates.pem": 0o600,
        "badge-1": 0o700,
        "badge-1/key.pem": 0o600,
        "badge-1/public.pem": 0o600,
    }


def test_keys_stay_the_same():
    first = keys.badge_key().public_key(), keys.seal_key().certificate

    assert (keys.badge_key().public_key(), keys.seal_key().certificate) == first


def test_seal_is_vouched_for_by_our_own_authority():
    seal = keys.seal_key()
    (authority,) = seal.chain

    seal.certificate.verify_directly_issued_by(authority)
    authority.verify_directly_issued_by(authority)

    assert isinstance(seal.key, ec.EllipticCurvePrivateKey)
    assert isinstance(seal.key.curve, ec.SECP256R1)
    assert keys.seal_roots() == [authority]
    assert keys.seals() == [[seal.certificate, authority]]
    usage = seal.certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    assert usage.digital_signature
    assert usage.content_commitment
    assert not usage.key_cert_sign
    life = seal.certificate.not_valid_after_utc - seal.certificate.not_valid_before_utc
    assert timedelta(days=3650) < life < timedelta(days=3656)
    assert authority.not_valid_after_utc > seal.certificate.not_valid_after_utc


def test_badge_key_is_named_by_itself():
    raw = bytes.fromhex(  # the example of the Multikey specification's test vectors
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
    )

    name = keys.key_id(Ed25519PublicKey.from_public_bytes(raw))

    assert name == "z6MktwupdmLXVVqTzCw4i46r4uGyosGXRnR3XjN4Zq7oMMsw"
    assert keys.badge_keys() == {}
    key = keys.badge_key()
    assert keys.badge_keys() == {keys.key_id(key.public_key()): key.public_key()}


def test_issuer_is_our_host(settings):
    settings.PUBLIC_URL = "https://qualifications.example.com"
    assert keys.issuer_id() == "did:web:qualifications.example.com"
    settings.PUBLIC_URL = "http://localhost:8000"
    assert keys.issuer_id() == "did:web:localhost%3A8000"


def test_keys_made_in_several_processes_at_once_are_one(run_in_processes):
    def make(number, barrier):
        barrier.wait()
        return keys.seal_key().certificate.serial_number, keys.key_id(
            keys.badge_key().public_key()
        )

    made = run_in_processes(4, make)

    assert len(set(made)) == 1
    assert not list(keyfiles.keys_folder().glob(".making-*"))


def test_a_damaged_key_is_told_in_words(key_folder):
    keys.seal_key()
    (key_folder / "seal-1" / "key.pem").write_bytes(b"")

    with pytest.raises(
        keys.KeyTrouble,
        match=r"^seal-1/key.pem in the key folder cannot be read: it is damaged\.$",
    ):
        keys.seal_key()


def test_public_parts_are_known_to_the_database_and_private_ones_are_not():
    seal, badge = keys.seal_key(), keys.badge_key()
    keys.seal_key()

    rows = {row.kind: row for row in PublicKey.objects.all()}
    assert PublicKey.objects.count() == 2
    assert rows["badge"].fingerprint == keys.key_id(badge.public_key())
    assert x509.load_pem_x509_certificates(rows["seal"].pem.encode()) == [
        seal.certificate,
        *seal.chain,
    ]
    assert not any("PRIVATE" in row.pem for row in rows.values())


@pytest.mark.parametrize(
    ("use", "words"),
    [
        (keys.seal_key, "without the seal key of 12 November 2026: put it back"),
        (keys.badge_key, "without the badge key of 12 November 2026: put it back"),
    ],
)
def test_an_emptied_folder_is_never_filled_anew(key_folder, use, words):
    with time_machine.travel(datetime(2026, 11, 12, 12, tzinfo=UTC), tick=False):
        first = use()
    away = key_folder.with_name("away")
    key_folder.rename(away)

    with pytest.raises(keys.KeyTrouble, match=words):
        use()
    assert not key_folder.exists()

    away.rename(key_folder)
    assert public(use()) == public(first)


def public(key):
    return key.certificate if isinstance(key, keys.SealKey) else key.public_key()


def test_what_was_sealed_stays_verifiable_without_the_folder(key_folder):
    certificate = keys.seal_key().certificate
    badge = keys.badge_key().public_key()
    shutil.rmtree(key_folder)

    assert keys.seals()[0][0] == certificate
    assert list(keys.badge_keys().values()) == [badge]


def test_a_folder_that_cannot_be_written_is_told_in_words(settings, tmp_path):
    settings.DATA_DIR = tmp_path / "file"
    settings.DATA_DIR.write_bytes(b"")

    with pytest.raises(
        keys.KeyTrouble, match=r"^The key folder cannot be written: Not a directory\.$"
    ):
        keys.seal_key()


def test_a_lost_key_is_told_in_words(key_folder):
    keys.badge_key()
    (key_folder / "badge-1" / "key.pem").unlink()

    with pytest.raises(keys.KeyTrouble, match=r"badge-1/key.pem .*No such file"):
        keys.badge_key()


# --- New keys in their place -------------------------------------------------------


@pytest.mark.parametrize("kind", [keyfiles.SEAL, keyfiles.BADGE])
def test_rotate_makes_a_new_key_and_keeps_the_public_part_of_the_old(kind, key_folder):
    keys.seal_key()
    keys.badge_key()
    old = PublicKey.objects.get(kind=kind)

    call_command("seal", "rotate", kind)

    old.refresh_from_db()
    new = PublicKey.objects.get(kind=kind, retired_at=None)
    assert old.retired_at is not None
    assert new != old
    assert not (key_folder / f"{kind}-1" / "key.pem").exists()
    in_use = {
        keyfiles.SEAL: lambda: keys.fingerprint(
            kind, keyfiles.pem([keys.seal_key().certificate])
        ),
        keyfiles.BADGE: lambda: keys.key_id(keys.badge_key().public_key()),
    }
    assert in_use[kind]() == new.fingerprint


def test_rotate_goes_on_where_a_key_was_lost(key_folder):
    lost = keys.seal_key().certificate
    shutil.rmtree(key_folder)

    call_command("seal", "rotate", "seal")

    assert keys.seal_key().certificate != lost
    assert [chain[0] for chain in keys.seals()] == [lost, keys.seal_key().certificate]
    assert len(keys.seal_roots()) == 2  # the old files stay verifiable


def test_show_tells_every_key_and_no_private_one(capsys, key_folder):
    keys.seal_key()
    call_command("seal", "rotate", "seal")
    capsys.readouterr()

    call_command("seal", "show")

    place, old, new = capsys.readouterr().out.splitlines()
    assert place == f"Private keys lie in {key_folder}"
    assert (", retired " in old, ", retired " in new) == (True, False)


def test_authorities_are_published_for_all(client):
    seal = keys.seal_key()

    answer = client.get(reverse("seal_roots"))

    assert x509.load_pem_x509_certificates(answer.content) == seal.chain
    assert b"PRIVATE" not in answer.content
