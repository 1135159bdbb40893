"""How the secrets of second factors are kept, and what a change of key does."""

from __future__ import annotations

from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, hotp_value
from allauth.mfa.totp.internal.auth import yield_hotp_counters_from_time as counters
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from lms.dashboards.clock import tick
from lms.people import at_rest
from lms.people.models import User
from tests.factories import MemberFactory, UserFactory

pytestmark = pytest.mark.django_db
SECRET = "JBSWY3DPEHPK3PXP"
PASSWORD = "correct horse battery"
OLD, NEW = "an old key " * 6, "a new key " * 6


@pytest.fixture(autouse=True)
def _fresh_limits() -> None:
    cache.clear()


def kept(kind: str) -> dict[str, Any]:
    data: dict[str, Any] = Authenticator.objects.get(type=kind).data
    return data


def code() -> str:
    return format_hotp_value(hotp_value(SECRET, next(iter(counters()))))


def passes() -> bool:
    cache.clear()  # each code is good once
    return TOTP(Authenticator.objects.get(type="totp")).validate_code(code())


def plain(user: User) -> Authenticator:
    return Authenticator.objects.create(user=user, type="totp", data={"secret": SECRET})


def test_neither_secret_nor_codes_can_be_read_in_the_database() -> None:
    user = UserFactory()
    TOTP.activate(user, SECRET)
    codes = RecoveryCodes.activate(user)

    seed = kept("recovery_codes")["seed"]

    assert SECRET not in str(kept("totp"))
    assert seed.startswith(at_rest.PREFIX)
    assert at_rest.decrypt(seed) not in seed
    assert passes()
    assert codes.validate_code(codes.get_unused_codes()[0])


def test_the_same_secret_is_kept_differently_each_time() -> None:
    assert at_rest.encrypt(SECRET) != at_rest.encrypt(SECRET)


def test_what_was_kept_plain_still_works_and_is_encrypted_by_the_clock() -> None:
    plain(UserFactory())
    assert passes()

    tick()

    assert SECRET not in str(kept("totp"))
    assert passes()
    assert at_rest.encrypt_anew() == 0


def test_a_key_can_be_changed_and_the_old_one_dropped(settings: Any) -> None:
    settings.SECRET_KEY = OLD
    user = UserFactory()
    TOTP.activate(user, SECRET)
    codes = RecoveryCodes.activate(user).get_unused_codes()

    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = NEW, [OLD]
    assert passes()
    assert at_rest.encrypt_anew() == 2
    settings.SECRET_KEY_FALLBACKS = []

    assert passes()
    of_user = RecoveryCodes(Authenticator.objects.get(type="recovery_codes"))
    assert of_user.get_unused_codes() == codes


def test_a_used_code_stays_used_when_encrypted_anew(settings: Any) -> None:
    settings.SECRET_KEY = OLD
    codes = RecoveryCodes.activate(UserFactory())
    first = codes.get_unused_codes()[0]
    assert codes.validate_code(first)

    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = NEW, [OLD]
    at_rest.encrypt_anew()

    again = RecoveryCodes(Authenticator.objects.get(type="recovery_codes"))
    assert not again.validate_code(first)


def test_with_the_key_lost_the_door_stays_shut_in_words(
    client: Client, settings: Any
) -> None:
    settings.SECRET_KEY = OLD
    user = MemberFactory(user__password=PASSWORD).user
    TOTP.activate(user, SECRET)
    settings.SECRET_KEY = NEW
    before = kept("totp")

    client.post(reverse("account_login"), {"login": user.email, "password": PASSWORD})
    page = client.post(reverse("mfa_authenticate"), {"code": code()})

    assert "cannot be checked any more" in page.content.decode()
    assert client.get("/my/").status_code == 302
    assert at_rest.encrypt_anew() == 0
    assert kept("totp") == before
