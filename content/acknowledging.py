"""Confirming that one has read a page of the policy."""

from __future__ import annotations

from collections.abc import Iterable

from django.db import transaction
from django.utils.translation import gettext as _

from content.models import Acknowledgement, HandbookPage
from lms.audit.log import record
from lms.errors import Refused
from lms.people.models import Member, User


@transaction.atomic
def acknowledge(member: Member, page: HandbookPage) -> Acknowledgement:
    """Note that the member has read the page as it stands; repeating is safe.

    Raises Refused when the page asks nobody for it, or still has a hole: nobody
    can confirm what is not written yet.
    """
    if not page.can_be_acknowledged:
        raise Refused(_("There is nothing to confirm on this page yet."))

    User.objects.select_for_update(no_key=True).get(pk=member.user_id)
    acknowledgement, is_new = Acknowledgement.objects.get_or_create(
        member=member, page=page, version=page.version
    )
    if is_new:
        record(
            member.user,
            "acknowledged",
            page,
            member=member.pk,
            version=page.version,
        )
    return acknowledgement


def pages_to_acknowledge(member: Member) -> list[HandbookPage]:
    """The published pages that the member has still to read; two queries."""
    done = Acknowledgement.objects.filter(member=member)
    versions = set(done.values_list("page_id", "version"))
    pages = HandbookPage.objects.live().filter(is_acknowledged=True).order_by("path")
    return [
        page
        for page in pages
        if page.can_be_acknowledged and (page.pk, page.version) not in versions
    ]


def words_given(
    member: Member, pages: Iterable[HandbookPage]
) -> dict[int, Acknowledgement]:
    """The member's word on each page as it stands now, by the page's key."""
    current = {page.pk: page.version for page in pages}
    found = Acknowledgement.objects.filter(member=member, page__in=current)
    return {
        each.page_id: each for each in found if each.version == current[each.page_id]
    }
