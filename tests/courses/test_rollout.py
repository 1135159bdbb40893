from datetime import UTC, date, datetime, timedelta

import pytest
import time_machine
from django.urls import reverse
from django.utils.timezone import now
from django_tasks_db.models import DBTaskResult

from certificates.models import Certificate, End
from courses import rollout
from courses.drafting import (
    begin_draft,
    fingerprint,
    in_force,
    open_draft,
    proposal_of,
    put_up,
    save_draft,
)
from courses.editions import publish_edition
from courses.enrolling import enrol, follow_teams, follow_the_calendar
from courses.models import (
    EditionDraft,
    Enrolment,
    EvidenceKind,
    Source,
)
from courses.progress import progress_of, record_evidence, void_evidence
from courses.rollout import Fate, fates
from lms.mail.models import Message
from lms.people.models import Member, TeamMembership
from sessions.models import BookingState
from tests.factories import (
    BookingFactory,
    MemberFactory,
    ProgrammePageFactory,
    TeamFactory,
    TeamMembershipFactory,
    TopicPageFactory,
    UserFactory,
)

AT = datetime(2026, 11, 23, 9, tzinfo=UTC)
TITLES = ["Using Resolve", "Categorising Tickets", "Escalating Tickets"]


@pytest.fixture
def clock(db):
    with time_machine.travel(AT, tick=False) as clock:
        yield clock


@pytest.fixture
def programme(clock):
    """Edition 1 of three topics, to read and to go through in a call, for a team."""
    programme = ProgrammePageFactory(
        title="User Support", audience=[TeamFactory(name="Support")]
    )
    for title in TITLES:
        TopicPageFactory(parent=programme, title=title)
    publish_edition(programme, by=None)
    return programme


def topics_of(programme):
    return list(programme.topics())


def somebody(programme, *, shown=0, source=Source.TEAM):
    """A member who has read and gone through that many of the topics."""
    if source == Source.TEAM:
        member = TeamMembershipFactory(team=programme.audience.get()).member
    else:
        member = MemberFactory()
    enrolment = enrol(member, programme, source=source, by=None)
    for topic in topics_of(programme)[:shown]:
        for kind in (EvidenceKind.READ, EvidenceKind.CALL):
            record_evidence(enrolment, topic, kind, by=None)
    enrolment.refresh_from_db()
    return enrolment


def draft_of(programme, *, changed=(), left_out=(), redo_days=60, **more):
    draft = begin_draft(programme, by=None)
    said = {
        "summary": "The ways to escalate are new.",
        "effective_on": None,
        "renewal": "all",
        "redo_days": redo_days,
        "changed": [topic.pk for topic in changed],
        "left_out": [topic.pk for topic in left_out],
    }
    return save_draft(draft, seen=fingerprint(draft), by=None, **(said | more))


def begin(clock, draft):
    """Put it up and let its hour come; it has reached nobody yet."""
    draft = put_up(draft, seen=fingerprint(draft), by=draft.begun_by)
    clock.move_to(draft.starts_at)
    assert rollout._start(draft.pk)
    draft.refresh_from_db()
    return draft


def finish(draft):
    while rollout.go_on(draft.pk):
        pass
    draft.refresh_from_db()
    return draft


def publish(clock, programme, **said):
    return finish(begin(clock, draft_of(programme, **said)))


def newest(enrolment):
    return Enrolment.objects.filter(
        member=enrolment.member, programme=enrolment.programme
    ).latest("cycle")


def told(person):
    return list(Message.objects.filter(recipient=person.user, key__startswith="edit"))


# --- What it means to whom ---------------------------------------------------------


def test_preview_says_what_happens_to_each(programme):
    changed = topics_of(programme)[2]
    qualified = somebody(programme, shown=3)
    middle = somebody(programme, shown=1)
    of_staff = somebody(programme, shown=3, source=Source.STAFF)
    left = somebody(programme, shown=1)
    Member.objects.filter(pk=left.member_id).update(left_on=now().date())
    joining = TeamMembershipFactory(team=programme.audience.get()).member
    MemberFactory()  # in no team

    people = fates(proposal_of(draft_of(programme, changed=[changed])))

    assert {(each.member_pk, each.fate, each.topics) for each in people} == {
        (qualified.member_id, Fate.REDO, (changed.pk,)),
        (of_staff.member_id, Fate.REDO, (changed.pk,)),
        (middle.member_id, Fate.GO_ON, ()),
        (joining.pk, Fate.JOIN, ()),
    }


