"""Where anybody checks a certificate, by eye or by program; no sign-in."""

from __future__ import annotations

import logging
import re
from hashlib import sha256 as hash_of
from typing import Any

from django.core.cache import cache
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils.cache import get_conditional_response, patch_vary_headers
from django.utils.timezone import now
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from certificates import badge as badges
from certificates import serials, sharing, statuses
from certificates.answers import answer, answer_of_statement, file_facts
from certificates.forms import NameForm, SerialForm
from certificates.keyfiles import KeyTrouble
from certificates.keys import (
    authorities_pem,
    badge_key,
    seal_key,
    verification_method,
)
from certificates.models import Certificate, Statement
from certificates.sharing import Naming
from certificates.statement_views import says
from certificates.verdict import (
    GENUINE,
    NOT_FOUND,
    SAMPLE,
    WITHDRAWN,
    valid_until,
    verdict_on,
)
from courses.models import Edition
from lms import limits
from lms.states import State
from lms.walls import unscoped

PUBLIC = "anybody with its serial or hash in hand may ask; see the public part"

logger = logging.getLogger(__name__)

JSON = "application/json"
CREDENTIAL = "application/vc"
DID = "application/did+json"
PEM = "application/x-pem-file"
FRESH = f"public, max-age={statuses.FRESH_SECONDS}"
KEPT_LISTS_SECONDS = 86_400


@require_safe
def verify_form(request: HttpRequest) -> HttpResponse:
    """Where anybody types a serial, or drops a file."""
    form = SerialForm(request.GET if "serial" in request.GET else None)
    if form.is_valid():
        return redirect("verify", serials.shown(form.cleaned_data["serial"]))
    return _checked(render(request, "certificates/verify_form.html", {"form": form}))


@require_safe
def verify(request: HttpRequest, serial: str) -> HttpResponse:
    """Is it real, is it valid: the public part of the claim.

    What is not released yet is unknown here, as is what was undone. A serial whose
    check symbol is wrong is told without asking the database.
    """
    form = SerialForm({"serial": serial})
    if not form.is_valid():
        return _mistyped(request, form)
    found = _look_up(request, serial=form.cleaned_data["serial"])
    if isinstance(found, HttpResponse):
        return found
    if _wants_json(request):
        verdict = verdict_on(found)
        return _as_json(
            answer(
                found.serial, verdict.state.key, found, verdict, _newer_edition(found)
            )
        )
    return _page(request, found)


@require_safe
def statement(request: HttpRequest, serial: str) -> HttpResponse:
    """What a statement of standing said of its day, and if it was withdrawn."""
    form = SerialForm({"serial": serial})
    if not form.is_valid():
        return _mistyped(request, form)
    as_json, serial = _wants_json(request), form.cleaned_data["serial"]
    if not limits.may_guess(request, limits.SERIALS):
        return _limited(request, as_json)
    found = unscoped(Statement.objects, PUBLIC).public().filter(serial=serial).first()
    if found is None:
        limits.count_miss(request, limits.SERIALS)
        return _nothing(request, NOT_FOUND, serial, as_json)
    if as_json:
        return _as_json(answer_of_statement(found))
    context = {
        **says(found),
        "state": WITHDRAWN if found.withdrawn_at else GENUINE,
        "is_of_today": found.day == now().date(),
        "file": file_facts(found),
    }
    page = render(request, "certificates/public_statement.html", context)
    return _checked(page)


@require_http_methods(["GET", "HEAD", "POST"])
def compare_name(request: HttpRequest, serial: str) -> HttpResponse:
    """Tell whether a hidden name is the one somebody knows; nothing is kept."""
    form = SerialForm({"serial": serial})
    if not form.is_valid():
        return _mistyped(request, form)
    found = _look_up(request, serial=form.cleaned_data["serial"])
    if isinstance(found, HttpResponse):
        return found
    if request.method != "POST" or sharing.naming_of(found) is not Naming.INITIALS:
        return redirect("verify", serials.shown(found.serial))
    names = NameForm(request.POST)
    if not names.is_valid():
        return _page(request, found, names, status=422)
    if not limits.may_compare(request, found.serial):
        names.add_error(
            "name",
            _(
                "Too many names were compared with this certificate. Please ask its "
                "holder for the PDF, or try again tomorrow."
            ),
        )
        return _page(request, found, names, status=429)
    is_same = sharing.is_same_name(
        names.cleaned_data["name"], found.public_claim["name"]
    )
    return _page(request, found, names, is_same_name=is_same)


