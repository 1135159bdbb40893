"""A day in which it can be undone that somebody left a team, or was taken out.

The enrolment is withdrawn at once; its booked calls stand until the day is over. What
was earned stays for good.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Exists, OuterRef
from django.utils.timezone import now
from django.utils.translation import gettext as _

from courses.adding import source_for
from courses.completing import lock
from courses.dates import set_due_on
from courses.enrolling import enrol
from courses.models import Edition, Enrolment, EnrolmentQuerySet
from lms.audit.log import record
from lms.errors import Refused
from lms.people.membership import set_teams
from lms.people.models import Member, Reseller, Team, User

UNDO_FOR = timedelta(days=1)


def undo_until(enrolment: Enrolment) -> datetime | None:
    """Until when a withdrawal can be undone, and its calls stand.

    None for what is not withdrawn, and for one who has left the reseller, or whose
    reseller has ended: that frees the calls at once.
    """
    if enrolment.withdrawn_at is None or not enrolment.member.is_live:
        return None
    ended_on = enrolment.member.reseller.ended_on
    if ended_on is not None and ended_on <= now().date():
        return None
    return enrolment.withdrawn_at + UNDO_FOR


def just_left() -> EnrolmentQuerySet:
    """What was withdrawn within the day and nothing has taken the place of."""
    standing = Enrolment.objects.standing().filter(
        member=OuterRef("member"), programme=OuterRef("programme")
    )
    later = Enrolment.objects.filter(
        member=OuterRef("member"),
        programme=OuterRef("programme"),
        cycle__gt=OuterRef("cycle"),
    )
    return Enrolment.objects.filter(
        ~Exists(standing),
        ~Exists(later),
        withdrawn_at__gt=now() - UNDO_FOR,
        member__in=Member.objects.live(),
        member__reseller__in=Reseller.objects.live(),
    )


def teams_left(enrolment: Enrolment) -> list[Team]:
    """The teams that asked for it and that its member has left last.

    Two queries; none of them for what no team had asked for.
    """
    by_team = Enrolment.objects.by_team()
    if not by_team.filter(pk=enrolment.pk).exists():
        return []
    editions = Edition.objects.filter(programme=enrolment.programme_id)
    rows = list(
        enrolment.member.team_memberships.filter(
            team__in=editions.values("audience__team"), until_on__isnull=False
        )
        .select_related("team")
        .order_by("-until_on", "team")
    )
    return [row.team for row in rows if row.until_on == rows[0].until_on]


@transaction.atomic
def undo_leaving(enrolment: Enrolment, *, by: User) -> Enrolment:
    """Put the member back, within a day: into the team, or else the programme.

    They begin again with all they had earned, the old due date, and the booked calls.
    Repeating is safe. Raises Refused once the day is over, or they have left.
    """
    enrolment = lock(enrolment)
    standing = Enrolment.objects.standing().filter(
        member=enrolment.member, programme=enrolment.programme_id
    )
    if there := standing.last():
        return there
    until = undo_until(enrolment)
    if until is None:
        raise Refused(_("They are no longer there: they cannot be put back."))
    if now() >= until:
        raise Refused(
            _(
                "The day in which this could be undone is over. Put them back into the "
                "team, or add them to the programme: what they earned is kept."
            )
        )
    if teams := teams_left(enrolment):
        live = enrolment.member.team_memberships.live().select_related("team")
        set_teams(enrolment.member, [*(row.team for row in live), *teams], by=by)
    back = standing.last() or enrol(
        enrolment.member,
        enrolment.programme,
        source=source_for(enrolment.member, by),
        by=by,
    )
    if back.is_open and back.due_on != enrolment.due_on:
        set_due_on(back, enrolment.due_on)
    record(by, "leaving undone", back, enrolment=enrolment.pk)
    return back
