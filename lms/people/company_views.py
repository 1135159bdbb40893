"""The way to a company's sign-in and back, and linking one's account to it."""

from __future__ import annotations

import logging
from dataclasses import asdict, dataclass
from typing import Any

from allauth.account.decorators import reauthentication_required
from allauth.account.internal.flows.login import record_authentication
from allauth.account.utils import perform_login
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.crypto import constant_time_compare
from django.utils.timezone import now
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from lms import limits
from lms.errors import Refused
from lms.people import company_sign_in as rules
from lms.people import inviting, oidc
from lms.people.access import MemberRequest
from lms.people.forms import CompanyLinkForm
from lms.people.models import CompanyIdentity, IdentityProvider, Invitation, User
from lms.walls import unscoped

logger = logging.getLogger(__name__)

ASKED = "company_sign_in"
GOOD_FOR = 600  # seconds from leaving to coming back


@dataclass(frozen=True)
class Newcomer:
    """Who accepts an invitation by the answer. Its link's secret is not kept here."""

    invitation: int
    token_hash: str
    full_name: str
    time_zone: str


@dataclass(frozen=True)
class Asked:
    """What a session has asked a provider, good for one answer.

    `user` links an account to it, `newcomer` makes one.
    """

    provider: int
    user: int | None
    newcomer: Newcomer | None
    at: float
    words: oidc.Secrets
    server: oidc.Server

    @classmethod
    def read(cls, kept: dict[str, Any]) -> Asked:
        newcomer = kept["newcomer"]
        parts = {
            "newcomer": Newcomer(**newcomer) if newcomer else None,
            "words": oidc.Secrets(**kept["words"]),
            "server": oidc.Server(**kept["server"]),
        }
        return cls(**kept | parts)


@never_cache
@require_GET
def go(request: HttpRequest, slug: str) -> HttpResponse:
    """Send somebody to their company's sign-in: the address that it gives its people."""
    if request.user.is_authenticated:
        return redirect("landing")
    provider = rules.find_provider(slug)
    if provider is None:
        raise Http404
    if not limits.take(limits.COMPANY_SIGN_INS, limits.who_asks(request)):
        return render(request, "429.html", status=429)
    try:
        return redirect(_ask(request, provider))
    except (oidc.Away, oidc.Untrue) as error:
        return _away(request, provider, error)


def go_to_accept(
    request: HttpRequest,
    provider: IdentityProvider,
    invitation: Invitation,
    full_name: str,
    time_zone: str,
) -> HttpResponse:
    """Lead somebody invited to their company's sign-in; coming back accepts."""
    newcomer = Newcomer(invitation.pk, invitation.token_hash, full_name, time_zone)
    back = request.get_full_path(), _("Your invitation")
    return _lead(request, provider, back, newcomer=newcomer)


def _ask(
    request: HttpRequest,
    provider: IdentityProvider,
    user: int | None = None,
    newcomer: Newcomer | None = None,
) -> str:
    """Keep what is asked in the session, and give the address to go to."""
    server = oidc.discover(provider.issuer)
    words = oidc.new_secrets()
    asked = Asked(provider.pk, user, newcomer, now().timestamp(), words, server)
    request.session[ASKED] = asdict(asked)
    return oidc.asking_url(server, provider.client_id, _back(provider), words)


def _back(provider: IdentityProvider) -> str:
    path = reverse("people:company_callback", args=[provider.slug])
    return settings.PUBLIC_URL + path


@never_cache
@require_GET
def come_back(request: HttpRequest, slug: str) -> HttpResponse:
    """Take somebody in, or link their account, if all that they bring holds."""
    kept: dict[str, Any] | None = request.session.pop(ASKED, None)  # once
    provider = rules.find_provider(slug)
    if provider is None:
        raise Http404
    asked = Asked.read(kept) if kept else None
    if not asked or not _is_answer(request, provider, asked):
        words = _("This page was opened twice, or too late. Please start once more.")
        return _refused(request, words, 400)
    try:
        subject = _subject(request, provider, asked)
    except oidc.Away as error:
        return _away(request, provider, error)
    except oidc.Untrue as error:
        logger.warning("Company sign-in %s: %s", provider.pk, error)
        rules.refuse(provider, "untrue", None)
        words = _(
            "What your company’s sign-in sent does not hold, so you are not signed in. "
            "Please start once more."
        )
        return _refused(request, words, 403)
    try:
        if asked.user is not None:
            return _link(request, provider, asked.user, subject)
        if asked.newcomer:
            person = _accept(provider, asked.newcomer, subject)
        else:
            person = rules.person_of(provider, subject)
    except Refused as refusal:
        return _refused(request, str(refusal), 403)
    record_authentication(request, person, "company", provider=provider.pk)
    response: HttpResponse = perform_login(
        request, person, email_verification="none", redirect_url=reverse("landing")
    )
    return response


