"""Who is signed in."""

from __future__ import annotations

from allauth.account.auth_backends import (
    AuthenticationBackend as AllauthAuthenticationBackend,
)

from lms.people.models import User


class AuthenticationBackend(AllauthAuthenticationBackend):
    """allauth's, but for bringing a person and their trainer's record at once.

    Each page asks for both. The record is of a higher room: asked by name.
    """

    def get_user(self, user_id: int) -> User | None:
        try:
            person: User = User.objects.select_related("trainer").get(pk=user_id)
        except User.DoesNotExist:
            return None
        return person if self.user_can_authenticate(person) else None