@require_safe
def by_hash(request: HttpRequest, sha256: str) -> HttpResponse:
    """Of which certificate a file is, for whoever has the file."""
    digest = sha256.lower()
    if len(digest) != 64 or not set(digest) <= set("0123456789abcdef"):
        return _as_json(answer("", NOT_FOUND.key), status=404)
    found = _look_up(request, as_json=True, pdf_sha256=digest)
    if isinstance(found, HttpResponse):
        return found
    verdict = verdict_on(found)
    return _as_json(
        answer(found.serial, verdict.state.key, found, verdict, _newer_edition(found))
    )


@require_safe
def credential(request: HttpRequest, serial: str) -> HttpResponse:
    """The certificate as a signed Open Badges credential."""
    found = _look_up(request, as_json=True, serial=serials.normalise(serial))
    if isinstance(found, HttpResponse):
        return found
    try:
        text = badges.as_text(badges.public_credential(found))
    except KeyTrouble as trouble:
        return _without_key(trouble)
    return _for_programs(request, text.encode(), CREDENTIAL)


@require_safe
def badge(request: HttpRequest, serial: str) -> HttpResponse:
    """A picture to show, with that credential in it."""
    found = _look_up(request, as_json=True, serial=serials.normalise(serial))
    if isinstance(found, HttpResponse):
        return found
    try:
        png = badges.baked_png(found)
    except KeyTrouble as trouble:
        return _without_key(trouble)
    return _for_programs(request, png, "image/png")


@require_safe
def status_list(request: HttpRequest, number: str) -> HttpResponse:
    """Which certificates of one list have ended; signed once for each change."""
    is_number = re.fullmatch(r"0|[1-9][0-9]{0,8}", number)
    if not (is_number and statuses.has_list(int(number))):
        return _as_json(answer("", NOT_FOUND.key), status=404)
    return _status_list(request, int(number))


def _status_list(request: HttpRequest, number: int) -> HttpResponse:
    places = statuses.ended_places(number)
    try:
        key = verification_method(badge_key().public_key())
    except KeyTrouble as trouble:
        return _without_key(trouble)
    said = f"{statuses.list_url(number)} {key} {places}"
    digest = hash_of(said.encode()).hexdigest()
    text = cache.get_or_set(
        f"status-list:{digest}",
        lambda: badges.as_text(statuses.signed_list(number, places)),
        KEPT_LISTS_SECONDS,
    )
    return _for_programs(request, str(text).encode(), CREDENTIAL, digest)


@require_safe
def did_document(request: HttpRequest) -> HttpResponse:
    """The keys that sign badges, where did:web looks for them."""
    try:
        badge_key()  # made at its first use, so that there is one to publish
        text = badges.as_text(badges.did_document())
    except KeyTrouble as trouble:
        return _without_key(trouble)
    return _for_programs(request, text.encode(), DID)


@require_safe
def seal_roots(request: HttpRequest) -> HttpResponse:
    """The authority to trust when a file's seal is verified."""
    try:
        seal_key()  # made at its first use, so that there is one to publish
        return _for_programs(request, authorities_pem(), PEM)
    except KeyTrouble as trouble:
        return _without_key(trouble)


# --- Looking up ------------------------------------------------------------------


def _look_up(
    request: HttpRequest, *, as_json: bool = False, **what: str
) -> Certificate | HttpResponse:
    """The released certificate, or the answer that there is none, or no more guesses."""
    as_json = as_json or _wants_json(request)
    serial = what.get("serial", "")
    if serial and not serials.is_valid(serial):
        return _as_json(answer(serial, "mistyped"), status=404)
    if serial == serials.SAMPLE:
        return _nothing(request, SAMPLE, serial, as_json)
    if not limits.may_guess(request, limits.SERIALS):
        return _limited(request, as_json)
    found = (
        unscoped(Certificate.objects, PUBLIC)
        .released()
        .select_related("enrolment__programme", "enrolment__edition", "design")
        .filter(**what)
        .first()
    )
    if found:
        return found
    if statement := _statement_of(what):
        return (
            _as_json(answer_of_statement(statement))
            if as_json
            else redirect("statement", serials.shown(statement.serial))
        )
    limits.count_miss(request, limits.SERIALS)
    return _nothing(request, NOT_FOUND, serial, as_json)


