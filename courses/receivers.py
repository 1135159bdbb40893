"""What this room does when people tell of a change."""

from __future__ import annotations

from typing import Any

from django.dispatch import receiver

from courses import transferring
from courses.approvals import forget_exemptions
from courses.away import follow_away
from courses.enrolling import follow_teams
from courses.models import (
    Attempt,
    Enrolment,
    Evidence,
    MoreAttempts,
    ProgrammeRequest,
    ReadingPlace,
    Transfer,
)
from lms.people.away import Stretch
from lms.people.models import Member, User
from lms.people.signals import away_changed, membership_changed, person_erased


@receiver(membership_changed)
def on_membership_changed(
    sender: object, *, member: Member, by: User | None, **kwargs: Any
) -> None:
    follow_teams(member, by=by)
    transferring.offer(member)


@receiver(away_changed)
def on_away_changed(
    sender: object, *, member: Member, was: Stretch | None, **kwargs: Any
) -> None:
    follow_away(member, was)


@receiver(person_erased)
def forget_words_of_person(*, user: User, **_more: Any) -> None:
    """What was written and answered goes; programmes, topics and dates stay."""
    own = Enrolment.objects.filter(member__user=user)
    own.update(closed_why="")
    forget_exemptions(own)
    Evidence.objects.filter(enrolment__in=own).update(detail={})
    voided = Evidence.objects.filter(enrolment__in=own, voided_at__isnull=False)
    voided.update(voided_why="")
    Attempt.objects.filter(enrolment__in=own).update(answers=None)
    MoreAttempts.objects.filter(enrolment__in=own).update(note="")
    ProgrammeRequest.objects.filter(member__user=user).update(note="", answer="")
    Transfer.objects.filter(member__user=user).update(answer="")
    ReadingPlace.objects.filter(user=user).delete()
