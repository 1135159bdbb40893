"""What somebody earned in another company counts here too, once ByteKast says so.

A move inside one tree, or a return, needs no word: see `enrolling.enrol`.
"""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction
from django.utils.timezone import now
from django.utils.translation import gettext as _

from courses import telling
from courses.completing import lock_person
from courses.cycles import begin_again
from courses.keeping import kept
from courses.models import Enrolment, Evidence, Source, Transfer
from lms.audit.log import record
from lms.errors import Refused
from lms.people.models import Member, Reseller, User


@transaction.atomic
def offer(member: Member) -> None:
    """Ask ByteKast about all that is valid, and was earned elsewhere before they came.

    Repeating is safe. One query where there is nothing.
    """
    if not member.is_live:
        return
    root = member.reseller.path[: Reseller.steplen]
    earned = (
        Enrolment.objects.qualified()
        .filter(member__user=member.user_id, valid_from__lte=member.joined_on)
        .exclude(member__reseller__path__startswith=root)
        .exclude(transfers__member=member)
        .order_by("valid_from", "pk")
    )
    newest = {enrolment.programme_id: enrolment for enrolment in earned}
    asked = [
        Transfer(enrolment=enrolment, member=member) for enrolment in newest.values()
    ]
    if not asked:
        return
    Transfer.objects.bulk_create(asked)
    for transfer in asked:
        record(None, "transfer asked", transfer, about=member.user_id)
    telling.tell_transfers(member, list(newest.values()))


@transaction.atomic
def confirm(transfer: Transfer, *, by: User) -> Enrolment:
    """Let it count here: go on with all of it that the edition in force still takes.

    What they have open here goes into that, evidence and calls too. The person and the
    managers are told. Raises Refused when it is answered, ran out, or is not needed.
    """
    transfer = _lock(transfer)
    earned, member = transfer.enrolment, transfer.member
    programme = earned.programme
    edition = programme.edition_on()
    if edition is None or not _is_open(transfer):
        raise Refused(
            _(
                "This does not count any more: it ran out, they have left, or they have "
                "the qualification here already."
            )
        )
    own = Enrolment.objects.open().filter(member=member, programme=programme).first()
    keep: list[Evidence] = list(kept(earned, edition))
    due_on = None
    if own is not None:
        keep = [*kept(own, edition), *keep]
        due_on = own.due_on
    elif edition.due_days:
        due_on = now().date() + timedelta(days=edition.due_days)
    successor = begin_again(
        earned,
        member=member,
        edition=edition,
        keep=keep,
        why=_("Carried over"),
        by=by,
        source=Source.TRANSFER,
        due_on=due_on,
    )
    _decide(transfer, True, by=by)
    telling.tell_transfer(transfer, successor)
    return successor


@transaction.atomic
def refuse(transfer: Transfer, *, by: User, answer: str) -> None:
    """Leave it where it was earned, and tell the person and the managers why.

    Raises Refused without a reason, and when it is answered.
    """
    if not answer.strip():
        raise Refused(_("Say why, in a few words: they read it."))
    transfer = _lock(transfer)
    _decide(transfer, False, by=by, answer=answer.strip())
    telling.tell_transfer(transfer, None)


def _lock(transfer: Transfer) -> Transfer:
    lock_person(transfer.member.user_id)
    found = Transfer.objects.select_related(
        "member__user",
        "member__reseller",
        "enrolment__programme",
        "enrolment__edition",
        "enrolment__member__reseller",
        "enrolment__member__user",
    ).get(pk=transfer.pk)
    if found.decided_at:
        raise Refused(_("This is answered already."))
    return found


def _is_open(transfer: Transfer) -> bool:
    return Transfer.objects.open().filter(pk=transfer.pk).exists()


def _decide(
    transfer: Transfer, is_confirmed: bool, *, by: User, answer: str = ""
) -> None:
    transfer.decided_at, transfer.decided_by = now(), by
    transfer.is_confirmed, transfer.answer = is_confirmed, answer
    transfer.save(update_fields=["decided_at", "decided_by", "is_confirmed", "answer"])
    verb = "transfer confirmed" if is_confirmed else "transfer refused"
    record(by, verb, transfer, about=transfer.member.user_id)
