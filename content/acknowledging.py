"""Confirming that one has read a page of the policy; who has, and who has not."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from django.db import transaction
from django.utils.timezone import now
from django.utils.translation import gettext as _

from content.models import Acknowledgement, HandbookPage, HandbookVersion
from content.versions import due_on, put_up, versions_asked
from lms.audit.log import record
from lms.errors import Refused
from lms.people.models import Member, MemberQuerySet, Reseller, User


@dataclass(frozen=True)
class Word:
    """What a member said, or owes, on a page as it stands now."""

    version: HandbookVersion
    due_on: date
    given: Acknowledgement | None = None

    @property
    def page(self) -> HandbookPage:
        return self.version.page

    @property
    def is_overdue(self) -> bool:
        return self.given is None and self.due_on < now().date()


@transaction.atomic
def acknowledge(
    member: Member, page: HandbookPage, *, version: int | None
) -> Acknowledgement:
    """Note that the member has read a version of the page; repeating is safe.

    Raises Refused when the page asks nobody for it, or still has a hole: nobody
    can confirm what is not written yet; and when `version` is not the one that
    stands there now.
    """
    if not page.can_be_acknowledged:
        raise Refused(_("There is nothing to confirm on this page yet."))
    if version != page.version:
        raise Refused(
            _(
                "Nothing was noted: a newer version of this page came while you were "
                "reading. This is it: please read it, then confirm."
            )
        )
    User.objects.select_for_update(no_key=True).get(pk=member.user_id)
    put_up(page, by=None)
    acknowledgement, is_new = Acknowledgement.objects.get_or_create(
        member=member,
        page=page,
        version=page.version,
        defaults={"revision": page.live_revision},
    )
    if is_new:
        record(
            member.user,
            "acknowledged",
            page,
            about=member.user,
            member=member.pk,
            version=page.version,
        )
    return acknowledgement


def in_scope() -> MemberQuerySet:
    """Whom the policy obliges: every live member of a live reseller."""
    return Member.objects.live().filter(reseller__in=Reseller.objects.live())


def asked_now() -> list[HandbookVersion]:
    """What everybody is to confirm, in the order of the pages; two queries."""
    pages = HandbookPage.objects.live().filter(is_acknowledged=True).order_by("path")
    return versions_asked(page for page in pages if page.can_be_acknowledged)


def words_of(
    members: Iterable[Member], asked: Iterable[HandbookVersion]
) -> dict[int, list[Word]]:
    """Each member's word on each version asked, by the member's key; one query."""
    members, asked = list(members), list(asked)
    given = {
        (each.member_id, each.page_id, each.version): each
        for each in Acknowledgement.objects.filter(
            page__in=[version.page for version in asked], member__in=members
        )
    }
    return {
        member.pk: [
            Word(
                version,
                due_on(version, member),
                given.get((member.pk, version.page_id, version.number)),
            )
            for version in asked
        ]
        for member in members
    }


def still_to_confirm(member: Member) -> list[Word]:
    """What the member has still to read, what is due first first; three queries.

    Nothing for one who left, or whose reseller is no longer approved.
    """
    if not (member.is_live and member.reseller.is_live):
        return []
    owed = [
        word
        for word in words_of([member], asked_now())[member.pk]
        if word.given is None
    ]
    return sorted(owed, key=lambda word: word.due_on)
