"""The next cycle opens before a qualification ends, and starts where that ends."""

from datetime import UTC, date, datetime, timedelta

import pytest
import time_machine
from django.utils.timezone import now
from django_tasks_db.models import DBTaskResult

from certificates.expiring import running_out
from certificates.models import Certificate
from courses import renewing, tasks
from courses.cycles import begin_again
from courses.drafting import in_force
from courses.editions import publish_edition
from courses.enrolling import enrol, withdraw
from courses.keeping import kept
from courses.models import (
    EditionDraft,
    Enrolment,
    EvidenceKind,
    Renewal,
    Source,
)
from courses.progress import progress_of, record_evidence, void_evidence
from courses.renewing import carry_on, due, going_on_alone, renew, renew_some
from courses.rollout import Fate, fates
from lms.people.membership import set_teams
from tests.factories import (
    BookingFactory,
    EditionFactory,
    EditionTopicFactory,
    EnrolmentFactory,
    ProgrammePageFactory,
    TeamFactory,
    TeamMembershipFactory,
    TopicPageFactory,
)

AT = datetime(2026, 11, 23, 9, tzinfo=UTC)
END = date(2027, 11, 23)
READ, CALL = EvidenceKind.READ, EvidenceKind.CALL
DAY = timedelta(days=1)


@pytest.fixture
def clock(db):
    with time_machine.travel(AT, tick=False) as clock:
        yield clock


@pytest.fixture
def programme(clock):
    """Edition 1 of two topics for a team, valid for twelve months."""
    programme = ProgrammePageFactory(audience=[TeamFactory()], validity_months=12)
    TopicPageFactory.create_batch(2, parent=programme)
    publish_edition(programme, by=None)
    return programme


def complete(enrolment, *, topics=None):
    for topic in topics or [row.topic for row in enrolment.edition.topics.all()]:
        for kind in (READ, CALL):
            record_evidence(enrolment, topic, kind, by=None)
    enrolment.refresh_from_db()
    return enrolment


@pytest.fixture
def qualified(programme):
    """One of the team, qualified on 23 November 2026 for a year."""
    member = TeamMembershipFactory(team=programme.audience.get()).member
    return complete(enrol(member, programme, source=Source.TEAM, by=None))


def newest(enrolment):
    own = Enrolment.objects.filter(member=enrolment.member)
    return own.filter(programme=enrolment.programme).latest("cycle")


def next_edition(programme, *, changed=(), **fields):
    """Publish the programme's topics again, some of them marked as changed."""
    edition = EditionFactory(
        programme=programme,
        topics=[],
        audience=programme.audience.all(),
        validity_months=12,
        **fields,
    )
    for page in programme.topics():
        EditionTopicFactory(edition=edition, topic=page, is_changed=page in changed)
    return edition


@pytest.mark.parametrize(("days", "opens"), [(91, False), (90, True), (-1, True)])
def test_renewal_opens_90_days_before_the_end(qualified, clock, days, opens):
    clock.move_to(datetime(2027, 11, 23, tzinfo=UTC) - days * DAY)

    renew_some()

    again = newest(qualified)
    assert (again != qualified) == opens
    if opens:
        assert (again.source, again.due_on, again.cycle) == (Source.RENEWAL, END, 2)
        assert again.is_open
        assert Enrolment.objects.get(pk=qualified.pk).annulled_at is None


def test_all_is_done_again_unless_the_edition_says_otherwise(qualified, clock):
    clock.move_to(datetime(2027, 9, 1, tzinfo=UTC))

    renew_some()

    progress = progress_of([newest(qualified)]).popitem()[1]
    assert not progress.is_begun


def test_renewal_finished_early_starts_at_the_old_end(qualified, clock):
    clock.move_to(datetime(2027, 9, 1, tzinfo=UTC))
    renew_some()

    again = complete(newest(qualified))

    assert again.completed_at.date() == date(2027, 9, 1)
    assert (again.valid_from, again.valid_until) == (END, date(2028, 11, 23))
    own = Enrolment.objects.filter(member=qualified.member)
    for day in (date(2027, 9, 1), END - DAY, END, date(2028, 11, 22)):
        assert own.qualified(day).count() == 1
    assert not own.qualified(date(2028, 11, 23)).exists()


def test_renewal_finished_late_starts_today(qualified, clock):
    clock.move_to(datetime(2027, 12, 1, tzinfo=UTC))
    renew_some()

    again = complete(newest(qualified))

    assert again.valid_from == date(2027, 12, 1)
    assert again.valid_until == date(2028, 12, 1)


def test_renewal_that_keeps_evidence_does_not_keep_the_old_expiry(qualified, clock):
    next_edition(qualified.programme, renewal=Renewal.CHANGED)
    clock.move_to(datetime(2027, 9, 1, tzinfo=UTC))
    renew_some()
    again = newest(qualified)
    first = again.edition.topics.first().topic
    assert again.evidence.filter(carried_from__isnull=False).exists()

    complete(again, topics=[first])

    assert (again.valid_from, again.valid_until) == (END, date(2028, 11, 23))


