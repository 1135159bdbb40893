"""What follows when allauth tells of something."""

from __future__ import annotations

from typing import Any

from allauth.account import signals
from allauth.account.internal.flows.login import record_authentication
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.mfa.signals import (
    authenticator_added,
    authenticator_removed,
    authenticator_reset,
)
from django.contrib.auth.signals import user_logged_in, user_logged_out
from django.dispatch import Signal, receiver
from django.http import HttpRequest

from lms.audit.log import record
from lms.people import sign_ins
from lms.people.models import User
from lms.people.own_address import take_over
from lms.people.second_factor import FACTORS
from lms.people.signals import account_disabled


@receiver(authenticator_added)
def set_up_is_shown(
    request: HttpRequest, user: User, authenticator: Authenticator, **_more: Any
) -> None:
    """Who has just set a factor up has shown it: they are not asked again."""
    if authenticator.type in FACTORS:
        record_authentication(request, user, "mfa", type=authenticator.type)
        record(user, "added a second factor", user, kind=authenticator.type)


@receiver(signals.email_confirmed)
def own_address_may_take_over(email_address: EmailAddress, **_more: Any) -> None:
    """Who has left, and now confirms an address of their own, signs in with it."""
    if email_address.user.private_email == email_address.email:
        take_over(email_address.user)


@receiver(authenticator_removed)
def removed_factor_is_logged(
    user: User, authenticator: Authenticator, **_more: Any
) -> None:
    record(user, "removed a second factor", user, kind=authenticator.type)


@receiver(authenticator_reset)
def new_codes_are_logged(user: User, **_more: Any) -> None:
    record(user, "made new recovery codes", user)


@receiver(signals.user_logged_in)
def sign_in_is_logged(user: User, **_more: Any) -> None:
    record(user, "signed in", user)


@receiver([signals.password_set, signals.password_changed, signals.password_reset])
def new_password_is_logged(signal: Signal, user: User, **_more: Any) -> None:
    by_link = signal is signals.password_reset
    record(user, "changed the password", user, by_link=by_link)


@receiver(signals.email_added)
def new_address_is_logged(
    user: User, email_address: EmailAddress, **_more: Any
) -> None:
    values = {"email": ("", email_address.email)}
    record(user, "added an address", user, values=values)


@receiver(signals.email_removed)
def removed_address_is_logged(
    user: User, email_address: EmailAddress, **_more: Any
) -> None:
    values = {"email": (email_address.email, "")}
    record(user, "removed an address", user, values=values)


@receiver(signals.email_changed)
def changed_address_is_logged(
    user: User,
    from_email_address: EmailAddress | None,
    to_email_address: EmailAddress,
    **_more: Any,
) -> None:
    before = from_email_address.email if from_email_address else ""
    values = {"email": (before, to_email_address.email)}
    record(user, "changed the address", user, values=values)


@receiver(signals.email_confirmed)
def confirmed_address_is_logged(email_address: EmailAddress, **_more: Any) -> None:
    person = email_address.user
    record(person, "confirmed an address", person)


@receiver(user_logged_in)
def write_down_the_sign_in(request: HttpRequest, user: User, **_more: Any) -> None:
    sign_ins.begin(request, user)


@receiver(user_logged_out)
def forget_the_sign_in(request: HttpRequest, user: User | None, **_more: Any) -> None:
    sign_ins.forget(request, user)


@receiver([signals.password_changed, signals.password_set, signals.password_reset])
def a_new_password_ends_the_others(
    request: HttpRequest, user: User, **_more: Any
) -> None:
    """Sign out wherever the old one was used, but for where it was changed."""
    sign_ins.end_others(request, user)


@receiver(account_disabled)
def who_is_turned_off_is_signed_out(user: User, by: User | None, **_more: Any) -> None:
    sign_ins.end_all(user, by=by)
