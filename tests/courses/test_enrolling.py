from datetime import date, timedelta

import pytest
from django.utils.timezone import now

from courses.completing import steps_asked
from courses.cycles import begin_again
from courses.dates import set_counts_until
from courses.enrolling import (
    editions_in_force,
    enrol,
    follow_teams,
    follow_the_calendar,
    withdraw,
)
from courses.keeping import kept
from courses.models import Enrolment, EvidenceKind, Source
from courses.progress import progress_of, record_evidence
from courses.signals import enrolment_closed
from lms.errors import Refused
from lms.people.membership import set_teams
from lms.people.models import Member
from lms.people.signals import membership_changed
from tests.factories import (
    EditionFactory,
    EditionTopicFactory,
    EnrolmentFactory,
    MemberFactory,
    ProgrammePageFactory,
    ResellerFactory,
    TeamFactory,
    TeamMembershipFactory,
    UserFactory,
)

pytestmark = pytest.mark.usefixtures("at_noon")
TODAY = now().date()


@pytest.fixture
def support(db):
    return TeamFactory(name="Support")


@pytest.fixture
def programme(support):
    """Return a programme that obliges Support."""
    return EditionFactory(audience=[support]).programme


@pytest.fixture
def member(support):
    """Return a member of Support, not followed yet."""
    return TeamMembershipFactory(team=support).member


def leave_team(member, on=TODAY):
    member.team_memberships.update(until_on=on)


def test_joining_a_team_enrols_and_says_so_by_signal(member, programme):
    manager = UserFactory()
    EditionFactory()  # another programme, of no team

    membership_changed.send(sender=Member, member=member, by=manager)

    enrolment = Enrolment.objects.get()
    assert (enrolment.member, enrolment.programme) == (member, programme)
    assert (enrolment.source, enrolment.enrolled_by) == (Source.TEAM, manager)
    assert enrolment.due_on is None


def test_following_teams_again_changes_nothing(member, programme):
    follow_teams(member, by=None)
    follow_teams(member, by=None)

    assert Enrolment.objects.get().is_open


def test_enrolment_follows_the_edition_in_force_and_its_days(member, programme):
    second = EditionFactory(programme=programme, due_days=30, effective_on=TODAY)
    EditionFactory(programme=programme, effective_on=TODAY + timedelta(days=1))

    enrolment = enrol(member, programme, source=Source.STAFF, by=None)

    assert enrolment.edition == second
    assert enrolment.due_on == TODAY + timedelta(days=30)


def test_due_date_given_stands(member, programme):
    due_on = TODAY + timedelta(days=5)

    enrolment = enrol(member, programme, source=Source.MANAGER, by=None, due_on=due_on)

    assert enrolment.due_on == due_on


@pytest.mark.parametrize("completed", [False, True])
def test_enrolling_again_returns_what_stands(db, completed):
    standing = EnrolmentFactory(completed=completed)

    again = enrol(standing.member, standing.programme, source=Source.STAFF, by=None)

    assert again == standing
    assert again.source == Source.TEAM


def test_programme_without_an_edition_in_force_takes_nobody(db):
    programme = ProgrammePageFactory()
    EditionFactory(programme=programme, effective_on=TODAY + timedelta(days=1))

    with pytest.raises(Refused):
        enrol(MemberFactory(), programme, source=Source.STAFF, by=None)


def test_one_who_left_is_not_enrolled(programme):
    left = MemberFactory(left_on=TODAY)

    with pytest.raises(Refused):
        enrol(left, programme, source=Source.STAFF, by=None)

    assert not Enrolment.objects.exists()


def test_leaving_a_team_withdraws_what_is_open_and_came_by_team(member, programme):
    follow_teams(member, by=None)
    other = EnrolmentFactory(member=member, source=Source.MANAGER)
    leave_team(member)

    follow_teams(member, by=None)

    enrolment = Enrolment.objects.get(programme=programme)
    assert enrolment.withdrawn_at is not None
    other.refresh_from_db()
    assert other.is_open


def test_last_day_in_a_team_is_the_day_before_its_end(member, programme):
    leave_team(member, on=TODAY + timedelta(days=1))

    follow_teams(member, by=None)

    assert Enrolment.objects.get().is_open


def test_leaving_a_team_leaves_what_is_completed(member, programme):
    completed = EnrolmentFactory(
        member=member, edition=programme.edition_on(), completed=True
    )
    leave_team(member)

    follow_teams(member, by=None)

    completed.refresh_from_db()
    assert completed.withdrawn_at is None
    assert completed.annulled_at is None


