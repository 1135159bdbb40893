"""One's own certificates, each with its file."""

from __future__ import annotations

from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import (
    HttpResponse,
    HttpResponseBase,
)
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from certificates import badge, serials
from certificates.claims import verify_url
from certificates.correcting import versions_of
from certificates.keyfiles import KeyTrouble
from certificates.models import Certificate, CertificateState
from certificates.packs import file_name
from certificates.sending import send
from certificates.sharing import hide_name, initials, show_name
from certificates.verdict import VALID, state_of, valid_until, verdict_on
from lms.audit.looking import looked
from lms.people.access import MemberRequest
from lms.walls import unscoped

OWN = "one's own, from every employer"


@login_required
@require_GET
def certificates(request: MemberRequest) -> HttpResponse:
    """One's own, from every employer."""
    own = (
        unscoped(Certificate.objects, OWN)
        .released()
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
    if found.erased_at:  # what is left of it is for everybody
        return redirect("verify", serials.shown(found.serial))
    looked(request, found.enrolment.member.user)
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
        "initials": initials(found.public_claim["name"]),
        "versions": [
            (each, state_of(each), serials.shown(each.serial))
            for each in versions_of(found)
        ],
    }
    return render(request, "certificates/certificate.html", context)


@login_required
@require_POST
def share(request: MemberRequest, serial: str) -> HttpResponse:
    """Let everybody see one's name on the public page, or one's initials alone."""
    own = (
        unscoped(Certificate.objects, OWN)
        .released()
        .filter(enrolment__member__user=request.user, erased_at=None)
    )
    found = get_object_or_404(own, serial=serials.normalise(serial))
    if request.POST.get("name") == "show":
        show_name(found, by=request.user)
        messages.success(request, _("Your name is shown in public again."))
    else:
        hide_name(found, by=request.user)
        messages.success(request, _("In public there are your initials alone now."))
    return redirect(found)


@login_required
@require_GET
def pdf(request: MemberRequest, serial: str) -> HttpResponseBase:
    """The file, to keep and to print."""
    found = get_object_or_404(
        Certificate.objects.visible_to(request.access).released(),
        serial=serials.normalise(serial),
    )
    if found.state != CertificateState.READY or found.erased_at:
        return redirect(found)
    return send(request, found.pdf, of=found, name=file_name(found))


@login_required
@require_GET
def credential(request: MemberRequest, serial: str) -> HttpResponse:
    """The whole credential, for its holder alone: what is public may hide the name."""
    found = get_object_or_404(
        unscoped(Certificate.objects, OWN)
        .released()
        .filter(enrolment__member__user=request.user, erased_at=None),
        serial=serials.normalise(serial),
    )
    try:
        whole = found.credential or badge.credential_of(found)
    except KeyTrouble as trouble:
        return HttpResponse(str(trouble), status=503, content_type="text/plain")
    response = HttpResponse(badge.as_text(whole), content_type="application/vc")
    name = f"credential-{serials.shown(found.serial)}.json"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


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
