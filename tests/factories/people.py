"""People, their companies and teams, and how they come in."""

import hashlib
from datetime import date, timedelta
from typing import Any

import factory
from django.utils.text import slugify
from django.utils.timezone import now
from factory import LazyAttribute, LazyFunction, SelfAttribute, Sequence, SubFactory
from factory.django import DjangoModelFactory

from lms.people.at_rest import encrypt
from lms.people.models import (
    CompanyIdentity,
    IdentityProvider,
    Invitation,
    InviteDraft,
    Member,
    NameConfirmation,
    NameCorrection,
    Reseller,
    SignIn,
    Team,
    TeamMembership,
    User,
)


class UserFactory(DjangoModelFactory[User]):
    """Somebody with a login and no role; `password=` lets them sign in by one.

    One of the channel team (`is_staff=True`) may do all of it, unless told otherwise.
    """

    class Meta:
        model = User

    is_staff = False
    may_edit_content = SelfAttribute("is_staff")
    may_change_people = SelfAttribute("is_staff")

    email = Sequence(lambda n: f"person{n}@example.com")
    full_name = Sequence(lambda n: f"Person {n}")
    password = factory.django.Password(None)


class ResellerFactory(DjangoModelFactory[Reseller]):
    """A reseller at the top of the tree, or below `parent`."""

    class Meta:
        model = Reseller

    name = Sequence(lambda n: f"Reseller {n}")
    approved_on = date(2020, 1, 1)

    @classmethod
    def _create(
        cls, model_class: type[Reseller], parent: Reseller | None = None, **fields: Any
    ) -> Reseller:
        if parent is None:
            return model_class.add_root(**fields)
        parent.refresh_from_db(fields=["numchild"])
        return parent.add_child(**fields)


class TeamFactory(DjangoModelFactory[Team]):
    class Meta:
        model = Team

    name = Sequence(lambda n: f"Team {n}")
    slug = LazyAttribute(lambda team: slugify(team.name))


class MemberFactory(DjangoModelFactory[Member]):
    """A live member, in no team; `is_manager=True` for a manager."""

    class Meta:
        model = Member

    user = SubFactory(UserFactory)
    reseller = SubFactory(ResellerFactory)
    joined_on = date(2020, 1, 1)


class TeamMembershipFactory(DjangoModelFactory[TeamMembership]):
    class Meta:
        model = TeamMembership

    member = SubFactory(MemberFactory)
    team = SubFactory(TeamFactory)
    from_on = date(2020, 1, 1)


class InvitationFactory(DjangoModelFactory[Invitation]):
    """An open invitation; nobody knows the token behind its hash."""

    class Meta:
        model = Invitation

    email = Sequence(lambda n: f"invited{n}@example.com")
    reseller = SubFactory(ResellerFactory)
    token_hash = Sequence(lambda n: hashlib.sha256(b"%d" % n).hexdigest())
    expires_at = LazyFunction(lambda: now() + timedelta(days=14))


class InviteDraftFactory(DjangoModelFactory[InviteDraft]):
    """A list of one person, made by a manager."""

    class Meta:
        model = InviteDraft

    member = SubFactory(MemberFactory, is_manager=True)
    made_by = SelfAttribute("member.user")
    reseller = SelfAttribute("member.reseller")
    lines = LazyFunction(lambda: [[1, "new@example.com", "", "", "", "", ""]])


class NameConfirmationFactory(DjangoModelFactory[NameConfirmation]):
    """Somebody's word that their name is right."""

    class Meta:
        model = NameConfirmation

    user = SubFactory(UserFactory)
    name = SelfAttribute("user.full_name")


class NameCorrectionFactory(DjangoModelFactory[NameCorrection]):
    """Somebody asks for another name."""

    class Meta:
        model = NameCorrection

    user = SubFactory(UserFactory)
    name = Sequence(lambda n: f"Other {n}")
    why = "A slip of the keys"


class IdentityProviderFactory(DjangoModelFactory[IdentityProvider]):
    """A company's sign-in, turned on; its secret is `secret`."""

    class Meta:
        model = IdentityProvider

    reseller = SubFactory(ResellerFactory)
    issuer = "https://sign-in.example.com"
    client_id = "qualifications"
    sealed_secret = LazyFunction(lambda: encrypt("secret"))
    is_enabled = True


class CompanyIdentityFactory(DjangoModelFactory[CompanyIdentity]):
    """Somebody linked to their company's sign-in."""

    class Meta:
        model = CompanyIdentity

    provider = SubFactory(IdentityProviderFactory)
    user = SubFactory(UserFactory)
    subject = Sequence(lambda number: f"subject{number}")


class SignInFactory(DjangoModelFactory[SignIn]):
    """Somebody signed in just now, in Firefox."""

    class Meta:
        model = SignIn

    user = SubFactory(UserFactory)
    session_key = Sequence(lambda number: f"session{number}")
    device = "Firefox on Windows"
