"""What people do on the handbook's pages."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe
from wagtail import hooks
from wagtail.documents.models import Document

from content.acknowledging import acknowledge as acknowledge_page
from content.forms import ConfirmForm
from content.models import Acknowledgement, Branding, HandbookPage
from content.sending import send_document
from lms.errors import Refused
from lms.mail.times import moment
from lms.people.access import MemberRequest


@login_required
@require_POST
def acknowledge(request: MemberRequest, page_pk: int) -> HttpResponse:
    """Confirm that one has read a page of the handbook, in the `version` shown."""
    page = get_object_or_404(HandbookPage.objects.live(), pk=page_pk)
    if request.access.member is None:
        raise PermissionDenied
    form = ConfirmForm(request.POST)
    version = form.cleaned_data["version"] if form.is_valid() else None
    try:
        acknowledge_page(request.access.member, page, version=version)
    except Refused as refusal:
        messages.error(request, str(refusal))
        answer: HttpResponse = page.serve(request)
        answer.status_code = 409
        return answer
    messages.success(request, _("Thank you: we have noted that you read this."))
    return redirect(page.get_url(request))


@login_required
def acknowledged(request: MemberRequest, pk: int) -> HttpResponse:
    """What somebody confirmed: the page as it was, for them and who may see it."""
    seen = Acknowledgement.objects.visible_to(request.access)
    given = get_object_or_404(
        seen.select_related("member__user", "member__reseller", "page", "revision"),
        pk=pk,
    )
    version = given.page.versions.filter(number=given.version).first()
    revision = given.revision or (version and version.revision)
    published = version.published_at if version else given.at
    zone = request.user.time_zone
    context = {
        "page": revision.as_object() if revision else given.page,
        "facts": [
            {"label": _("Confirmed by"), "value": given.member.user.full_name},
            {"label": _("Company"), "value": given.member.reseller.name},
            {"label": _("Confirmed on"), "value": moment(given.at, zone)},
            {"label": _("Version"), "value": given.version},
            {"label": _("Published"), "value": moment(published, zone)},
        ],
        "is_newer": given.page.version > given.version,
        "current_url": given.page.live and given.page.get_url(request),
    }
    return render(request, "content/acknowledged.html", context)


@require_safe
def document(request: HttpRequest, document_pk: int, name: str) -> HttpResponseBase:
    """Send a document to those who may read, in parts too: Wagtail's view cannot.

    Whoever else may not have it is turned away by Wagtail's hooks, ours among them.
    """
    file = get_object_or_404(Document, pk=document_pk)
    if file.filename != name:
        raise Http404
    for turn_away in hooks.get_hooks("before_serve_document"):
        answer = turn_away(file, request)
        if isinstance(answer, HttpResponse):
            return answer
    return send_document(request, file)


def branding_css(request: HttpRequest) -> HttpResponse:
    """The accent of this site, over the one that the style sheets bring."""
    accent = Branding.current().accent
    response = HttpResponse(f":root{{--accent:{accent}}}\n", content_type="text/css")
    response["Cache-Control"] = "public, max-age=300"
    return response
