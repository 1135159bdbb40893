"""Who is told that a due date is near, or has passed: 14 and 3 days before, then weekly.

One mail to a person for all that is due. Each is a nudge: somebody asked lately is told
once their three days are over, if it is still true then. All here is safe to repeat:
what was told is asked of the nudges, and of the notices of one due date only the latest
that is due counts, so that a clock that stood still sends one mail, not all it missed.
"""

from __future__ import annotations

from datetime import date, timedelta

from django.db.models import (
    Case,
    DateTimeField,
    Exists,
    ExpressionWrapper,
    F,
    OuterRef,
    When,
)
from django.utils.timezone import now

from courses.models import Enrolment, EnrolmentQuerySet
from courses.reminding import REMINDER_WRITER
from lms.jobs import queued
from lms.mail.kinds import DUE_SOON, OVERDUE, Kind
from lms.mail.models import NoticeOff, Nudge
from lms.people.models import Member, Reseller
from lms.people.nudging import Ask, Nudged, in_the_morning, nudge

BEFORE = (14, 3)  # days before the due date
WEEKS = 8  # then it is the manager's to see to: they read it every Monday
STEPS = (*(-days for days in BEFORE), *(1 + 7 * week for week in range(WEEKS)))


def tell() -> Nudged:
    """Tell whoever is to be told of a due date; the overdue first."""
    today = now().date()
    soon = _waiting(today, DUE_SOON).filter(due_on__gte=today)
    over = _waiting(today, OVERDUE).filter(due_on__lt=today)
    return _tell(over, OVERDUE) + _tell(soon, DUE_SOON)


def _tell(enrolments: EnrolmentQuerySet, kind: Kind) -> Nudged:
    rows = enrolments.order_by().values_list("member__user", "member").distinct()
    return nudge(
        (Ask(user, member, member) for user, member in rows),
        kind,
        writer=REMINDER_WRITER,
        by=None,
        at=in_the_morning,
    )


def _waiting(today: date, kind: Kind) -> EnrolmentQuerySet:
    """What is open, and due near that day, of people who were not told of it yet.

    Leaves out who is away, asked lately, or turned it off, and notices that were due
    before they were in the programme: the mail that said so named the due date.
    """
    begins = Case(
        *(
            When(
                due_on__lte=today - timedelta(days=step),
                then=ExpressionWrapper(
                    F("due_on") + timedelta(days=step), output_field=DateTimeField()
                ),
            )
            for step in reversed(STEPS)
        )
    )
    of_person = {"person": OuterRef("member__user")}
    told = Nudge.objects.filter(
        **of_person, kind__in=[DUE_SOON.key, OVERDUE.key], at__gte=OuterRef("begins")
    )
    held = Nudge.objects.filter(**of_person, until_at__gt=now())
    off = NoticeOff.objects.filter(**of_person, kind=kind.key)
    return (
        Enrolment.objects.open()
        .filter(
            due_on__lte=today - timedelta(days=min(STEPS)),
            member__in=Member.objects.present(),
            member__user__is_active=True,
            member__reseller__in=Reseller.objects.live(),
        )
        .alias(begins=begins)
        .filter(enrolled_at__lt=F("begins"))
        .filter(~Exists(told), ~Exists(held), ~Exists(off))
    )


def carry_on() -> None:
    """Ask the worker to tell whoever is to be told; for the clock."""
    from courses.tasks import tell_of_due_dates  # noqa: PLC0415  the task calls back

    if not queued(tell_of_due_dates):
        tell_of_due_dates.enqueue()
