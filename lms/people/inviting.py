"""Inviting a person into a reseller: single use, bound to an address, 14 days."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable

from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.urls import reverse
from django.utils.timezone import now
from django.utils.translation import gettext as _

from lms.audit.log import record
from lms.errors import Refused
from lms.mail import outbox
from lms.people.accounts import make_person_hashed
from lms.people.membership import join, require_may_join
from lms.people.models import Invitation, InvitationState, Member, Reseller, Team, User
from lms.people.names import lower, one_line, person_at


def invite(
    email: str,
    full_name: str,
    reseller: Reseller,
    *,
    teams: Iterable[Team],
    engagement: str,
    is_manager: bool,
    by: User | None,
) -> Invitation:
    """Invite the person at the address, and mail them the link.

    An invitation that ran out makes room for the new one. Raises Refused when the
    person belongs there already or is invited, or the reseller has ended;
    ValidationError for an address that is none.
    """
    email = lower(email)
    validate_email(email)
    with transaction.atomic():
        _require_room_for(email, reseller)
        try:
            with transaction.atomic():  # of two at once the constraint takes one
                invitation = Invitation.objects.create(
                    email=email,
                    full_name=one_line(full_name),
                    reseller=reseller,
                    engagement=engagement,
                    is_manager=is_manager,
                    invited_by=by,
                    token_hash=secrets.token_hex(32),  # of no link yet
                    expires_at=now(),
                )
        except IntegrityError:
            raise Refused(_already_invited(reseller)) from None
        invitation.teams.set(teams)
        _send_link(invitation)
        record(by, "invited", invitation, reseller=reseller.pk)
    return invitation


def _require_room_for(email: str, reseller: Reseller) -> None:
    require_may_join(person_at(email), reseller)
    pending = Invitation.objects.filter(
        email=email, reseller=reseller, accepted_at=None, withdrawn_at=None
    )
    if pending.filter(expires_at__gt=now()).exists():
        raise Refused(_already_invited(reseller))
    pending.update(withdrawn_at=now())


def _already_invited(reseller: Reseller) -> str:
    return _(
        "This address is already invited to %(reseller)s. "
        "Send that invitation again from the list."
    ) % {"reseller": reseller}


def find_invitation(token: str) -> Invitation | None:
    """The invitation that the link is of, whatever has become of it."""
    return (
        Invitation.objects.filter(token_hash=_hash(token))
        .select_related("reseller")
        .first()
    )


def accept(
    invitation: Invitation, *, full_name: str, password: str, time_zone: str
) -> Member:
    """Make the login and the membership. Raises Refused when it cannot be.

    Somebody who has a login signs in and accepts with `accept_as`.
    """
    hashed = make_password(password)  # slow: before the lock
    with transaction.atomic():
        _lock(invitation)
        if person_at(invitation.email):
            raise Refused(
                _("You have an account with this address. Sign in to accept.")
            )
        user = make_person_hashed(
            invitation.email, full_name, time_zone=time_zone, password=hashed, by=None
        )
        return _enter(invitation, user)


@transaction.atomic
def accept_as(invitation: Invitation, user: User) -> Member:
    """Make the membership of somebody signed in, if the address is theirs."""
    _lock(invitation)
    if person_at(invitation.email) != user:
        raise Refused(_("This invitation is for another address than yours."))
    return _enter(invitation, user)


@transaction.atomic
def send_again(invitation: Invitation, *, by: User | None) -> None:
    """Mail a fresh link, good for 14 days; the link before works no more."""
    _lock(invitation, must_be_open=False)
    _send_link(invitation)
    record(by, "invited again", invitation)


@transaction.atomic
def withdraw(invitation: Invitation, *, by: User | None) -> None:
    """Take the invitation back: its link works no more, and its mail does not leave."""
    _lock(invitation, must_be_open=False)
    invitation.withdrawn_at = now()
    invitation.save(update_fields=["withdrawn_at"])
    outbox.drop(f"invitation:{invitation.pk}:")
    record(by, "withdrew", invitation)


def _enter(invitation: Invitation, user: User) -> Member:
    member = join(
        user,
        invitation.reseller,
        teams=invitation.teams.all(),
        engagement=invitation.engagement,
        is_manager=invitation.is_manager,
        by=user,
    )
    invitation.accepted_at = now()
    invitation.accepted_by = user
    invitation.save(update_fields=["accepted_at", "accepted_by"])
    record(user, "accepted", invitation, member=member.pk)
    return member


def _lock(invitation: Invitation, *, must_be_open: bool = True) -> None:
    """Take the row and look again: of two who accept at once, one gets it."""
    token_hash = invitation.token_hash
    invitation.refresh_from_db(from_queryset=Invitation.objects.select_for_update())
    allowed = {InvitationState.SENT, InvitationState.RAN_OUT}
    if invitation.state not in allowed or invitation.token_hash != token_hash:
        raise Refused(_("This invitation was used or taken back."))
    if must_be_open and invitation.state == InvitationState.RAN_OUT:
        raise Refused(_("This invitation has run out. Ask for a new one."))


def _send_link(invitation: Invitation) -> None:
    """Give the invitation a new secret and mail it; only its hash stays here."""
    token = secrets.token_urlsafe(32)
    invitation.token_hash = _hash(token)
    invitation.expires_at = now() + settings.INVITATION_LIFE
    invitation.save(update_fields=["token_hash", "expires_at"])
    outbox.drop(f"invitation:{invitation.pk}:")
    outbox.queue(
        f"invitation:{invitation.pk}:{invitation.token_hash[:16]}",
        invitation.email,
        "people/email/invitation.txt",
        {
            "invitation": invitation,
            "teams": [team.name for team in invitation.teams.all()],
            "link": settings.PUBLIC_URL + reverse("people:accept", args=[token]),
        },
        is_secret=True,
    )


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