def test_nothing_of_the_qualified_where_the_draft_says_so(programme):
    qualified = somebody(programme, shown=3)
    changed = topics_of(programme)[:1]

    (person,) = fates(proposal_of(draft_of(programme, changed=changed, redo_days=None)))

    assert (person.member_pk, person.fate) == (qualified.member_id, Fate.KEEP)


def test_qualified_is_not_touched_by_what_they_have_shown(programme):
    somebody(programme, shown=3)

    (person,) = fates(
        proposal_of(draft_of(programme, left_out=topics_of(programme)[:1]))
    )

    assert person.fate == Fate.KEEP


def test_qualified_shows_a_topic_that_is_new(programme):
    somebody(programme, shown=3)
    new = TopicPageFactory(parent=programme)

    (person,) = fates(proposal_of(draft_of(programme)))

    assert (person.fate, person.topics) == (Fate.REDO, (new.pk,))


def test_somebody_in_the_middle_is_complete_without_the_topic_left_out(programme):
    somebody(programme, shown=2)

    (person,) = fates(
        proposal_of(draft_of(programme, left_out=topics_of(programme)[2:]))
    )

    assert person.fate == Fate.COMPLETE


def test_team_that_is_asked_no_more_leaves_but_for_the_qualified(programme):
    middle, qualified = somebody(programme), somebody(programme, shown=3)
    by_staff = somebody(programme, source=Source.STAFF)
    programme.audience.set([TeamFactory()])
    programme.save()
    changed = topics_of(programme)[:1]

    people = fates(proposal_of(draft_of(programme, changed=changed)))

    assert {each.member_pk: each.fate for each in people} == {
        middle.member_id: Fate.LEAVE,
        qualified.member_id: Fate.KEEP,
        by_staff.member_id: Fate.GO_ON,
    }


def test_expired_person_is_left_to_their_renewal(programme):
    expired = somebody(programme, shown=3)
    Enrolment.objects.filter(pk=expired.pk).update(counts_until=now().date())

    (person,) = fates(proposal_of(draft_of(programme, changed=topics_of(programme))))

    assert person.fate == Fate.KEEP


@pytest.mark.parametrize("people", [1, 3])
def test_preview_asks_four_queries(programme, django_assert_num_queries, people):
    for shown in range(people):
        somebody(programme, shown=shown)
    proposal = proposal_of(draft_of(programme, changed=topics_of(programme)))

    with django_assert_num_queries(4):
        assert len(fates(proposal)) == people


# --- Doing it ----------------------------------------------------------------------


def test_number_shown_is_the_number_touched(programme, clock):
    changed = topics_of(programme)[2]
    for shown in (3, 3, 1, 0):
        somebody(programme, shown=shown)
    TeamMembershipFactory(team=programme.audience.get())
    draft = draft_of(programme, changed=[changed])
    shown = sum(each.is_touched for each in fates(proposal_of(draft)))

    draft = finish(begin(clock, draft))

    assert (shown, draft.people, draft.touched) == (5, 5, 5)
    assert draft.finished_at is not None
    assert Message.objects.filter(key__startswith="edition-").count() == 5
    assert [each.fate for each in fates(in_force(draft.edition))] == []


def test_qualified_begins_again_with_the_rest_and_counts_until_it_is_due(
    programme, clock
):
    changed = topics_of(programme)[2]
    qualified = somebody(programme, shown=3)

    draft = publish(clock, programme, changed=[changed])

    due = date(2026, 11, 23) + timedelta(days=60)
    qualified.refresh_from_db()
    again = newest(qualified)
    assert (qualified.counts_until, qualified.annulled_at) == (due, None)
    assert (again.source, again.due_on) == (Source.EDITION, due)
    assert again.edition == draft.edition
    progress = progress_of([again])[again.pk]
    assert [topic.is_complete for topic in progress.topics] == [True, True, False]
    assert not progress.topics[2].is_begun
    today = now().date()
    own = Enrolment.objects.filter(member=qualified.member)
    assert list(own.qualified(today)) == [qualified]
    assert list(own.qualified(due - timedelta(days=1))) == [qualified]
    assert not own.qualified(due).exists()
    (mail,) = told(qualified.member)
    assert mail.subject == "User Support has changed"
    assert "- Escalating Tickets\n" in mail.body
    assert "22 January 2027" in mail.body


