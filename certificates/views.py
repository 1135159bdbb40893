"""One's own certificates, one's people's, and the page on which anybody checks one."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import (
    FileResponse,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    QueryDict,
    StreamingHttpResponse,
)
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.timezone import now
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from certificates import serials
from certificates.claims import verify_url
from certificates.forms import SerialForm
from certificates.models import Certificate, CertificateState
from certificates.packs import file_name, index, pack
from certificates.verdict import NOT_FOUND, VALID, state_of, valid_until, verdict_on
from courses.models import Edition, ProgrammePage
from lms.people.access import Access, MemberRequest
from lms.people.names import one_line
from lms.tables import FORMATS, table_response

if TYPE_CHECKING:
    from certificates.models import CertificateQuerySet

PER_PAGE = 50
LONGEST_NAME = 100  # looked for; nobody types more


@login_required
@require_GET
def certificates(request: MemberRequest) -> HttpResponse:
    """One's own, from every employer."""
    own = (
        Certificate.objects.released()
        .filter(enrolment__member__user=request.user)
        .select_related("enrolment__edition")
    )
    lines = [(each, state_of(each)) for each in own]
    return render(request, "certificates/certificates.html", {"lines": lines})


@login_required
@require_GET
def certificate(request: MemberRequest, serial: str) -> HttpResponse:
    """One certificate, for its holder, their managers and the channel team."""
    found = get_object_or_404(
        Certificate.objects.visible_to(request.access)
        .released()
        .select_related("enrolment__member__user"),
        serial=serials.normalise(serial),
    )
    state = state_of(found)
    context = {
        "certificate": found,
        "claim": found.public_claim,
        "state": state,
        "verdict": verdict_on(found),
        "is_ready": found.state == CertificateState.READY,
        "is_own": found.enrolment.member.user == request.user,
        "valid_until": valid_until(found),
        "shown_serial": serials.shown(found.serial),
        "verify_url": verify_url(found.serial),
        "linkedin_url": _linkedin_url(found) if state == VALID else "",
    }
    return render(request, "certificates/certificate.html", context)


@login_required
@require_GET
def pdf(request: MemberRequest, serial: str) -> HttpResponseBase:
    """The file, to keep and to print."""
    found = get_object_or_404(
        Certificate.objects.visible_to(request.access).released(),
        serial=serials.normalise(serial),
    )
    if found.state != CertificateState.READY:
        return redirect(found)
    return FileResponse(
        found.pdf.open("rb"),
        as_attachment=True,
        filename=file_name(found),
        content_type="application/pdf",
    )


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


@require_GET
def verify_form(request: HttpRequest) -> HttpResponse:
    """Where anybody types a serial; no sign-in."""
    form = SerialForm(request.GET if "serial" in request.GET else None)
    if form.is_valid():
        return redirect("verify", serials.shown(form.cleaned_data["serial"]))
    return _checked(render(request, "certificates/verify_form.html", {"form": form}))


@require_GET
def verify(request: HttpRequest, serial: str) -> HttpResponse:
    """Is it real, is it valid: the public part of the claim; no sign-in.

    What is not released yet is unknown here, as is what was undone.
    """
    form = SerialForm({"serial": serial})
    if not form.is_valid():
        page = render(
            request, "certificates/verify_form.html", {"form": form}, status=404
        )
        return _checked(page)
    found = (
        Certificate.objects.released()
        .select_related("enrolment__programme")
        .filter(serial=form.cleaned_data["serial"])
        .first()
    )
    if found is None:
        context = {
            "state": NOT_FOUND,
            "shown_serial": serials.shown(form.cleaned_data["serial"]),
            "form": SerialForm(),
        }
        page = render(request, "certificates/verify_unknown.html", context, status=404)
        return _checked(page)
    context = {
        "claim": found.public_claim,
        "verdict": verdict_on(found),
        "valid_until": valid_until(found),
        "shown_serial": serials.shown(found.serial),
        "newer_edition": _newer_edition(found),
    }
    return _checked(render(request, "certificates/verify.html", context))


def _checked(response: HttpResponse) -> HttpResponse:
    """Keep it out of search engines, and out of caches: a revocation shows at once."""
    response["X-Robots-Tag"] = "noindex"
    response["Cache-Control"] = "no-store"
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


def _newer_edition(found: Certificate) -> Edition | None:
    """The edition now in force, if the certificate is for an earlier one."""
    edition = found.enrolment.programme.edition_on()
    number = found.public_claim["programme"]["edition"]
    return edition if edition and edition.number > number else None


def _linkedin_url(found: Certificate) -> str:
    """LinkedIn's page for adding a certificate, filled in: a plain link."""
    claim = found.public_claim
    until = valid_until(found)
    facts = {
        "startTask": "CERTIFICATION_NAME",
        "name": claim["programme"]["title"],
        "organizationName": claim["issuer"],
        "issueYear": found.issued_at.year,
        "issueMonth": found.issued_at.month,
        **(
            {"expirationYear": until.year, "expirationMonth": until.month}
            if until
            else {}
        ),
        "certUrl": verify_url(found.serial),
        "certId": serials.shown(found.serial),
    }
    return f"https://www.linkedin.com/profile/add?{urlencode(facts)}"
