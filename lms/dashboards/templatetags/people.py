"""Why somebody is in a programme, and what becomes of those who left one."""

from __future__ import annotations

from typing import Any

from django import template
from django.utils.translation import gettext as _

from courses.leaving import teams_left, undo_until
from courses.models import Enrolment
from lms.dashboards.sources import source_words
from lms.mail.times import moment

register = template.Library()


@register.simple_tag(takes_context=True)
def source_of(context: dict[str, Any], enrolment: Enrolment) -> str:
    """`{% source_of enrolment %}`: Added by Anna Berg on Tue 24 Nov."""
    return source_words(enrolment, context["zone"])


@register.simple_tag
def leaving_words(enrolment: Enrolment, zone: str) -> dict[str, str]:
    """`{% leaving_words enrolment zone as words %}`: title, text, button; two queries."""
    teams = ", ".join(team.name for team in teams_left(enrolment))
    until = undo_until(enrolment)
    names = {
        "name": enrolment.member.user.full_name,
        "teams": teams,
        "programme": enrolment.programme.title,
        "until": moment(until, zone) if until else "",
    }
    if teams:
        title = _("%(name)s is no longer in %(teams)s")
        button = _("Put them back into %(teams)s")
    else:
        title = _("%(name)s is no longer in %(programme)s")
        button = _("Put them back into %(programme)s")
    text = _(
        "%(programme)s has ended for them; what is earned stays. Booked calls are freed "
        "on %(until)s."
    )
    return {
        "title": title % names,
        "text": text % names,
        "button": button % names,
    }
