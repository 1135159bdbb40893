"""Somebody's word that certificates shall say their name so."""

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse
from django.utils.timezone import now

from lms.audit.models import Event
from lms.errors import Refused
from lms.people import accounts
from lms.people.confirming import confirm, is_confirmed, name_to_confirm
from lms.people.models import NameConfirmation
from tests.factories import NameConfirmationFactory, UserFactory

pytestmark = pytest.mark.django_db
URL = "people:confirm_name"


def test_confirming_is_of_the_very_text_and_once():
    user = UserFactory(full_name="Zoe\u0308  Lindqvist")
    NameConfirmationFactory()  # a stranger's
    name = name_to_confirm(user)

    confirm(user, name)
    confirm(user, name)

    given = NameConfirmation.objects.get(user=user)
    assert given.name == name == "Zoë Lindqvist"  # as it is printed
    assert is_confirmed(user)
    assert name_to_confirm(user) == ""
    event = Event.objects.get(verb="confirmed the name")
    assert event.ids == {"confirmation": given.pk}


def test_a_later_change_of_the_name_makes_it_void():
    user = UserFactory(full_name="Ann Berg")
    confirm(user, "Ann Berg")

    accounts.rename(user, "Ann Lee", by=None)

    assert name_to_confirm(user) == "Ann Lee"
    confirm(user, "Ann Lee")
    assert is_confirmed(user)
    assert NameConfirmation.objects.count() == 2


def test_a_name_confirmed_before_another_is_void_too():
    user = UserFactory(full_name="Ann Berg")
    confirm(user, "Ann Berg")
    accounts.rename(user, "Ann Lee", by=None)
    confirm(user, "Ann Lee")
    accounts.rename(user, "Ann Berg", by=None)

    assert not is_confirmed(user)


@pytest.mark.parametrize("name", ["Ann Lee", "ann berg", "Ann Berg ", ""])
def test_another_text_than_the_name_is_refused(name):
    user = UserFactory(full_name="Ann Berg")

    with pytest.raises(Refused, match="it is Ann Berg now"):
        confirm(user, name)

    assert not NameConfirmation.objects.exists()


def test_an_address_is_no_name():
    user = UserFactory(full_name="")

    with pytest.raises(Refused, match="no name yet"):
        confirm(user, user.email)


@pytest.mark.parametrize("field", ["name", "at"])
def test_the_word_given_stays_as_it_was(field):
    given = NameConfirmationFactory()
    other = {"name": "Another", "at": now()}

    with pytest.raises(IntegrityError), transaction.atomic():
        NameConfirmation.objects.filter(pk=given.pk).update(**{field: other[field]})
    with pytest.raises(IntegrityError), transaction.atomic():
        NameConfirmation.objects.filter(pk=given.pk).delete()
    NameConfirmation.objects.filter(pk=given.pk).update(name="")  # at an erasure


def test_one_click_confirms_and_goes_on_where_one_was(client: Client):
    user = UserFactory(full_name="Ann Berg")
    client.force_login(user)

    done = client.post(reverse(URL), {"name": "Ann Berg", "next": "/my/?a=1"})

    assert (done.status_code, done["Location"]) == (302, "/my/?a=1")
    assert is_confirmed(user)


@pytest.mark.parametrize(
    "elsewhere", ["https://evil.example/", "//evil.example", "javascript:1", "999", ""]
)
def test_it_leads_nowhere_else(client: Client, elsewhere: str):
    user = UserFactory(full_name="Ann Berg")
    client.force_login(user)

    done = client.post(reverse(URL), {"name": "Ann Berg", "next": elsewhere})

    assert done["Location"] == reverse("landing")


def test_a_name_changed_in_another_tab_is_shown_and_not_confirmed(client: Client):
    user = UserFactory(full_name="Ann Lee")
    client.force_login(user)

    page = client.post(reverse(URL), {"name": "Ann Berg"})

    assert page.status_code == 409
    assert "it is Ann Lee now" in page.content.decode()
    assert reverse("people:correct_name") in page.content.decode()
    assert not is_confirmed(user)


@pytest.mark.parametrize("sent", [{}, {"name": ""}, {"name": "x" * 300}])
def test_nothing_sent_confirms_nothing(client: Client, sent: dict[str, str]):
    client.force_login(UserFactory())

    assert client.post(reverse(URL), sent)["Location"] == reverse("people:settings")
    assert not NameConfirmation.objects.exists()


def test_looking_confirms_nothing(client: Client):
    client.force_login(UserFactory())

    assert client.get(reverse(URL)).status_code == 405