def test_leaving_the_reseller_withdraws_all_that_is_open(member, programme):
    follow_teams(member, by=None)
    EnrolmentFactory(member=member, source=Source.MANAGER)
    stranger = EnrolmentFactory()
    member.left_on = TODAY
    member.save(update_fields=["left_on"])

    follow_teams(member, by=None)

    assert list(Enrolment.objects.open()) == [stranger]


def test_coming_back_begins_again_with_all_that_was_earned(member, programme):
    follow_teams(member, by=None)
    enrolment = Enrolment.objects.get()
    first, second, *_ = [row.topic for row in enrolment.edition.topics.all()]
    for kind in (EvidenceKind.READ, EvidenceKind.CALL):
        record_evidence(enrolment, first, kind, by=None)
    record_evidence(enrolment, second, EvidenceKind.READ, by=None)
    leave_team(member)
    follow_teams(member, by=None)

    TeamMembershipFactory(
        member=member, team=member.team_memberships.get().team, from_on=TODAY
    )
    follow_teams(member, by=None)

    again = Enrolment.objects.open().get()
    assert (again.cycle, again.source) == (2, Source.TEAM)
    progress = progress_of([again])[again.pk]
    assert progress.done == 1
    assert progress.topics[1].is_prepared


def rejoin(member, reseller=None):
    """Let the member leave, and join again: the same person in a new row."""
    member.left_on = TODAY
    member.save(update_fields=["left_on"])
    follow_teams(member, by=None)
    return MemberFactory(user=member.user, reseller=reseller or member.reseller)


@pytest.mark.parametrize("below", [False, True])
def test_coming_back_to_the_tree_goes_on_with_what_was_earned(db, below):
    old = EnrolmentFactory()
    topic = old.edition.topics.first().topic
    record_evidence(old, topic, EvidenceKind.EXEMPTION, by=None)
    top = old.member.reseller
    member = rejoin(old.member, ResellerFactory(parent=top) if below else None)

    enrolment = enrol(member, old.programme, source=Source.MANAGER, by=None)

    assert (enrolment.member, enrolment.cycle) == (member, 1)
    assert progress_of([enrolment])[enrolment.pk].done == 1


def test_another_reseller_carries_nothing_over_by_itself(db):
    old = EnrolmentFactory()
    record_evidence(
        old, old.edition.topics.first().topic, EvidenceKind.EXEMPTION, by=None
    )
    member = rejoin(old.member, ResellerFactory())

    enrolment = enrol(member, old.programme, source=Source.MANAGER, by=None)

    assert enrolment.evidence.count() == 0


def test_coming_back_within_the_validity_is_qualified_until_the_old_end(db):
    old = EnrolmentFactory(edition__validity_months=12)
    at = now() - timedelta(days=200)
    for row in old.edition.topics.all():
        record_evidence(old, row.topic, EvidenceKind.EXEMPTION, by=None, at=at)
    old.refresh_from_db()
    member = rejoin(old.member)

    enrolment = enrol(member, old.programme, source=Source.TEAM, by=None)

    enrolment.refresh_from_db()
    assert enrolment.completed_at is not None
    assert enrolment.valid_until == old.valid_until


def test_coming_back_after_the_end_begins_from_nothing(db):
    old = EnrolmentFactory(edition__validity_months=12)
    at = now() - timedelta(days=400)
    for row in old.edition.topics.all():
        record_evidence(old, row.topic, EvidenceKind.EXEMPTION, by=None, at=at)
    member = rejoin(old.member)

    enrolment = enrol(member, old.programme, source=Source.TEAM, by=None)

    assert enrolment.is_open
    assert enrolment.evidence.count() == 0


def test_people_of_an_ended_reseller_are_not_enrolled(member, programme):
    member.reseller.ended_on = TODAY
    member.reseller.save()

    follow_teams(member, by=None)

    assert not Enrolment.objects.exists()


def test_withdrawing_twice_says_so_once(db):
    enrolment = EnrolmentFactory()
    heard = []

    def listen(sender, enrolment, successor, by, **kwargs):
        heard.append((enrolment, successor))

    enrolment_closed.connect(listen)
    withdraw(enrolment, by=None, why="Left the team")
    withdraw(enrolment, by=None, why="Left the reseller")
    enrolment_closed.disconnect(listen)

    enrolment.refresh_from_db()
    assert enrolment.closed_why == "Left the team"
    assert heard == [(enrolment, None)]


