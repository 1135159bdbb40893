"""Inviting a person into a reseller: single use, bound to an address, 14 days."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.db.models import Count, prefetch_related_objects
from django.urls import reverse
from django.utils.timezone import now
from django.utils.translation import gettext as _

from lms.audit.log import record, record_all
from lms.audit.models import Event
from lms.errors import Refused
from lms.mail import outbox
from lms.mail.models import Message
from lms.people import company_sign_in, passkeys
from lms.people.accounts import make_person_hashed
from lms.people.judging import DAY, MOST_A_DAY, Guest, is_invited_often
from lms.people.membership import join, require_may_join
from lms.people.models import (
    IdentityProvider,
    Invitation,
    InvitationQuerySet,
    InvitationState,
    Member,
    Reseller,
    Team,
    User,
)
from lms.people.names import lower, one_line, person_at

AT_ONCE_AGAIN = timedelta(minutes=1)  # a second click on "Send again"
# What the log says where a link was mailed.
MAILED = ("invited", "invited again", "corrected")


def invite(
    email: str,
    full_name: str,
    reseller: Reseller,
    *,
    teams: Iterable[Team],
    engagement: str,
    is_manager: bool,
    by: User | None,
    until_on: date | None = None,
) -> Invitation:
    """Invite the person at the address, and mail them the link.

    `until_on` is the planned end of the membership: the first day after it. An
    invitation that ran out makes room for the new one. Raises Refused when the person
    belongs there already or is invited, the reseller has ended, or enough was mailed
    today; ValidationError for an address that is none.
    """
    email = lower(email)
    validate_email(email)
    _require_to_come(until_on)
    with transaction.atomic():
        _require_not_too_many(by)
        if by and is_invited_often(email, by):
            raise Refused(_too_often())
        _require_room_for(email, reseller)
        try:
            with transaction.atomic():  # of two at once the constraint takes one
                invitation = Invitation.objects.create(
                    email=email,
                    full_name=one_line(full_name),
                    reseller=reseller,
                    engagement=engagement,
                    is_manager=is_manager,
                    until_on=until_on,
                    invited_by=by,
                    token_hash=secrets.token_hex(32),  # of no link yet
                    expires_at=now(),
                )
        except IntegrityError:
            raise Refused(_already_invited(reseller)) from None
        invitation.teams.set(teams)
        _send_links([invitation])
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


def invite_together(guests: Sequence[Guest], *, by: User) -> None:
    """Invite people who were judged in this very transaction, as `invite` does.

    Of two lists at once that share an address, one gets an IntegrityError and may
    judge again. Sorted, so that they never wait for each other.
    """
    at = now()
    guests = sorted(guests, key=lambda guest: guest.place)
    late = Invitation.objects.filter(
        email__in={guest.email for guest in guests},
        accepted_at=None,
        withdrawn_at=None,
        expires_at__lte=at,
    )
    places = {guest.place for guest in guests}
    run_out = [old.pk for old in late if (old.email, old.reseller_id) in places]
    Invitation.objects.filter(pk__in=run_out).update(withdrawn_at=at)
    invitations = [
        Invitation(
            email=guest.email,
            full_name=one_line(guest.line.name),
            reseller=guest.reseller,
            engagement=guest.engagement,
            until_on=guest.until_on,
            invited_by=by,
            token_hash=secrets.token_hex(32),  # of no link yet
            expires_at=at,
        )
        for guest in guests
    ]
    Invitation.objects.bulk_create(invitations)
    into = Invitation.teams.through
    into.objects.bulk_create(
        into(invitation=invitation, team=team)
        for invitation, guest in zip(invitations, guests, strict=True)
        for team in guest.teams
    )
    _send_links(invitations)
    for reseller in {guest.place[1] for guest in guests}:
        there = [each for each in invitations if each.reseller_id == reseller]
        record_all(by, "invited", _lines(there), reseller=reseller)


def _require_to_come(until_on: date | None) -> None:
    if until_on is not None and until_on <= now().date():
        raise Refused(_("The planned end is today or before. Choose a later day."))


def links_left(by: User) -> int:
    """How many more links somebody may have mailed; their row is taken.

    So two lists that are sent at once do not both get the rest of the day.
    """
    User.objects.select_for_update().get(pk=by.pk)
    mailed = Event.objects.filter(
        actor=by,
        at__gt=now() - DAY,
        verb__in=MAILED,
        target_type=Invitation._meta.label,
    )
    return max(0, settings.INVITATIONS_A_DAY - mailed.count())


def _require_not_too_many(by: User | None) -> None:
    if by and not links_left(by):
        raise Refused(too_many())


def too_many() -> str:
    return _(
        "You have sent %(count)d invitations within a day, and no more can be sent. "
        "Go on tomorrow."
    ) % {"count": settings.INVITATIONS_A_DAY}


def _mailed_often(invitations: Iterable[Invitation]) -> set[int]:
    """Those whose link was mailed again and again today; a query."""
    events = Event.objects.filter(
        target_type=Invitation._meta.label,
        target_id__in=[str(each.pk) for each in invitations],
        at__gt=now() - DAY,
        verb__in=MAILED,
    )
    counted = events.order_by().values("target_id").annotate(times=Count("pk"))
    return {int(each["target_id"]) for each in counted if each["times"] >= MOST_A_DAY}


def _too_often() -> str:
    return _("This address was mailed %(count)d links within a day. Try tomorrow.") % {
        "count": MOST_A_DAY
    }


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
    invitation: Invitation,
    *,
    full_name: str,
    password: str,
    time_zone: str,
    credential: Any = None,
    company: tuple[IdentityProvider, str] | None = None,
) -> Member:
    """Make the login and the membership. Raises Refused when it cannot be.

    With a passkey, the browser's `credential` judged before, no password is needed;
    nor with the `company` whose sign-in has just shown the person as this subject.
    Somebody who has a login signs in and accepts with `accept_as`.
    """
    hashed = make_password(password or None)  # slow: before the lock
    with transaction.atomic():
        _lock(invitation)
        if person_at(invitation.email):
            raise Refused(
                _("You have an account with this address. Sign in to accept.")
            )
        user = make_person_hashed(
            invitation.email, full_name, time_zone=time_zone, password=hashed, by=None
        )
        if credential:
            passkeys.keep(user, credential)
        member = _enter(invitation, user)
        if company:
            company_sign_in.link(user, *company)
        return member


@transaction.atomic
def accept_as(invitation: Invitation, user: User) -> Member:
    """Make the membership of somebody signed in, if the address is theirs."""
    _lock(invitation)
    if person_at(invitation.email) != user:
        raise Refused(_("This invitation is for another address than yours."))
    return _enter(invitation, user)


@transaction.atomic
def send_again(invitation: Invitation, *, by: User | None) -> None:
    """Mail a fresh link, good for 14 days; the link before works no more.

    Raises Refused when it was accepted or taken back, its planned end is past, or
    enough was mailed today.
    """
    _lock(invitation, must_be_open=False)
    if _has_ended(invitation):
        raise Refused(_("The planned end has passed. Correct it first."))
    _require_not_too_many(by)
    if _mailed_often([invitation]):
        raise Refused(_too_often())
    _send_links([invitation])
    record(by, "invited again", invitation)


@transaction.atomic
def send_many_again(
    invitations: InvitationQuerySet, *, by: User
) -> tuple[list[Invitation], int]:
    """Mail fresh links to those who can have one; tell whom, and how many cannot.

    What was mailed within the last minute is not mailed again: a second click. Nor
    what was mailed often today. Raises Refused when it would be too many for a day.
    """
    chosen = _lock_many(invitations)
    keys = {mail_key(each): each.pk for each in chosen}
    just_now = outbox.written_since(now() - AT_ONCE_AGAIN, keys)
    again = [each for each in chosen if mail_key(each) not in just_now]
    often = _mailed_often(again)
    again = [each for each in again if not _has_ended(each) and each.pk not in often]
    if len(again) > links_left(by):
        raise Refused(too_many())
    _send_links(again)
    record_all(by, "invited again", _lines(again))
    return again, len(chosen) - len(again)


@transaction.atomic
def withdraw(invitation: Invitation, *, by: User | None) -> None:
    """Take the invitation back: its link works no more, and its mail does not leave."""
    _lock(invitation, must_be_open=False)
    _take_back([invitation], by=by)


@transaction.atomic
def withdraw_many(invitations: InvitationQuerySet, *, by: User) -> list[Invitation]:
    """Take back those that are neither accepted nor taken back yet; tell which."""
    chosen = _lock_many(invitations)
    _take_back(chosen, by=by)
    return chosen


def _take_back(invitations: Sequence[Invitation], *, by: User | None) -> None:
    for invitation in invitations:
        invitation.withdrawn_at = now()
    Invitation.objects.bulk_update(invitations, ["withdrawn_at"])
    _drop_mails(invitations)
    record_all(by, "withdrew", _lines(invitations))


def _lines(invitations: Iterable[Invitation]) -> list[tuple[Invitation, None]]:
    """For the log: about nobody who has a login yet."""
    return [(invitation, None) for invitation in invitations]


@transaction.atomic
def correct(
    invitation: Invitation,
    *,
    email: str,
    full_name: str,
    reseller: Reseller,
    teams: Collection[Team],
    engagement: str,
    until_on: date | None,
    by: User,
) -> bool:
    """Change what an invitation says; tell whether a new link was mailed for it.

    Another address gets a new link, and the one before works no more. Raises Refused
    when it was accepted or taken back, there is no room at the new address, the planned
    end is not to come, or enough was mailed today.
    """
    _lock(invitation, must_be_open=False)
    _require_to_come(until_on)
    before = {team.pk for team in invitation.teams.all()}
    said = {
        "email": lower(email),
        "full_name": one_line(full_name),
        "reseller": reseller,
        "engagement": engagement,
        "until_on": until_on,
    }
    changed = [name for name in said if getattr(invitation, name) != said[name]]
    moves = "email" in changed or "reseller" in changed
    if moves:
        _require_not_too_many(by)
        if _mailed_often([invitation]):
            raise Refused(_too_often())
        _require_room_for(lower(email), reseller)
    for name in changed:
        setattr(invitation, name, said[name])
    try:
        with transaction.atomic():
            invitation.save(update_fields=changed)
    except IntegrityError:
        raise Refused(_already_invited(reseller)) from None
    if {team.pk for team in teams} != before:
        invitation.teams.set(teams)
        changed.append("teams")
    if moves:
        _send_links([invitation])
    if changed:
        # No values: they would be about nobody yet, so that no erasure finds them.
        record(by, "corrected", invitation, fields=changed)
    return moves


def _enter(invitation: Invitation, user: User) -> Member:
    member = join(
        user,
        invitation.reseller,
        teams=invitation.teams.all(),
        engagement=invitation.engagement,
        is_manager=invitation.is_manager,
        until_on=invitation.until_on,
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


def _lock_many(invitations: InvitationQuerySet) -> list[Invitation]:
    """Take the rows that wait for an answer, in one order for all who ask."""
    waiting = invitations.filter(accepted_at=None, withdrawn_at=None)
    keys = list(waiting.values_list("pk", flat=True))
    rows = Invitation.objects.select_for_update(of=("self",)).filter(
        pk__in=keys, accepted_at=None, withdrawn_at=None
    )
    return list(rows.select_related("reseller", "invited_by").order_by("pk"))


def _has_ended(invitation: Invitation) -> bool:
    """Whether the membership would be over before it begins."""
    return invitation.until_on is not None and invitation.until_on <= now().date()


def _send_links(invitations: Sequence[Invitation]) -> None:
    """Give each a new secret and mail it; only its hash stays here.

    A link is good for 14 days, and no longer than the membership would be.
    """
    if not invitations:
        return
    _drop_mails(invitations)
    mails = []
    prefetch_related_objects(invitations, "teams")
    for invitation in invitations:
        token = secrets.token_urlsafe(32)
        invitation.token_hash = _hash(token)
        invitation.expires_at = _good_until(invitation)
        mails.append(
            outbox.Mail(
                mail_key(invitation),
                invitation.email,
                "people/email/invitation.txt",
                {
                    "invitation": invitation,
                    "teams": [team.name for team in invitation.teams.all()],
                    "link": settings.PUBLIC_URL
                    + reverse("people:accept", args=[token]),
                },
                is_secret=True,
            )
        )
    Invitation.objects.bulk_update(invitations, ["token_hash", "expires_at"])
    outbox.queue_together(mails)


def _good_until(invitation: Invitation) -> datetime:
    end = now() + settings.INVITATION_LIFE
    if invitation.until_on:
        end = min(end, datetime.combine(invitation.until_on, time(), UTC))
    return end


def _drop_mails(invitations: Iterable[Invitation]) -> None:
    """Take back their mails that have not left."""
    outbox.take_back(mail_key(invitation) for invitation in invitations)


def mail_key(invitation: Invitation) -> str:
    """Of the mail that brings the link which works now."""
    return f"invitation:{invitation.pk}:{invitation.token_hash[:16]}"


def mails_of(invitations: Iterable[Invitation]) -> dict[int, Message]:
    """The mails that bring the links which work now, by invitation; one query."""
    keys = {mail_key(invitation): invitation.pk for invitation in invitations}
    mails = Message.objects.filter(key__in=list(keys))
    return {keys[mail.key]: mail for mail in mails}


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