def test_somebody_in_the_middle_keeps_all_but_the_changed_topic_and_the_day(
    programme, clock
):
    changed = topics_of(programme)[0]
    middle = somebody(programme, shown=2)
    due = now().date() + timedelta(days=7)
    Enrolment.objects.filter(pk=middle.pk).update(due_on=due)

    publish(clock, programme, changed=[changed])

    middle.refresh_from_db()
    again = newest(middle)
    assert middle.withdrawn_at is not None
    assert middle.closed_why == "The programme changed: edition 2"
    assert again.due_on == due
    progress = progress_of([again])[again.pk]
    assert [topic.is_complete for topic in progress.topics] == [False, True, False]
    assert "- Using Resolve\n" in told(middle.member)[0].body


def test_exemption_from_a_changed_topic_stays(programme, clock):
    changed = topics_of(programme)[0]
    exempt = somebody(programme)
    record_evidence(exempt, changed, EvidenceKind.EXEMPTION, by=None)

    publish(clock, programme, changed=[changed])

    again = newest(exempt)
    assert [row.kind for row in again.evidence.all()] == [EvidenceKind.EXEMPTION]


def test_who_is_complete_with_it_is_qualified_at_once(programme, clock):
    middle = somebody(programme, shown=2)

    publish(clock, programme, left_out=topics_of(programme)[2:])

    again = newest(middle)
    assert again.completed_at is not None
    certificate = Certificate.objects.get()
    assert certificate.enrolment == again
    assert len(certificate.public_claim["topics"]) == 2


def test_team_asked_no_more_is_withdrawn_and_told(programme, clock):
    middle = somebody(programme, shown=1)
    programme.audience.set([TeamFactory()])
    programme.save()

    publish(clock, programme)

    middle.refresh_from_db()
    assert middle.withdrawn_at is not None
    assert newest(middle) == middle
    (mail,) = told(middle.member)
    assert mail.subject == "User Support is no longer asked of you"


def test_update_of_a_team_is_withdrawn_when_the_team_is_left(programme, clock):
    qualified = somebody(programme, shown=3)
    by_staff = somebody(programme, shown=3, source=Source.STAFF)
    publish(clock, programme, changed=topics_of(programme)[:1])

    TeamMembership.objects.update(until_on=now().date())
    for enrolment in (qualified, by_staff):
        follow_teams(enrolment.member, by=None)

    assert newest(qualified).withdrawn_at is not None
    assert newest(by_staff).is_open
    qualified.refresh_from_db()
    assert qualified.completed_at is not None


def test_booked_call_keeps_its_agenda_but_for_the_topic_left_out(programme, clock):
    middle = somebody(programme, shown=1)
    _first, second, third = topics_of(programme)
    on_both = BookingFactory(enrolment=middle, topics=[second, third])

    publish(clock, programme, changed=[second], left_out=[third])

    again = newest(middle)
    on_both.refresh_from_db()
    assert (on_both.state, on_both.enrolment) == (BookingState.BOOKED, again)
    agenda = {row.topic: row.booked_for for row in on_both.topics.all()}
    assert agenda == {second: again, third: None}


def test_booked_call_on_nothing_but_the_topic_left_out_is_called_off(programme, clock):
    middle = somebody(programme, shown=1)
    third = topics_of(programme)[2]
    call = BookingFactory(enrolment=middle, topics=[third])

    publish(clock, programme, left_out=[third])

    call.refresh_from_db()
    assert call.state == BookingState.CANCELLED
    assert call.reason == "Its topics are no longer asked for."


# --- What comes late, twice, in between --------------------------------------------


def test_what_was_shown_for_a_closed_cycle_counts_in_the_next(programme, clock):
    changed, same, _third = topics_of(programme)
    middle = somebody(programme)
    publish(clock, programme, changed=[changed])

    for topic in (changed, same):
        record_evidence(middle, topic, EvidenceKind.READ, by=None)

    again = newest(middle)
    assert [row.topic for row in again.evidence.all()] == [same]
    assert again.evidence.get().carried_from.enrolment == middle


