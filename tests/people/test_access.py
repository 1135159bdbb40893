"""Who is asking, as whom, and what of it."""

from datetime import date, timedelta
from typing import Any

import pytest
from django.utils.timezone import now

from lms.people.access import Access
from lms.people.models import Invitation, Member, Reseller, User
from tests.factories import (
    InvitationFactory,
    MemberFactory,
    ResellerFactory,
    TrainerFactory,
    UserFactory,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("at_noon")]
TODAY = now().date()


def test_stranger_has_no_role() -> None:
    access = Access(UserFactory())

    assert access.member is None
    assert not access.is_manager
    assert not access.is_staff
    assert not access.is_trainer
    assert not access.may_read


def test_member_is_the_oldest_until_switched() -> None:
    user = UserFactory()
    young = MemberFactory(user=user, joined_on=date(2024, 1, 1))
    old = MemberFactory(user=user, joined_on=date(2023, 1, 1))

    assert Access(user).member == old
    assert Access(user, young.pk).member == young


@pytest.mark.parametrize("wanted", ["left", "stranger's", "to come"])
def test_only_a_live_own_membership_can_be_switched_to(wanted: str) -> None:
    own = MemberFactory()
    other = {
        "left": lambda: MemberFactory(user=own.user, left_on=TODAY),
        "stranger's": MemberFactory,
        "to come": lambda: MemberFactory(
            user=own.user, joined_on=TODAY + timedelta(days=1)
        ),
    }[wanted]()

    assert Access(own.user, other.pk).member == own


def test_leaving_today_ends_access_today() -> None:
    member = MemberFactory(left_on=TODAY)

    assert not Access(member.user).may_read


def test_manager_sees_own_reseller_and_below() -> None:
    top = ResellerFactory()
    below = ResellerFactory(parent=top)
    lowest = ResellerFactory(parent=below)
    beside = ResellerFactory()
    manager = MemberFactory(reseller=below, is_manager=True)
    people = {one: MemberFactory(reseller=one) for one in (top, below, lowest, beside)}

    access = Access(manager.user)

    assert set(access.managed_resellers) == {below, lowest}
    assert set(Member.objects.visible_to(access)) == {
        manager,
        people[below],
        people[lowest],
    }
    assert set(User.objects.visible_to(access)) == {
        manager.user,
        people[below].user,
        people[lowest].user,
    }


def test_manager_of_two_resellers_never_sees_a_mix() -> None:
    user = UserFactory()
    here = MemberFactory(user=user, is_manager=True)
    there = MemberFactory(user=user, is_manager=True)
    colleague_here = MemberFactory(reseller=here.reseller)
    colleague_there = MemberFactory(reseller=there.reseller)

    as_here = Access(user, here.pk)
    as_there = Access(user, there.pk)

    assert set(User.objects.visible_to(as_here)) == {user, colleague_here.user}
    assert set(User.objects.visible_to(as_there)) == {user, colleague_there.user}


def test_manager_here_is_no_manager_there() -> None:
    user = UserFactory()
    MemberFactory(user=user, is_manager=True)
    plain = MemberFactory(user=user)
    colleague = MemberFactory(reseller=plain.reseller)

    access = Access(user, plain.pk)

    assert not access.is_manager
    assert colleague not in Member.objects.visible_to(access)


def test_member_sees_only_themselves() -> None:
    member = MemberFactory()
    MemberFactory(reseller=member.reseller)
    InvitationFactory(reseller=member.reseller)
    access = Access(member.user)

    assert list(Member.objects.visible_to(access)) == [member]
    assert list(User.objects.visible_to(access)) == [member.user]
    assert not Reseller.objects.visible_to(access).exists()
    assert not Invitation.objects.visible_to(access).exists()


def test_manager_sees_invitations_into_own_resellers() -> None:
    manager = MemberFactory(is_manager=True)
    own = InvitationFactory(reseller=ResellerFactory(parent=manager.reseller))
    InvitationFactory()

    assert list(Invitation.objects.visible_to(Access(manager.user))) == [own]


def test_staff_sees_everybody_unless_disabled() -> None:
    staff = UserFactory(is_staff=True)
    member = MemberFactory()
    disabled = UserFactory(is_staff=True, is_active=False)

    assert set(Member.objects.visible_to(Access(staff))) == {member}
    assert set(Reseller.objects.visible_to(Access(staff))) == {member.reseller}
    assert not Member.objects.visible_to(Access(disabled)).exists()


@pytest.mark.parametrize("is_active", [True, False])
def test_trainer_may_read_while_active(is_active: bool) -> None:
    trainer = TrainerFactory(is_active=is_active)

    access = Access(trainer.user)

    assert (access.is_trainer, access.may_read) == (is_active, is_active)


@pytest.mark.parametrize("memberships", [1, 3])
def test_memberships_cost_one_query(
    django_assert_num_queries: Any, memberships: int
) -> None:
    user = UserFactory()
    MemberFactory.create_batch(memberships, user=user)
    access = Access(user)

    with django_assert_num_queries(1):
        names = [member.reseller.name for member in access.memberships]
        assert access.member is not None
        assert access.may_read

    assert len(names) == memberships
