"""Where somebody lands after signing in: on what is due soonest."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect

from lms.people.access import MemberRequest
from lms.walls import unscoped
from sessions.models import Booking


@login_required
def landing(request: MemberRequest) -> HttpResponse:
    """The trainer's day with a call to come, else the first role that one has."""
    access = request.access
    roles = {
        "sessions:today": access.is_trainer,
        "dashboards:team": access.is_manager,
        "dashboards:my": access.member is not None,
        "dashboards:standing": access.is_staff,
    }
    held = [name for name, holds in roles.items() if holds]
    if len(held) > 1:
        coming = unscoped(
            Booking.objects.coming(), "one's own on both sides, see the filters"
        ).order_by("starts_at")
        soonest = coming.filter(trainee=request.user) | coming.filter(
            trainer__user=request.user
        )
        if call := soonest.select_related("trainer").first():
            is_own = call.trainee_id == request.user.pk
            return redirect("dashboards:my" if is_own else "sessions:today")
    return redirect(held[0] if held else "people:settings")
