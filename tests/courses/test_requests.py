from datetime import timedelta

import pytest
from django.utils.timezone import now

from content.models import Branding
from courses.models import Enrolment, ProgrammeRequest, Source
from courses.requests import ask, decline, grant, withdraw_request
from lms.errors import Refused
from lms.mail.models import Message
from tests.factories import (
    EditionFactory,
    EnrolmentFactory,
    MemberFactory,
    ProgrammePageFactory,
    ProgrammeRequestFactory,
    ResellerFactory,
    UserFactory,
    home_page,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def programme():
    return EditionFactory().programme


@pytest.fixture
def member():
    return MemberFactory(user__full_name="Liam O'Connor")


@pytest.fixture
def manager(member):
    return MemberFactory(
        reseller=member.reseller, is_manager=True, user__full_name="Anna Berg"
    ).user


@pytest.fixture
def asked(member, manager, programme):
    return ask(member, programme, note="I support two customers.", by=member.user)


def told():
    """Whom mail was written to."""
    return sorted(Message.objects.values_list("to", flat=True))


def test_asking_goes_to_all_of_the_nearest_managers(member, manager, programme):
    second = MemberFactory(reseller=member.reseller, is_manager=True).user
    MemberFactory(is_manager=True)  # a stranger

    asked = ask(member, programme, note="Please.", by=member.user)

    assert told() == sorted([manager.email, second.email])
    assert "Please." in Message.objects.first().body
    assert ask(member, programme, note="Again", by=member.user) == asked
    assert Message.objects.count() == 2


def test_without_a_manager_of_their_own_it_goes_to_the_one_above(programme):
    above = MemberFactory(is_manager=True)
    below = ResellerFactory(parent=above.reseller)
    asker = MemberFactory(reseller=below, is_manager=True)  # they do not ask themselves

    ask(asker, programme, note="", by=asker.user)

    assert told() == [above.user.email]


def test_without_any_manager_it_goes_to_the_channel_team(member, programme):
    Branding.objects.create(
        site=home_page().get_site(), training_email="training@example.com"
    )

    ask(member, programme, note="", by=member.user)

    assert told() == ["training@example.com"]


def test_asking_is_refused_where_there_is_nothing_to_ask(member, programme):
    standing = EnrolmentFactory(member=member)
    later = EditionFactory(effective_on=now().date() + timedelta(days=1)).programme
    stranger = UserFactory()

    for page, by in [
        (standing.programme, member.user),
        (ProgrammePageFactory(), member.user),
        (later, member.user),
        (programme, stranger),
    ]:
        with pytest.raises(Refused):
            ask(member, page, note="", by=by)

    assert not ProgrammeRequest.objects.exists()


def test_who_has_left_cannot_ask(programme):
    gone = MemberFactory(left_on=now().date())

    with pytest.raises(Refused):
        ask(gone, programme, note="", by=gone.user)


def test_granting_enrols_and_tells(asked, member, manager, programme):
    due_on = now().date() + timedelta(days=9)

    grant(asked, by=manager, due_on=due_on)
    grant(asked, by=manager)

    enrolment = Enrolment.objects.get()
    assert (enrolment.source, enrolment.enrolled_by) == (Source.SELF, manager)
    assert (enrolment.due_on, enrolment.member) == (due_on, member)
    mails = Message.objects.filter(recipient=member.user)
    assert "Anna Berg has added you" in mails.get().body
    assert not ProgrammeRequest.objects.open().exists()


def test_declining_says_why(asked, member, manager):
    with pytest.raises(Refused):
        decline(asked, by=manager, answer=" ")

    decline(asked, by=manager, answer="Not this year.")
    decline(asked, by=manager, answer="Never.")

    assert "Not this year." in Message.objects.get(recipient=member.user).body
    assert not Enrolment.objects.exists()


def test_the_first_answer_counts(asked, manager, member, programme):
    other = MemberFactory(reseller=member.reseller, is_manager=True).user
    decline(asked, by=manager, answer="No.")

    with pytest.raises(Refused, match="Anna Berg has declined"):
        grant(asked, by=other)

    again = ask(member, programme, note="", by=member.user)
    grant(again, by=manager)
    with pytest.raises(Refused, match="Anna Berg has added"):
        decline(again, by=other, answer="No.")


def test_asking_anew_within_three_days_sends_no_second_mail(
    asked, manager, member, programme
):
    withdraw_request(asked, by=member.user)
    withdraw_request(asked, by=member.user)

    again = ask(member, programme, note="", by=member.user)

    assert again != asked
    assert told() == [manager.email]
    ProgrammeRequest.objects.update(asked_at=now() - timedelta(days=3))
    withdraw_request(again, by=member.user)
    ask(member, programme, note="", by=member.user)
    assert told() == [manager.email] * 2


def test_withdrawn_is_neither_granted_nor_declined(asked, member, manager):
    withdraw_request(asked, by=member.user)

    for answer in (
        lambda: grant(asked, by=manager),
        lambda: decline(asked, by=manager, answer="No."),
    ):
        with pytest.raises(Refused, match="asks no longer"):
            answer()

    assert not Enrolment.objects.exists()


def test_withdrawing_after_the_answer_changes_nothing(asked, member, manager):
    grant(asked, by=manager)

    assert withdraw_request(asked, by=member.user).is_granted
    with pytest.raises(Refused):
        withdraw_request(asked, by=manager)


def test_one_who_has_left_meanwhile_is_not_added(asked, member, manager):
    member.left_on = now().date()
    member.save(update_fields=["left_on"])

    assert not ProgrammeRequest.objects.open().exists()
    with pytest.raises(Refused):
        grant(asked, by=manager)

    asked.refresh_from_db()
    assert asked.answered_at is None


@pytest.mark.races
def test_of_two_managers_at_once_one_answers(run_at_once):
    programme = EditionFactory().programme
    member = MemberFactory()
    one, other = (
        MemberFactory(reseller=member.reseller, is_manager=True).user for _ in "12"
    )
    asked = ProgrammeRequestFactory(member=member, programme=programme)

    results = run_at_once(
        lambda: grant(asked, by=one),
        lambda: grant(asked, by=other),
        lambda: decline(asked, by=other, answer="No."),
    )

    asked.refresh_from_db()
    refused = [each for each in results if isinstance(each, Refused)]
    assert Enrolment.objects.count() == int(asked.is_granted)
    assert len(refused) == (1 if asked.is_granted else 2)
    assert Message.objects.filter(recipient=member.user).count() == 1


@pytest.mark.races
def test_asking_twice_at_once_asks_once(run_at_once):
    programme = EditionFactory().programme
    member = MemberFactory()
    MemberFactory(reseller=member.reseller, is_manager=True)

    run_at_once(*[lambda: ask(member, programme, note="", by=member.user)] * 2)

    assert ProgrammeRequest.objects.count() == Message.objects.count() == 1
