"""Asking to take a programme, on its pages."""

from __future__ import annotations

from typing import Any

from django import template

from content.walls import access_from
from courses.models import ProgrammeRequest
from courses.reading import Reader
from lms.walls import unscoped

register = template.Library()


@register.simple_tag(takes_context=True)
def request_of(context: dict[str, Any], reader: Reader) -> ProgrammeRequest | None:
    """`{% request_of reader as asked %}`: the reader's last request; one query.

    None, too, for one that they have taken back. Shown by `courses/_ask.html`.
    """
    access = access_from(context.get("request"))
    if access is None or access.member is None:
        return None
    own = unscoped(ProgrammeRequest.objects, "of the membership switched to").filter(
        member=access.member, programme=reader.programme
    )
    last = own.select_related("answered_by").last()
    if last is None or last.is_granted or last.answered_by_id == access.user.pk:
        return None
    return last
