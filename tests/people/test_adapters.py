"""Signing in, and the mail that goes with it: equal answers, by the outbox."""

import re
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from lms.mail.models import Message
from lms.people.accounts import make_person
from lms.people.models import User

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse battery"


@pytest.fixture(autouse=True)
def _fresh_limits() -> None:
    cache.clear()


@pytest.fixture
def ann() -> User:
    return make_person("ann@example.com", "Ann O'Brien", password=PASSWORD)


def sign_in(client: Client, password: str = PASSWORD, **more: str) -> Any:
    words = {"login": "Ann@Example.com", "password": password} | more
    return client.post(reverse("account_login"), words)


def same(page: Any) -> str:
    """A page without what differs by chance or by what was typed."""
    text = re.sub(r'(csrf\w+|X-CSRFToken)"[^>]*|nonce="\S+"', "", page.content.decode())
    return text.replace("eve@example.com", "").replace("ann@example.com", "")


def test_sign_in_by_address_in_any_case(client: Client, ann: User) -> None:
    response = sign_in(client)

    assert response["Location"] == reverse("landing")
    assert client.session["_auth_user_id"] == str(ann.pk)


@pytest.mark.parametrize(
    "to", ["https://evil.example/", "//evil.example/", "javascript:alert(1)"]
)
def test_sign_in_leads_nowhere_else(client: Client, ann: User, to: str) -> None:
    assert sign_in(client, next=to)["Location"] == reverse("landing")


def test_sign_in_leads_to_the_page_asked_for(client: Client, ann: User) -> None:
    assert sign_in(client, next="/settings/")["Location"] == "/settings/"


def test_wrong_password_and_unknown_address_answer_the_same(
    client: Client, ann: User
) -> None:
    known = sign_in(client, "wrong")
    unknown = sign_in(Client(), "wrong", login="eve@example.com")

    assert known.context["form"].errors == unknown.context["form"].errors
    assert known.status_code == unknown.status_code
    assert known.context["form"].errors


def test_five_wrong_passwords_close_the_door_for_a_while(
    client: Client, ann: User
) -> None:
    for _attempt in range(5):
        sign_in(client, "wrong")

    response = sign_in(client)

    assert "_auth_user_id" not in client.session
    assert "Too many failed login attempts" in str(response.context["form"].errors)


def test_somebody_disabled_does_not_get_in(client: Client, ann: User) -> None:
    User.objects.update(is_active=False)

    assert sign_in(client)["Location"] == reverse("account_inactive")
    assert "_auth_user_id" not in client.session


def test_signing_out_is_a_post(client: Client, ann: User) -> None:
    sign_in(client)

    client.get(reverse("account_logout"))
    assert "_auth_user_id" in client.session

    assert client.post(reverse("account_logout"))["Location"] == "/"
    assert "_auth_user_id" not in client.session


def test_nobody_signs_up(client: Client) -> None:
    words = {"email": "eve@example.com", "password1": PASSWORD, "password2": PASSWORD}

    response = client.post(reverse("account_signup"), words)

    assert response.status_code == 200
    assert response.templates[0].name == "account/signup_closed.html"
    assert not User.objects.exists()


def ask_for_a_new_password(client: Client, email: str) -> Any:
    return client.post(reverse("account_reset_password"), {"email": email}, follow=True)


def test_new_password_goes_by_the_outbox_and_works_once(
    client: Client, ann: User
) -> None:
    ask_for_a_new_password(client, "ann@example.com")

    message = Message.objects.get()
    assert message.subject == "Choose a new password"
    assert (message.to, message.is_secret) == ("ann@example.com", True)
    found = re.search(r"http://\w+(/\S+)", message.body)
    assert found
    page = client.get(found[1], follow=True)
    action = page.redirect_chain[-1][0]
    new = "another horse battery"
    client.post(action, {"password1": new, "password2": new})
    ann.refresh_from_db()
    assert ann.check_password(new)
    again = Client().get(found[1], follow=True)
    assert again.context["token_fail"]


def test_new_password_answers_the_same_for_an_unknown_address(
    client: Client, ann: User
) -> None:
    known = ask_for_a_new_password(client, "ann@example.com")
    unknown = ask_for_a_new_password(Client(), "eve@example.com")

    assert same(known) == same(unknown)
    mails = dict(Message.objects.values_list("to", "subject"))
    assert mails == {
        "ann@example.com": "Choose a new password",
        "eve@example.com": "No account with this address",
    }
    assert all("Ann" not in m.body for m in Message.objects.all())


def test_a_changed_password_is_told_by_mail(client: Client, ann: User) -> None:
    sign_in(client)
    new = "another horse battery"

    client.post(
        reverse("account_change_password"),
        {"oldpassword": PASSWORD, "password1": new, "password2": new},
    )

    message = Message.objects.get()
    assert message.to == "ann@example.com"
    assert "Your password has been changed." in message.body
    assert re.search(
        r"This was done on \w{3} \d+ \w{3}, [\d:]+ \(London\)", message.body
    )


def test_a_new_address_is_confirmed_by_mail(client: Client, ann: User) -> None:
    sign_in(client)

    client.post(
        reverse("account_email"), {"action_add": "", "email": "private@example.com"}
    )

    message = Message.objects.get(to="private@example.com")
    found = re.search(r"http://\w+(/\S+)", message.body)
    assert found
    client.get(found[1])
    assert not ann.emailaddress_set.get(email="private@example.com").verified
    client.post(found[1])
    assert ann.emailaddress_set.get(email="private@example.com").verified


@pytest.mark.parametrize(
    "prefix",
    [
        "account/email/password_reset_key",
        "account/email/unknown_account",
        "account/email/email_confirmation",
        "account/email/email_confirmation_signup",
        "account/email/password_changed",
        "account/email/password_set",
        "account/email/password_reset",
        "account/email/email_changed",
        "account/email/email_deleted",
        "account/email/email_confirm",
        "account/email/account_already_exists",
        "mfa/email/totp_activated",
        "mfa/email/totp_deactivated",
        "mfa/email/webauthn_added",
        "mfa/email/webauthn_removed",
        "mfa/email/recovery_codes_generated",
    ],
)
def test_every_mail_of_allauth_is_plain(prefix: str, rf: Any) -> None:
    from allauth.account.adapter import get_adapter  # noqa: PLC0415  needs settings
    from django.utils.timezone import now  # noqa: PLC0415

    get_adapter(rf.get("/")).send_mail(
        prefix, "ann@example.com", {"timestamp": now(), "user": User(full_name="O'B")}
    )

    message = Message.objects.get()
    assert message.subject
    assert message.body.startswith("Hello,\n\n")
    assert message.body.endswith("ByteKast Qualifications\nhttp://localhost:8000/\n")
    assert "&#" not in message.body
    assert "\n\n\n" not in message.body
