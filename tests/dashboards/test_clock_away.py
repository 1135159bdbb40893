"""A day without a clock: what is made up for, and what is rightly left out.

Each story says what was to be done in that day, and what became of it once the clock
was back. The table in `docs/operations.md` is these stories' own words.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.utils.timezone import now

from certificates import auditing, expiring, sampling, statements
from certificates.issuing import end_superseded
from certificates.models import CertificateState
from certificates.preparing import enqueue_pending, enqueue_waiting
from content.models import HandbookVersion
from content.versions import put_up_missing
from courses import due_notices, renewing, rollout
from courses.enrolling import follow_the_calendar
from courses.models import Enrolment, Source
from lms import jobs
from lms.audit import chain
from lms.dashboards import clock, digest
from lms.mail import outbox
from lms.mail.models import Message
from lms.operations import heartbeats, keeping
from lms.people import at_rest, ending, invite_lists, sign_ins
from lms.people.accounts import set_channel_team
from lms.people.models import InviteDraft
from lms.privacy import retention
from sessions import reminders
from sessions.absence import see_to_closed_accounts, withdraw_not_held
from sessions.asking import reopen_unanswered
from sessions.cancelling import cancel_run_out
from sessions.covered import end_covered
from sessions.earlier import offer_freed
from sessions.left import free_left
from sessions.load import tell_of_missing_times
from sessions.models import Booking, BookingState, FreedTime
from sessions.offers import open_proposals
from sessions.outside import enqueue_stale
from sessions.presence import end_silent, forget_signals
from sessions.unsigned import remind_unsigned, tell_left_unsigned
from tests.factories import (
    AuditPackFactory,
    BookingFactory,
    CertificateFactory,
    DesignSampleFactory,
    EditionFactory,
    EnrolmentFactory,
    EventFactory,
    HandbookPageFactory,
    InviteDraftFactory,
    MemberFactory,
    MessageFactory,
    NudgeFactory,
    PresenceFactory,
    ResellerFactory,
    StatementFactory,
    TeamFactory,
    TeamMembershipFactory,
    TopicCompletionFactory,
    TrainerFactory,
    UserFactory,
    WaitingFactory,
)

DOCS = Path(__file__).parents[2] / "docs" / "operations.md"
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
# What nobody waits for: it is done when the clock is back, and nothing is told of it.
OWN_UPKEEP: set[clock.Job] = {
    clock._prune,
    jobs.end_dead,
    heartbeats.ask_for_proof,
    heartbeats.forget_gone,
    keeping.note_disks,
    chain.note_newest,
    at_rest.encrypt_anew,
    forget_signals,
    enqueue_stale,  # another's calendar is read again, twenty minutes later or a day
}

Told = Generator[None, None, None]


@dataclass(frozen=True)
class Story:
    """What is arranged, what happens in the day, what is found after it.

    It yields twice: for the clock's last round, and for the rest of the day.
    """

    what: str
    is_made_up_for: str
    jobs: tuple[clock.Job, ...]
    tell: Callable[[datetime], Told]


STORIES: list[Story] = []


def story(
    what: str, is_made_up_for: str, *jobs: clock.Job
) -> Callable[[Callable[[datetime], Told]], None]:
    def keep(tell: Callable[[datetime], Told]) -> None:
        STORIES.append(Story(what, is_made_up_for, jobs, tell))

    return keep


def an_enrolment(**fields: Any) -> Enrolment:
    return EnrolmentFactory(**({"source": Source.MANAGER} | fields))


def a_call(starts_at: datetime, **fields: Any) -> Booking:
    return BookingFactory(enrolment=an_enrolment(), starts_at=starts_at, **fields)


def told(prefix: str) -> list[str]:
    """What is left of the keys of mails that begin so, and were not left out."""
    found = Message.objects.filter(key__startswith=prefix, dropped_at=None)
    return sorted(
        key.removeprefix(prefix) for key in found.values_list("key", flat=True)
    )


# --- The stories, in the order of the table ------------------------------------------


@story("mail that waited", "yes, all of it, once", outbox.enqueue_due)
def _(at: datetime) -> Told:
    mails = [MessageFactory(send_after=at + hours * HOUR) for hours in (3, 23)]
    yield
    yield
    for mail in mails:
        mail.refresh_from_db()
        assert (mail.sent_at is not None, mail.tries) == (True, 1)


@story(
    "reminders of a call, a day and an hour before",
    "the one that is due last, if its call is still to come; of a call that has begun "
    "nobody is reminded",
    outbox.enqueue_due,
)
def _(at: datetime) -> Told:
    hours = {"to come": 30, "within the hour": 24.5, "begun": 20}
    calls = {name: a_call(at + each * HOUR) for name, each in hours.items()}
    for call in calls.values():
        reminders.remind(call)
    yield
    yield
    sent = {}
    for name, call in calls.items():
        mine = Message.objects.filter(
            key__startswith=f"call:{call.pk}:reminder:", recipient=call.trainee
        )
        gone = mine.exclude(sent_at=None).values_list("key", flat=True)
        sent[name] = [key.split(":")[3] for key in gone]
    assert sent == {"to come": ["day"], "within the hour": ["hour"], "begun": []}


@story(
    "*Sign off, please*, 4 and 24 hours after a call",
    "the later alone, if both are due",
    remind_unsigned,
)
def _(at: datetime) -> Told:
    ended = {"24": a_call(at - HOUR), "4": a_call(at + 3 * HOUR)}
    yield
    assert not any(told(f"call:{call.pk}:unsigned:") for call in ended.values())
    yield
    for hours, call in ended.items():
        assert told(f"call:{call.pk}:unsigned:") == [f"{hours}:{call.trainer.user_id}"]


@story(
    "that others may sign off, 72 hours after a call",
    "yes, if that was less than two weeks ago",
    tell_left_unsigned,
)
def _(at: datetime) -> Told:
    call = a_call(at - 60 * HOUR)
    yield
    assert told(f"call:{call.pk}:unsigned:left:") == []
    yield
    assert f"{call.trainer.user_id}" in told(f"call:{call.pk}:unsigned:left:")


@story(
    "proposed times, and offers of a freed one, that ran out",
    "yes; nobody can take them in between. The next in line is offered the freed time "
    "if it is still to come",
    cancel_run_out,
    offer_freed,
    reopen_unanswered,
)
def _(at: datetime) -> Told:
    proposed = a_call(
        at + 72 * HOUR,
        state=BookingState.PROPOSED,
        offer=uuid4(),
        proposed_until=at + 5 * HOUR,
    )
    edition = EditionFactory()
    trainer = TrainerFactory(programmes=[edition.programme])
    times = [at + hours * HOUR for hours in (9, 30)]
    freed = [
        FreedTime.objects.create(
            trainer=trainer, starts_at=each, ends_at=each + timedelta(minutes=20)
        )
        for each in times
    ]
    for _n in range(3):
        call = BookingFactory(trainer=trainer, enrolment=an_enrolment(edition=edition))
        WaitingFactory(booking=call)
    yield
    with time_machine.travel(at + 5 * HOUR, tick=False):
        assert proposed not in open_proposals()
    yield
    proposed.refresh_from_db()
    assert proposed.state == BookingState.CANCELLED
    over, to_come = (
        [each.state for each in Booking.objects.filter(offer=one.offer).order_by("pk")]
        for one in freed
    )
    assert over == [BookingState.CANCELLED]
    assert to_come == [BookingState.CANCELLED, BookingState.PROPOSED]


@story(
    "calls and proposals of who left, of closed accounts, of what a trainer no longer "
    "holds, of what is complete",
    "yes, if they are still to come",
    free_left,
    clock._free_left_lately,
    see_to_closed_accounts,
    withdraw_not_held,
    end_covered,
    clock._end_covered_soon,
)
def _(at: datetime) -> Told:
    left, closed, complete = (a_call(at + hours * HOUR) for hours in (50, 60, 70))
    taken = a_call(
        at + 80 * HOUR,
        state=BookingState.PROPOSED,
        offer=uuid4(),
        proposed_until=at + 60 * HOUR,
    )
    Enrolment.objects.filter(pk=left.enrolment.pk).update(withdrawn_at=at - HOUR)
    yield
    closed.trainer.user.is_active = False
    closed.trainer.user.save(update_fields=["is_active"])
    taken.trainer.programmes.clear()
    TopicCompletionFactory(
        enrolment=complete.enrolment, topic=complete.topics.get().topic
    )
    yield
    for call in (left, closed, complete, taken):
        call.refresh_from_db()
        assert call.state == BookingState.CANCELLED


@story(
    "ends of memberships and of companies, and the notice two weeks before",
    "yes, as of their own day",
    ending.end_planned,
    ending.end_with_resellers,
    ending.end_subsidiaries,
    ending.tell_of_ends,
)
def _(at: datetime) -> Told:
    tomorrow = at.date() + DAY
    leaves = MemberFactory(until_on=tomorrow, end_told_on=tomorrow)
    later = MemberFactory(until_on=tomorrow + 14 * DAY)
    top = ResellerFactory(ended_on=tomorrow)
    there = MemberFactory(reseller=top)
    below = MemberFactory(reseller=ResellerFactory(parent=top))
    yield
    assert told(f"member:{later.pk}:ends:") == []
    yield
    for member in (leaves, there, below):
        member.refresh_from_db()
        assert member.left_on == tomorrow
    assert len(told(f"member:{later.pk}:ends:")) == 1


@story(
    "programmes that a team's new members or a new edition ask for",
    "yes, from the day on which the clock is back",
    follow_the_calendar,
    rollout.carry_on,
)
def _(at: datetime) -> Told:
    team = TeamFactory()
    edition = EditionFactory(audience=[team], due_days=30)
    joins = TeamMembershipFactory(team=team, from_on=at.date() + DAY)
    yield
    assert not Enrolment.objects.filter(edition=edition).exists()
    yield
    begun = Enrolment.objects.get(edition=edition, member=joins.member)
    assert begun.due_on == now().date() + 30 * DAY


@story(
    "renewals that open",
    "yes; the end they are due at stays",
    renewing.carry_on,
)
def _(at: datetime) -> Told:
    until = at.date() + 91 * DAY
    own = an_enrolment(completed=True, completed_at=at - 200 * DAY, valid_until=until)
    yield
    assert not Enrolment.objects.filter(member=own.member, cycle=2).exists()
    yield
    assert Enrolment.objects.get(member=own.member, cycle=2).due_on == until


@story(
    "due soon, overdue, a qualification that ends",
    "the last that is due, not those that were slept through",
    due_notices.carry_on,
    expiring.carry_on,
)
def _(at: datetime) -> Told:
    tomorrow, long_ago = at.date() + DAY, at - 300 * DAY
    soon = an_enrolment(due_on=tomorrow + 3 * DAY, enrolled_at=long_ago)
    over = an_enrolment(due_on=at.date(), enrolled_at=long_ago)
    ends = an_enrolment(
        completed=True, completed_at=long_ago, valid_until=tomorrow + 7 * DAY
    )
    CertificateFactory(enrolment=ends, release_at=long_ago)
    for one, days in ((soon, 10), (over, 3)):  # of what was due before
        NudgeFactory(
            person=one.member.user,
            kind="due-soon",
            at=at - days * DAY,
            until_at=at - (days - 3) * DAY,
        )
    yield
    before = told(f"expiry:{ends.pk}:")
    yield
    kinds = [
        list(each.member.user.messages.values_list("kind", flat=True))
        for each in (soon, over)
    ]
    assert kinds == [["due-soon"], ["overdue"]]
    assert (before, told(f"expiry:{ends.pk}:")) == (["30"], ["30", "7"])


@story(
    "the week in your team, on Monday",
    "until Wednesday morning; a later one is left out",
    digest.carry_on,
)
def _(at: datetime) -> Told:
    manager = MemberFactory(is_manager=True)
    an_enrolment(member__reseller=manager.reseller, due_on=date(2026, 1, 1))
    yield
    assert told(f"digest:{manager.pk}:") == []
    yield
    assert told(f"digest:{manager.pk}:") == [f"{at.date()}"]


@story(
    "that a programme has no free time soon",
    "yes, if that is still so",
    tell_of_missing_times,
)
def _(at: datetime) -> Told:
    staff = UserFactory()
    set_channel_team(staff, True, by=None)
    yield
    edition = EditionFactory()
    yield
    assert told(f"no-times:{edition.programme_id}:") != []


@story(
    "certificates, packs, statements, samples and lists of people to invite that a "
    "worker left half done",
    "yes, all; of a sample older than a day nobody waits",
    enqueue_pending,
    enqueue_waiting,
    auditing.carry_on,
    statements.carry_on,
    sampling.carry_on,
    invite_lists.carry_on,
)
def _(at: datetime) -> Told:
    old = DesignSampleFactory(asked_at=at - 2 * HOUR, trouble="It died.")
    DesignSampleFactory._meta.model.objects.filter(pk=old.pk).update(trouble="")
    yield
    certificate = CertificateFactory()
    pack, statement, sample = (
        AuditPackFactory(),
        StatementFactory(),
        DesignSampleFactory(),
    )
    some = InviteDraftFactory(to_send=1)
    yield
    for each in (certificate, pack, statement, sample, some, old):
        each.refresh_from_db()
    assert certificate.state == CertificateState.READY
    assert all(each.made_at for each in (pack, statement, sample))
    assert some.to_send == 0


@story(
    "what a newer certificate replaces",
    "yes",
    end_superseded,
    clock._end_superseded_lately,
)
def _(at: datetime) -> Told:
    first = CertificateFactory(release_at=at - 100 * DAY)
    newer = EnrolmentFactory(
        member=first.enrolment.member,
        edition=first.enrolment.edition,
        cycle=2,
        completed=True,
        source=Source.RENEWAL,
    )
    CertificateFactory(enrolment=newer, supersedes=first, release_at=at + 2 * HOUR)
    yield
    first.refresh_from_db()
    assert first.ended_as == ""
    yield
    first.refresh_from_db()
    assert first.ended_as != ""


@story(
    "what is kept for a time only: words of mails and calls, files of packs and "
    "samples, lists, past sign-ins",
    "ends a day later; a file whose day is over is not given out in between",
    retention.apply,
    auditing.carry_on,
    sampling.carry_on,
    invite_lists.prune,
    sign_ins.forget_old,
)
def _(at: datetime) -> Told:
    mail = MessageFactory(sent_at=at)
    Message.objects.filter(pk=mail.pk).update(created_at=at - 10 * DAY + 2 * HOUR)
    some = InviteDraftFactory()
    InviteDraft.objects.filter(pk=some.pk).update(
        changed_at=at - invite_lists.KEPT + 2 * HOUR
    )
    signed_in = Session.objects.create(session_key="it", expire_date=at + 2 * HOUR)
    yield
    mail.refresh_from_db()
    assert mail.body
    yield
    mail.refresh_from_db()
    assert mail.body == ""
    assert not InviteDraft.objects.filter(pk=some.pk).exists()
    assert not Session.objects.filter(pk=signed_in.pk).exists()


@story(
    "stays in a room that went silent, versions to acknowledge, the chain of the log",
    "yes; a stay ends when it was last heard of",
    end_silent,
    put_up_missing,
    chain.carry_on,
)
def _(at: datetime) -> Told:
    yield
    call = a_call(now() - timedelta(minutes=10))
    stay = PresenceFactory(booking=call)
    event = EventFactory()
    page = HandbookPageFactory(is_acknowledged=True)
    HandbookVersion.objects.filter(page=page).delete()
    heard = now()
    yield
    stay.refresh_from_db()
    assert stay.left_at == heard
    event.refresh_from_db()
    assert event.link_id
    assert HandbookVersion.objects.filter(page=page).exists()
    assert not chain.check().fault


# --- The day -------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_a_day_without_a_clock_is_made_up_for_or_rightly_left_out(
    settings: Any,
) -> None:
    """From Monday, five in the morning, to Tuesday; the worker goes on meanwhile."""
    settings.KEEP_MAIL_DAYS = 10
    monday = datetime.combine(now().date() + 14 * DAY, time(5), tzinfo=UTC)
    monday -= monday.weekday() * DAY
    with time_machine.travel(monday, tick=False) as traveller:
        told = [each.tell(monday) for each in STORIES]
        for each in told:
            next(each)
        go_round()

        traveller.move_to(monday + 6 * HOUR)
        for each in told:
            next(each)
        work()

        traveller.move_to(monday + DAY)
        for _n in range(3):
            go_round()
            traveller.shift(timedelta(seconds=70))
        for each in told:
            assert next(each, "at its end") == "at its end"


def go_round() -> None:
    assert clock.tick()
    work()


def work() -> None:
    call_command("db_worker", "--batch", "--backend", "jobs", "--interval", "0")


def test_each_of_the_clocks_jobs_has_its_story() -> None:
    told = {job for each in STORIES for job in each.jobs}

    assert told.isdisjoint(OWN_UPKEEP)
    assert told | OWN_UPKEEP == {*clock.EACH_ROUND, *clock.EACH_HOUR, *clock.EACH_DAY}


def test_the_docs_say_what_the_stories_show() -> None:
    after = DOCS.read_text().partition("Of what the clock was to do while it was away")[
        2
    ]
    rows = [line for line in after.partition("\n\n## ")[0].splitlines() if "|" in line]
    said = [tuple(cell.strip() for cell in row.strip("|").split("|")) for row in rows]

    assert said[2:] == [(each.what, each.is_made_up_for) for each in STORIES]
