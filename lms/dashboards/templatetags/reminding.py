"""The buttons that remind, and what stands in their place."""

from __future__ import annotations

from typing import Any

from django import template

from courses.reminding import late
from lms.mail.models import Nudge
from lms.people.access import Access
from lms.people.models import Member, MemberQuerySet
from lms.people.nudging import Last, last_nudge

register = template.Library()


@register.simple_tag
def reminder_of(member: Member, access: Access) -> dict[str, Any]:
    """`{% reminder_of member request.access as reminder %}`; one to three queries.

    `is_open`: something is; `last`: the nudge that holds another one back.
    """
    is_open = member.enrolments.open().exists()
    last: Last | None = None
    if is_open:
        last = last_nudge(member, Nudge.objects.visible_to(access))
    return {"is_open": is_open, "last": last}


@register.simple_tag
def how_many_late(access: Access, members: MemberQuerySet) -> int:
    """`{% how_many_late request.access matrix.found as number %}`: people; one query."""
    people = late(members).values("member__user").exclude(member__user=access.user)
    return people.distinct().count()
