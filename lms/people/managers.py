"""Who manages somebody: the managers of their reseller, or of a company above it."""

from __future__ import annotations

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


def _above(member: Member) -> MemberQuerySet:
    path, step = member.reseller.path, Reseller.steplen
    paths = [path[:end] for end in range(step, len(path) + 1, step)]
    return Member.objects.live().filter(is_manager=True, reseller__path__in=paths)
