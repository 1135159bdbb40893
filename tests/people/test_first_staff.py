"""`manage.py first_staff`: the way in for the first of the channel team."""

from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from django.utils.timezone import now

from lms.mail.models import Message
from lms.people.models import User
from tests.factories import UserFactory, home_page

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse battery"
WORDS = {"full_name": "Ann Lee", "password": PASSWORD, "time_zone": "Europe/Paris"}


def first_staff(mail: str = "Ann@example.com", *options: str) -> str:
    """The path of the link that is printed."""
    out = StringIO()
    call_command("first_staff", mail, *options, stdout=out)
    line = out.getvalue().strip()
    assert line.startswith("http://localhost:8000/welcome/")
    return line.removeprefix("http://localhost:8000")


def test_link_leads_into_the_cms_and_works_once(client: Client) -> None:
    home_page()
    path = first_staff()

    client.post(path, WORDS)

    user = User.objects.get()
    assert (user.email, user.full_name, user.is_staff, user.is_superuser) == (
        "ann@example.com",
        "Ann Lee",
        True,
        False,
    )
    cms = reverse("wagtailadmin_home")
    assert client.get(cms, follow=True).redirect_chain[-1] == (
        reverse("people:second_factor") + "?next=%2Fcms%2F",
        302,
    )
    assert Client().get(path).status_code == 404
    assert not Message.objects.exists()


def test_until_then_nobody_can_sign_in() -> None:
    first_staff()

    assert not User.objects.get().has_usable_password()


def test_link_is_good_for_a_day(client: Client) -> None:
    path = first_staff()

    with time_machine.travel(now() + timedelta(days=1), tick=False):
        assert client.get(path).status_code == 404


def test_an_unused_link_can_be_made_again(client: Client) -> None:
    first_staff()

    assert client.get(first_staff()).status_code == 200
    assert User.objects.count() == 1


def test_refused_once_there_is_staff_unless_again(client: Client) -> None:
    UserFactory(is_staff=True, password=PASSWORD)

    with pytest.raises(CommandError, match="add --again"):
        first_staff()
    assert User.objects.count() == 1

    assert client.get(first_staff("ann@example.com", "--again")).status_code == 200


def test_refuses_what_is_no_address() -> None:
    with pytest.raises(CommandError, match="not an email address"):
        first_staff("ann")

    assert not User.objects.exists()


def test_somebody_known_keeps_the_name(client: Client) -> None:
    user: Any = UserFactory(email="ann@example.com", full_name="Ann Berg")

    page = client.get(first_staff())

    assert page.context["form"].initial["full_name"] == "Ann Berg"
    user.refresh_from_db()
    assert user.is_staff
