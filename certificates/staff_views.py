"""The channel team's screens: find a certificate, end it, mend it, see what waits."""

from __future__ import annotations

from collections.abc import Iterator

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Q
from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.timezone import now
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from certificates import serials
from certificates.approvals import ask_to_revoke, waiting_for
from certificates.correcting import (
    correct_name,
    end_for,
    issue_anew,
    may_issue_anew,
    others_of,
    versions_of,
)
from certificates.models import Certificate, CertificateQuerySet, End
from certificates.staff_forms import CorrectForm, EndForm, FindForm
from certificates.verdict import state_of
from certificates.waiting import letters_of, waiting
from lms.audit.looking import looked
from lms.errors import Refused
from lms.people.access import MemberRequest
from lms.people.names import one_line
from lms.people.roles import people_staff_required, staff_required
from lms.tables import FORMATS, long_table_response

PER_PAGE = 50
WAITING, TROUBLE = "waiting", "trouble"


@staff_required
@require_GET
def staff(request: MemberRequest) -> HttpResponse | StreamingHttpResponse:
    """Every certificate, to find one; those that wait for letters; those in trouble."""
    show = request.GET.get("show", "")
    form = FindForm(request.GET)
    words = one_line(form.cleaned_data["q"]) if form.is_valid() else ""
    released = Certificate.objects.visible_to(request.access).released()
    trouble = released.standing().exclude(trouble="")
    found = {WAITING: waiting(), TROUBLE: trouble}.get(show, _matching(released, words))
    found = found.select_related(
        "enrolment__edition", "enrolment__member__user", "enrolment__member__reseller"
    )
    if (file_type := request.GET.get("format")) in FORMATS:
        name = f"all-certificates-{now():%Y-%m-%d}"
        return long_table_response(name, file_type, _head(), _rows_of(found))
    page = Paginator(found, PER_PAGE).get_page(request.GET.get("page"))
    context = {
        "page": page,
        "lines": [(each, state_of(each), letters_of(each)) for each in page],
        "columns": [{"label": label} for label in _head()],
        "show": show,
        "q": words,
        "waiting": waiting().count(),
        "trouble": trouble.count(),
    }
    return render(request, "certificates/staff.html", context)


def _head() -> list[str]:
    return [_("Name"), _("Programme"), _("Serial"), _("State")]


def _rows_of(found: CertificateQuerySet) -> Iterator[list[object]]:
    """As lines of a file; what nobody sees of a certificate is not loaded."""
    light = found.defer("public_claim", "private_claim", "credential")
    for each in light.iterator(500):
        person = each.enrolment.member.user
        title = each.enrolment.edition.title
        yield [person.full_name, title, serials.shown(each.serial), state_of(each)]


def _matching(found: CertificateQuerySet, words: str) -> CertificateQuerySet:
    """By a serial, or a part of the holder's name or address."""
    if not words:
        return found
    typed = serials.normalise(words)
    if serials.is_well_formed(typed):
        return found.filter(serial=typed)
    return found.filter(
        Q(enrolment__member__user__full_name__icontains=words)
        | Q(enrolment__member__user__email__icontains=words)
    )


@staff_required
@require_http_methods(["GET", "POST"])
def manage(request: MemberRequest, serial: str) -> HttpResponse:
    """One certificate: end it for a reason, correct the name, see its versions."""
    if request.method == "POST" and not request.access.may_change_people:
        raise PermissionDenied
    found = _certificate(request, serial)
    do = request.POST.get("do", "")
    data = request.POST if request.method == "POST" else None
    forms = {
        as_: EndForm(
            data if _is_sent(request, do == as_, f"{as_.value}-why") else None, as_=as_
        )
        for as_ in (End.REVOKED, End.WITHDRAWN)
    }
    correct = CorrectForm(
        data if _is_sent(request, do == "correct", "full_name") else None,
        initial={"full_name": found.enrolment.member.user.full_name, "others": True},
    )
    status = 200 if data is None else 422
    if do in forms and (form := forms[End(do)]).is_valid():
        try:
            said = _end(request, found, End(do), form.cleaned_data)
        except Refused as refusal:
            form.add_error(None, str(refusal))
            status = 409
        else:
            messages.success(request, said)
            return redirect("certificates:manage", found.serial)
    if do == "correct" and correct.is_valid():
        words = correct.cleaned_data
        others = others_of(found) if words["others"] else ()
        try:
            made = correct_name(
                found,
                words["full_name"],
                why=words["why"],
                by=request.user,
                others=others,
            )
        except Refused as refusal:
            correct.add_error(None, str(refusal))
            status = 409
        else:
            messages.success(
                request, _("The name is corrected. The new file is being made.")
            )
            return redirect("certificates:manage", made[0].serial)
    context = {
        "certificate": found,
        "holder": found.enrolment.member.user,
        "member": found.enrolment.member,
        "state": state_of(found),
        "shown_serial": serials.shown(found.serial),
        "revoke_form": forms[End.REVOKED],
        "asked": waiting_for(found),
        "withdraw_form": forms[End.WITHDRAWN],
        "correct_form": correct,
        "others": list(others_of(found)) if not found.ended_as else [],
        "versions": [
            (each, state_of(each), serials.shown(each.serial))
            for each in versions_of(found)
        ],
        "letters": letters_of(found),
        "may_issue_anew": request.access.may_change_people and may_issue_anew(found),
    }
    return render(request, "certificates/manage.html", context, status=status)


def _end(
    request: MemberRequest, found: Certificate, as_: End, words: dict[str, str]
) -> str:
    """Withdraw it at once, or ask a second person to revoke it; say which."""
    if as_ == End.REVOKED:
        ask_to_revoke(found, by=request.user, **words)
        return _(
            "A second person has to agree: they are asked by mail. It stands until then."
        )
    end_for(found, as_, by=request.user, **words)
    return _("It is ended, and its page says so.")


def _is_sent(request: MemberRequest, is_asked: bool, field: str) -> bool:
    """Whether a form of the page was sent, be it by a button that it has not."""
    return is_asked or field in request.POST


@people_staff_required
@require_POST
def anew(request: MemberRequest, serial: str) -> HttpResponse:
    """Issue another in place of one that was revoked or withdrawn."""
    found = _certificate(request, serial)
    try:
        new = issue_anew(found, by=request.user)
    except Refused as refusal:
        messages.error(request, str(refusal))
        return redirect("certificates:manage", found.serial)
    messages.success(request, _("It is issued anew. The file is being made."))
    return redirect("certificates:manage", new.serial)


def _certificate(request: MemberRequest, serial: str) -> Certificate:
    typed = serials.normalise(serial)
    if not serials.is_well_formed(typed):
        raise Http404
    found = get_object_or_404(
        Certificate.objects.visible_to(request.access)
        .released()
        .select_related(
            "enrolment__edition",
            "enrolment__member__user",
            "enrolment__member__reseller",
            "ended_by",
        ),
        serial=typed,
    )
    looked(request, found.enrolment.member.user)
    return found
