"""Joining by a link, settings, switching: what each screen shows and does."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils.timezone import now

from lms.mail.models import Message
from lms.people import accounts, inviting
from lms.people.access import MEMBERSHIP_KEY
from lms.people.models import Engagement, Invitation, Member, User
from tests.factories import MemberFactory, ResellerFactory, UserFactory

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse battery"
WORDS = {"full_name": "Ann Lee", "password": PASSWORD, "time_zone": "Europe/Paris"}


@pytest.fixture
def invitation() -> Invitation:
    return inviting.invite(
        "ann@example.com",
        "Ann Lee",
        ResellerFactory(name="Northwind"),
        teams=[],
        engagement=Engagement.EMPLOYEE,
        is_manager=False,
        by=None,
    )


@pytest.fixture
def link(invitation: Invitation) -> str:
    """The address in the invitation's mail."""
    found = re.search(r"/join/\S+/", Message.objects.get().body)
    assert found
    return found[0]


def run_out(invitation: Invitation) -> None:
    invitation.expires_at = now()
    invitation.save(update_fields=["expires_at"])


def signed_in_as(client: Client) -> str | None:
    pk = client.session.get("_auth_user_id")
    return User.objects.get(pk=pk).email if pk else None


# --- Accepting ---------------------------------------------------------------------


def test_accept_shows_reseller_address_and_name(client: Client, link: str) -> None:
    response = client.get(link)

    page = response.content.decode()
    assert response.status_code == 200
    assert "Join Northwind" in page
    assert "ann@example.com" in page
    assert response.context["form"].initial["full_name"] == "Ann Lee"
    assert response["Cache-Control"].startswith("max-age=0")


@pytest.mark.parametrize("method", ["get", "head"])
def test_looking_at_the_link_changes_nothing(
    client: Client, link: str, method: str
) -> None:
    getattr(client, method)(link)

    assert Invitation.objects.get().state == "sent"
    assert not User.objects.exists()


def test_accept_signs_in_and_lands(client: Client, link: str) -> None:
    response = client.post(link, WORDS)

    assert (response.status_code, response["Location"]) == (302, reverse("landing"))
    assert signed_in_as(client) == "ann@example.com"
    assert Member.objects.get().user.full_name == "Ann Lee"


def test_accept_ignores_where_else_to_go(client: Client, link: str) -> None:
    response = client.post(f"{link}?next=https://evil.example/", WORDS)

    assert response["Location"] == reverse("landing")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("full_name", " \n "),
        ("password", "short"),
        ("password", "ann@example.com"),
        ("password", "password1234"),
        ("time_zone", "Mars/Olympus"),
    ],
)
def test_accept_tells_what_is_wrong_and_keeps_the_rest(
    client: Client, link: str, field: str, value: str
) -> None:
    response = client.post(link, WORDS | {field: value})

    form = response.context["form"]
    assert response.status_code == 422
    assert list(form.errors) == [field]
    assert PASSWORD not in response.content.decode()
    assert "data-detect-zone" not in response.content.decode()
    assert not User.objects.exists()


def test_accept_by_who_has_a_login_asks_to_sign_in(client: Client, link: str) -> None:
    UserFactory(email="ann@example.com")

    response = client.get(link)
    posted = client.post(link, WORDS)

    assert f"{reverse('account_login')}?next={link}" in response.content.decode()
    assert posted.status_code == 200
    assert not Member.objects.exists()


def test_accept_signed_in_adds_the_membership_and_switches(
    client: Client, link: str
) -> None:
    here = MemberFactory(user__email="ann@example.com")
    client.force_login(here.user)

    assert client.get(link).context["is_theirs"]
    response = client.post(link)

    new = Member.objects.exclude(pk=here.pk).get()
    assert response["Location"] == reverse("landing")
    assert new.reseller.name == "Northwind"
    assert client.session[MEMBERSHIP_KEY] == new.pk


@pytest.mark.parametrize("has_login", [True, False])
def test_accept_signed_in_as_somebody_else_changes_nothing(
    client: Client, link: str, has_login: bool
) -> None:
    if has_login:
        UserFactory(email="ann@example.com")
    client.force_login(UserFactory(email="bob@example.com"))

    response = client.post(link, WORDS)

    assert "This invitation is for another address" in response.content.decode()
    signed_out = client.post(reverse("account_logout"), {"next": link})
    assert signed_out["Location"] == link
    assert not Member.objects.exists()


