"""Who is in which programme: by team, by a manager, by ByteKast."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.timezone import now
from django.utils.translation import gettext as _

from courses.away import postpone
from courses.completing import lock, lock_person
from courses.cycles import begin_again, close
from courses.dates import set_counts_until
from courses.keeping import kept
from courses.models import (
    Edition,
    EditionAudience,
    EditionDraft,
    Enrolment,
    ProgrammePage,
    ProgrammeRequest,
    Source,
)
from courses.signals import enrolment_closed
from lms.audit.log import record
from lms.errors import Refused
from lms.people.models import Member, Reseller, Team, TeamMembership, User


@transaction.atomic
def enrol(
    member: Member,
    programme: ProgrammePage,
    *,
    source: Source,
    by: User | None,
    due_on: date | None = None,
) -> Enrolment:
    """Put the member into the programme, as its edition in force asks.

    Repeating is safe: what is open or completed is returned as it is. Who was in it
    before, here or elsewhere in the reseller's tree, begins again with all that was
    earned and has not run out. `due_on` of None gives the edition's days, if it has
    any, and the days that they are away. Raises Refused for one who has left, and for a programme that asks nothing of
    anybody yet.
    """
    lock_person(member.user_id)
    own = Enrolment.objects.filter(member=member, programme=programme)
    last = own.order_by("cycle").last()
    if last and not (last.withdrawn_at or last.annulled_at):
        return last

    edition = programme.edition_on()
    if edition is None:
        raise Refused(_("This programme is not open yet: it has no edition in force."))
    if not member.is_live:
        raise Refused(_("They have left: add them to the reseller again first."))
    is_by_edition = due_on is None and bool(edition.due_days)
    if due_on is None and edition.due_days:
        due_on = now().date() + timedelta(days=edition.due_days)
    ProgrammeRequest.objects.filter(
        member=member, programme=programme, answered_at=None
    ).update(answered_at=now(), answered_by=by, is_granted=True)
    going_on = None
    if last is None and (last := _last_in_the_tree(member, programme)):
        going_on = _bring_what_counts(member, last, source=source, by=by)
    if last:
        enrolment = begin_again(
            last,
            member=member,
            edition=edition,
            keep=kept(last, edition),
            why=_("Came back"),
            by=by,
            source=going_on or source,
            due_on=last.due_on if going_on and last.due_on else due_on,
        )
    else:
        enrolment = Enrolment.objects.create(
            member=member,
            programme=programme,
            edition=edition,
            source=source,
            enrolled_by=by,
            due_on=due_on,
        )
        record(by, "enrolled", enrolment, source=source)
    if is_by_edition:
        postpone(enrolment)
    return enrolment


@transaction.atomic
def withdraw(enrolment: Enrolment, *, by: User | None, why: str) -> Enrolment:
    """Close what is open; what was earned stays. Repeating is safe.

    Raises Refused for what is completed: that ends by a mistake found in it alone.
    """
    enrolment = lock(enrolment)
    if enrolment.completed_at:
        raise Refused(_("They have completed this programme: what is earned stays."))
    if enrolment.is_open:
        close(enrolment, why=why, by=by)
        enrolment_closed.send(
            sender=Enrolment, enrolment=enrolment, successor=None, by=by
        )
    return enrolment


@transaction.atomic
def follow_teams(member: Member, *, by: User | None) -> None:
    """Let the member's programmes follow their teams (Policy 1); repeating is safe.

    Enrols them where an edition in force names one of their teams. Withdraws what is
    open and came from a team they are no longer in (`leaving.undo_leaving` for a day);
    all that is open, if they left.
    """
    lock_person(member.user_id)
    is_here = (
        member.is_live
        and Reseller.objects.live().filter(pk=member.reseller_id).exists()
    )
    wanted = programmes_of(member) if is_here else []
    left_open = Enrolment.objects.open().filter(member=member)
    if member.is_live:
        left_open = left_open.by_team()
    why = _("Left the team") if member.is_live else _("Left the reseller")
    if member.is_live and not is_here:
        why = _("The reseller is no longer approved")
    for enrolment in left_open.exclude(programme__in=wanted).order_by("pk"):
        withdraw(enrolment, by=by, why=why)
    for programme in wanted:
        enrol(member, programme, source=Source.TEAM, by=by)


def enrol_audience(edition: Edition, *, by: User | None) -> int:
    """Enrol whoever is in the edition's teams and not in the programme yet.

    Does nothing for an edition not in force today. Returns how many were enrolled.
    """
    if edition.programme.edition_on() != edition:
        return 0
    members = list(_waiting(edition))
    for member in members:
        enrol(member, edition.programme, source=Source.TEAM, by=by)
    return len(members)


def follow_the_calendar() -> int:
    """Do what a day brings and no signal says; return how many people it touched.

    For the clock: an edition comes into force, a team is joined or left on a later
    day, a planned leaving has come, a reseller's approval has ended; or a person joined in the very moment in which
    an edition was published.
    """
    editions = editions_in_force()
    on_its_way = EditionDraft.objects.on_their_way().values_list("programme", flat=True)
    busy = set(on_its_way)  # its rollout does this, and counts whom it touches
    enrolled = sum(
        enrol_audience(edition, by=None)
        for edition in editions
        if edition.programme_id not in busy
    )
    behind = _behind(editions).exclude(programme__in=busy)
    members = Member.objects.filter(pk__in=behind.values("member"))
    for member in members:
        follow_teams(member, by=None)
    return enrolled + len(members)


def _last_in_the_tree(member: Member, programme: ProgrammePage) -> Enrolment | None:
    """What the person had in a membership of this tree that has ended, if it counts."""
    root = member.reseller.path[: Reseller.steplen]
    earlier = (
        Enrolment.objects.filter(programme=programme, member__user=member.user_id)
        .filter(member__reseller__path__startswith=root)
        .filter(~Exists(Member.objects.live().filter(pk=OuterRef("member"))))
        .order_by("enrolled_at", "pk")
    )
    last = earlier.last()
    if last and last.completed_at and not last.annulled_at:
        return earlier.qualified().last()
    return last


def _bring_what_counts(
    member: Member, last: Enrolment, *, source: Source, by: User | None
) -> Source | None:
    """Of who left in the middle of a redo, bring the qualification that still counts.

    They are qualified as before, for so long as before, and the redo goes on: return
    its source. None where nothing counts, or nothing else was begun.
    """
    if last.completed_at:
        return None
    earlier = Enrolment.objects.qualified().filter(
        member=last.member_id, programme=last.programme_id
    )
    qualified = earlier.select_related("edition").order_by("cycle").last()
    if qualified is None:
        return None
    brought = begin_again(
        qualified,
        member=member,
        edition=qualified.edition,
        keep=kept(qualified, qualified.edition),
        why=_("Came back"),
        by=by,
        source=source,
    )
    if qualified.counts_until:
        set_counts_until(brought, qualified.counts_until)
    return Source(last.source)


def editions_in_force(
    day: date | None = None, *, known_by: datetime | None = None
) -> list[Edition]:
    """Each programme's edition on a day (today), by the policy's number.

    With `known_by`, of those published before that instant.
    """
    editions = (
        Edition.objects.filter(effective_on__lte=day or now().date())
        .select_related("programme")
        .order_by("programme", "number")
    )
    if known_by is not None:
        editions = editions.filter(published_at__lt=known_by)
    latest = {edition.programme_id: edition for edition in editions}
    return sorted(latest.values(), key=lambda each: (each.section, each.title))


def programmes_of(member: Member) -> list[ProgrammePage]:
    """Programmes whose edition in force names a team that the member is in today."""
    teams = TeamMembership.objects.live().filter(member=member).values("team")
    editions = editions_in_force()
    obliging = set(
        Edition.objects.filter(
            pk__in=[edition.pk for edition in editions], audience__team__in=teams
        ).values_list("pk", flat=True)
    )
    return [edition.programme for edition in editions if edition.pk in obliging]


def audience_of(teams: Iterable[Team]) -> QuerySet[Member]:
    """Members in one of the teams today, of resellers that are approved."""
    in_team = TeamMembership.objects.live().filter(
        member=OuterRef("pk"), team__in=teams
    )
    return (
        Member.objects.live()
        .filter(Exists(in_team), reseller__in=Reseller.objects.live())
        .order_by("user", "pk")
    )


def obliged_by(editions: Iterable[Edition]) -> Exists:
    """Whether the editions ask an enrolment's programme of a team of its member."""
    return Exists(
        TeamMembership.objects.live().filter(
            member=OuterRef("member"),
            team__in=EditionAudience.objects.filter(
                edition__in=[edition.pk for edition in editions],
                edition__programme=OuterRef(OuterRef("programme")),
            ).values("team"),
        )
    )


def _waiting(edition: Edition) -> QuerySet[Member]:
    """Members in the edition's teams without a standing enrolment."""
    teams = Team.objects.filter(
        pk__in=EditionAudience.objects.filter(edition=edition).values("team")
    )
    standing = Enrolment.objects.standing().filter(
        member=OuterRef("pk"), programme=edition.programme_id
    )
    return audience_of(teams).filter(~Exists(standing))


def _behind(editions: list[Edition]) -> QuerySet[Enrolment]:
    """Open enrolments of those who left, or whose team or reseller asks no more."""
    # Of each row by its key: in a list of all, PostgreSQL would look for each anew.
    by_team = Q(Exists(Enrolment.objects.by_team().filter(pk=OuterRef("pk"))))
    has_ended = ~Q(member__reseller__in=Reseller.objects.live())
    return Enrolment.objects.open().filter(
        ~Exists(Member.objects.live().filter(pk=OuterRef("member")))
        | (by_team & (~obliged_by(editions) | has_ended))
    )
