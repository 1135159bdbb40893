"""Doors to screens: somebody signed in without the role gets a 403."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http.response import HttpResponseBase

from lms.people.access import Access, MemberRequest

P = ParamSpec("P")
View = Callable[Concatenate[MemberRequest, P], HttpResponseBase]


def _role_required(has_role: Callable[[Access], bool]) -> Callable[[View[P]], View[P]]:
    def door(view: View[P]) -> View[P]:
        @wraps(view)
        def guarded(
            request: MemberRequest, *args: P.args, **kwargs: P.kwargs
        ) -> HttpResponseBase:
            if not has_role(request.access):
                raise PermissionDenied
            return view(request, *args, **kwargs)

        return login_required(guarded)  # type: ignore[return-value]  # wraps keeps it

    return door


def manager_required(view: View[P]) -> View[P]:
    """Let a reseller's managers in."""
    return _role_required(lambda access: access.is_manager)(view)


def trainer_required(view: View[P]) -> View[P]:
    """Let trainers in."""
    return _role_required(lambda access: access.is_trainer)(view)


def staff_required(view: View[P]) -> View[P]:
    """Let the channel team in."""
    return _role_required(lambda access: access.is_staff)(view)


def content_staff_required(view: View[P]) -> View[P]:
    """Let those of the channel team in who may edit content."""
    return _role_required(lambda access: access.may_edit_content)(view)


def people_staff_required(view: View[P]) -> View[P]:
    """Let those of the channel team in who may change people."""
    return _role_required(lambda access: access.may_change_people)(view)


def manager_or_staff_required(view: View[P]) -> View[P]:
    """Let those in who read of people: managers, and the channel team."""
    return _role_required(lambda access: access.is_manager or access.is_staff)(view)


def manager_or_people_staff_required(view: View[P]) -> View[P]:
    """Let those in who look after people: managers, and the channel team's who may."""
    return _role_required(lambda access: access.is_manager or access.may_change_people)(
        view
    )
