"""Who manages somebody: the managers of their reseller, or of a company above it."""

from __future__ import annotations

from django.db import transaction
from django.utils.translation import gettext as _

from lms.audit.log import record
from lms.errors import Refused
from lms.people.models import Member, MemberQuerySet, Reseller, User


def managers_of(member: Member) -> list[User]:
    """The nearest managers of a member, themselves left out; one query.

    Those of their own reseller; where it has none, those of the company above it.
    """
    above = list(
        _above(member)
        .filter(user__is_active=True)
        .exclude(user=member.user_id)
        .select_related("user", "reseller")
        .order_by("pk")
    )
    nearest = max((row.reseller.depth for row in above), default=0)
    return [row.user for row in above if row.reseller.depth == nearest]


def manages(user: User, member: Member) -> bool:
    """Whether somebody is a manager of the member's reseller, or above it; one query."""
    return _above(member).filter(user=user).exists()


@transaction.atomic
def set_manager(member: Member, is_manager: bool, *, by: User) -> None:
    """Make somebody a manager of their reseller, or no longer one.

    Repeating is safe. Raises Refused for one who has left, and where nobody else would
    manage the reseller (ByteKast's own may do that).
    """
    lock_managers(member)
    member.refresh_from_db(fields=["is_manager", "left_on"])
    if member.is_manager == is_manager:
        return
    if not member.is_live:
        raise Refused(_("This person has left. Invite them again first."))
    if not is_manager:
        require_another(member, by=by)
    member.is_manager = is_manager
    member.save(update_fields=["is_manager"])
    verb = "made manager" if is_manager else "unmade manager"
    record(by, verb, member, about=member.user_id)


def require_another(member: Member, *, by: User | None) -> None:
    """Refuse where a manager going away leaves their reseller with none.

    Those of a company above it count. ByteKast's own, and the clock, may.
    """
    if not member.is_manager or by is None or by.is_staff or managers_of(member):
        return
    words = (
        _(
            "You are the only manager of %(reseller)s. Make somebody else a manager "
            "first."
        )
        if member.user_id == by.pk
        else _(
            "%(reseller)s would have no manager then. Make somebody else a manager "
            "first."
        )
    )
    raise Refused(words % {"reseller": member.reseller})


def lock_managers(member: Member) -> None:
    """Take the reseller's row: of two managers who go at once, one stays."""
    Reseller.objects.select_for_update(no_key=True).get(pk=member.reseller_id)


def _above(member: Member) -> MemberQuerySet:
    path, step = member.reseller.path, Reseller.steplen
    paths = [path[:end] for end in range(step, len(path) + 1, step)]
    return Member.objects.live().filter(is_manager=True, reseller__path__in=paths)
