"""Signing in by one's company: who may, what links an account, what staff set up.

An account is found by provider and subject alone, never by an address, and only its
owner links it: signed in, or as they accept their invitation. Whoever left the company comes in by it no more: the account
is theirs, with their own address, password and passkeys.
"""

from __future__ import annotations

from collections.abc import Iterable

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from lms.audit.log import record
from lms.errors import Refused
from lms.people import at_rest, oidc
from lms.people.models import (
    CompanyIdentity,
    IdentityProvider,
    Member,
    Reseller,
    User,
)


def secret_of(provider: IdentityProvider) -> str:
    """The provider's secret. Raises Away where no key of ours opens it any more."""
    try:
        return at_rest.decrypt(provider.sealed_secret)
    except ValidationError:
        raise oidc.Away("secret") from None


# --- What staff set up ---------------------------------------------------------------


@transaction.atomic
def set_up(
    provider: IdentityProvider | None,
    *,
    reseller: Reseller,
    issuer: str,
    client_id: str,
    client_secret: str,
    is_enabled: bool,
    by: User,
) -> IdentityProvider:
    """Keep how a company's people sign in there; an empty secret leaves the old one.

    A subject means somebody else at another provider: with another issuer or client
    all links go. Raises Refused for an address that is not https, or a second one.
    """
    if not oidc.is_good_address(issuer):
        raise Refused(_("The issuer’s address must begin with https://."))
    if provider is None:
        provider = IdentityProvider()
    else:
        provider = IdentityProvider.objects.select_for_update().get(pk=provider.pk)
    if not client_secret and not provider.sealed_secret:
        raise Refused(_("Type the client secret."))
    before = (provider.reseller_id, provider.issuer, provider.client_id)
    is_another = provider.pk is not None and before != (reseller.pk, issuer, client_id)
    provider.reseller, provider.issuer = reseller, issuer
    provider.client_id, provider.is_enabled = client_id, is_enabled
    if client_secret:
        provider.sealed_secret = at_rest.encrypt(client_secret)
    try:
        with transaction.atomic():
            provider.save()
    except IntegrityError:
        raise Refused(_("This company has a sign-in already. Change that.")) from None
    if is_another:
        for identity in provider.identities.select_related("user"):
            _unlink(identity, by=by)
    record(
        by,
        "set up company sign-in",
        provider,
        reseller=reseller.pk,
        enabled=is_enabled,
        new_secret=bool(client_secret),
    )
    return provider


# --- Who may use it ------------------------------------------------------------------


def find_provider(slug: str) -> IdentityProvider | None:
    """The sign-in at this address, if it is on and its company is with us."""
    found = (
        IdentityProvider.objects.filter(slug=slug, is_enabled=True)
        .select_related("reseller")
        .first()
    )
    return found if found and found.reseller.is_live else None


def providers_of(user: User) -> QuerySet[IdentityProvider]:
    """The sign-ins of the companies somebody works for, and of those above them."""
    members = Member.objects.live().filter(user=user)
    return _for_people_at(members.values_list("reseller__path", flat=True))


def providers_into(reseller: Reseller) -> QuerySet[IdentityProvider]:
    """The sign-ins by which somebody invited to a reseller may come in."""
    return _for_people_at([reseller.path])


def _for_people_at(paths: Iterable[str]) -> QuerySet[IdentityProvider]:
    """The sign-ins of the resellers at these paths of the tree, and above them."""
    steps = {
        path[:length]
        for path in paths
        for length in range(Reseller.steplen, len(path) + 1, Reseller.steplen)
    }
    return IdentityProvider.objects.filter(
        is_enabled=True,
        reseller__in=Reseller.objects.live().filter(path__in=steps).order_by(),
    ).select_related("reseller")


def require_may_use(provider: IdentityProvider, user: User) -> None:
    if not user.is_active:
        raise Refused(_("This account is turned off. Ask ByteKast’s training team."))
    if not providers_of(user).filter(pk=provider.pk).exists():
        raise Refused(
            _(
                "You do not belong to this company here. "
                "Sign in with your own address instead."
            )
        )


def person_of(provider: IdentityProvider, subject: str) -> User:
    """Whom a sign-in there lets in. Raises Refused for everybody else."""
    identity = (
        CompanyIdentity.objects.filter(provider=provider, subject=subject)
        .select_related("user")
        .first()
    )
    if identity is None:
        refuse(provider, "unknown", None)
        raise Refused(
            _(
                "No account here is linked to you there. Ask your manager for an "
                "invitation; if you have an account, sign in as you do, and link it "
                "in your settings."
            )
        )
    try:
        require_may_use(provider, identity.user)
    except Refused:
        refuse(provider, "may not", identity.user)
        raise
    record(identity.user, "shown by company sign-in", identity, provider=provider.pk)
    return identity.user


def refuse(provider: IdentityProvider, why: str, user: User | None) -> None:
    """Write down that a sign-in there was not let in."""
    record(None, "refused company sign-in", provider, about=user, why=why)


# --- Links ---------------------------------------------------------------------------


@transaction.atomic
def link(user: User, provider: IdentityProvider, subject: str) -> CompanyIdentity:
    """Let a subject of the provider in as this person; again changes nothing.

    Raises Refused for another's subject, or a second one of the same person.
    """
    require_may_use(provider, user)
    IdentityProvider.objects.select_for_update().get(pk=provider.pk)
    both = CompanyIdentity.objects.filter(provider=provider)
    if known := both.filter(subject=subject, user=user).first():
        return known
    if both.filter(subject=subject).exists():
        raise Refused(_("Another account here is linked to you there."))
    if both.filter(user=user).exists():
        raise Refused(_("Your account is linked already. Take that link away first."))
    identity = CompanyIdentity.objects.create(
        provider=provider, subject=subject, user=user
    )
    record(user, "linked company sign-in", identity, provider=provider.pk)
    return identity


@transaction.atomic
def unlink(identity: CompanyIdentity, *, by: User) -> None:
    """Let nobody in by it any more; sign-ins that are open go on."""
    _unlink(identity, by=by)


def _unlink(identity: CompanyIdentity, *, by: User) -> None:
    record(by, "unlinked company sign-in", identity, provider=identity.provider_id)
    identity.delete()
