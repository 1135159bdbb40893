"""Another name: asked, answered, told; the old one stands until then."""

import pytest
from django.db import IntegrityError, transaction
from django.urls import reverse

from lms.audit.models import Event
from lms.errors import Refused
from lms.mail.models import Message
from lms.people.accounts import set_channel_team
from lms.people.confirming import confirm, is_confirmed, name_to_confirm
from lms.people.models import NameCorrection
from lms.people.naming import approve, ask, asked_by, refuse, withdraw
from tests.factories import NameCorrectionFactory, UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def person():
    return UserFactory(full_name="Ann Berg")


@pytest.fixture
def staff():
    user = UserFactory()
    set_channel_team(user, True, by=None)
    return user


def text_of(response):
    return " ".join(response.text.split())


def test_old_name_stands_until_the_new_one_is_approved(person, staff):
    confirm(person, "Ann Berg")
    asked = ask(person, "Ann  Lee", "Married")
    person.refresh_from_db()
    assert person.full_name == "Ann Berg"

    approve(asked, by=staff)

    person.refresh_from_db()
    assert person.full_name == "Ann Lee"
    assert not is_confirmed(person)
    assert name_to_confirm(person) == "Ann Lee"
    told = Message.objects.get(recipient=person)
    assert told.subject == "Your name is corrected"
    assert Event.objects.filter(verb="approved a name", about=person).exists()


def test_refused_name_is_told_why_and_can_be_asked_again(person, staff):
    refuse(ask(person, "Ann Lee", "Nicer"), by=staff, answer="Not in your passport.")

    person.refresh_from_db()
    assert person.full_name == "Ann Berg"
    assert "Not in your passport." in Message.objects.get(recipient=person).body
    assert asked_by(person) is None
    assert ask(person, "Ann Lee", "It is now").is_approved is None


def test_asking_again_changes_what_is_asked(person):
    ask(person, "Ann Lee", "Married")
    ask(person, "Ann Li", "Married, and spelt so")

    assert NameCorrection.objects.get().name == "Ann Li"


@pytest.mark.parametrize(
    ("name", "why", "words"),
    [
        ("Ann Berg", "x", "That is your name already"),
        (" Ann  Berg ", "x", "That is your name already"),
        ("Ann Lee", " ", "Say why"),
    ],
)
def test_asking_for_nothing_is_refused(person, name, why, words):
    with pytest.raises(Refused, match=words):
        ask(person, name, why)


@pytest.mark.parametrize("how", ["approved", "withdrawn"])
def test_what_is_answered_or_taken_back_is_not_answered_again(person, staff, how):
    asked = ask(person, "Ann Lee", "Married")
    if how == "approved":
        approve(asked, by=staff)
    else:
        withdraw(person)

    for answer in (
        lambda: approve(asked, by=staff),
        lambda: refuse(asked, by=staff, answer="No"),
    ):
        with pytest.raises(Refused, match="answered already, or was taken back"):
            answer()
    assert Message.objects.count() == (how == "approved")


def test_one_is_open_at_a_time(person):
    NameCorrectionFactory(user=person)

    with pytest.raises(IntegrityError), transaction.atomic():
        NameCorrectionFactory(user=person)


def test_person_asks_reads_it_in_the_settings_and_takes_it_back(client, person):
    NameCorrectionFactory(name="A Stranger")
    client.force_login(person)
    url = reverse("people:correct_name")

    page = client.post(url, {"full_name": "Ann Lee", "why": "Married"}, follow=True)

    assert "You have asked for Ann Lee" in text_of(page)
    assert "Stranger" not in page.text
    client.post(url, {"do": "withdraw"})
    assert asked_by(person) is None


def test_wrong_request_keeps_what_was_typed(client, person):
    client.force_login(person)
    url = reverse("people:correct_name")

    short = client.post(url, {"full_name": "Ann Lee", "why": ""})
    same = client.post(url, {"full_name": "Ann Berg", "why": "Hm"})

    assert (short.status_code, same.status_code) == (422, 409)
    assert 'value="Ann Lee"' in short.text
    assert 'value="Hm"' in same.text


def test_staff_answer_in_one_list(client, person, staff):
    asked = NameCorrectionFactory(user=person, name="Ann Lee", why="Married")
    client.force_login(staff)
    page = text_of(client.get(reverse("dashboards:waiting")))
    assert "Ann Berg asks to be Ann Lee" in page
    assert "“Married”" in page
    assert reverse("dashboards:waiting") in client.get("/standing/").text
    url = reverse("dashboards:answer_name", args=[asked.pk])

    refused = client.post(url, {"do": "no", "answer": ""})
    done = client.post(url, {"do": "yes"}, follow=True)
    late = client.post(url, {"do": "yes"})

    assert (refused.status_code, late.status_code) == (409, 409)
    assert "Say why, in a few words" in text_of(refused)
    assert "The name is Ann Lee now" in text_of(done)
    assert "Nothing waits for you" in text_of(done)


@pytest.mark.parametrize("rows", [1, 3])
def test_list_takes_as_many_queries_for_more(
    client, staff, django_assert_num_queries, rows
):
    NameCorrectionFactory.create_batch(rows)
    client.force_login(staff)

    with django_assert_num_queries(13):
        client.get(reverse("dashboards:waiting"))