def test_used_withdrawn_and_unknown_links_are_one_dead_end(
    client: Client, link: str, invitation: Invitation
) -> None:
    other = Client()
    other.post(link, WORDS)

    used = client.get(link)
    unknown = client.get(reverse("people:accept", args=["x" * 43]))
    odd = client.get(reverse("people:accept", args=["\x00'é"]))

    pages = {
        re.sub(r'csrf\w*"[^>]*|X-CSRFToken[^>]*|nonce="\S+"', "", p.content.decode())
        for p in (used, unknown, odd)
    }
    assert [used.status_code, unknown.status_code, odd.status_code] == [404] * 3
    assert len(pages) == 1
    assert "Northwind" not in pages.pop()


def test_accept_asks_for_the_csrf_token(link: str) -> None:
    strict = Client(enforce_csrf_checks=True)

    assert strict.post(link, WORDS).status_code == 403
    assert not User.objects.exists()


# --- Run out -----------------------------------------------------------------------


def test_run_out_tells_nothing_and_offers_a_new_one(
    client: Client, link: str, invitation: Invitation
) -> None:
    run_out(invitation)

    response = client.get(link)
    posted = client.post(link, WORDS)

    page = response.content.decode()
    assert (response.status_code, posted.status_code) == (410, 410)
    assert "Send me a new one" in page
    assert "Northwind" not in page
    assert "ann@example.com" not in page
    assert not User.objects.exists()


def test_send_again_mails_the_same_address_a_working_link(
    client: Client, link: str, invitation: Invitation
) -> None:
    run_out(invitation)

    response = client.post(f"{link}again/")
    again = client.post(f"{link}again/")  # a double click

    assert response["Location"] == again["Location"] == reverse("people:sent")
    first, second = Message.objects.order_by("pk")
    assert (first.dropped_at is None, second.to) == (False, "ann@example.com")
    fresh = re.search(r"/join/\S+/", second.body)
    assert fresh
    assert client.get(fresh[0]).status_code == 200


def test_send_again_of_an_open_or_unknown_link_sends_nothing(
    client: Client, link: str
) -> None:
    answers = [client.post(f"{link}again/"), client.post("/join/unknown/again/")]

    assert [answer["Location"] for answer in answers] == [reverse("people:sent")] * 2
    assert Message.objects.count() == 1
    assert client.get(f"{link}again/").status_code == 405
    assert client.get(reverse("people:sent")).status_code == 200


# --- Welcome -----------------------------------------------------------------------


def welcome_path(user: User) -> str:
    return "/welcome/" + accounts.welcome_link(user).split("/welcome/")[1]


def test_welcome_claims_the_login_and_signs_in(client: Client) -> None:
    path = welcome_path(accounts.make_person("ann@example.com", "Ann"))

    assert client.get(path).context["form"].initial["full_name"] == "Ann"
    response = client.post(path, WORDS)

    assert response["Location"] == reverse("landing")
    assert signed_in_as(client) == "ann@example.com"
    assert client.get(path).status_code == 404
    assert client.post(path, WORDS).status_code == 404


def test_welcome_refuses_a_weak_password(client: Client) -> None:
    user = accounts.make_person("ann@example.com", "Ann")

    response = client.post(welcome_path(user), WORDS | {"password": "short"})

    assert response.status_code == 422
    assert not User.objects.get().has_usable_password()


def test_welcome_asks_for_the_second_factor(client: Client) -> None:
    from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret  # noqa: PLC0415  needs settings

    user = accounts.make_person("ann@example.com", "Ann")
    TOTP.activate(user, generate_totp_secret())

    response = client.post(welcome_path(user), WORDS)

    assert response["Location"].startswith(reverse("mfa_authenticate"))
    assert signed_in_as(client) is None


# --- Settings ----------------------------------------------------------------------


