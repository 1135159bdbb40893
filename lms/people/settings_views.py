"""What hangs under one's settings: another name, an address of one's own."""

from __future__ import annotations

from allauth.account.internal.flows.email_verification import (
    send_verification_email_to_address,
)
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _

from lms.errors import Refused
from lms.people import naming
from lms.people.access import MemberRequest
from lms.people.forms import CorrectNameForm, OwnAddressForm
from lms.people.own_address import (
    forget_own_address,
    has_own_address,
    set_own_address,
)


@login_required
def correct_name(request: MemberRequest) -> HttpResponse:
    """Ask for another name, or take that back."""
    if not request.user.full_name:  # chosen freely, the first time
        return redirect("people:settings")
    asked = naming.asked_by(request.user)
    if request.method == "POST" and request.POST.get("do") == "withdraw":
        naming.withdraw(request.user)
        messages.success(request, _("You ask for no other name any more."))
        return redirect("people:settings")
    initial = {"full_name": asked.name, "why": asked.why} if asked else {}
    form = CorrectNameForm(request.POST or None, initial=initial)
    status = 422 if form.is_bound else 200
    if form.is_valid():
        words = form.cleaned_data
        try:
            naming.ask(request.user, words["full_name"], words["why"])
        except Refused as refusal:
            form.add_error("full_name", str(refusal))
            status = 409
        else:
            messages.success(
                request, _("The training team looks at it and writes to you.")
            )
            return redirect("people:settings")
    context = {"form": form, "asked": asked}
    return render(request, "people/correct_name.html", context, status=status)


@login_required
def own_address(request: MemberRequest) -> HttpResponse:
    """An address that stays when one leaves; confirmed by the link in its mail."""
    if request.method == "POST" and request.POST.get("do") == "forget":
        forget_own_address(request.user)
        messages.success(request, _("No address is kept as your own any more."))
        return redirect("people:own_address")
    user = request.user
    form = OwnAddressForm(request.POST or None, initial={"email": user.private_email})
    if form.is_valid():
        address = set_own_address(user, form.cleaned_data["email"], by=user)
        if address is None:
            messages.success(request, _("This address of yours is confirmed."))
        else:
            send_verification_email_to_address(request, address)
        return redirect("people:own_address")
    context = {
        "form": form,
        "kept": user.private_email,
        "is_confirmed": has_own_address(user),
    }
    status = 422 if form.is_bound else 200
    return render(request, "people/own_address.html", context, status=status)
