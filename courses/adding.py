"""Managers and the channel team put people into programmes, and take them out again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date

from django.db import transaction
from django.utils.timezone import now
from django.utils.translation import gettext as _

from courses import telling
from courses.completing import lock, lock_person
from courses.dates import set_due_on
from courses.enrolling import enrol, programmes_of, withdraw
from courses.models import Enrolment, ProgrammePage, Source
from lms.audit.log import record
from lms.errors import Refused
from lms.people.managers import manages
from lms.people.models import Member, User


def source_for(member: Member, by: User) -> Source:
    """As whom somebody adds a member: as their manager, or for ByteKast; one query."""
    return Source.MANAGER if manages(by, member) else Source.STAFF


@transaction.atomic
def add(
    member: Member, programme: ProgrammePage, *, by: User, due_on: date | None = None
) -> Enrolment | None:
    """Add somebody to a programme that need not be asked of them, and tell them.

    None, and nothing changed, when they are in it. They begin again with what they had
    earned. `due_on` of None gives the edition's days, if it has any. Raises Refused
    for a day gone by, for one who has left, and for a programme not open yet.
    """
    lock_person(member.user_id)
    if is_in(member, programme):
        return None
    require_day_to_come(due_on)
    source = source_for(member, by)
    enrolment = enrol(member, programme, source=source, by=by, due_on=due_on)
    telling.tell_added(enrolment, by=by)
    return enrolment


@dataclass
class Added:
    """What became of adding several: who is new, who was in it, whom a rule refused."""

    new: list[Enrolment] = field(default_factory=list)
    already: list[Member] = field(default_factory=list)
    refused: list[tuple[Member, str]] = field(default_factory=list)


def add_people(
    members: Iterable[Member],
    programme: ProgrammePage,
    *,
    by: User,
    due_on: date | None = None,
) -> Added:
    """Add each by itself: a no to one stops nobody else. Repeating is safe."""
    done = Added()
    for member in members:
        try:
            enrolment = add(member, programme, by=by, due_on=due_on)
        except Refused as refusal:
            done.refused.append((member, str(refusal)))
            continue
        if enrolment is None:
            done.already.append(member)
        else:
            done.new.append(enrolment)
    return done


@transaction.atomic
def remove(enrolment: Enrolment, *, by: User, why: str) -> Enrolment:
    """Take somebody out of what they were added to, and tell them why.

    What was earned stays; booked calls are freed after a day (`leaving`). Repeating is
    safe. Raises Refused without a reason, for what a team asks for, for what is
    completed, and to a manager for what ByteKast added.
    """
    enrolment = lock(enrolment)
    if enrolment.withdrawn_at:
        return enrolment
    if no := why_not_removed(enrolment, by=by):
        raise Refused(no)
    if not why.strip():
        raise Refused(_("Please say in a few words why."))
    enrolment = withdraw(enrolment, by=by, why=why.strip())
    telling.tell_removed(enrolment, by=by, why=why.strip())
    return enrolment


def why_not_removed(enrolment: Enrolment, *, by: User) -> str:
    """What stands against taking somebody out; empty where nothing does.

    Five queries at most.
    """
    if enrolment.completed_at:
        return _("They have completed this programme: what is earned stays.")
    if enrolment.programme in programmes_of(enrolment.member):
        return _("Their team asks for this programme. Change their teams instead.")
    by_staff = Enrolment.objects.from_source(Source.STAFF)
    if not by.may_change_people and by_staff.filter(pk=enrolment.pk).exists():
        return _("ByteKast added them. Ask the training team to take them out.")
    return ""


@transaction.atomic
def set_due(enrolment: Enrolment, due_on: date | None, *, by: User) -> Enrolment:
    """Set until when somebody is to be done, or that there is no such day (None).

    Raises Refused for what is not open any more, and for a day gone by.
    """
    enrolment = lock(enrolment)
    if enrolment.due_on == due_on:
        return enrolment
    if not enrolment.is_open:
        raise Refused(_("They are not in the middle of this programme any more."))
    require_day_to_come(due_on)
    set_due_on(enrolment, due_on)
    record(by, "due date set", enrolment, due_on=due_on and due_on.isoformat())
    return enrolment


def require_day_to_come(due_on: date | None) -> None:
    """Refuse a due date that has passed."""
    if due_on is not None and due_on < now().date():
        raise Refused(_("That day has passed. Choose today or a later day."))


def is_in(member: Member, programme: ProgrammePage) -> bool:
    """Whether somebody is in a programme, in the middle of it or done; one query."""
    standing = Enrolment.objects.standing().filter(member=member)
    return standing.filter(programme=programme).exists()
