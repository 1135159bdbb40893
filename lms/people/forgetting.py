"""Taking what names a person out of their account: the last step of an erasure."""

from __future__ import annotations

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.db import transaction
from django.db.models import Q
from django.utils.timezone import now

from lms.audit.log import erase_values
from lms.mail.forgetting import forget_mail, forget_mail_that_names
from lms.people.accounts import set_active
from lms.people.models import (
    CompanyIdentity,
    Invitation,
    InviteDraft,
    NameConfirmation,
    NameCorrection,
    User,
)
from lms.people.signals import person_erased

NAME = "Erased person"


@transaction.atomic
def forget(user: User, *, by: User | None) -> None:
    """Take name, addresses, secrets and mail away, here and in the rooms above.

    The account can sign in no more. Its row stays, and what points to it.
    """
    set_active(user, False, by=by)
    person_erased.send(User, user=user, by=by)

    addresses = {user.email.lower(), user.private_email.lower()} - {""}
    addresses |= set(
        EmailAddress.objects.filter(user=user).values_list("email", flat=True)
    )
    forget_mail(Q(recipient=user) | Q(to__in=addresses))
    forget_mail_that_names(user.full_name, *addresses)
    nobody = f"erased-{user.pk}@example.invalid"
    invitations = Invitation.objects.filter(
        Q(email__in=addresses) | Q(accepted_by=user)
    )
    invitations.open().update(withdrawn_at=now())
    invitations.update(email=nobody, full_name="")
    NameConfirmation.objects.filter(user=user).update(name="")
    InviteDraft.objects.filter(made_by=user).delete()
    NameCorrection.objects.filter(user=user, decided_at=None).update(withdrawn_at=now())
    NameCorrection.objects.filter(user=user).update(name="", why="", answer="")
    EmailAddress.objects.filter(user=user).delete()
    Authenticator.objects.filter(user=user).delete()
    CompanyIdentity.objects.filter(user=user).delete()
    erase_values(user)
    user.email, user.full_name, user.call_needs = nobody, NAME, ""
    user.private_email = ""
    user.set_unusable_password()
    user.save(
        update_fields=["email", "private_email", "full_name", "call_needs", "password"]
    )
