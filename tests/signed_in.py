"""Who is put into a session by `force_login` has shown a second factor."""

from typing import Any

from django.contrib.auth.signals import user_logged_in
from django.http import HttpRequest


def signed_in_with_a_second_factor() -> None:
    """Let `force_login` sign people in as roles are to be: with a second factor.

    The rule stays on in every test; who signs in by the form shows what they have.
    """
    user_logged_in.connect(_show, dispatch_uid="tests.signed_in")


def _show(request: HttpRequest, user: Any, **_more: Any) -> None:
    # Imported once Django is set up.
    from allauth.account.internal.flows.login import (  # noqa: PLC0415
        record_authentication,
    )

    if type(request) is HttpRequest:  # as no server makes it, but `force_login` does
        record_authentication(request, user, "mfa", type="totp")
