"""A trainer's other calendars, on the pages that show them."""

from __future__ import annotations

from typing import Any

from django import template

from sessions import outside
from sessions.models import Trainer
from sessions.outside_forms import OutsideCalendarForm

register = template.Library()


@register.inclusion_tag("sessions/_outside_calendars.html", takes_context=True)
def outside_calendars(
    context: Any, trainer: Trainer, form: OutsideCalendarForm | None = None
) -> dict[str, Any]:
    """`{% outside_calendars trainer form %}`: the list, and one more; one query.

    The form is one that was refused, with what was typed; else an empty one.
    """
    calendars = outside.shown(trainer)
    return {
        "calendars": calendars,
        "form": form or OutsideCalendarForm(),
        "is_full": len(calendars) >= outside.MOST_CALENDARS,
        "most": outside.MOST_CALENDARS,
        "zone": context["zone"],
        "csrf_token": context.get("csrf_token"),
    }
