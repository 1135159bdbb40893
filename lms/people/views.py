"""Joining by a link, one's settings, and switching between memberships."""

from __future__ import annotations

from contextlib import suppress

from allauth.account.internal.flows.login import record_authentication
from allauth.account.utils import perform_login
from allauth.mfa.base.internal.flows import post_authentication
from django.conf import settings as configuration
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from lms import limits
from lms.errors import Refused
from lms.people import (
    accounts,
    company_sign_in,
    company_views,
    confirming,
    inviting,
    naming,
    passkeys,
)
from lms.people.access import MEMBERSHIP_KEY, MemberRequest
from lms.people.forms import (
    AcceptForm,
    ConfirmNameForm,
    SettingsForm,
    SwitchForm,
    TypedNameForm,
    WelcomeForm,
)
from lms.people.models import Invitation, User
from lms.people.models import InvitationState as State
from lms.people.names import person_at
from lms.people.printing import unprinted, unprinted_words
from lms.walls import unscoped


@never_cache
def accept(request: HttpRequest, token: str) -> HttpResponse:
    """Accept an invitation: as somebody new, or signed in as whom it is for.

    A link that never was, was used or taken back is one and the same dead end.
    """
    if not limits.may_guess(request, limits.LINKS):
        return render(request, "429.html", status=429)
    invitation = inviting.find_invitation(token)
    if invitation is None:
        limits.count_miss(request, limits.LINKS)
    state = invitation and invitation.state
    if invitation is None or state not in (State.SENT, State.RAN_OUT):
        return render(request, "people/dead_link.html", status=404)
    if state == State.RAN_OUT:
        return render(request, "people/run_out.html", {"token": token}, status=410)
    person = person_at(invitation.email)
    if person is None and not request.user.is_authenticated:
        return _accept_as_new(request, invitation, token)
    return _accept_signed_in(request, invitation, person)


def _accept_as_new(
    request: HttpRequest, invitation: Invitation, token: str
) -> HttpResponse:
    form = AcceptForm(
        request.POST or None,
        email=invitation.email,
        companies=company_sign_in.providers_into(invitation.reseller),
        initial={
            "full_name": invitation.full_name,
            "time_zone": configuration.HOME_TIME_ZONE,
        },
    )
    status = 200
    if form.is_valid():
        said = form.cleaned_data
        if company := said.pop("company"):
            return company_views.go_to_accept(
                request, company, invitation, said["full_name"], said["time_zone"]
            )
        try:
            member = inviting.accept(invitation, **said)
        except Refused as refusal:
            form.add_error(None, str(refusal))
            status = 409
        else:
            _tell_of_letters(request, member.user)
            return _sign_in(request, member.user, form)
    elif form.is_bound:
        status = 422
    passkey_url = reverse("people:accept_passkey", args=[token])
    words = {"form": form, "invitation": invitation, "passkey_url": passkey_url}
    return render(request, "people/accept.html", words, status=status)


def _accept_signed_in(
    request: HttpRequest, invitation: Invitation, person: User | None
) -> HttpResponse:
    refused = ""
    is_theirs = person is not None and request.user == person
    if request.method == "POST" and person and is_theirs:
        try:
            member = inviting.accept_as(invitation, person)
        except Refused as refusal:
            refused = str(refusal)
        else:
            request.session[MEMBERSHIP_KEY] = member.pk
            messages.success(
                request, _("Welcome to %(reseller)s.") % {"reseller": member.reseller}
            )
            return redirect("landing")
    return render(
        request,
        "people/accept_signed_in.html",
        {"invitation": invitation, "is_theirs": is_theirs, "refused": refused},
        status=409 if refused else 200,
    )


@require_POST
def send_again(request: HttpRequest, token: str) -> HttpResponse:
    """Mail a fresh link to the address invited, if this one has run out.

    The answer is the same whatever the link was.
    """
    invitation = _guessed(request, token)
    if invitation and invitation.state == State.RAN_OUT:
        with suppress(Refused):  # somebody was quicker: the mail is on its way
            inviting.send_again(invitation, by=None)
    return redirect("people:sent")


def _guessed(request: HttpRequest, token: str) -> Invitation | None:
    """The invitation of the link; None too for who has missed too often."""
    if not limits.may_guess(request, limits.LINKS):
        return None
    found = inviting.find_invitation(token)
    if found is None:
        limits.count_miss(request, limits.LINKS)
    return found


def sent(request: HttpRequest) -> HttpResponse:
    return render(request, "people/sent.html")