def test_page_that_was_open_meanwhile_is_read_for_the_new_edition(
    programme, clock, client
):
    changed = topics_of(programme)[0]
    middle = somebody(programme)
    publish(clock, programme, changed=[changed])
    client.force_login(middle.member.user)

    url = reverse("courses:read", args=[middle.pk, changed.pk])
    assert client.post(url).status_code == 302

    assert newest(middle).evidence.get().topic == changed


def test_killed_anywhere_it_goes_on_and_touches_each_once(
    programme, clock, monkeypatch
):
    for _ in range(3):
        somebody(programme, shown=1)
    draft = begin(clock, draft_of(programme, changed=topics_of(programme)[:1]))
    monkeypatch.setattr(rollout, "AT_ONCE", 1)

    assert rollout.go_on(draft.pk)
    draft.refresh_from_db()
    assert (draft.touched, draft.finished_at) == (1, None)
    draft = finish(draft)
    assert not rollout.go_on(draft.pk)

    draft.refresh_from_db()
    assert draft.touched == 3
    assert Enrolment.objects.count() == 6
    assert Message.objects.filter(key__startswith="edition-").count() == 3


def test_trouble_with_one_person_keeps_nobody_else_waiting(
    programme, clock, monkeypatch, caplog
):
    bad, good = somebody(programme), somebody(programme)
    draft = begin(clock, draft_of(programme, changed=topics_of(programme)[:1]))
    begin_again = rollout.begin_again

    def fail(enrolment, **how):
        if enrolment == bad:
            raise RuntimeError("Broken")
        return begin_again(enrolment, **how)

    monkeypatch.setattr(rollout, "begin_again", fail)
    draft = finish(draft)
    assert (draft.touched, draft.finished_at) == (1, None)
    assert newest(good).edition == draft.edition
    assert f"member {bad.member_id}" in caplog.text

    monkeypatch.undo()
    draft = finish(draft)
    assert (draft.touched, draft.finished_at is None) == (2, False)


def test_later_edition_waits_until_the_earlier_has_reached_everybody(programme, clock):
    first, second, _third = topics_of(programme)
    qualified = somebody(programme, shown=3)
    earlier = begin(clock, draft_of(programme, changed=[first]))
    later = draft_of(programme, changed=[second], redo_days=90)
    later = put_up(later, seen=fingerprint(later), by=None)
    clock.move_to(later.starts_at)

    assert not rollout.go_on(later.pk)
    finish(earlier)
    later = finish(later)

    assert later.edition.number == 3
    again = newest(qualified)
    assert again.cycle == 3
    shown = {row.topic for row in again.evidence.all()}
    assert shown == {_third}
    due = now().date() + timedelta(days=90)
    qualified.refresh_from_db()
    assert (again.due_on, qualified.counts_until) == (due, due)


def test_person_who_is_late_for_one_edition_is_given_no_more_by_the_next(
    programme, clock
):
    first, second, _third = topics_of(programme)
    qualified = somebody(programme, shown=3)
    publish(clock, programme, changed=[first], redo_days=1)
    clock.shift(timedelta(days=2))
    late = newest(qualified)

    publish(clock, programme, changed=[second], redo_days=60)

    assert newest(qualified).due_on == late.due_on
    qualified.refresh_from_db()
    assert qualified.counts_until == late.due_on


def test_clock_leaves_a_programme_to_its_rollout(programme, clock):
    draft = begin(clock, draft_of(programme, changed=topics_of(programme)[:1]))
    TeamMembershipFactory(team=programme.audience.get())

    assert follow_the_calendar() == 0
    assert finish(draft).touched == 1
    assert follow_the_calendar() == 0


def test_clock_asks_the_worker_once(programme, clock):
    somebody(programme)
    draft = draft_of(programme, changed=topics_of(programme)[:1])
    put_up(draft, seen=fingerprint(draft), by=None)

    rollout.carry_on()
    assert not DBTaskResult.objects.filter(task_path="courses.tasks.roll_out").exists()
    clock.shift(timedelta(hours=1))
    rollout.carry_on()
    rollout.carry_on()
    assert DBTaskResult.objects.filter(task_path="courses.tasks.roll_out").count() == 1


