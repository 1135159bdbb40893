"""Who is asking, as whom: made once per request, asked by every `visible_to`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from django.http import HttpRequest
from django_htmx.middleware import HtmxDetails

from lms.people.models import Member, Reseller, ResellerQuerySet, User

MEMBERSHIP_KEY = "membership"


class MemberRequest(HttpRequest):
    """A request of somebody signed in."""

    user: User
    access: Access
    htmx: HtmxDetails


@dataclass
class Access:
    """A person, the membership switched to, and what follows from both.

    `member` is None for one who belongs to no reseller (a trainer, the channel
    team, one who left). Costs one query for the memberships, at first use.
    """

    user: User
    wanted_membership: int | None = None

    @cached_property
    def memberships(self) -> list[Member]:
        """Live memberships, the oldest first."""
        own = Member.objects.live().filter(user=self.user).select_related("reseller")
        return sorted(own.order_by(), key=lambda member: (member.joined_on, member.pk))

    @cached_property
    def member(self) -> Member | None:
        """The membership switched to, or the first."""
        for member in self.memberships:
            if member.pk == self.wanted_membership:
                return member
        return self.memberships[0] if self.memberships else None

    @property
    def is_staff(self) -> bool:
        """One of ByteKast's channel team, who reads everything."""
        return self.user.is_active and self.user.is_staff

    @property
    def may_edit_content(self) -> bool:
        """One of the channel team who edits programmes, topics and the handbook."""
        return self.is_staff and self.user.may_edit_content

    @property
    def may_change_people(self) -> bool:
        """One of the channel team who changes what is recorded of people."""
        return self.is_staff and self.user.may_change_people

    @property
    def is_manager(self) -> bool:
        return self.member is not None and self.member.is_manager

    @cached_property
    def manages_somewhere(self) -> bool:
        """Manager in any live membership; whoever just asks came with the answer."""
        known: bool | None = getattr(self.user, "manages_somewhere", None)
        if known is not None:
            return known
        return any(member.is_manager for member in self.memberships)

    @cached_property
    def is_trainer(self) -> bool:
        """Holds calls. The trainer's record is of a higher room: asked by name."""
        trainer = getattr(self.user, "trainer", None)
        return trainer is not None and trainer.is_active

    @cached_property
    def managed_resellers(self) -> ResellerQuerySet:
        """The reseller managed and all below it, as one filter on the path."""
        if self.member is None or not self.member.is_manager:
            nobodys: ResellerQuerySet = ResellerQuerySet(Reseller).none()
            return nobodys
        return ResellerQuerySet(Reseller).below(self.member.reseller)

    @cached_property
    def managed_keys(self) -> list[int]:
        """Their keys; a query only where there are companies below.

        For lists in which the database, asked for the companies in the same question,
        begins with what everybody has.
        """
        if self.member is None or not self.member.is_manager:
            return []
        if self.member.reseller.is_leaf():
            return [self.member.reseller.pk]
        return list(self.managed_resellers.values_list("pk", flat=True))

    @property
    def may_read(self) -> bool:
        """Whether programmes and the handbook open: a live membership or a role."""
        return self.member is not None or self.is_staff or self.is_trainer


def access_of(request: HttpRequest) -> Access | None:
    """Make the request's access; None for somebody not signed in."""
    if not request.user.is_authenticated:
        return None
    return Access(request.user, request.session.get(MEMBERSHIP_KEY))
