"""Who is signed in."""

from __future__ import annotations

from allauth.account.auth_backends import (
    AuthenticationBackend as AllauthAuthenticationBackend,
)
from django.db.models import Exists, OuterRef

from lms.people.models import Member, User


class AuthenticationBackend(AllauthAuthenticationBackend):
    """allauth's, but for bringing at once what each request asks of a person.

    That is the trainer's record, which is of a higher room and so asked by name, and
    whether they manage any company, for which a second factor is asked.
    """

    def get_user(self, user_id: int) -> User | None:
        try:
            person: User = (
                User.objects.select_related("trainer")
                .annotate(
                    manages_somewhere=Exists(
                        Member.objects.live().filter(
                            user=OuterRef("pk"), is_manager=True
                        )
                    )
                )
                .get(pk=user_id)
            )
        except User.DoesNotExist:
            return None
        return person if self.user_can_authenticate(person) else None
