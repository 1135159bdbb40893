"""How one signs in: the second factor, and where one is signed in."""

from __future__ import annotations

from typing import Any

from allauth.mfa.models import Authenticator
from allauth.mfa.totp.views import DeactivateTOTPView
from allauth.mfa.webauthn.views import RemoveWebAuthnView
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from lms.people import second_factor as rule
from lms.people import sign_ins as life
from lms.people.access import MemberRequest
from lms.people.forms import EndSignInForm
from lms.people.models import SignIn, User
from lms.walls import unscoped

AFTERWARDS = "after_second_factor"


@never_cache
@login_required
def second_factor(request: MemberRequest) -> HttpResponse:
    """Have a second factor set up; once it was shown, lead on to what was asked for."""
    wanted = request.GET.get("next", "")
    if rule.is_missing(request, request.access):
        if is_own_path(request, wanted):
            request.session[AFTERWARDS] = wanted
        has_one = Authenticator.objects.filter(
            user=request.user, type__in=rule.FACTORS
        ).exists()
        return render(request, "people/second_factor.html", {"has_one": has_one})
    return redirect(request.session.pop(AFTERWARDS, None) or reverse("landing"))


def is_own_path(request: HttpRequest, url: str) -> bool:
    """Whether an address to go on to is a path of this site."""
    return url.startswith("/") and url_has_allowed_host_and_scheme(
        url, {request.get_host()}, require_https=request.is_secure()
    )


@never_cache
@login_required
def sign_ins(request: MemberRequest) -> HttpResponse:
    """Where one is signed in, here and elsewhere."""
    own = SignIn.objects.visible_to(request.access)
    here = life.own_row(request)
    words = {"sign_ins": life.live(own), "here": here}
    return render(request, "people/sign_ins.html", words)


@login_required
@require_POST
def end_sign_in(request: MemberRequest) -> HttpResponse:
    """Sign out on one other device, or on all of them."""
    form = EndSignInForm(request.POST)
    if not form.is_valid():
        raise Http404
    own = SignIn.objects.visible_to(request.access)
    others = own.exclude(pk=life.own_row(request))
    if (wanted := form.cleaned_data["sign_in"]) is not None:
        others = others.filter(pk=get_object_or_404(others, pk=wanted).pk)
    life.end(others, by=request.user)
    messages.success(request, _("You are signed out there."))
    return redirect("people:sign_ins")


class OneAtATime:
    """Of two factors taken away at the same moment, one may be the last."""

    @transaction.atomic
    def dispatch(
        self, request: HttpRequest, *args: Any, **kwargs: Any
    ) -> HttpResponseBase:
        own = unscoped(User.objects, "locks the person who asks").filter(
            pk=request.user.pk
        )
        own.select_for_update().first()
        response: HttpResponseBase = super().dispatch(request, *args, **kwargs)  # type: ignore[misc]  # of the view that this is put before
        return response


class TurnOffApp(OneAtATime, DeactivateTOTPView):
    """allauth's, which asks our adapter first."""


class RemovePasskey(OneAtATime, RemoveWebAuthnView):
    """allauth's, which asks no rule of ours before it takes a passkey away."""

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        words: dict[str, Any] = super().get_context_data(**kwargs)
        return words | {"why_kept": rule.why_kept(self.object)}

    def form_valid(self, form: Any) -> HttpResponse:
        if rule.why_kept(self.get_object()):
            words = self.get_context_data(form=form)
            refused: HttpResponse = self.render_to_response(words, status=409)
            return refused
        response: HttpResponse = super().form_valid(form)
        return response


turn_off_app = login_required(TurnOffApp.as_view())
remove_passkey = login_required(RemovePasskey.as_view())
