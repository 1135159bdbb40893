"""What this room does when people tell of a change."""

from __future__ import annotations

from typing import Any

from django.dispatch import receiver

from courses.away import follow_away
from courses.enrolling import follow_teams
from lms.people.away import Stretch
from lms.people.models import Member, User
from lms.people.signals import away_changed, membership_changed


@receiver(membership_changed)
def on_membership_changed(
    sender: object, *, member: Member, by: User | None, **kwargs: Any
) -> None:
    follow_teams(member, by=by)


@receiver(away_changed)
def on_away_changed(
    sender: object, *, member: Member, was: Stretch | None, **kwargs: Any
) -> None:
    follow_away(member, was)
