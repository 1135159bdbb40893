"""A person's own address: asked for before they leave, their login from then on.

It is confirmed by its owner like any further address. With no company left, it becomes
the login, and the employer's address is taken off the account.
"""

from __future__ import annotations

from allauth.account.models import EmailAddress
from django.db import transaction
from django.db.models import Exists, OuterRef

from lms.audit.log import record
from lms.people.models import Invitation, Member, User, UserQuerySet
from lms.people.names import lower, person_at


@transaction.atomic
def set_own_address(user: User, email: str, *, by: User) -> EmailAddress | None:
    """Keep the address; None where it is confirmed already, else what to confirm.

    Whether somebody else has it is not told: only its owner can confirm it.
    """
    current = User.objects.select_for_update().get(pk=user.pk)
    email = lower(email)
    if current.private_email != email:
        values = {"private_email": (current.private_email, email)}
        current.private_email = email
        current.save(update_fields=["private_email"])
        record(by, "own address set", current, values=values)
    user.private_email = email
    address, _is_new = EmailAddress.objects.get_or_create(user=current, email=email)
    if not address.verified:
        return address
    take_over(current)
    return None


@transaction.atomic
def forget_own_address(user: User) -> None:
    """Take it back: which address is their own is open again. Repeating is safe."""
    current = User.objects.select_for_update().get(pk=user.pk)
    if current.private_email:
        values = {"private_email": (current.private_email, "")}
        current.private_email = ""
        current.save(update_fields=["private_email"])
        record(user, "own address forgotten", current, values=values)


def has_own_address(user: User) -> bool:
    """Whether there is one, and its owner has confirmed it; one query at most."""
    if not user.private_email:
        return False
    own = EmailAddress.objects.filter(user=user, email=user.private_email)
    return bool(own.filter(verified=True).exists())


def is_wanted(user: User, member: Member | None) -> bool:
    """Whether to ask for one now: they leave, or have left. One query at most."""
    if user.is_staff or (member is not None and member.until_on is None):
        return False
    return not has_own_address(user)


@transaction.atomic
def take_over(user: User) -> bool:
    """Make it the login, where no company is left to which the login would belong.

    The employers' addresses go. Tells whether it is done; repeating is safe.
    """
    user = User.objects.select_for_update().get(pk=user.pk)
    if not has_own_address(user) or person_at(user.private_email) != user:
        return False
    gone = _addresses_of_employers_left(user)
    if not gone:
        return False
    addresses = EmailAddress.objects.filter(user=user)
    addresses.filter(email__in=gone).delete()
    if user.email in gone:
        addresses.update(primary=False)
        addresses.filter(email=user.private_email).update(primary=True)
        values = {"email": (user.email, user.private_email)}
        user.email = user.private_email
        user.save(update_fields=["email"])
        record(None, "own address took over", user, values=values)
    return True


def _addresses_of_employers_left(user: User) -> set[str]:
    """Addresses that are no longer theirs to use: three queries.

    To which a company that they have left had invited them; and, with no company
    left, the login.
    """
    memberships = list(user.memberships.all())
    if not memberships:
        return set()
    accepted = Invitation.objects.filter(accepted_by=user)
    by_reseller: dict[int, set[str]] = {}
    for reseller, email in accepted.values_list("reseller", "email"):
        by_reseller.setdefault(reseller, set()).add(lower(email))
    there = {member.reseller_id for member in memberships if member.is_live}
    left = {member.reseller_id for member in memberships} - there
    gone = {email for key in left for email in by_reseller.get(key, set())}
    if not there and not user.is_staff:
        gone.add(user.email)
    in_use = {email for key in there for email in by_reseller.get(key, set())}
    return gone - in_use - {user.private_email}


def without_own_address() -> UserQuerySet:
    """Who has left every company and still signs in with an employer's address."""
    members = Member.objects.filter(user=OuterRef("pk"))
    confirmed = EmailAddress.objects.filter(
        user=OuterRef("pk"), email=OuterRef("private_email"), verified=True
    )
    people: UserQuerySet = User.objects.filter(
        Exists(members),
        ~Exists(Member.objects.live().filter(user=OuterRef("pk"))),
        ~Exists(confirmed),
        is_active=True,
        is_staff=False,
    )
    return people
