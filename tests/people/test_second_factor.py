"""Who must have a second factor, what stays shut until then, and what they set up."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, hotp_value
from allauth.mfa.totp.internal.auth import yield_hotp_counters_from_time as counters
from django.conf import settings as configuration
from django.contrib.auth.hashers import make_password
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from content.permissions import grant_channel_team
from lms.people.accounts import set_channel_team
from lms.people.middleware import FOR_EVERYBODY, OPEN_PAGES
from lms.people.models import User
from tests.addresses import addresses
from tests.factories import MemberFactory, TrainerFactory, UserFactory, home_page

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse battery"
SET_UP = "/settings/sign-in/second-factor/"
SECRET = "JBSWY3DPEHPK3PXP"


@pytest.fixture(autouse=True)
def _fresh_limits() -> None:
    cache.clear()


def with_password(user: User) -> User:
    user.password = make_password(PASSWORD)
    user.save(update_fields=["password"])
    return user


def staff() -> User:
    user: User = UserFactory()
    set_channel_team(user, True, by=None)
    grant_channel_team(user.groups.get())
    return user


ROLES: dict[str, Callable[[], User]] = {
    "manager": lambda: MemberFactory(is_manager=True).user,
    "trainer": lambda: TrainerFactory().user,
    "staff": staff,
    "manager elsewhere": lambda: (
        MemberFactory(user=MemberFactory().user, is_manager=True).user
    ),
}


def sign_in(user: User, **more: str) -> tuple[Client, Any]:
    client = Client()
    words = {"login": user.email, "password": PASSWORD} | more
    return client, client.post(reverse("account_login"), words)


def code_of(secret: str = SECRET) -> str:
    return format_hotp_value(hotp_value(secret, next(iter(counters()))))


def is_led_away(response: Any) -> bool:
    return response.status_code == 302 and response["Location"].startswith(SET_UP)


# --- Led to the page, whatever they ask for ------------------------------------------


@pytest.mark.parametrize("role", ROLES)
def test_a_role_opens_nothing_before_a_second_factor(role: str) -> None:
    home_page()
    client, _answer = sign_in(with_password(ROLES[role]()))

    for path in ("/start/", "/my/", "/team/", "/trainer/", "/standing/", "/cms/", "/"):
        response = client.get(path)
        assert is_led_away(response), path
        assert response["Location"] == f"{SET_UP}?next={path.replace('/', '%2F')}"
    page = client.get(SET_UP)
    assert page.status_code == 200
    assert reverse("mfa_add_webauthn") in page.content.decode()
    assert reverse("mfa_activate_totp") in page.content.decode()


def test_a_trainee_is_asked_for_none() -> None:
    client, _answer = sign_in(with_password(MemberFactory().user))

    assert client.get("/my/").status_code == 200
    assert client.get(SET_UP)["Location"] == reverse("landing")


@pytest.mark.asked_elsewhere  # who signed in, and no more: nothing opens
def test_no_address_skips_the_rule() -> None:
    """Every pattern, the CMS's included, by reading and by writing."""
    home_page()
    user = with_password(staff())
    MemberFactory(user=user, is_manager=True)
    TrainerFactory(user=user)
    client, _answer = sign_in(user)
    session = dict(client.session)
    asked = 0

    for name, path in addresses():
        is_open = (
            name in OPEN_PAGES | FOR_EVERYBODY
            or name.startswith(("mfa_", "wagtailadmin_sprite"))
            or path.startswith(("/c/", "/.well-known/", "/status/"))
        )
        if is_open:
            continue
        for method in ("get", "post", "delete"):
            response = getattr(client, method)(path)
            if response.status_code == 301:  # it lacked its last slash
                response = client.get(response["Location"])
            # A key that is none: there is no such address, and nothing opens.
            assert is_led_away(response) or response.status_code == 404, path
            asked += is_led_away(response)

    assert dict(client.session) == session
    assert asked > 600


def test_what_is_the_same_for_everybody_stays_open() -> None:
    client, _answer = sign_in(with_password(ROLES["manager"]()))

    assert client.get("/c/").status_code == 200
    assert client.get("/branding.css").status_code == 200


def test_becoming_a_manager_asks_for_one_at_once() -> None:
    member = MemberFactory()
    client, _answer = sign_in(with_password(member.user))
    assert client.get("/my/").status_code == 200

    member.is_manager = True
    member.save(update_fields=["is_manager"])

    assert is_led_away(client.get("/my/"))


# --- Setting one up ------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)  # allauth tells of it after the commit
def test_an_app_is_set_up_and_leads_on() -> None:
    user = with_password(ROLES["manager"]())
    client, _answer = sign_in(user)
    client.get("/team/?state=late", follow=True)

    page = client.get(reverse("mfa_activate_totp"))
    code = code_of(page.context["form"].secret)
    added = client.post(reverse("mfa_activate_totp"), {"code": code})

    assert added["Location"] == reverse("mfa_view_recovery_codes")
    shown = client.get(added["Location"])
    assert len(shown.context["unused_codes"]) == 10
    assert shown.context["unused_codes"][0] in shown.content.decode()
    assert client.get(SET_UP)["Location"] == "/team/?state=late"
    assert client.get("/team/").status_code == 200


def test_recovery_codes_are_shown_once() -> None:
    user = with_password(ROLES["manager"]())
    client, _answer = sign_in(user)
    page = client.get(reverse("mfa_activate_totp"))
    code = code_of(page.context["form"].secret)
    client.post(reverse("mfa_activate_totp"), {"code": code})
    codes = client.get(reverse("mfa_view_recovery_codes")).context["unused_codes"]

    again = client.get(reverse("mfa_view_recovery_codes")).content.decode()

    assert not any(code in again for code in codes)
    assert client.get(reverse("mfa_download_recovery_codes")).status_code == 403