def _is_answer(request: HttpRequest, provider: IdentityProvider, asked: Asked) -> bool:
    """Whether this is the answer to what this session asked, in time."""
    return (
        constant_time_compare(request.GET.get("state", ""), asked.words.state)
        and asked.provider == provider.pk
        and asked.server.issuer == provider.issuer
        and now().timestamp() - asked.at < GOOD_FOR
        and asked.user in (None, request.user.pk)
        and not (asked.newcomer and request.user.is_authenticated)
    )


def _accept(provider: IdentityProvider, newcomer: Newcomer, subject: str) -> User:
    """Make the login of who accepts. Raises Refused where the link works no more."""
    invitation = (
        unscoped(Invitation.objects, "of the link that was opened in this session")
        .filter(pk=newcomer.invitation, token_hash=newcomer.token_hash)
        .first()
    )
    if invitation is None:
        raise Refused(_("This invitation was used or taken back."))
    member = inviting.accept(
        invitation,
        full_name=newcomer.full_name,
        password="",
        time_zone=newcomer.time_zone,
        company=(provider, subject),
    )
    return member.user


def _subject(request: HttpRequest, provider: IdentityProvider, asked: Asked) -> str:
    if request.GET.get("iss", asked.server.issuer) != asked.server.issuer:
        raise oidc.Untrue("iss")
    if not (code := request.GET.get("code", "")):
        raise oidc.Untrue("no code")
    token = oidc.redeem(
        asked.server,
        provider.client_id,
        rules.secret_of(provider),
        _back(provider),
        code,
        asked.words.verifier,
    )
    return oidc.checked(asked.server, token, provider.client_id, asked.words.nonce)


def _away(
    request: HttpRequest, provider: IdentityProvider, error: Exception
) -> HttpResponse:
    kind = type(error).__name__  # what it says is the other server's, of whomever
    logger.warning("Company sign-in %s: %s", provider.pk, kind)
    words = _(
        "Your company’s sign-in does not answer as it should. Try again in a while, "
        "or sign in with your address."
    )
    return _refused(request, words, 503)


def _refused(request: HttpRequest, why: str, status: int) -> HttpResponse:
    return render(request, "people/company_refused.html", {"why": why}, status=status)


def _link(
    request: HttpRequest, provider: IdentityProvider, user: int, subject: str
) -> HttpResponse:
    person = request.user
    assert person.is_authenticated  # noqa: S101  `_is_answer` has compared them
    assert person.pk == user  # noqa: S101
    rules.link(person, provider, subject)
    words = _("You can now sign in by %(company)s.") % {"company": provider.reseller}
    messages.success(request, words)
    return redirect("people:company_sign_in")


@never_cache
@login_required
@reauthentication_required(allow_get=True)  # type: ignore[untyped-decorator]  # allauth's
def company_sign_in(request: MemberRequest) -> HttpResponse:
    """One's companies' sign-ins: link the account to one, or take that away."""
    offered = rules.providers_of(request.user)
    own = CompanyIdentity.objects.visible_to(request.access)
    if request.method == "POST":
        form = CompanyLinkForm(request.POST)
        if not form.is_valid():
            raise Http404
        key = form.cleaned_data["provider"]
        if form.cleaned_data["do"] == "unlink":
            rules.unlink(get_object_or_404(own, provider=key), by=request.user)
            messages.success(request, _("The link is taken away."))
            return redirect("people:company_sign_in")
        return _start_linking(request, get_object_or_404(offered, pk=key))
    linked = {
        each.provider_id: each for each in own.select_related("provider__reseller")
    }
    lines = [(each, linked.pop(each.pk, None)) for each in offered]
    lines += [(each.provider, each) for each in linked.values()]  # of one they left
    return render(request, "people/company_sign_in.html", {"lines": lines})


def _start_linking(request: MemberRequest, provider: IdentityProvider) -> HttpResponse:
    back = reverse("people:company_sign_in"), _("Company sign-in")
    return _lead(request, provider, back, user=request.user.pk)


def _lead(
    request: HttpRequest,
    provider: IdentityProvider,
    back: tuple[str, str],
    **who: Any,
) -> HttpResponse:
    """Give the way there as a link: our pages send forms to ourselves alone."""
    if not limits.take(limits.COMPANY_SIGN_INS, limits.who_asks(request)):
        return render(request, "429.html", status=429)
    try:
        url = _ask(request, provider, **who)
    except (oidc.Away, oidc.Untrue) as error:
        return _away(request, provider, error)
    words = {"company": provider.reseller, "url": url, "back": back}
    return render(request, "people/company_link.html", words)
