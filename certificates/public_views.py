"""Where anybody checks a certificate; no sign-in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.http import (
    HttpRequest,
    HttpResponse,
)
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET

from certificates import serials
from certificates.forms import SerialForm
from certificates.models import Certificate
from certificates.verdict import NOT_FOUND, valid_until, verdict_on
from courses.models import Edition

if TYPE_CHECKING:
    pass


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


def _newer_edition(found: Certificate) -> Edition | None:
    """The edition now in force, if the certificate is for an earlier one."""
    edition = found.enrolment.programme.edition_on()
    number = found.public_claim["programme"]["edition"]
    return edition if edition and edition.number > number else None
