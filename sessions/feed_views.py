"""One's private calendar feed: its page, and the file that apps read."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseNotFound
from django.shortcuts import redirect, render
from django.utils.cache import get_conditional_response
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from lms import limits
from lms.people.access import MemberRequest
from sessions import feeds
from sessions.models import Feed


@login_required
@never_cache
def feed(request: MemberRequest) -> HttpResponse:
    """Whether one has a feed; a POST makes a new address, shown this once."""
    address = feeds.renew_feed(request.user) if request.method == "POST" else ""
    context = {
        "feed": Feed.objects.visible_to(request.access).first(),
        "address": address,
        "webcal": address.replace("https://", "webcal://", 1),
    }
    return render(request, "sessions/feed.html", context)


@login_required
@require_POST
def end_feed(request: MemberRequest) -> HttpResponse:
    """End the feed."""
    feeds.end_feed(request.user, by=request.user)
    messages.success(request, _("The address has ended. Apps can no longer read it."))
    return redirect("sessions:feed")


@require_safe
def feed_file(request: HttpRequest, token: str) -> HttpResponse:
    """The calls of whose feed this is: for whoever has the address, signed in or not.

    An address that never was, has ended, or is of a closed account is a 404.
    """
    may_guess = limits.may_guess(request, limits.FEEDS)
    found = feeds.find_feed(token) if may_guess else None
    if found is None and may_guess:
        limits.count_miss(request, limits.FEEDS)
    if found is None:  # few words: what reads this is an app
        return HttpResponseNotFound(
            _("There is no calendar at this address."), content_type="text/plain"
        )
    file = feeds.FeedFile.of(found.user)
    response = get_conditional_response(request, etag=file.etag)
    if response is None or response.status_code != 304:
        response = HttpResponse(
            file.text(),
            content_type="text/calendar; charset=utf-8",
            headers={"Content-Disposition": 'inline; filename="calls.ics"'},
        )
    feeds.note_read(found)
    response["ETag"] = file.etag
    response["Cache-Control"] = "private, no-cache"
    response["X-Robots-Tag"] = "noindex"
    return response
