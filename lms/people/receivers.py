"""What follows when allauth tells of something."""

from __future__ import annotations

from typing import Any

from allauth.account.internal.flows.login import record_authentication
from allauth.account.models import EmailAddress
from allauth.account.signals import email_confirmed
from allauth.mfa.models import Authenticator
from allauth.mfa.signals import authenticator_added
from django.dispatch import receiver
from django.http import HttpRequest

from lms.audit.log import record
from lms.people.models import User
from lms.people.own_address import take_over
from lms.people.second_factor import FACTORS


@receiver(authenticator_added)
def set_up_is_shown(
    request: HttpRequest, user: User, authenticator: Authenticator, **_more: Any
) -> None:
    """Who has just set a factor up has shown it: they are not asked again."""
    if authenticator.type in FACTORS:
        record_authentication(request, user, "mfa", type=authenticator.type)
        record(user, "added a second factor", user, kind=authenticator.type)


@receiver(email_confirmed)
def own_address_may_take_over(email_address: EmailAddress, **_more: Any) -> None:
    """Who has left, and now confirms an address of their own, signs in with it."""
    if email_address.user.private_email == email_address.email:
        take_over(email_address.user)
