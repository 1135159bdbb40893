"""The end of a membership that is known before: planned, or with its reseller's.

`until_on` is the first day on which somebody is no longer there, as `left_on` is. The
clock does what a day brings; all of it is safe to repeat.
"""

from __future__ import annotations

from datetime import date, timedelta

from django.db import transaction
from django.db.models import F, Q
from django.utils.timezone import now
from django.utils.translation import gettext as _

from lms.audit.log import record
from lms.errors import Refused
from lms.mail.outbox import drop, queue
from lms.people.managers import managers_of, require_another
from lms.people.membership import leave
from lms.people.models import Member, MemberQuerySet, Reseller, User
from lms.people.resellers import change_reseller

NOTICE = timedelta(days=14)
AT_ONCE = 500  # people in one round of the clock


@transaction.atomic
def plan_end(member: Member, until_on: date | None, *, by: User | None) -> None:
    """Set the day from which somebody is no longer there, or that there is none (None).

    Who was told of another day is told of this. Repeating is safe. Raises Refused for
    a day that is not to come, for one who has left, and for the last manager.
    """
    User.objects.select_for_update().get(pk=member.user_id)
    member.refresh_from_db(fields=["until_on", "left_on", "end_told_on", "is_manager"])
    if member.until_on == until_on:
        return
    if not member.is_live:
        raise Refused(_("This person has left. Invite them again first."))
    if until_on is not None:
        if until_on <= now().date():
            raise Refused(_("Choose a day to come, or mark them as left."))
        require_another(member, by=by)
    member.until_on = until_on
    member.save(update_fields=["until_on"])
    words = until_on and until_on.isoformat()
    record(by, "planned end set", member, about=member.user_id, until_on=words)
    drop(f"member:{member.pk}:ends:")
    if until_on is not None and until_on <= now().date() + NOTICE:
        _tell_of_end(member)
    elif member.end_told_on is not None:
        _tell_of_change(member)


def tell_of_ends() -> int:
    """Give two weeks' notice to people and their managers, once of each day."""
    soon = Member.objects.filter(
        ~Q(end_told_on=F("until_on")) | Q(end_told_on=None),
        left_on=None,
        until_on__gt=now().date(),
        until_on__lte=now().date() + NOTICE,
    )
    keys = list(soon.order_by("until_on", "pk").values_list("pk", flat=True)[:AT_ONCE])
    return sum(_tell_one(key) for key in keys)


@transaction.atomic
def _tell_one(key: int) -> bool:
    """Tell of one member's end, if no other clock just did, and it stands."""
    member = (
        Member.objects.select_for_update(of=("self",), no_key=True)
        .select_related("user", "reseller")
        .get(pk=key)
    )
    if member.until_on is None or member.end_told_on == member.until_on:
        return False
    _tell_of_end(member)
    return True


def end_planned() -> int:
    """End the memberships whose planned end has come; return how many."""
    ended = list(_still_there().filter(until_on__lte=now().date())[:AT_ONCE])
    for member in ended:
        assert member.until_on is not None  # noqa: S101  by the filter
        leave(member, on=max(member.until_on, member.joined_on), by=None)
    return len(ended)


def end_with_resellers() -> int:
    """Let the people of resellers that have ended leave; return how many.

    So many as one round takes: the next goes on. One query where nobody is left.
    """
    ended = Reseller.objects.filter(ended_on__lte=now().date())
    people = list(_still_there().filter(reseller__in=ended)[:AT_ONCE])
    for member in people:
        ended_on = member.reseller.ended_on
        assert ended_on is not None  # noqa: S101  by the filter
        leave(member, on=max(ended_on, member.joined_on), by=None)
    return len(people)


@transaction.atomic
def end_subsidiaries() -> None:
    """Date the end of each company below one that has ended, where it goes on."""
    today = now().date()
    for top in Reseller.objects.filter(ended_on__lte=today, numchild__gt=0):
        below = Reseller.objects.below(top).filter(
            Q(ended_on=None) | Q(ended_on__gt=today)
        )
        for each in below:
            change_reseller(
                each,
                name=each.name,
                parent=each.get_parent(),
                approved_on=each.approved_on,
                ended_on=max(top.ended_on, each.approved_on),
                by=None,
            )


def _still_there() -> MemberQuerySet:
    """Those not marked as left, so many as one round of the clock takes."""
    people = Member.objects.filter(left_on=None).select_related("user", "reseller")
    return people.order_by("pk")


def _tell_of_end(member: Member) -> None:
    member.end_told_on = member.until_on
    member.save(update_fields=["end_told_on"])
    _tell(member, "ends")


def _tell_of_change(member: Member) -> None:
    """Who was told that it ends soon hears that it does not."""
    member.end_told_on = None
    member.save(update_fields=["end_told_on"])
    _tell(member, "stays")


def _tell(member: Member, what: str) -> None:
    at = now().isoformat()
    for person in [member.user, *managers_of(member)]:
        queue(
            f"member:{member.pk}:{what}:{at}:{person.pk}",
            person,
            f"people/email/{what}.txt",
            {"member": member, "is_own": person == member.user},
        )
