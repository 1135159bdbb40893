import pytest
from django.contrib.auth import authenticate
from django.db import connection
from django.urls import reverse
from django.utils.timezone import now

from certificates.models import Certificate
from lms.errors import Refused
from lms.people.models import User
from lms.privacy import kept
from lms.privacy.erasing import ask, erase, refuse
from lms.privacy.models import Erasure
from tests.factories import MemberFactory, MessageFactory, TrainerFactory, UserFactory
from tests.privacy.people import MARK, person_with_all_kept

pytestmark = pytest.mark.django_db


def marked() -> set[str]:
    """The columns of the whole database in which the mark stands, in any case."""
    found = set()
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            for column in connection.introspection.get_table_description(cursor, table):
                name = f'"{table}"."{column.name}"'
                cursor.execute(
                    f'SELECT 1 FROM "{table}" WHERE LOWER(CAST({name} AS TEXT)) '
                    f"LIKE '%%{MARK.lower()}%%'"
                )
                if cursor.fetchone():
                    found.add(f"{table}.{column.name}")
    return found


def test_no_word_of_somebody_erased_stands_anywhere():
    person = person_with_all_kept()
    asked = {
        f"{each.model_class._meta.db_table}.{name}"
        for each in kept.ALL
        for name in each.goes.split()
    }
    before = marked()

    erase(person, by=UserFactory(is_staff=True))

    assert marked() == set()
    assert asked - before == {  # the rest of what goes had the mark
        "audit_event.address",
        "audit_event.agent",
        "certificates_certificate.credential",
        "certificates_certificate.ended_why",
        "certificates_certificate.missing_letters",
        "certificates_certificate.pdf",
        "certificates_certificate.trouble",
        "people_user.password",
        "privacy_erasure.why_refused",
    }


def test_every_row_that_is_said_to_go_goes():
    person = person_with_all_kept()

    erase(person, by=None)

    for each in kept.ALL:
        if each.rows_go:
            about = {each.persons: person.pk}
            assert not each.model_class._default_manager.filter(**about).exists()


def test_certificate_of_somebody_erased_is_still_found(client):
    person = person_with_all_kept()
    certificate = Certificate.objects.get(enrolment__member__user=person)

    erase(person, by=None)

    page = client.get(reverse("verify", args=[certificate.serial]))
    assert page.status_code == 200
    assert "Genuine, and the name was withdrawn" in page.content.decode()


def test_somebody_erased_cannot_sign_in():
    person = person_with_all_kept()
    person.set_password("correct horse battery")
    person.save(update_fields=["password"])

    erase(person, by=None)

    person.refresh_from_db()
    assert not person.is_active
    assert not person.has_usable_password()
    assert authenticate(None, email=person.email, password="correct horse battery") is (
        None
    )


def test_erasing_twice_changes_nothing():
    person = person_with_all_kept()
    ask(person)
    staff = UserFactory(is_staff=True)

    erase(person, by=staff)
    first = Erasure.objects.get()
    erase(User.objects.get(pk=person.pk), by=UserFactory(is_staff=True))

    again = Erasure.objects.get()
    assert again.answered_by == first.answered_by == staff
    assert again.done_at == first.done_at


def test_who_still_belongs_somewhere_is_not_erased():
    member = MemberFactory()

    for act in (lambda: ask(member.user), lambda: erase(member.user, by=None)):
        with pytest.raises(Refused, match=f"still belongs to {member.reseller}"):
            act()
    assert not Erasure.objects.exists()


@pytest.mark.parametrize("role", ["trainer", "staff"])
def test_who_works_for_us_is_not_erased(role):
    person = TrainerFactory().user if role == "trainer" else UserFactory(is_staff=True)

    with pytest.raises(Refused, match="trainer or of the channel team"):
        erase(person, by=None)


def test_nobody_erases_themselves():
    person = UserFactory()

    with pytest.raises(Refused, match="Ask a colleague"):
        erase(person, by=person)


def test_no_is_said_with_a_reason_and_once():
    person, staff = UserFactory(), UserFactory(is_staff=True)
    erasure = ask(person)

    refuse(erasure, "We are in court over it.", by=staff)

    mail = person.messages.get(key=f"erasure:{erasure.pk}:refused")
    assert "We are in court over it." in mail.body
    with pytest.raises(Refused, match="answered this already"):
        refuse(erasure, "Again.", by=staff)
    assert ask(person) != erasure  # who was refused may ask again


def test_mail_that_only_looks_like_the_name_keeps_its_words():
    person = UserFactory(full_name="Li")
    link = MessageFactory(body="Link to Lisa", sent_at=now())
    named = MessageFactory(body="You meet Li.", sent_at=now())

    erase(person, by=None)

    link.refresh_from_db()
    named.refresh_from_db()
    assert (link.body, named.body) == ("Link to Lisa", "")
