"""What was earned in another company: offered, confirmed or not, and told."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils.timezone import now

from certificates.models import Certificate
from courses.completing import steps_asked
from courses.models import Enrolment, Source, Transfer
from courses.progress import progress_of, record_evidence
from courses.transferring import confirm, offer, refuse
from lms.errors import Refused
from lms.mail.models import Message
from lms.people.accounts import set_channel_team
from lms.people.membership import join, leave
from lms.people.models import Member
from sessions.models import BookingState
from tests.factories import (
    BookingFactory,
    EditionFactory,
    EditionTopicFactory,
    EnrolmentFactory,
    MemberFactory,
    ResellerFactory,
    TeamFactory,
    TransferFactory,
    UserFactory,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("at_noon")]
DAY = timedelta(days=1)
TODAY = now().date()


@pytest.fixture
def staff():
    user = UserFactory()
    set_channel_team(user, True, by=None)
    return user


@pytest.fixture
def support():
    return TeamFactory(name="Support")


@pytest.fixture
def earned(support):
    """Valid for a year, from two hundred days ago, in one company."""
    edition = EditionFactory(audience=[support], validity_months=12, due_days=30)
    member = MemberFactory(user__full_name="Liam")
    enrolment = EnrolmentFactory(member=member, edition=edition)
    at = now() - 200 * DAY
    for row in edition.topics.all():
        for kind in steps_asked(row):
            record_evidence(enrolment, row.topic, kind, by=None, at=at)
    enrolment.refresh_from_db()
    return enrolment


@pytest.fixture
def other():
    """Another company, with a manager."""
    return MemberFactory(is_manager=True, user__full_name="Anna").reseller


def come(earned, reseller, teams=()):
    return join(
        earned.member.user,
        reseller,
        teams=teams,
        engagement="employee",
        is_manager=False,
        by=None,
    )


def test_nothing_counts_before_bytekast_says_so_and_then_all_of_it(
    earned, other, support, staff
):
    member = come(earned, other, [support])
    own = Enrolment.objects.get(member=member)
    call = BookingFactory(enrolment=own)
    assert (own.evidence.count(), own.source) == (0, Source.TEAM)
    transfer = Transfer.objects.open().get()
    assert (transfer.member, transfer.enrolment) == (member, earned)

    done = confirm(transfer, by=staff)

    done.refresh_from_db()
    earned.refresh_from_db()
    assert (done.member, done.source) == (member, Source.TRANSFER)
    assert done.completed_at is not None
    assert done.valid_until == earned.valid_until  # the old expiry stays
    assert earned.annulled_at is None  # nothing is taken from the old company
    carried = {each.carried_from.enrolment for each in done.evidence.all()}
    assert carried == {earned}
    certificate = Certificate.objects.get(enrolment=done)
    assert certificate.public_claim["reseller"] == other.name
    call.refresh_from_db()
    assert call.state == BookingState.CANCELLED  # nothing is left to cover
    assert not Transfer.objects.open().exists()
    told = Message.objects.filter(key__startswith=f"transfer:{transfer.pk}:")
    manager = Member.objects.get(reseller=other, is_manager=True)
    assert set(told.values_list("recipient", flat=True)) == {
        member.user_id,
        manager.user_id,
    }
    assert "with the old expiry" in told.first().body


def test_what_has_changed_since_is_still_to_do(earned, other, support, staff):
    first, *others = [row.topic for row in earned.edition.topics.all()]
    member = come(earned, other, [support])
    own = Enrolment.objects.get(member=member)
    newer = EditionFactory(
        programme=earned.programme, topics=others, audience=[support]
    )
    EditionTopicFactory(edition=newer, topic=first, is_changed=True)

    done = confirm(Transfer.objects.get(), by=staff)

    done.refresh_from_db()
    assert done.is_open
    assert done.due_on == own.due_on
    assert progress_of([done])[done.pk].done == len(others)
    assert not done.evidence.filter(topic=first).exists()
    body = Message.objects.get(
        key=f"transfer:{Transfer.objects.get().pk}:{member.user_id}"
    )
    assert "in part" in body.body


def test_refused_leaves_it_where_it_was_and_says_why(earned, other, staff):
    member = come(earned, other)
    transfer = Transfer.objects.get()

    refuse(transfer, by=staff, answer="They work in another field.")

    assert not Enrolment.objects.filter(member=member).exists()
    told = Message.objects.filter(key__startswith=f"transfer:{transfer.pk}:")
    assert all("They work in another field." in mail.body for mail in told)
    with pytest.raises(Refused, match="answered already"):
        confirm(transfer, by=staff)
    offer(member)
    assert Transfer.objects.count() == 1


def test_move_in_the_tree_and_a_return_ask_nobody(earned, support):
    top = earned.member.reseller
    leave(earned.member, on=TODAY, by=None)

    below = come(earned, ResellerFactory(parent=top), [support])

    assert not Transfer.objects.exists()
    carried = Enrolment.objects.get(member=below)
    assert carried.completed_at is not None
    assert carried.valid_until == earned.valid_until


@pytest.mark.parametrize(
    "fields",
    [
        {"valid_until": TODAY},
        {"annulled_at": now()},
        {"valid_from": TODAY + DAY},  # earned after they came
    ],
)
def test_only_what_is_valid_and_was_earned_before_is_offered(other, fields):
    there = EnrolmentFactory(completed=True, **fields)
    member = MemberFactory(user=there.member.user, reseller=other, joined_on=TODAY)

    offer(member)

    assert not Transfer.objects.exists()


def test_what_ran_out_meanwhile_is_neither_listed_nor_confirmed(earned, other, staff):
    member = come(earned, other)
    transfer = Transfer.objects.get()
    leave(member, on=TODAY, by=None)

    assert not Transfer.objects.open().exists()
    with pytest.raises(Refused, match="does not count any more"):
        confirm(transfer, by=staff)


def test_staff_answer_in_the_list(client, earned, other, staff):
    come(earned, other)
    transfer = Transfer.objects.get()
    client.force_login(staff)
    page = " ".join(client.get(reverse("dashboards:waiting")).text.split())
    assert f"{earned.member.reseller} → {other}" in page
    url = reverse("dashboards:answer_transfer", args=[transfer.pk])

    refused = client.post(url, {"do": "no", "answer": " "})
    done = client.post(url, {"do": "yes"}, follow=True)

    assert refused.status_code == 409
    assert "is carried over for Liam" in done.text


@pytest.mark.parametrize("rows", [1, 3])
def test_list_takes_as_many_queries_for_more(
    client, staff, django_assert_num_queries, rows
):
    TransferFactory.create_batch(rows)
    client.force_login(staff)

    with django_assert_num_queries(8):
        answer = client.get(reverse("dashboards:waiting"))

    assert answer.status_code == 200
    assert len(answer.context["transfers"]) == rows
