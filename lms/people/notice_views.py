"""What mail somebody gets: a page of switches, and the link at the foot of a mail."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt

from lms.mail.kinds import BY_KEY, KINDS, Audience, Kind
from lms.mail.notices import off_for, read_token, turn_off, turn_on
from lms.people.access import Access, MemberRequest
from lms.people.models import User
from lms.walls import unscoped


@login_required
def notices(request: MemberRequest) -> HttpResponse:
    """Each kind of mail that somebody may get, with a switch where it is a choice."""
    own = [kind for kind in KINDS if _gets(kind, request.access)]
    if request.method == "POST":
        return _switch(request, own)
    off = off_for(request.user)
    choices = [
        {"kind": kind, "is_on": kind.key not in off} for kind in own if kind.may_be_off
    ]
    always = [kind for kind in own if not kind.may_be_off]
    words = {"choices": choices, "always": always}
    return render(request, "people/notices.html", words)


def _switch(request: MemberRequest, own: list[Kind]) -> HttpResponse:
    """Turn one kind on or off, as its button says."""
    for key, turn, words in (
        (request.POST.get("off", ""), turn_off, _("%(kind)s: off. None is sent.")),
        (request.POST.get("on", ""), turn_on, _("%(kind)s: on.")),
    ):
        kind = BY_KEY.get(key)
        if kind in own and kind.may_be_off:
            turn(request.user, kind)
            messages.success(request, words % {"kind": kind.name})
    return redirect("people:notices")


def _gets(kind: Kind, access: Access) -> bool:
    """Whether somebody is one of those who get it."""
    if kind.audience == Audience.MANAGERS:
        return any(member.is_manager for member in access.memberships)
    if kind.audience == Audience.STAFF:
        return access.is_staff
    return True


@never_cache
@csrf_exempt
def notice_off(request: HttpRequest, token: str) -> HttpResponse:
    """Turn a kind of mail off by the link at its foot, signed in or not.

    A mail program posts here by itself (RFC 8058), without a cookie: the signed link
    alone says who. A GET changes nothing. Nothing here tells whose link it is.
    """
    choice = read_token(token)
    people = unscoped(User.objects, "the signed link alone says whose choice it is")
    person = choice and people.filter(pk=choice.person_pk).first()
    if choice is None or person is None:
        raise Http404
    is_off = choice.kind.key in off_for(person)
    if request.method == "POST":
        is_off = "on" not in request.POST
        (turn_off if is_off else turn_on)(person, choice.kind)
    words = {"kind": choice.kind, "is_off": is_off}
    return render(request, "people/notice_off.html", words)
