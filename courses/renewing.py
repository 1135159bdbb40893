"""Renewal: the next cycle opens by the clock before a qualification runs out.

All here is safe to repeat and may be killed anywhere: who waits is asked of the rows.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.utils.timezone import now
from django.utils.translation import gettext as _

from courses.completing import lock_person
from courses.cycles import begin_again
from courses.enrolling import editions_in_force, obliged_by
from courses.keeping import kept_for_renewal
from courses.models import (
    Edition,
    EditionDraft,
    EditionTopic,
    Enrolment,
    EnrolmentQuerySet,
    Evidence,
    EvidenceKind,
    Source,
)
from lms.jobs import queued
from lms.people.models import Member, Reseller

logger = logging.getLogger(__name__)

AT_ONCE = 200  # people; then other jobs have their turn


def due() -> EnrolmentQuerySet:
    """What has to be renewed and is not yet, the soonest end first.

    Who is exempt from all of it waits for the end: nothing is left to do before, and
    no certificate is made months early for nothing.
    """
    editions = editions_in_force()
    has_ended = Q(valid_until__lte=now().date())
    return _to_renew(editions).filter(has_ended | Q(Exists(_asked(editions))))


def going_on_alone() -> EnrolmentQuerySet:
    """What renews itself at its end, with nothing for anybody to do: all is exempt."""
    editions = editions_in_force()
    return _to_renew(editions).exclude(Exists(_asked(editions)))


def _to_renew(editions: Sequence[Edition]) -> EnrolmentQuerySet:
    """What ends soon and is to be renewed in these editions, and is not yet.

    Of members who are still there, in programmes that are still asked of them. An
    update of the programme that is open comes first, if it is due before that end:
    else it becomes a part of the renewal. Who was taken out of a renewal, or annulled
    in it, is left alone.
    """
    today = now().date()
    busy = EditionDraft.objects.on_their_way().values("programme")
    later = Enrolment.objects.filter(
        member=OuterRef("member"),
        programme=OuterRef("programme"),
        cycle__gt=OuterRef("cycle"),
    )
    is_update_late = (
        Q(Exists(later.open()))
        & ~Q(Exists(later.filter(source=Source.RENEWAL)))
        & ~Q(Exists(later.standing().filter(completed_at__isnull=False)))
        & (
            Q(valid_until__lte=today)
            | Q(counts_until=None)
            | Q(counts_until__gte=F("valid_until"))
        )
    )
    # Of each row by its key: in a list of all, PostgreSQL would look for each anew.
    by_team = Q(Exists(Enrolment.objects.by_team().filter(pk=OuterRef("pk"))))
    return (
        Enrolment.objects.standing()
        .filter(
            completed_at__isnull=False,
            valid_until__lte=today + settings.RENEWAL_OPENS,
            programme__in=[edition.programme_id for edition in editions],
            member__in=Member.objects.live(),
            member__reseller__in=Reseller.objects.live(),
        )
        .exclude(programme__in=busy)  # its rollout goes first
        .filter(~Exists(later) | is_update_late)
        .filter(~by_team | obliged_by(editions))
        .order_by("valid_until", "pk")
    )


def _asked(editions: Iterable[Edition]) -> QuerySet[EditionTopic]:
    """What these editions ask of an enrolment, without what it is exempt from."""
    exempt = Evidence.objects.filter(
        enrolment=OuterRef(OuterRef("pk")),
        topic=OuterRef("topic"),
        kind=EvidenceKind.EXEMPTION,
        voided_at=None,
    )
    return EditionTopic.objects.filter(
        edition__in=[edition.pk for edition in editions],
        edition__programme=OuterRef("programme"),
    ).exclude(Exists(exempt))


@transaction.atomic
def renew(enrolment: Enrolment) -> Enrolment | None:
    """Open the next cycle of a qualification that runs out, due at its end.

    What the renewal asks is for the edition in force to say; what was shown in an
    update meanwhile counts. Repeating is safe: None where there is nothing to do.
    """
    lock_person(enrolment.member.user_id)
    found = due().filter(pk=enrolment.pk).select_related("member", "programme").first()
    if found is None:
        return None
    edition = found.programme.edition_on()
    if edition is None:
        return None
    update = (
        Enrolment.objects.open()
        .filter(member=found.member_id, programme=found.programme_id)
        .first()
    )
    shown = Evidence.objects.filter(enrolment=update, carried_from=None)
    return begin_again(
        update or found,
        member=found.member,
        edition=edition,
        keep=[*kept_for_renewal(found, edition), *(shown if update else ())],
        why=_("Renewal"),
        by=None,
        source=Source.RENEWAL,
        due_on=found.valid_until,
    )


def renew_some() -> bool:
    """Open the renewals of some who wait; tell whether there may be more.

    Each in a transaction of its own. However many wait, few are in memory at a time;
    who cannot be renewed is passed over.
    """
    opened, waiting = 0, due().select_related("member")
    some = list(waiting[:AT_ONCE])
    while some:
        for enrolment in some:
            if opened == AT_ONCE:
                return True
            try:
                opened += renew(enrolment) is not None
            except Exception:  # one person's trouble keeps nobody else waiting
                logger.exception("Enrolment %s cannot be renewed", enrolment.pk)
        last = some[-1]
        ends_later = Q(valid_until__gt=last.valid_until)
        comes_after = Q(valid_until=last.valid_until, pk__gt=last.pk)
        some = list(waiting.filter(ends_later | comes_after)[:AT_ONCE])
    return False


def carry_on() -> None:
    """Ask the worker to open what is due; for the clock."""
    from courses.tasks import open_renewals  # noqa: PLC0415  the task calls back

    if not queued(open_renewals) and due().exists():
        open_renewals.enqueue()