def _statement_of(what: dict[str, str]) -> Statement | None:
    """Whoever looks for a certificate may have a statement in hand."""
    return unscoped(Statement.objects, PUBLIC).public().filter(**what).first()


def _newer_edition(found: Certificate) -> Edition | None:
    """The edition now in force, if the certificate is for an earlier one."""
    edition = found.enrolment.programme.edition_on()
    number = found.enrolment.edition.number
    return edition if edition and edition.number > number else None


# --- Answers ---------------------------------------------------------------------


def _page(
    request: HttpRequest,
    found: Certificate,
    names: NameForm | None = None,
    *,
    status: int = 200,
    is_same_name: bool | None = None,
) -> HttpResponse:
    naming = sharing.naming_of(found)
    context: dict[str, Any] = {
        "claim": sharing.public_form(found),
        "is_name_hidden": naming is Naming.INITIALS,
        "is_name_withdrawn": naming is Naming.WITHDRAWN,
        "name_form": names or NameForm(),
        "is_same_name": is_same_name,
        "verdict": verdict_on(found),
        "valid_until": valid_until(found),
        "serial": found.serial,
        "shown_serial": serials.shown(found.serial),
        "newer_edition": _newer_edition(found),
        "file": file_facts(found),
    }
    page = render(request, "certificates/verify.html", context, status=status)
    return _checked(page)


def _nothing(
    request: HttpRequest, state: State, serial: str, as_json: bool
) -> HttpResponse:
    """There is no such certificate: always by the same page."""
    if as_json:
        return _as_json(answer(serial, state.key), status=404)
    context = {
        "state": state,
        "is_sample": state is SAMPLE,
        "shown_serial": serials.shown(serial),
        "form": SerialForm(),
    }
    page = render(request, "certificates/verify_unknown.html", context, status=404)
    return _checked(page)


def _mistyped(request: HttpRequest, form: SerialForm) -> HttpResponse:
    if _wants_json(request):
        return _as_json(answer(str(form.data["serial"]), "mistyped"), status=404)
    context = {"form": form}
    page = render(request, "certificates/verify_form.html", context, status=404)
    return _checked(page)


def _limited(request: HttpRequest, as_json: bool) -> HttpResponse:
    response: HttpResponse
    if as_json:
        response = _as_json(answer("", "too-many-requests"), status=429)
    else:
        page = render(request, "certificates/verify_limited.html", status=429)
        response = _checked(page)
    response["Retry-After"] = str(limits.SERIALS.by_one.seconds)
    return response


def _without_key(trouble: KeyTrouble) -> HttpResponse:
    """Our fault: programs may ask again."""
    logger.error("No badge can be signed: %s", trouble)
    response = _as_json(answer("", "unavailable"), status=503)
    response["Retry-After"] = "300"
    return response


def _wants_json(request: HttpRequest) -> bool:
    return request.get_preferred_type(["text/html", JSON]) == JSON


def _as_json(facts: dict[str, Any], status: int = 200) -> HttpResponse:
    response = JsonResponse(facts, status=status)
    response["Access-Control-Allow-Origin"] = "*"
    return _checked(response)


def _for_programs(
    request: HttpRequest, body: bytes, content_type: str, digest: str = ""
) -> HttpResponse:
    """Kept for a minute at most, so that a revocation shows within one."""
    response = HttpResponse(body, content_type=content_type)
    response["Cache-Control"] = FRESH
    response["X-Robots-Tag"] = "noindex"
    response["Access-Control-Allow-Origin"] = "*"
    etag = f'"{digest or hash_of(body).hexdigest()}"'
    response["ETag"] = etag
    return get_conditional_response(request, etag, response=response) or response


def _checked(response: HttpResponse) -> HttpResponse:
    """Keep it out of search engines, and out of caches: a revocation shows at once."""
    response["X-Robots-Tag"] = "noindex"
    response["Cache-Control"] = "no-store"
    patch_vary_headers(response, ["Accept"])
    return response
