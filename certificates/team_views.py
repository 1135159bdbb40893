"""The certificates of one's people: to find, select and download."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import (
    HttpResponse,
    HttpResponseBase,
    QueryDict,
    StreamingHttpResponse,
)
from django.shortcuts import redirect, render
from django.utils.timezone import now
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from certificates import serials
from certificates.models import Certificate
from certificates.packs import index, pack
from certificates.verdict import state_of
from courses.models import ProgrammePage
from lms.people.access import Access, MemberRequest
from lms.people.names import one_line
from lms.tables import FORMATS, table_response

if TYPE_CHECKING:
    from certificates.models import CertificateQuerySet

PER_PAGE = 50
LONGEST_NAME = 100  # looked for; nobody types more


@login_required
@require_GET
def team(request: MemberRequest) -> HttpResponse:
    """One's people's certificates, to find, select and download."""
    if not _has_people(request.access):
        raise PermissionDenied
    found = _of_people(request)
    if (file_type := request.GET.get("format")) in FORMATS:
        name = f"certificates-{now():%Y-%m-%d}"
        return table_response(name, file_type, *index(found.ready()))
    page = Paginator(found, PER_PAGE).get_page(request.GET.get("page"))
    filters = {"q": request.GET.get("q", ""), "programme": _programme(request.GET)}
    context = {
        "page": page,
        "lines": [(each, state_of(each)) for each in page],
        "columns": [
            {"label": label}
            for label in (_("Name"), _("Programme"), _("State"), _("Issued"))
        ],
        "programmes": ProgrammePage.objects.order_by("path"),
        "filters": filters,
        "query": urlencode({key: value for key, value in filters.items() if value}),
        "files": found.standing().ready().count(),
    }
    return render(request, "certificates/team.html", context)


@login_required
@require_http_methods(["GET", "POST"])
def pack_view(request: MemberRequest) -> HttpResponseBase:
    """A ZIP of those selected (`serial`, POST), or of all that the filter finds (GET).

    Only what stands and has its file. One who manages nobody gets their own.
    """
    found = _of_people(request).standing().ready()
    if request.method == "POST":
        asked = map(serials.normalise, request.POST.getlist("serial"))
        found = found.filter(serial__in=filter(serials.is_well_formed, asked))
    if not (chosen := list(found)):
        messages.info(request, _("There is no certificate to download among these."))
        return redirect(
            "certificates:team"
            if _has_people(request.access)
            else "certificates:certificates"
        )
    response = StreamingHttpResponse(pack(chosen), content_type="application/zip")
    name = f"certificates-{now():%Y-%m-%d}.zip"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _of_people(request: MemberRequest) -> CertificateQuerySet:
    """What one may download, narrowed by the filter in the address."""
    found = Certificate.objects.released().order_by("-issued_at", "-pk")
    if _has_people(request.access):
        found = found.of_people(request.access)
    else:
        found = found.filter(enrolment__member__user=request.user)
    if programme := _programme(request.GET):
        found = found.filter(enrolment__programme=programme)
    if words := one_line(request.GET.get("q", ""))[:LONGEST_NAME]:
        found = found.filter(enrolment__member__user__full_name__icontains=words)
    return found


def _has_people(access: Access) -> bool:
    """Whether there are others whose certificates one may see."""
    return access.is_manager or access.is_staff


def _programme(query: QueryDict) -> int | None:
    """The programme in the filter; None for none, or for what is no number."""
    text = query.get("programme", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None
