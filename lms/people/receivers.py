"""What follows when allauth tells of something."""

from __future__ import annotations

from typing import Any

from allauth.account.internal.flows.login import record_authentication
from allauth.mfa.models import Authenticator
from allauth.mfa.signals import authenticator_added
from django.dispatch import receiver
from django.http import HttpRequest

from lms.audit.log import record
from lms.people.models import User
from lms.people.second_factor import FACTORS


@receiver(authenticator_added)
def set_up_is_shown(
    request: HttpRequest, user: User, authenticator: Authenticator, **_more: Any
) -> None:
    """Who has just set a factor up has shown it: they are not asked again."""
    if authenticator.type in FACTORS:
        record_authentication(request, user, "mfa", type=authenticator.type)
        record(user, "added a second factor", user, kind=authenticator.type)
