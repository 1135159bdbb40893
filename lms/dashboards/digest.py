"""The week in a manager's team, by mail on Monday morning; instead of a mail a person.

What it says is fetched as its manager would fetch it: through their access, and of the
companies that they manage alone. Nothing to say is not sent.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cached_property
from typing import Any

from django.conf import settings
from django.db.models import QuerySet
from django.urls import reverse
from django.utils.timezone import now

from certificates.expiring import running_out
from certificates.models import Certificate
from courses.needs import Standing
from courses.reminding import late
from courses.standing import standing_of
from lms.jobs import queued
from lms.mail import outbox
from lms.mail.kinds import DIGEST
from lms.mail.models import Message
from lms.people.access import Access
from lms.people.models import (
    Invitation,
    InvitationQuerySet,
    Member,
    MemberQuerySet,
)
from lms.people.mondays import GOOD_FOR, MORNING, waiting, week_key, week_of

TEMPLATE = "dashboards/email/digest.txt"
WEEK = timedelta(days=7)
ENDS_SOON = timedelta(days=60)
NAMED = 10  # in each list; then how many more there are
AT_ONCE = 50  # managers; then other jobs have their turn


@dataclass(frozen=True)
class Some:
    """The first of a list, and how many there are."""

    rows: list[Any]
    count: int

    @property
    def more(self) -> int:
        return self.count - len(self.rows)

    def __bool__(self) -> bool:
        return self.count > 0


@dataclass(frozen=True)
class Digest:
    """What a manager reads of the week before a Monday, on their own clock.

    Nineteen queries at most, for any number of people.
    """

    access: Access
    member: Member
    monday: date

    @property
    def first_day(self) -> date:
        return self.monday - WEEK

    @property
    def last_day(self) -> date:
        return self.monday - timedelta(days=1)

    def _in_week(self, field: str) -> dict[str, datetime]:
        """The lookup of an instant in that week."""
        zone = self.access.user.zone
        begins, ends = (
            datetime.combine(day, time(), tzinfo=zone)
            for day in (self.first_day, self.monday)
        )
        return {f"{field}__gte": begins, f"{field}__lt": ends}

    @cached_property
    def people(self) -> MemberQuerySet:
        """Those of the manager's own companies, past and present, but for themselves."""
        own = Member.objects.of_people(self.access)
        own = own.filter(reseller__in=self.access.managed_resellers)
        return own.exclude(user=self.access.user)

    @cached_property
    def standings(self) -> list[Standing]:
        """Programmes whose need is not met, or will not be."""
        return [
            each
            for each in standing_of(self.member.reseller)
            if each.is_met is False or each.gap
        ]

    @cached_property
    def late(self) -> Some:
        rows = late(self.people).order_by("due_on", "member__user__full_name", "pk")
        return _some(rows.select_related("member__user", "edition"))

    @cached_property
    def ending(self) -> Some:
        """Qualifications that end soon and are not renewed."""
        until = now().date() + ENDS_SOON
        rows = running_out(now().date()).filter(
            enrolment__member__in=self.people, enrolment__valid_until__lte=until
        )
        return _some(rows.select_related("enrolment__member__user"))

    @cached_property
    def certificates(self) -> Some:
        rows = Certificate.objects.of_people(self.access).released().standing()
        rows = rows.filter(
            enrolment__member__in=self.people, **self._in_week("release_at")
        )
        rows = rows.select_related("enrolment__member__user", "enrolment__edition")
        return _some(rows.order_by("release_at", "pk"))

    @cached_property
    def joined(self) -> Some:
        return _some(self._between("joined_on").live())

    @cached_property
    def left(self) -> Some:
        return _some(self._between("left_on"))

    def _between(self, field: str) -> MemberQuerySet:
        days = {f"{field}__gte": self.first_day, f"{field}__lt": self.monday}
        rows = self.people.filter(**days).select_related("user", "reseller")
        return rows.order_by(field, "user__full_name", "pk")

    @cached_property
    def unanswered(self) -> int:
        """Invitations that wait for an answer."""
        return self._invitations().open().count()

    @cached_property
    def run_out(self) -> int:
        """Invitations that nobody answered, and that ran out in the week."""
        rows = self._invitations().filter(
            accepted_at=None, withdrawn_at=None, **self._in_week("expires_at")
        )
        return rows.count()

    def _invitations(self) -> InvitationQuerySet:
        own = Invitation.objects.visible_to(self.access)
        return own.filter(reseller__in=self.access.managed_resellers)

    @property
    def is_worth_sending(self) -> bool:
        return any(
            (
                self.standings,
                self.late,
                self.ending,
                self.certificates,
                self.joined,
                self.left,
                self.unanswered,
                self.run_out,
            )
        )


def _some(rows: QuerySet[Any]) -> Some:
    first = list(rows[: NAMED + 1])
    if len(first) <= NAMED:
        return Some(first, len(first))
    return Some(first[:NAMED], rows.order_by().count())


def write_some() -> bool:
    """Write to some managers; tell whether there may be more. Repeating is safe."""
    at = now()
    some = list(waiting(at, DIGEST)[:AT_ONCE])
    for member in some:
        write_to(member, at)
    return len(some) == AT_ONCE


def write_to(member: Member, at: datetime) -> Message | None:
    """Write a manager the week before; None where it is not their Monday."""
    monday = week_of(member.user.zone, at)
    if monday is None:
        return None
    access = Access(member.user, wanted_membership=member.pk)
    digest = Digest(access, member, monday)
    key = week_key(member, monday)
    if not digest.is_worth_sending:
        return outbox.leave_out(key, member.user, DIGEST)
    return outbox.queue(
        key,
        member.user,
        TEMPLATE,
        {
            "digest": digest,
            "reseller": member.reseller,
            "team_url": f"{settings.PUBLIC_URL}{reverse('dashboards:team')}",
        },
        expires_at=datetime.combine(monday, MORNING, tzinfo=member.user.zone)
        + GOOD_FOR,
    )


def carry_on() -> None:
    """Ask the worker to write to whose Monday it is; for the clock."""
    from lms.dashboards.tasks import write_digests  # noqa: PLC0415  the task calls back

    if not queued(write_digests):
        write_digests.enqueue()