def test_nobody_is_touched_before_its_hour(programme, clock):
    somebody(programme)
    draft = draft_of(programme, changed=topics_of(programme)[:1])
    draft = put_up(draft, seen=fingerprint(draft), by=None)

    clock.move_to(draft.starts_at - timedelta(seconds=1))
    assert not rollout.go_on(draft.pk)

    assert open_draft(programme) == draft
    assert programme.editions.count() == 1


@pytest.mark.races
def test_two_workers_touch_each_person_once(run_at_once):
    with time_machine.travel(AT, tick=False) as clock:
        programme = ProgrammePageFactory(audience=[TeamFactory()])
        for title in TITLES:
            TopicPageFactory(parent=programme, title=title)
        publish_edition(programme, by=None)
        for _ in range(3):
            somebody(programme, shown=1)
        draft = begin(clock, draft_of(programme, changed=topics_of(programme)[:1]))

        run_at_once(*[lambda: rollout.go_on(draft.pk)] * 4)
        draft = finish(draft)

    assert draft.touched == 3
    assert Enrolment.objects.count() == 6


# --- And then ----------------------------------------------------------------------


def test_certificate_of_the_redo_replaces_the_old_and_keeps_its_expiry(
    programme, clock
):
    programme.validity_months = 24
    programme.save()
    publish(clock, programme)  # everybody from here on has an expiry
    changed = topics_of(programme)[2]
    qualified = somebody(programme, shown=3)
    old = Certificate.objects.get(enrolment=qualified)
    clock.shift(timedelta(days=30))
    publish(clock, programme, changed=[changed])
    again = newest(qualified)

    for kind in (EvidenceKind.READ, EvidenceKind.CALL):
        record_evidence(again, changed, kind, by=None)

    old.refresh_from_db()
    again.refresh_from_db()
    new = Certificate.objects.get(enrolment=again)
    assert (new.supersedes, old.ended_as) == (old, End.REPLACED)
    assert again.valid_until == qualified.valid_until
    assert new.public_claim["valid_until"] == old.public_claim["valid_until"]


def test_old_expiry_stays_through_two_editions(programme, clock):
    programme.validity_months = 24
    programme.save()
    publish(clock, programme)
    first, second, _third = topics_of(programme)
    qualified = somebody(programme, shown=3)
    clock.shift(timedelta(days=30))
    publish(clock, programme, changed=[first])
    publish(clock, programme, changed=[second])
    again = newest(qualified)

    for topic in (first, second):
        for kind in (EvidenceKind.READ, EvidenceKind.CALL):
            record_evidence(again, topic, kind, by=None)

    again.refresh_from_db()
    assert again.valid_until == qualified.valid_until


def test_mistake_in_the_redo_lets_the_old_certificate_stand_again(programme, clock):
    changed = topics_of(programme)[2]
    qualified = somebody(programme, shown=3)
    old = Certificate.objects.get()
    publish(clock, programme, changed=[changed])
    again = newest(qualified)
    record_evidence(again, changed, EvidenceKind.READ, by=None)
    call = record_evidence(again, changed, EvidenceKind.CALL, by=None)
    staff = UserFactory(is_staff=True)

    void_evidence(call, by=staff, why="Another person's call")

    standing = Certificate.objects.standing().get()
    assert (standing.enrolment, standing.supersedes) == (qualified, old)
    own = Enrolment.objects.filter(member=qualified.member)
    assert list(own.qualified()) == [qualified]
    assert own.open().get().edition == again.edition


def test_coming_back_does_not_bring_what_has_changed_since(programme, clock):
    changed, same, _third = topics_of(programme)
    gone = somebody(programme, shown=2)
    membership = gone.member.team_memberships.get()
    membership.until_on = now().date()
    membership.save()
    follow_teams(gone.member, by=None)
    publish(clock, programme, changed=[changed])

    TeamMembershipFactory(member=gone.member, team=programme.audience.get())
    follow_teams(gone.member, by=None)

    back = newest(gone)
    assert {row.topic for row in back.evidence.all()} == {same}
    assert EditionDraft.objects.get().touched == 0