def test_settings_change_only_ones_own(client: Client) -> None:
    other, user = UserFactory(full_name="Bob"), UserFactory(full_name="Ann")
    client.force_login(user)
    words = {"time_zone": "UTC", "call_needs": "captions"}
    more = {"is_staff": "1", "full_name": "Somebody Else"}

    response = client.post(reverse("people:settings"), words | more)

    user.refresh_from_db()
    other.refresh_from_db()
    assert response["Location"] == reverse("people:settings")
    assert (user.full_name, user.time_zone) == ("Ann", "UTC")  # a name is asked for
    assert (user.call_needs, user.is_staff) == ("captions", False)
    assert other.full_name == "Bob"


def test_settings_refused_keep_what_was_typed(client: Client) -> None:
    client.force_login(UserFactory(time_zone="UTC"))

    response = client.post(
        reverse("people:settings"), {"time_zone": "", "call_needs": "captions"}
    )

    assert response.status_code == 422
    assert response.context["form"]["call_needs"].value() == "captions"
    assert User.objects.get().time_zone == "UTC"


def test_name_is_chosen_freely_where_there_is_none(client: Client) -> None:
    user = UserFactory(full_name="")
    client.force_login(user)
    words = {"full_name": "Ann  Lee\n", "time_zone": "UTC", "call_needs": ""}

    client.post(reverse("people:settings"), words)

    user.refresh_from_db()
    assert user.full_name == "Ann Lee"


def test_settings_link_to_sign_in_pages(client: Client) -> None:
    client.force_login(UserFactory())

    page = client.get(reverse("people:settings")).content.decode()

    for name in ("account_email", "account_change_password", "mfa_index"):
        assert f'href="{reverse(name)}"' in page


def test_settings_ask_to_sign_in(client: Client) -> None:
    path = reverse("people:settings")

    assert client.get(path)["Location"] == f"{reverse('account_login')}?next={path}"


# --- Switching ---------------------------------------------------------------------


def test_switch_acts_as_another_own_membership(client: Client) -> None:
    first = MemberFactory()
    second = MemberFactory(user=first.user)
    client.force_login(first.user)

    response = client.post(reverse("people:switch"), {"member": second.pk})

    assert response["Location"] == reverse("landing")
    assert client.session[MEMBERSHIP_KEY] == second.pk


@pytest.mark.parametrize("member", ["stranger", "left", "", "x"])
def test_switch_elsewhere_is_not_found(client: Client, member: str) -> None:
    own = MemberFactory()
    client.force_login(own.user)
    values: dict[str, Any] = {
        "stranger": MemberFactory().pk,
        "left": MemberFactory(
            user=own.user, left_on=now().date() - timedelta(days=1)
        ).pk,
    }

    response = client.post(
        reverse("people:switch"), {"member": values.get(member, member)}
    )

    assert response.status_code == 404
    assert MEMBERSHIP_KEY not in client.session


def test_switch_is_a_post(client: Client) -> None:
    client.force_login(MemberFactory().user)

    assert client.get(reverse("people:switch")).status_code == 405


# --- A passkey in place of a password --------------------------------------------------


@pytest.mark.parametrize(
    "answer", ["{", "[]", '"x"', "1", "{}", '{"id": "a", "response": {}}', '"\\u0000"']
)
def test_what_no_browser_answers_makes_no_login(
    client: Client, link: str, answer: str
) -> None:
    options = client.post(f"{link}passkey/")
    assert options.json()["publicKey"]["user"]["name"] == "ann@example.com"
    words = {"full_name": "Ann Lee", "time_zone": "Europe/Paris", "credential": answer}

    response = client.post(link, words)

    assert response.status_code == 422
    assert "That passkey did not work" in response.content.decode()
    assert not User.objects.filter(email="ann@example.com").exists()
    words |= {"credential": "", "password": PASSWORD}
    assert client.post(link, words).status_code == 302
    assert client.post(f"{link}passkey/").status_code == 404


@pytest.mark.parametrize(
    "answer",
    ["{", "[]", '"x"', "{}", '{"response": {"userHandle": "aW52aXRhdGlvbi0x"}}'],
)
def test_what_no_browser_answers_opens_no_door(client: Client, answer: str) -> None:
    client.get("/accounts/2fa/webauthn/login/", headers={"accept": "application/json"})

    response = client.post("/accounts/2fa/webauthn/login/", {"credential": answer})

    assert response["Location"] == "/accounts/login/"
    assert "_auth_user_id" not in client.session
