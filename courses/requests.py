"""Asking to take a programme that one's team does not ask for.

It goes to the nearest managers, or to the channel team where there is none; one
answer counts, whoever gives it first.
"""

from __future__ import annotations

from datetime import date, timedelta

from django.db import transaction
from django.utils.timezone import now
from django.utils.translation import gettext as _

from courses import telling
from courses.adding import is_in, require_day_to_come
from courses.completing import lock_person
from courses.enrolling import enrol
from courses.models import ProgrammePage, ProgrammeRequest, Source
from lms.audit.log import record
from lms.errors import Refused
from lms.people.models import Member, User

NOTE_LENGTH = 500
QUIET = timedelta(days=3)  # asking anew so soon sends no second mail


@transaction.atomic
def ask(
    member: Member, programme: ProgrammePage, *, note: str, by: User
) -> ProgrammeRequest:
    """Ask to take a programme; asking again returns what is asked already.

    Raises Refused for anybody else, for one who is in it or has left, and for a
    programme that is not open.
    """
    lock_person(member.user_id)
    if by.pk != member.user_id:
        raise Refused(_("Only the person themselves can ask."))
    if not member.is_live:
        raise Refused(_("You are no longer there: you cannot ask for it."))
    if is_in(member, programme):
        raise Refused(_("You are in this programme already."))
    if programme.edition_on() is None:
        raise Refused(_("This programme is not open yet. Ask once it is."))
    own = ProgrammeRequest.objects.filter(member=member, programme=programme)
    if asked := own.filter(answered_at=None).first():
        return asked
    was_asked = own.filter(asked_at__gt=now() - QUIET).exists()
    asked = ProgrammeRequest.objects.create(
        member=member, programme=programme, note=note.strip()[:NOTE_LENGTH]
    )
    record(by, "asked", asked, programme=programme.pk)
    if not was_asked:
        telling.tell_asked(asked)
    return asked


@transaction.atomic
def withdraw_request(asked: ProgrammeRequest, *, by: User) -> ProgrammeRequest:
    """Ask no longer; doing so again, or after the answer, changes nothing."""
    asked = _lock(asked)
    if by.pk != asked.member.user_id:
        raise Refused(_("Only the person who asked can withdraw it."))
    if asked.answered_at is None:
        _answer(asked, by=by, is_granted=False, answer="")
    return asked


@transaction.atomic
def grant(
    asked: ProgrammeRequest, *, by: User, due_on: date | None = None
) -> ProgrammeRequest:
    """Add whoever asked to the programme, and tell them. Repeating is safe.

    Raises Refused once somebody else has declined it, for a due date gone by, and
    for one who has left.
    """
    asked = _lock(asked)
    if asked.is_granted:
        return asked
    _require_open(asked)
    require_day_to_come(due_on)
    was_in = is_in(asked.member, asked.programme)
    _answer(asked, by=by, is_granted=True, answer="")
    enrolment = enrol(
        asked.member, asked.programme, source=Source.SELF, by=by, due_on=due_on
    )
    if not was_in:
        telling.tell_added(enrolment, by=by)
    return asked


@transaction.atomic
def decline(asked: ProgrammeRequest, *, by: User, answer: str) -> ProgrammeRequest:
    """Say no, with a line for whoever asked. Repeating is safe.

    Raises Refused without the line, and once they have been added.
    """
    asked = _lock(asked)
    if asked.is_granted is False and asked.answered_by_id != asked.member.user_id:
        return asked
    _require_open(asked)
    if not answer.strip():
        raise Refused(_("Please say in a few words why: they read it."))
    _answer(asked, by=by, is_granted=False, answer=answer.strip()[:NOTE_LENGTH])
    telling.tell_declined(asked)
    return asked


def open_request(member: Member, programme: ProgrammePage) -> ProgrammeRequest | None:
    """What a member asks for and waits to hear of; one query."""
    own = ProgrammeRequest.objects.filter(member=member, programme=programme)
    return own.filter(answered_at=None).first()


def _lock(asked: ProgrammeRequest) -> ProgrammeRequest:
    """Lock whoever asked, so that of two answers the second reads the first."""
    lock_person(asked.member.user_id)
    found: ProgrammeRequest = ProgrammeRequest.objects.select_related(
        "member__user", "member__reseller", "programme", "answered_by"
    ).get(pk=asked.pk)
    return found


def _require_open(asked: ProgrammeRequest) -> None:
    if asked.answered_at is None:
        return
    if asked.answered_by_id == asked.member.user_id:
        raise Refused(_("%(name)s asks no longer.") % {"name": asked.member.user})
    words = (
        _("%(name)s has added them already.")
        if asked.is_granted
        else _("%(name)s has declined this already. You can still add them.")
    )
    raise Refused(words % {"name": asked.answered_by or "ByteKast"})


def _answer(
    asked: ProgrammeRequest, *, by: User, is_granted: bool, answer: str
) -> None:
    asked.answered_at, asked.answered_by = now(), by
    asked.is_granted, asked.answer = is_granted, answer
    asked.save(update_fields=["answered_at", "answered_by", "is_granted", "answer"])
    record(by, "granted" if is_granted else "declined", asked)