def test_completed_programme_is_not_withdrawn(db):
    enrolment = EnrolmentFactory(completed=True)

    with pytest.raises(Refused):
        withdraw(enrolment, by=None, why="Left the team")


def test_each_programme_has_one_edition_in_force(db):
    old = EditionFactory(effective_on=date(2020, 1, 1))
    current = EditionFactory(programme=old.programme, effective_on=TODAY)
    EditionFactory(programme=old.programme, effective_on=TODAY + timedelta(days=1))

    assert editions_in_force() == [current]
    assert editions_in_force(TODAY - timedelta(days=1)) == [old]


def test_calendar_enrols_from_the_day_an_edition_or_a_team_begins(support):
    edition = EditionFactory(audience=[support], effective_on=TODAY)
    begins = TeamMembershipFactory(team=support, from_on=TODAY).member
    TeamMembershipFactory(team=support, from_on=TODAY + timedelta(days=1))

    assert follow_the_calendar() == 1
    assert follow_the_calendar() == 0

    enrolment = Enrolment.objects.get()
    assert (enrolment.member, enrolment.edition) == (begins, edition)


def test_calendar_withdraws_those_whose_team_or_time_here_has_ended(
    member, programme, support
):
    leaver = TeamMembershipFactory(team=support).member
    stays = TeamMembershipFactory(team=support).member
    for each in (member, leaver, stays):
        follow_teams(each, by=None)
    leave_team(member)
    Member.objects.filter(pk=leaver.pk).update(left_on=TODAY)

    assert follow_the_calendar() == 2
    assert follow_the_calendar() == 0

    assert Enrolment.objects.open().get().member == stays


def test_calendar_withdraws_when_the_resellers_approval_ends(member, programme):
    follow_teams(member, by=None)
    other = EnrolmentFactory(member=member, source=Source.MANAGER)
    member.reseller.ended_on = TODAY + timedelta(days=1)
    member.reseller.save()
    assert follow_the_calendar() == 0

    member.reseller.ended_on = TODAY
    member.reseller.save()

    assert follow_the_calendar() == 1
    assert follow_the_calendar() == 0
    assert list(Enrolment.objects.open()) == [other]


@pytest.mark.races
def test_enrolling_at_once_enrols_once(run_at_once):
    edition = EditionFactory()
    member = MemberFactory()

    one, other = run_at_once(
        *[lambda: enrol(member, edition.programme, source=Source.STAFF, by=None)] * 2
    )

    assert one == other
    assert Enrolment.objects.count() == 1


@pytest.mark.parametrize("below", [False, True])
def test_coming_back_in_the_middle_of_a_redo_is_qualified_as_before(db, below):
    support = TeamFactory()
    first = EditionFactory(audience=[support], validity_months=12)
    member = TeamMembershipFactory(team=support).member
    done = EnrolmentFactory(member=member, edition=first)
    for row in first.topics.all():
        for kind in steps_asked(row):
            record_evidence(done, row.topic, kind, by=None)
    done.refresh_from_db()
    changed, *others = [row.topic for row in first.topics.all()]
    second = EditionFactory(
        programme=first.programme, topics=others, audience=[support]
    )
    EditionTopicFactory(edition=second, topic=changed, is_changed=True)
    counts_until = TODAY + timedelta(days=20)
    set_counts_until(done, counts_until)
    redo = begin_again(
        done,
        member=member,
        edition=second,
        keep=kept(done, second),
        why="The programme changed",
        by=None,
        source=Source.EDITION,
        due_on=counts_until,
    )
    reseller = ResellerFactory(parent=member.reseller) if below else None

    back = rejoin(member, reseller)
    set_teams(back, [support], by=None)

    redo.refresh_from_db()
    assert redo.withdrawn_at is not None
    qualified = Enrolment.objects.qualified().get(member=back)
    assert qualified.edition == first
    assert (qualified.valid_until, qualified.counts_until) == (
        done.valid_until,
        counts_until,
    )
    again = Enrolment.objects.open().get(member=back)
    assert (again.edition, again.source) == (second, Source.EDITION)
    assert again.due_on == counts_until
    assert progress_of([again])[again.pk].done == len(others)
    assert Enrolment.objects.by_team().filter(pk=again.pk).exists()