def test_update_after_a_renewal_keeps_the_expiry_of_the_renewal(qualified, clock):
    """The cycle before the renewal no longer limits what was carried through it."""
    programme = qualified.programme
    first, second = programme.topics()
    next_edition(programme, renewal=Renewal.CHANGED)
    clock.move_to(datetime(2027, 9, 1, tzinfo=UTC))
    renew_some()
    renewed = complete(newest(qualified), topics=[first])
    clock.move_to(datetime(2028, 1, 1, tzinfo=UTC))
    again = go_on(renewed, next_edition(programme, changed=[second]))

    complete(again, topics=[second])

    assert again.valid_until == renewed.valid_until


def go_on(enrolment, edition, **fields):
    """Let somebody update, as a new edition does."""
    return begin_again(
        enrolment,
        member=enrolment.member,
        edition=edition,
        keep=kept(enrolment, edition),
        why="Changed",
        by=None,
        source=Source.EDITION,
        **fields,
    )


def test_renewal_goes_on_as_one_through_a_new_edition(qualified, clock):
    clock.move_to(datetime(2027, 9, 1, tzinfo=UTC))
    renew_some()
    renewal = newest(qualified)
    again = go_on(renewal, next_edition(qualified.programme))

    renew_some()  # there is nothing more to open
    complete(again)

    assert newest(qualified) == again
    assert (again.valid_from, again.valid_until) == (END, date(2028, 11, 23))


def test_update_finished_after_the_old_expiry_is_not_born_expired(qualified, clock):
    programme = qualified.programme
    changed = programme.topics().last()
    again = go_on(qualified, next_edition(programme, changed=[changed]))
    clock.move_to(datetime(2027, 12, 1, tzinfo=UTC))

    complete(again, topics=[changed])

    claim = Certificate.objects.get(enrolment=again).public_claim
    assert (again.valid_from, again.valid_until) == (
        date(2027, 12, 1),
        date(2028, 12, 1),
    )
    assert claim["valid_until"] == "2028-12-01"


@pytest.mark.parametrize(("counts", "renews"), [(-1, False), (0, True)])
def test_update_due_before_the_end_comes_first_and_else_becomes_the_renewal(
    qualified, clock, counts, renews
):
    programme = qualified.programme
    second = programme.topics().last()
    qualified.counts_until = END + counts * DAY
    qualified.save()
    update = go_on(qualified, next_edition(programme, changed=[second]))
    complete_part = record_evidence(update, second, READ, by=None)
    call = BookingFactory(enrolment=update, topics=[second])
    clock.move_to(datetime(2027, 9, 1, tzinfo=UTC))

    renew_some()

    again = newest(qualified)
    assert (again.source == Source.RENEWAL) == renews
    if renews:
        shown = list(again.evidence.values_list("topic", "kind", "carried_from"))
        assert shown == [(second.pk, READ, complete_part.pk)]
        call.refresh_from_db()
        assert (call.enrolment, again.due_on) == (again, END)


def test_update_still_open_at_the_end_becomes_the_renewal(qualified, clock):
    qualified.counts_until = END - DAY
    qualified.save()
    changed = qualified.programme.topics().first()
    update = go_on(qualified, next_edition(qualified.programme, changed=[changed]))
    clock.move_to(datetime(2027, 11, 23, tzinfo=UTC))

    renew_some()

    assert newest(qualified).source == Source.RENEWAL
    update.refresh_from_db()
    assert update.withdrawn_at is not None


def gone(qualified):
    qualified.member.left_on = now().date()
    qualified.member.save()


def out_of_the_team(qualified):
    set_teams(qualified.member, [], by=None)


def reseller_ended(qualified):
    qualified.member.reseller.ended_on = now().date()
    qualified.member.reseller.save()


def taken_out(qualified):
    renew_some()
    withdraw(newest(qualified), by=None, why="Not now")


def annulled(qualified):
    void_evidence(qualified.evidence.first(), by=None, why="A mistake")
    Enrolment.objects.filter(pk=newest(qualified).pk).update(withdrawn_at=now())


def on_its_way(qualified):
    EditionDraft.objects.create(
        programme=qualified.programme, edition=qualified.edition
    )


@pytest.mark.parametrize(
    "happens",
    [gone, out_of_the_team, reseller_ended, taken_out, annulled, on_its_way],
)
def test_nothing_opens_where_it_is_no_longer_asked(qualified, clock, happens):
    clock.move_to(datetime(2027, 9, 1, tzinfo=UTC))
    happens(qualified)
    before = Enrolment.objects.count()

    renew_some()

    assert not due().exists()
    assert Enrolment.objects.count() == before


def test_who_was_added_by_a_manager_renews_though_no_team_asks(clock):
    enrolment = EnrolmentFactory(
        completed=True, source=Source.MANAGER, valid_until=now().date() + 30 * DAY
    )
    team_asks_no_more = EnrolmentFactory(
        completed=True, source=Source.TEAM, valid_until=now().date() + 30 * DAY
    )

    assert list(due()) == [enrolment]
    assert team_asks_no_more not in due()


def test_what_has_no_end_is_not_renewed(clock):
    EnrolmentFactory(completed=True, source=Source.MANAGER)

    assert not due().exists()


