from datetime import timedelta

import pytest
from django.utils.timezone import now

from courses.adding import add, add_people, remove, set_due
from courses.enrolling import follow_teams
from courses.models import Enrolment, ProgrammeRequest, Source
from lms.audit.models import Event
from lms.errors import Refused
from lms.mail.models import Message
from tests.factories import (
    EditionFactory,
    EnrolmentFactory,
    MemberFactory,
    ProgrammePageFactory,
    ProgrammeRequestFactory,
    ResellerFactory,
    TeamMembershipFactory,
    UserFactory,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("at_noon")]
TODAY = now().date()
DAY = timedelta(days=1)


@pytest.fixture
def programme():
    return EditionFactory(due_days=30).programme


@pytest.fixture
def member():
    return MemberFactory()


def manager_of(member, **fields):
    return MemberFactory(reseller=member.reseller, is_manager=True, **fields).user


def test_adding_keeps_who_added_and_tells_them(member, programme):
    manager = manager_of(member, user__full_name="Anna Berg")

    enrolment = add(member, programme, by=manager)

    assert (enrolment.source, enrolment.enrolled_by) == (Source.MANAGER, manager)
    assert enrolment.due_on == TODAY + 30 * DAY
    mail = Message.objects.get()
    assert mail.recipient == member.user
    assert "Anna Berg has added you" in mail.body


def test_channel_team_adds_for_bytekast(member, programme):
    staff = UserFactory(is_staff=True)

    assert add(member, programme, by=staff).source == Source.STAFF


def test_manager_above_adds_as_manager(programme):
    top = MemberFactory(is_manager=True)
    member = MemberFactory(reseller=ResellerFactory(parent=top.reseller))

    assert add(member, programme, by=top.user).source == Source.MANAGER


def test_adding_again_changes_nothing(member, programme):
    manager = manager_of(member)
    add(member, programme, by=manager)

    assert add(member, programme, by=manager) is None
    assert Enrolment.objects.count() == Message.objects.count() == 1


def test_adding_answers_what_they_had_asked(member, programme):
    asked = ProgrammeRequestFactory(member=member, programme=programme)
    manager = manager_of(member)

    add(member, programme, by=manager)

    asked.refresh_from_db()
    assert (asked.is_granted, asked.answered_by) == (True, manager)


def test_one_refused_stops_nobody_else(member, programme):
    manager = manager_of(member)
    gone = MemberFactory(reseller=member.reseller, left_on=TODAY)
    there = EnrolmentFactory(edition=programme.edition_on()).member

    done = add_people([gone, there, member], programme, by=manager)

    assert [each.member for each in done.new] == [member]
    assert done.already == [there]
    assert [each for each, _why in done.refused] == [gone]


def test_programme_without_an_edition_takes_nobody(member):
    with pytest.raises(Refused):
        add(member, ProgrammePageFactory(), by=manager_of(member))

    assert not Message.objects.exists()


def test_taking_out_says_why_and_keeps_the_row(member, programme):
    manager = manager_of(member)
    enrolment = add(member, programme, by=manager)

    remove(enrolment, by=manager, why="Changed plans")
    remove(enrolment, by=manager, why="Again")

    enrolment.refresh_from_db()
    assert enrolment.closed_why == "Changed plans"
    assert Message.objects.filter(key__endswith=":removed").count() == 1
    assert "Changed plans" in Message.objects.latest("pk").body


@pytest.mark.parametrize("why", ["", "  "])
def test_taking_out_wants_a_reason(member, programme, why):
    manager = manager_of(member)
    enrolment = add(member, programme, by=manager)

    with pytest.raises(Refused):
        remove(enrolment, by=manager, why=why)

    enrolment.refresh_from_db()
    assert enrolment.is_open


def test_what_a_team_asks_for_is_not_taken_away(member):
    team = TeamMembershipFactory(member=member).team
    EditionFactory(audience=[team])
    follow_teams(member, by=None)
    enrolment = Enrolment.objects.get()

    with pytest.raises(Refused):
        remove(enrolment, by=UserFactory(is_staff=True), why="A favour")


def test_manager_does_not_take_away_what_bytekast_added(member, programme):
    staff = UserFactory(is_staff=True)
    enrolment = add(member, programme, by=staff)

    with pytest.raises(Refused):
        remove(enrolment, by=manager_of(member), why="Not needed")

    assert remove(enrolment, by=staff, why="Not needed").withdrawn_at


def test_completed_is_not_taken_away(member):
    enrolment = EnrolmentFactory(completed=True, source=Source.MANAGER, member=member)

    with pytest.raises(Refused):
        remove(enrolment, by=manager_of(member), why="Not needed")


def test_due_date_is_set_and_audited_and_taken_away(member, programme):
    manager = manager_of(member)
    enrolment = add(member, programme, by=manager)

    for due_on in (TODAY, None):
        set_due(enrolment, due_on, by=manager)
        set_due(enrolment, due_on, by=manager)
        enrolment.refresh_from_db()
        assert enrolment.due_on == due_on

    events = Event.objects.filter(verb="due date set", actor=manager)
    assert [event.ids["due_on"] for event in events.order_by("pk")] == [
        TODAY.isoformat(),
        None,
    ]


def test_due_date_gone_by_is_refused(member, programme):
    manager = manager_of(member)
    enrolment = add(member, programme, by=manager)

    with pytest.raises(Refused):
        set_due(enrolment, TODAY - DAY, by=manager)
    with pytest.raises(Refused):
        add(MemberFactory(), programme, by=manager, due_on=TODAY - DAY)


def test_due_date_of_what_is_over_is_refused():
    enrolment = EnrolmentFactory(completed=True)

    with pytest.raises(Refused):
        set_due(enrolment, TODAY, by=UserFactory(is_staff=True))


@pytest.mark.parametrize(("days", "is_overdue"), [(-1, True), (0, False), (1, False)])
def test_due_day_itself_is_still_in_time(days, is_overdue):
    due_on = now().date() + timedelta(days=days)

    assert EnrolmentFactory(due_on=due_on).is_overdue == is_overdue
    assert not EnrolmentFactory(due_on=due_on, completed=True).is_overdue


@pytest.mark.races
def test_two_who_add_at_once_enrol_once(run_at_once):
    programme = EditionFactory().programme
    member = MemberFactory()
    managers = [manager_of(member), manager_of(member)]

    made = run_at_once(
        *[lambda by=by: add(member, programme, by=by) for by in managers]
    )

    assert sum(each is not None for each in made) == 1
    assert Enrolment.objects.count() == Message.objects.count() == 1
    assert not ProgrammeRequest.objects.exists()
