"""What people ask of ByteKast about themselves, and the answers to it."""

from __future__ import annotations

from typing import Any

from allauth.account.internal.flows.email_verification import (
    send_verification_email_to_address,
)
from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Prefetch
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from courses import transferring
from courses.models import Transfer
from lms.dashboards.forms import DecideForm
from lms.errors import Refused
from lms.people import naming
from lms.people.access import Access, MemberRequest
from lms.people.forms import OwnAddressForm
from lms.people.models import Member, NameCorrection, User
from lms.people.own_address import set_own_address, without_own_address
from lms.people.roles import people_staff_required, staff_required
from lms.privacy.models import Erasure
from lms.walls import unscoped

PAGE_SIZE = 50


def waiting_of(access: Access) -> dict[str, Any]:
    """All that waits for ByteKast's word, the longest waiting first."""
    names = NameCorrection.objects.visible_to(access).open()
    transfers = Transfer.objects.visible_to(access).open()
    return {
        "erasures": Erasure.objects.visible_to(access).open().count(),
        "names": list(names.select_related("user")),
        "transfers": list(
            transfers.select_related(
                "member__user",
                "member__reseller",
                "enrolment__edition",
                "enrolment__member__reseller",
            )
        ),
    }


def count_waiting(access: Access) -> int:
    """How much waits for ByteKast's word; three queries."""
    kinds = (NameCorrection, Transfer, Erasure)
    return sum(kind.objects.visible_to(access).open().count() for kind in kinds)


@staff_required
def waiting(request: MemberRequest) -> HttpResponse:
    """What waits for ByteKast's word, of all people."""
    return _show(request)


@people_staff_required
@require_POST
def answer_name(request: MemberRequest, pk: int) -> HttpResponse:
    """Give somebody the name that they ask for, or say why not."""
    seen = NameCorrection.objects.visible_to(request.access)
    asked = get_object_or_404(seen.select_related("user"), pk=pk)
    form = DecideForm(request.POST)
    if not form.is_valid():
        return _show(request, form, status=422)
    try:
        if form.cleaned_data["do"] == "yes":
            naming.approve(asked, by=request.user)
            words = _("The name is %(name)s now, and they are told by mail.")
        else:
            answer = form.cleaned_data["answer"]
            naming.refuse(asked, by=request.user, answer=answer)
            words = _("They are told why the name is not %(name)s.")
    except Refused as refusal:
        form.add_error("answer", str(refusal))
        return _show(request, form, status=409)
    messages.success(request, words % {"name": asked.name})
    return redirect("dashboards:waiting")


@people_staff_required
@require_POST
def answer_transfer(request: MemberRequest, pk: int) -> HttpResponse:
    """Let what somebody earned elsewhere count here, or say why not."""
    seen = Transfer.objects.visible_to(request.access)
    asked = get_object_or_404(
        seen.select_related("member__user", "enrolment__edition"), pk=pk
    )
    form = DecideForm(request.POST)
    if not form.is_valid():
        return _show(request, form, status=422)
    try:
        if form.cleaned_data["do"] == "yes":
            transferring.confirm(asked, by=request.user)
            words = _(
                "%(programme)s is carried over for %(name)s; both sides are told."
            )
        else:
            answer = form.cleaned_data["answer"]
            transferring.refuse(asked, by=request.user, answer=answer)
            words = _("%(name)s is told why %(programme)s is not carried over.")
    except Refused as refusal:
        form.add_error("answer", str(refusal))
        return _show(request, form, status=409)
    names = {"name": asked.member.user, "programme": asked.enrolment.edition.title}
    messages.success(request, words % names)
    return redirect("dashboards:waiting")


def _show(
    request: MemberRequest, form: DecideForm | None = None, status: int = 200
) -> HttpResponse:
    context = waiting_of(request.access) | {
        "answered": request.path,
        "form": form,
        "may_answer": request.access.may_change_people,
    }
    return render(request, "dashboards/waiting.html", context, status=status)


@staff_required
def addresses(request: MemberRequest) -> HttpResponse:
    """Who has left and has no address of their own yet, and what to do about it."""
    return _show_addresses(request)


@people_staff_required
@require_POST
def set_address(request: MemberRequest, pk: int) -> HttpResponse:
    """Keep the address that somebody has told us, and write there to confirm it."""
    people = without_own_address() & User.objects.visible_to(request.access)
    person = get_object_or_404(people, pk=pk)
    form = OwnAddressForm(request.POST)
    if not form.is_valid():
        return _show_addresses(request, form, status=422)
    email = form.cleaned_data["email"]
    address = set_own_address(person, email, by=request.user)
    if address is not None:
        send_verification_email_to_address(request, address)
    words = _("%(name)s is asked to confirm it. Then it is their login.")
    messages.success(request, words % {"name": person})
    return redirect("dashboards:addresses")


def _show_addresses(
    request: MemberRequest, form: OwnAddressForm | None = None, status: int = 200
) -> HttpResponse:
    all_of_them = unscoped(Member.objects, "of the people listed, for the channel team")
    gone = all_of_them.select_related("reseller").order_by("-left_on", "-pk")
    people = User.objects.visible_to(request.access) & without_own_address()
    page = Paginator(
        people.order_by("full_name", "pk").prefetch_related(
            Prefetch("memberships", gone, to_attr="all_left")
        ),
        PAGE_SIZE,
    ).get_page(request.GET.get("page"))
    context = {
        "page": page,
        "form": form,
        "answered": request.path,
        "may_answer": request.access.may_change_people,
    }
    return render(request, "dashboards/addresses.html", context, status=status)