@never_cache
def welcome(request: HttpRequest, token: str) -> HttpResponse:
    """Claim a login that somebody made for you: once."""
    if not limits.may_guess(request, limits.LINKS):
        return render(request, "429.html", status=429)
    person = accounts.find_person(token)
    if person is None:
        limits.count_miss(request, limits.LINKS)
        return render(request, "people/dead_link.html", status=404)
    form = WelcomeForm(
        request.POST or None,
        email=person.email,
        initial={"full_name": person.full_name, "time_zone": person.time_zone},
    )
    status = 200
    if form.is_valid():
        try:
            person = accounts.claim(token, **form.cleaned_data)
        except Refused:
            return render(request, "people/dead_link.html", status=404)
        _tell_of_letters(request, person)
        return _sign_in(request, person, form)
    if form.is_bound:
        status = 422
    passkey_url = reverse("people:welcome_passkey", args=[token])
    words = {"form": form, "person": person, "passkey_url": passkey_url}
    return render(request, "people/welcome.html", words, status=status)


def _tell_of_letters(request: HttpRequest, person: User) -> None:
    if words := unprinted_words(person.full_name):
        messages.warning(request, words)


def _sign_in(request: HttpRequest, person: User, form: WelcomeForm) -> HttpResponse:
    """Sign in by the password just set, or by the passkey, which is both factors."""
    if form.cleaned_data["credential"]:
        passkey = passkeys.newest_of(person)
        post_authentication(request, passkey, passwordless=True)
    else:
        record_authentication(request, person, "password", email=person.email)
    response: HttpResponse = perform_login(
        request, person, email_verification="none", redirect_url=reverse("landing")
    )
    return response


@never_cache
@require_POST
def accept_passkey(request: HttpRequest, token: str) -> HttpResponse:
    """Tell the browser of somebody who accepts how to make their passkey."""
    invitation = _guessed(request, token)
    if invitation is None or invitation.state != State.SENT:
        raise Http404
    return JsonResponse(passkeys.begin(passkeys.newcomer(invitation)))


@never_cache
@require_POST
def welcome_passkey(request: HttpRequest, token: str) -> HttpResponse:
    """Tell the browser of somebody who claims their login the same."""
    person = accounts.find_person(token)
    if person is None:
        raise Http404
    return JsonResponse(passkeys.begin(person))


@login_required
def settings(request: MemberRequest) -> HttpResponse:
    """One's name, zone and needs."""
    person = unscoped(User.objects, "the person who asks").get(
        pk=request.user.pk
    )  # what is typed stays off the frame
    form = SettingsForm(request.POST or None, instance=person)
    if form.is_valid():
        accounts.save_settings(person, form.changed_data)
        messages.success(request, _("Your settings are saved."))
        return redirect("people:settings")
    status = 422 if form.is_bound else 200
    context = {
        "form": form,
        "asked": naming.asked_by(request.user),
        "has_company_sign_in": company_sign_in.providers_of(request.user).exists(),
    }
    return render(request, "people/settings.html", context, status=status)


@login_required
@require_POST
def confirm_name(request: MemberRequest) -> HttpResponse:
    """Take somebody's word that their name is right, and go on where they were."""
    form = ConfirmNameForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("Please look at the name once more."))
        return redirect("people:settings")
    try:
        confirming.confirm(request.user, form.cleaned_data["name"])
    except Refused as refusal:
        person = unscoped(User.objects, "the person who asks").get(pk=request.user.pk)
        settings_form = SettingsForm(instance=person)
        asked = naming.asked_by(person)
        words = {"form": settings_form, "refused": str(refusal), "asked": asked}
        return render(request, "people/settings.html", words, status=409)
    messages.success(request, _("Thank you. That is how your certificate will say it."))
    url = form.cleaned_data["next"]
    is_ours = url.startswith("/") and url_has_allowed_host_and_scheme(
        url, {request.get_host()}, require_https=request.is_secure()
    )
    return redirect(url if is_ours else "landing")


@require_POST
def letters(request: HttpRequest) -> HttpResponse:
    """Say which letters of a name that is being typed cannot be printed yet.

    Sent in the body, since addresses are kept in logs. For whoever accepts, too.
    """
    form = TypedNameForm(request.POST)
    words = (
        {"letters": unprinted(form.cleaned_data["full_name"])}
        if form.is_valid()
        else {}
    )
    return render(request, "people/_letters.html", words)


@login_required
@require_POST
def switch(request: MemberRequest) -> HttpResponse:
    """Act as another of one's memberships from now on."""
    form = SwitchForm(request.POST)
    own = {member.pk for member in request.access.memberships}
    if not form.is_valid() or form.cleaned_data["member"] not in own:
        raise Http404
    request.session[MEMBERSHIP_KEY] = form.cleaned_data["member"]
    return redirect("landing")
