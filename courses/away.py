"""Due dates of those who are away: they move by the days away, and back again.

Only what falls due after the first day away moves, by the days away since they were
enrolled. Where somebody set another due date meanwhile, that one stands. Until when a
qualification counts is of the programme, and does not move.
"""

from __future__ import annotations

from datetime import date, timedelta

from django.db import transaction
from django.utils.timezone import now

from courses.completing import lock
from courses.dates import set_due_on
from courses.models import Enrolment, Postponement
from lms.people.away import Stretch, stretch_of
from lms.people.models import Member


def days_away(stretch: Stretch | None, since: date, due_on: date) -> timedelta:
    """How many days of it count from a day on, for what is due on another."""
    if stretch is None or due_on < stretch.first or stretch.last < since:
        return timedelta(0)
    return stretch.last - max(stretch.first, since) + timedelta(days=1)


@transaction.atomic
def follow_away(member: Member, was: Stretch | None) -> None:
    """Let the due dates follow when somebody is away; `was` is what was known before.

    What `was` had moved, and is not over, goes back first.
    """
    is_over = was is not None and was.last < now().date()
    opened = Enrolment.objects.open().filter(member=member, due_on__isnull=False)
    for enrolment in opened.order_by("pk"):
        _follow(lock(enrolment), stretch_of(member), None if is_over else was)


def postpone(enrolment: Enrolment) -> None:
    """Move the due date of who is enrolled while away. The caller holds the lock."""
    if enrolment.due_on is not None:
        _follow(enrolment, stretch_of(enrolment.member), None)


def _follow(
    enrolment: Enrolment, now_away: Stretch | None, was: Stretch | None
) -> None:
    if enrolment.due_on is None or not enrolment.is_open:
        return
    base = enrolment.due_on
    moved = _moved_for(enrolment, was)
    if moved is not None:
        if moved.due_on != enrolment.due_on:
            return  # somebody has set it since
        base = moved.due_was_on
    due_on = base + days_away(now_away, enrolment.enrolled_at.date(), base)
    if due_on == enrolment.due_on:
        return
    stretch = now_away or was
    assert stretch is not None  # noqa: S101  else nothing moves
    set_due_on(enrolment, due_on)
    Postponement.objects.create(
        enrolment=enrolment,
        away_from_on=stretch.first,
        away_until_on=stretch.last,
        due_was_on=base,
        due_on=due_on,
    )


def _moved_for(enrolment: Enrolment, was: Stretch | None) -> Postponement | None:
    """What a stretch of days away had moved last, if it had."""
    if was is None:
        return None
    moved = enrolment.postponements.last()
    if moved is None or (moved.away_from_on, moved.away_until_on) != was:
        return None
    return moved