@pytest.mark.parametrize("way", ["the app's digits", "a recovery code"])
def test_from_then_on_it_is_asked_for_at_the_door(way: str) -> None:
    user = with_password(ROLES["trainer"]())
    TOTP.activate(user, SECRET)
    codes = RecoveryCodes.activate(user).get_unused_codes()
    client, answer = sign_in(user, next="/trainer/")

    assert answer["Location"] == reverse("mfa_authenticate")
    assert "_auth_user_id" not in client.session
    code = code_of() if way == "the app's digits" else codes[0]
    client.post(reverse("mfa_authenticate"), {"code": code})
    assert client.get("/trainer/").status_code == 200

    other, _answer = sign_in(user)  # each works once
    other.post(reverse("mfa_authenticate"), {"code": code})
    assert "_auth_user_id" not in other.session


def test_a_sign_in_from_before_says_to_sign_in_again() -> None:
    user = with_password(ROLES["manager"]())
    client, _answer = sign_in(user)
    TOTP.activate(user, SECRET)  # elsewhere

    assert is_led_away(client.get("/team/"))
    assert "Sign in again" in client.get(SET_UP).content.decode()


# --- Taking one away -----------------------------------------------------------------


def signed_in(user: User) -> Client:
    """Signed in by an app, just now."""
    client, _answer = sign_in(user)
    client.post(reverse("mfa_authenticate"), {"code": code_of()})
    assert client.session["_auth_user_id"] == str(user.pk)
    return client


def test_the_last_one_of_a_role_stays() -> None:
    user = with_password(ROLES["manager"]())
    TOTP.activate(user, SECRET)
    client = signed_in(user)

    page = client.get(reverse("mfa_deactivate_totp"))
    client.post(reverse("mfa_deactivate_totp"))

    assert "this is your only one" in page.content.decode()
    assert Authenticator.objects.filter(user=user, type="totp").exists()


def test_one_of_two_may_go() -> None:
    user = with_password(ROLES["manager"]())
    TOTP.activate(user, SECRET)
    passkey(user)
    client = signed_in(user)

    client.post(reverse("mfa_deactivate_totp"))

    assert not Authenticator.objects.filter(user=user, type="totp").exists()


def passkey(user: User) -> Authenticator:
    words = {"clientExtensionResults": {"credProps": {"rk": True}}}
    data = {"name": "My phone", "credential": words}
    return Authenticator.objects.create(user=user, type="webauthn", data=data)


def test_the_last_passkey_of_a_role_stays() -> None:
    user = with_password(ROLES["manager"]())
    key = passkey(user)
    client = Client()
    client.force_login(user)

    response = client.post(reverse("mfa_remove_webauthn", args=[key.pk]))

    assert response.status_code == 409
    assert "this is your only one" in response.content.decode()
    assert Authenticator.objects.filter(pk=key.pk).exists()


def test_the_only_way_in_stays() -> None:
    user = MemberFactory().user
    user.set_unusable_password()
    user.save()
    key = passkey(user)
    client = Client()
    client.force_login(user)

    response = client.post(reverse("mfa_remove_webauthn", args=[key.pk]))

    assert response.status_code == 409
    assert "your only way in" in response.content.decode()


def test_a_trainee_may_take_theirs_away() -> None:
    user = with_password(MemberFactory().user)
    key = passkey(user)
    client = Client()
    client.force_login(user)

    client.post(reverse("mfa_remove_webauthn", args=[key.pk]))

    assert not Authenticator.objects.filter(user=user).exists()


def test_another_persons_passkey_is_not_there() -> None:
    user, other = MemberFactory().user, MemberFactory().user
    key = passkey(other)
    client = Client()
    client.force_login(user)

    url = reverse("mfa_remove_webauthn", args=[key.pk])

    assert client.get(url).status_code == client.post(url).status_code == 404


def test_changing_factors_asks_once_more_after_five_minutes(time_machine: Any) -> None:
    user = with_password(ROLES["manager"]())
    TOTP.activate(user, SECRET)
    time_machine.move_to("2026-11-24T10:00:00Z", tick=False)
    client = signed_in(user)

    time_machine.shift(299)
    assert client.get(reverse("mfa_add_webauthn")).status_code == 200
    time_machine.shift(1)
    later = client.get(reverse("mfa_add_webauthn"))

    assert later["Location"].startswith(reverse("account_reauthenticate"))


# --- Off in a demo alone --------------------------------------------------------------


def start(**environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "import lms.settings as s; print(s.MFA_REQUIRED)"],
        cwd=configuration.BASE_DIR,
        env={"DEBUG": "1", "PATH": "/usr/bin:/bin"} | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_off_without_a_demo_stops_the_start() -> None:
    assert start().stdout == "True\n"
    assert start(DEMO="1").stdout == "False\n"
    assert start(DEMO="1", MFA_REQUIRED="1").stdout == "True\n"

    refused = start(MFA_REQUIRED="0")

    assert refused.returncode == 1
    assert refused.stderr == (
        "MFA_REQUIRED is off while DEMO is off: trainers, managers and the channel "
        "team need a second factor. Unset MFA_REQUIRED, or set DEMO=1 to try it out.\n"
    )


@pytest.mark.parametrize("path", ["/accounts/login/", "/team/", "/cms/", "/nothing/"])
def test_every_page_says_that_it_is_off(settings: Any, path: str) -> None:
    home_page()
    user = staff()
    MemberFactory(user=user, is_manager=True)
    client = Client()
    if "accounts" not in path:
        client.force_login(user)
    words = "Second factors are off"

    assert words not in client.get(path).content.decode()
    settings.MFA_REQUIRED = False

    assert words in client.get(path).content.decode()
