"""The certificates of one's people: to find, select and download."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.utils.timezone import now
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from certificates import serials
from certificates.listing import NEWEST, ListFilter, columns, shown
from certificates.models import Certificate
from certificates.packs import index, light, pack
from certificates.verdict import state_of, valid_until
from lms.people.access import Access, MemberRequest
from lms.people.roles import manager_or_staff_required
from lms.tables import FORMATS, table_response
from lms.walls import unscoped

if TYPE_CHECKING:
    from certificates.models import CertificateQuerySet

PER_PAGE = 50


@manager_or_staff_required
@require_GET
def team(request: MemberRequest) -> HttpResponse:
    """One's people's certificates, to find, select and download."""
    form = ListFilter(request.GET, access=request.access)
    found = shown(request.access, form, request.GET.get("sort", NEWEST))
    if (file_type := request.GET.get("format")) in FORMATS:
        name = f"certificates-{now():%Y-%m-%d}"
        return table_response(name, file_type, *index(light(found)))
    of_page = found.select_related("enrolment__member__reseller", "enrolment__edition")
    of_page = of_page.defer("private_claim", "credential")
    page = Paginator(of_page, PER_PAGE).get_page(request.GET.get("page"))
    asked = request.GET.copy()
    for name in ("page", "format"):
        asked.pop(name, None)
    context = {
        "page": page,
        "form": form,
        "lines": [(each, state_of(each), valid_until(each)) for each in page],
        "columns": columns(request.GET),
        "query": asked.urlencode(),
        "files": found.standing().ready().count() if page.paginator.count else 0,
    }
    return render(request, "certificates/team.html", context)


@login_required
@require_http_methods(["GET", "POST"])
def pack_view(request: MemberRequest) -> HttpResponseBase:
    """A ZIP of those selected (`serial`, POST), or of all that the filter finds (GET).

    Only what stands and has its file. One who manages nobody gets their own.
    """
    found = _found(request).standing().ready()
    if request.method == "POST":
        asked = map(serials.normalise, request.POST.getlist("serial"))
        found = found.filter(serial__in=set(filter(serials.is_well_formed, asked)))
    if not found.exists():
        messages.info(request, _("There is no certificate to download among these."))
        return redirect(
            "certificates:team"
            if _has_people(request.access)
            else "certificates:certificates"
        )
    response = StreamingHttpResponse(pack(found), content_type="application/zip")
    name = f"certificates-{now():%Y-%m-%d}.zip"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _found(request: MemberRequest) -> CertificateQuerySet:
    """What one may download, narrowed by the filter in the address."""
    if not _has_people(request.access):
        own = unscoped(Certificate.objects, "one's own, from every employer").released()
        own = own.filter(enrolment__member__user=request.user)
        return own.order_by("-issued_at", "-pk")
    form = ListFilter(request.GET, access=request.access)
    return shown(request.access, form, request.GET.get("sort", NEWEST))


def _has_people(access: Access) -> bool:
    """Whether there are others whose certificates one may see."""
    return access.is_manager or access.is_staff
