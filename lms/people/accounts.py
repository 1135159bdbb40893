"""Logins: making one, the link that claims it, and who is of the channel team."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from allauth.account.models import EmailAddress
from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Group
from django.core import signing
from django.db import IntegrityError, transaction
from django.urls import reverse
from django.utils.timezone import now
from django.utils.translation import gettext as _

from lms.audit.log import record
from lms.errors import Refused
from lms.mail.outbox import queue
from lms.people import passkeys
from lms.people.models import User
from lms.people.names import lower, one_line, person_at
from lms.people.signals import account_disabled

CHANNEL_TEAM = "Channel team"
READ_ONLY = "Channel team: read-only"
CONTENT_ONLY = "Channel team: content"
PEOPLE_ONLY = "Channel team: people"
TEAM_GROUPS = {  # by: may edit content, may change people
    (True, True): CHANNEL_TEAM,
    (True, False): CONTENT_ONLY,
    (False, True): PEOPLE_ONLY,
    (False, False): READ_ONLY,
}
LINK_LIFE = timedelta(days=14)
_SALT = "lms.people.welcome"


def make_person(
    email: str,
    full_name: str,
    *,
    time_zone: str = settings.HOME_TIME_ZONE,
    password: str | None = None,
    by: User | None = None,
) -> User:
    """Make a login with a verified address; without a password it is unclaimed.

    Raises Refused when somebody has this address.
    """
    return make_person_hashed(
        email, full_name, time_zone=time_zone, password=make_password(password), by=by
    )


@transaction.atomic
def make_person_hashed(
    email: str, full_name: str, *, time_zone: str, password: str, by: User | None
) -> User:
    """Make a login; `password` is hashed, for hashing holds no lock."""
    user = User(
        email=lower(email),
        full_name=one_line(full_name),
        time_zone=time_zone,
        password=password,
    )
    try:
        with transaction.atomic():
            user.save()
            EmailAddress.objects.create(
                user=user, email=user.email, verified=True, primary=True
            )
    except IntegrityError:
        raise Refused(
            _("Somebody has an account with this address. Sign in with it.")
        ) from None
    record(by, "made an account", user)
    return user


# --- The link that claims a login -----------------------------------------------


def welcome_link(user: User, life: timedelta = LINK_LIFE) -> str:
    """The address where the person sets name and password, once."""
    until = int((now() + life).timestamp())
    words = {"user": user.pk, "state": _state(user), "until": until}
    token = signing.dumps(words, salt=_SALT)
    return settings.PUBLIC_URL + reverse("people:welcome", args=[token])


def find_person(token: str) -> User | None:
    """Whom a link is for; None when it is wrong, used, or ran out."""
    try:
        words = signing.loads(token, salt=_SALT)
    except signing.BadSignature:
        return None
    if words["until"] <= now().timestamp():
        return None
    user = User.objects.filter(pk=words["user"], is_active=True).first()
    return user if user and _state(user) == words["state"] else None


def claim(
    token: str,
    *,
    full_name: str,
    password: str,
    time_zone: str,
    credential: Any = None,
) -> User:
    """Set name and password, or a passkey, by the link, which then works no more.

    Raises Refused when it does not work.
    """
    hashed = make_password(password or None)
    with transaction.atomic():
        found = find_person(token)
        user = found and User.objects.select_for_update().get(pk=found.pk)
        if user is None or find_person(token) is None:
            raise Refused(_("This link does not work any more."))
        user.full_name = one_line(full_name)
        user.password = hashed
        user.time_zone = time_zone
        user.save(update_fields=["full_name", "password", "time_zone"])
        if credential:
            passkeys.keep(user, credential)
        record(user, "claimed an account", user)
    return user


def is_claimed(user: User) -> bool:
    """Whether the person has chosen how they sign in."""
    return user.has_usable_password() or passkeys.has_one(user)


def _state(user: User) -> str:
    """What changes as soon as a link is used: a digest of the hashed password."""
    return hashlib.sha256(f"{user.email} {user.password}".encode()).hexdigest()[:32]


def send_welcome(user: User) -> None:
    """Mail the link to somebody who has not claimed their login yet.

    Raises Refused when they have, or may not sign in.
    """
    if is_claimed(user) or not user.is_active:
        raise Refused(_("This person has chosen a password, or cannot sign in."))
    link = welcome_link(user)
    queue(
        f"welcome:{user.pk}:{hashlib.sha256(link.encode()).hexdigest()[:16]}",
        user,
        "people/email/welcome.txt",
        {"link": link, "days": LINK_LIFE.days},
        is_secret=True,
    )


@transaction.atomic
def save_settings(user: User, changed: Sequence[str]) -> None:
    """Keep what somebody has changed of their own name, zone and needs."""
    if changed:
        before = User.objects.values(*changed).get(pk=user.pk)
        user.save(update_fields=changed)
        values = {name: (before[name], getattr(user, name)) for name in changed}
        record(user, "changed settings", user, values=values, fields=list(changed))


# --- The channel team --------------------------------------------------------------


def has_staff() -> bool:
    """Whether one who may add colleagues to the channel team can sign in already."""
    staff = User.objects.filter(may_change_people=True, is_active=True)
    return any(is_claimed(user) for user in staff)


@transaction.atomic
def first_staff(email: str) -> User:
    """Make, or take, the person at the address into the channel team."""
    user = person_at(email) or make_person(email, "")
    set_channel_team(user, True, by=None)
    return user


@transaction.atomic
def add_colleague(
    email: str,
    full_name: str,
    *,
    by: User | None,
    content: bool = True,
    people: bool = True,
) -> User:
    """Take somebody into the channel team, and mail the link to who is new."""
    user = person_at(email) or make_person(email, full_name, by=by)
    set_channel_team(user, True, by=by, content=content, people=people)
    if not is_claimed(user):
        send_welcome(user)
    return user


@transaction.atomic
def set_channel_team(
    user: User,
    belongs: bool,
    *,
    by: User | None,
    content: bool = True,
    people: bool = True,
) -> None:
    """Take the person into the channel team, or out of it, or change what they may.

    `content` and `people` are the permissions to change these; without either they
    read. Each is in one group, by which the CMS knows it. Nobody takes themselves out,
    or the permission to change people, so that one who has it is always left.
    """
    content, people = belongs and content, belongs and people
    if user == by and not belongs:
        raise Refused(_("You cannot leave the channel team yourself. Ask a colleague."))
    if user == by and user.may_change_people and not people:
        raise Refused(
            _("You cannot take this permission from yourself. Ask a colleague.")
        )
    user.groups.remove(*Group.objects.filter(name__in=TEAM_GROUPS.values()))
    if belongs:
        group, _is_new = Group.objects.get_or_create(name=TEAM_GROUPS[content, people])
        user.groups.add(group)
    was = (user.is_staff, user.may_edit_content, user.may_change_people)
    if was == (belongs, content, people):
        return
    user.is_staff, user.may_edit_content = belongs, content
    user.may_change_people = people
    user.save(update_fields=["is_staff", "may_edit_content", "may_change_people"])
    if was[0] != belongs:
        verb = "joined the channel team" if belongs else "left the channel team"
        record(by, verb, user, content=content, people=people)
    else:
        record(by, "changed permissions", user, content=content, people=people)


@transaction.atomic
def set_active(user: User, active: bool, *, by: User | None) -> None:
    """Let the person sign in, or not: open sessions end at once."""
    if user == by and not active:
        raise Refused(_("You cannot turn off your own account. Ask a colleague."))
    if user.is_active == active:
        return
    user.is_active = active
    user.save(update_fields=["is_active"])
    record(by, "enabled" if active else "disabled", user)
    if not active:
        account_disabled.send(User, user=user, by=by)


@transaction.atomic
def rename(user: User, full_name: str, *, by: User | None) -> None:
    """Correct a name; certificates that are out keep theirs."""
    if (name := one_line(full_name)) != user.full_name:
        values = {"full_name": (user.full_name, name)}
        user.full_name = name
        user.save(update_fields=["full_name"])
        record(by, "renamed", user, values=values)
