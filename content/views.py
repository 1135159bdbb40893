"""What people do on the handbook's pages."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from content.acknowledging import acknowledge as acknowledge_page
from content.models import Branding, HandbookPage
from lms.errors import Refused
from lms.people.access import MemberRequest


@login_required
@require_POST
def acknowledge(request: MemberRequest, page_pk: int) -> HttpResponse:
    """Confirm that one has read a page of the handbook."""
    page = get_object_or_404(HandbookPage.objects.live(), pk=page_pk)
    if request.access.member is None:
        raise PermissionDenied
    try:
        acknowledge_page(request.access.member, page)
    except Refused as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, _("Thank you: we have noted that you read this."))
    return redirect(page.get_url(request))


def branding_css(request: HttpRequest) -> HttpResponse:
    """The accent of this site, over the one that the style sheets bring."""
    accent = Branding.current().accent
    response = HttpResponse(f":root{{--accent:{accent}}}\n", content_type="text/css")
    response["Cache-Control"] = "public, max-age=300"
    return response