def test_who_is_exempt_from_all_goes_on_at_the_end_and_not_before(programme, clock):
    member = TeamMembershipFactory(team=programme.audience.get()).member
    enrolment = enrol(member, programme, source=Source.TEAM, by=None)
    for row in enrolment.edition.topics.all():
        record_evidence(enrolment, row.topic, EvidenceKind.EXEMPTION, by=None)

    clock.move_to(datetime(2027, 11, 22, 23, 59, tzinfo=UTC))
    before = renew(enrolment), list(going_on_alone()), list(due())
    told_before = list(running_out(now().date()))
    clock.move_to(datetime(2027, 11, 23, tzinfo=UTC))
    after = renew(enrolment)

    assert before == (None, [enrolment], [])
    assert told_before == []  # there is nothing they could do
    assert (after.valid_from, after.valid_until) == (END, date(2028, 11, 23))
    assert Certificate.objects.filter(enrolment=after).count() == 1


def test_a_renewal_of_what_changed_never_completes_by_being_opened(programme, clock):
    """Nothing has changed, and no topic asks for a call: one is read again."""
    reading = ProgrammePageFactory(audience=[TeamFactory()], validity_months=12)
    TopicPageFactory.create_batch(2, parent=reading, needs_call=False)
    publish_edition(reading, by=None)
    member = TeamMembershipFactory(team=reading.audience.get()).member
    enrolment = enrol(member, reading, source=Source.TEAM, by=None)
    for row in enrolment.edition.topics.all():
        record_evidence(enrolment, row.topic, READ, by=None)
    next_edition(reading, renewal=Renewal.CHANGED)

    clock.move_to(datetime(2027, 9, 1, tzinfo=UTC))
    enrolment.refresh_from_db()
    opened = renew(enrolment)

    assert opened.is_open
    assert progress_of([opened])[opened.pk].done == 1


def test_repeating_opens_one_renewal(qualified, clock):
    clock.move_to(datetime(2027, 9, 1, tzinfo=UTC))

    first, second = renew(qualified), renew(qualified)

    assert (first.cycle, second) == (2, None)
    assert Enrolment.objects.count() == 2


def test_many_are_renewed_a_batch_at_a_time(clock, monkeypatch):
    edition = EditionFactory()
    EnrolmentFactory.create_batch(
        3,
        edition=edition,
        completed=True,
        source=Source.MANAGER,
        valid_until=now().date() + DAY,
    )
    monkeypatch.setattr(renewing, "AT_ONCE", 2)

    more = renew_some(), renew_some(), renew_some()

    assert more == (True, False, False)
    assert Enrolment.objects.open().count() == 3


def test_those_who_cannot_be_renewed_are_passed_over(clock, monkeypatch, caplog):
    """More than are read at a time, and with the same end as all the others."""
    rows = EnrolmentFactory.create_batch(
        5,
        edition=EditionFactory(),
        completed=True,
        source=Source.MANAGER,
        valid_until=now().date() + DAY,
    )
    troubled = {row.member_id for row in rows[:3]}
    real = renewing.begin_again

    def fails_for_some(enrolment, **more):
        if enrolment.member_id in troubled:
            raise ValueError("nobody thought of this")
        return real(enrolment, **more)

    monkeypatch.setattr(renewing, "begin_again", fails_for_some)
    monkeypatch.setattr(renewing, "AT_ONCE", 2)

    more = renew_some(), renew_some()

    opened = Enrolment.objects.open().values_list("member", flat=True)
    assert more == (False, False)
    assert set(opened) == {row.member_id for row in rows[3:]}
    assert caplog.text.count("cannot be renewed") == 6


def test_clock_asks_the_worker_once(qualified, clock, monkeypatch):
    carry_on()
    assert not DBTaskResult.objects.filter(
        task_path=tasks.open_renewals.module_path
    ).exists()
    clock.move_to(datetime(2027, 9, 1, tzinfo=UTC))

    carry_on()
    carry_on()

    asked = DBTaskResult.objects.filter(task_path=tasks.open_renewals.module_path)
    assert asked.count() == 1


def test_new_edition_asks_those_who_have_renewed_early_too(qualified, clock):
    """They count from the old end on, and have to update all the same."""
    clock.move_to(datetime(2027, 9, 1, tzinfo=UTC))
    renew_some()
    complete(newest(qualified))
    edition = next_edition(
        qualified.programme,
        changed=[qualified.programme.topics().first()],
        redo_days=30,
    )

    (person,) = fates(in_force(edition))

    assert (person.fate, person.enrolment_pk) == (Fate.REDO, newest(qualified).pk)


@pytest.mark.races
@pytest.mark.django_db(transaction=True)
def test_two_clocks_open_one_renewal(run_at_once):
    enrolment = EnrolmentFactory(
        completed=True, source=Source.MANAGER, valid_until=now().date() + 30 * DAY
    )

    def ask():
        return renew(Enrolment.objects.select_related("member").get(pk=enrolment.pk))

    answers = run_at_once(ask, ask, renew_some)

    assert Enrolment.objects.open().count() == 1
    assert not [each for each in answers if isinstance(each, Exception)]
