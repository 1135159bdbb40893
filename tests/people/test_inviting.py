"""Invitations: single use, bound to an address, 14 days, only a hash kept."""

import hashlib
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.core.exceptions import ValidationError
from django.utils.timezone import now

from lms.errors import Refused
from lms.mail import outbox
from lms.mail.models import Message
from lms.people import inviting
from lms.people.models import (
    Engagement,
    Invitation,
    InvitationState,
    Member,
    Reseller,
    User,
)
from tests.factories import (
    InvitationFactory,
    MemberFactory,
    ResellerFactory,
    TeamFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse battery"


def invite(email: str = "ann@example.com", **changes: Any) -> Invitation:
    words: dict[str, Any] = {
        "full_name": "Ann Lee",
        "reseller": changes.pop("reseller", None) or ResellerFactory(),
        "teams": [],
        "engagement": Engagement.EMPLOYEE,
        "is_manager": False,
        "by": None,
    }
    return inviting.invite(email, **(words | changes))


def mailed_token() -> str:
    """The token of the newest mail."""
    body = Message.objects.latest("pk").body
    found = re.search(r"http://localhost:8000/join/(\S+)/", body)
    assert found
    return found[1]


def accept(invitation: Invitation) -> Member:
    return inviting.accept(
        invitation, full_name="Ann Lee", password=PASSWORD, time_zone="Europe/Paris"
    )


def test_invite_mails_a_link_of_256_bits_and_keeps_its_hash() -> None:
    invitation = invite(" Ann@Example.com ", full_name="Ann\n Lee")

    message = Message.objects.get()
    token = mailed_token()
    assert invitation.email == message.to == "ann@example.com"
    assert invitation.full_name == "Ann Lee"
    assert len(token) == 43
    assert invitation.token_hash == hashlib.sha256(token.encode()).hexdigest()
    assert inviting.find_invitation(token) == invitation
    assert message.subject == (f"Join {invitation.reseller} on ByteKast Qualifications")


def test_mail_says_who_where_which_teams_and_until_when() -> None:
    with time_machine.travel(datetime(2026, 11, 22, 12, tzinfo=UTC), tick=False):
        invite(
            full_name="Ann O'Brien",
            reseller=ResellerFactory(name="Bits & Bytes"),
            teams=[TeamFactory(name="Support"), TeamFactory(name="Analysts")],
            is_manager=True,
        )

    body = Message.objects.get().body
    assert body.startswith("Hello Ann O'Brien,\n\nBits & Bytes invites you")
    assert "Your teams: Analysts, Support\n" in body
    assert "You will be a manager" in body
    assert "until Sun 6 Dec, 12:00 (London)." in body


def test_mail_is_forgotten_once_it_was_sent(
    mailoutbox: list[Any], django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks():
        invite()
    token = mailed_token()

    outbox.send(Message.objects.get().pk)

    assert token in mailoutbox[0].body
    assert Message.objects.get().body == ""


def test_accept_makes_login_membership_and_teams() -> None:
    team = TeamFactory()
    invitation = invite(teams=[team], is_manager=True)

    member = accept(invitation)

    user = member.user
    assert (user.email, user.full_name) == ("ann@example.com", "Ann Lee")
    assert user.time_zone == "Europe/Paris"
    assert user.check_password(PASSWORD)
    address = user.emailaddress_set.get()
    assert (address.email, address.verified, address.primary) == (
        "ann@example.com",
        True,
        True,
    )
    assert (member.reseller, member.is_manager) == (invitation.reseller, True)
    assert [row.team for row in member.team_memberships.all()] == [team]
    invitation.refresh_from_db()
    assert (invitation.state, invitation.accepted_by) == ("accepted", user)


def test_accept_twice_is_refused() -> None:
    invitation = invite()
    stale = Invitation.objects.get()
    accept(invitation)

    with pytest.raises(Refused, match="was used or taken back"):
        accept(stale)

    assert User.objects.count() == Member.objects.count() == 1


@pytest.mark.parametrize(("late", "refused"), [(-1, False), (0, True)])
def test_invitation_runs_out_after_14_days(late: int, refused: bool) -> None:
    invitation = invite()
    end = invitation.created_at + timedelta(days=14, seconds=1)

    with time_machine.travel(end + timedelta(seconds=2 * late), tick=False):
        if refused:
            with pytest.raises(Refused, match="has run out"):
                accept(invitation)
        else:
            accept(invitation)

    assert Member.objects.count() == (0 if refused else 1)


def test_accept_with_a_taken_address_asks_to_sign_in() -> None:
    invitation = invite()
    UserFactory(email="ann@example.com")

    with pytest.raises(Refused, match="Sign in"):
        accept(invitation)

    assert not Member.objects.exists()


def test_accept_as_adds_a_membership_to_the_login() -> None:
    here = MemberFactory(user__email="ann@example.com")
    invitation = invite()

    member = inviting.accept_as(invitation, here.user)

    assert set(here.user.memberships.all()) == {here, member}


def test_accept_as_by_a_further_verified_address() -> None:
    user = UserFactory(email="private@example.com")
    user.emailaddress_set.create(email="ann@example.com", verified=True)

    member = inviting.accept_as(invite(), user)

    assert member.user == user


@pytest.mark.parametrize("is_verified", [False, None])
def test_accept_as_somebody_else_is_refused(is_verified: bool | None) -> None:
    user = UserFactory(email="bob@example.com")
    if is_verified is not None:  # claimed, not shown to be theirs
        user.emailaddress_set.create(email="ann@example.com", verified=is_verified)

    with pytest.raises(Refused, match="another address"):
        inviting.accept_as(invite(), user)

    assert not Member.objects.exists()


def test_invite_who_belongs_already_is_refused() -> None:
    member = MemberFactory()

    with pytest.raises(Refused, match="already belongs"):
        invite(member.user.email.upper(), reseller=member.reseller)

    assert not Message.objects.exists()


def test_invite_who_left_is_sent() -> None:
    member = MemberFactory(left_on=now().date())

    invite(member.user.email, reseller=member.reseller)

    assert Message.objects.count() == 1


def test_invite_twice_is_refused_and_elsewhere_is_not() -> None:
    reseller = ResellerFactory()
    invite(reseller=reseller)

    with pytest.raises(Refused, match="already invited"):
        invite(reseller=reseller)
    invite(reseller=ResellerFactory())

    assert Message.objects.count() == 2


def test_invite_makes_room_of_what_ran_out() -> None:
    old = InvitationFactory(email="ann@example.com", expires_at=now())

    new = invite(reseller=old.reseller)

    old.refresh_from_db()
    assert (old.state, new.state) == (InvitationState.WITHDRAWN, InvitationState.SENT)


@pytest.mark.parametrize(
    "email", ["", "ann", "ann@example.com\nBcc: x@example.com", "a b@example.com"]
)
def test_invite_refuses_what_is_no_address(email: str) -> None:
    with pytest.raises(ValidationError):
        invite(email)

    assert not Invitation.objects.exists()


def test_send_again_makes_the_link_before_useless() -> None:
    invitation = invite()
    first = mailed_token()

    inviting.send_again(invitation, by=None)

    assert inviting.find_invitation(first) is None
    assert inviting.find_invitation(mailed_token()) == invitation
    dropped = Message.objects.order_by("pk")[0]
    assert dropped.dropped_at is not None
    assert dropped.body == ""


def test_send_again_revives_what_ran_out() -> None:
    invitation = InvitationFactory(expires_at=now() - timedelta(days=1))

    inviting.send_again(invitation, by=None)

    assert invitation.state == InvitationState.SENT
    assert Message.objects.get().to == invitation.email


@pytest.mark.parametrize(("days", "refused"), [(0, True), (1, False)])
def test_a_planned_end_is_still_to_come(days: int, refused: bool) -> None:
    end = now().date() + timedelta(days=days)

    if refused:
        with pytest.raises(Refused, match="planned end"):
            invite(until_on=end)
    else:
        invite(until_on=end)

    assert Invitation.objects.count() == (0 if refused else 1)


def test_the_link_is_good_no_longer_than_the_membership_would_be() -> None:
    end = now().date() + timedelta(days=3)

    invitation = invite(until_on=end)

    assert invitation.expires_at == datetime(end.year, end.month, end.day, tzinfo=UTC)
    with time_machine.travel(invitation.expires_at, tick=False):
        with pytest.raises(Refused, match="has run out"):
            accept(invitation)
        with pytest.raises(Refused, match="planned end has passed"):
            inviting.send_again(invitation, by=None)


def test_a_link_of_before_a_correction_of_the_address_lets_nobody_in() -> None:
    invitation = invite("an@example.com")
    before = mailed_token()

    inviting.correct(
        invitation,
        email="ann@example.com",
        full_name="Ann Lee",
        reseller=invitation.reseller,
        teams=[],
        engagement=Engagement.EMPLOYEE,
        until_on=None,
        by=UserFactory(),
    )

    assert inviting.find_invitation(before) is None
    member = accept(Invitation.objects.get())
    assert member.user.email == "ann@example.com"


@pytest.mark.parametrize("act", [inviting.send_again, inviting.withdraw])
def test_an_invitation_accepted_stays(act: Callable[..., None]) -> None:
    invitation = invite()
    accept(invitation)

    with pytest.raises(Refused):
        act(invitation, by=None)

    invitation.refresh_from_db()
    assert invitation.state == InvitationState.ACCEPTED


def test_withdraw_ends_it_and_its_mail() -> None:
    invitation = invite()
    token = mailed_token()

    inviting.withdraw(invitation, by=None)

    found = inviting.find_invitation(token)
    assert found
    assert found.state == InvitationState.WITHDRAWN
    with pytest.raises(Refused):
        accept(found)
    assert Message.objects.get().dropped_at is not None


@pytest.mark.races
@pytest.mark.django_db(transaction=True)
def test_of_two_who_accept_at_once_one_gets_it(
    run_at_once: Callable[..., list[object]],
) -> None:
    invitation = invite()

    results = run_at_once(
        *[lambda: accept(Invitation.objects.get(pk=invitation.pk))] * 2
    )

    assert {type(result) for result in results} == {Member, Refused}
    assert User.objects.count() == Member.objects.count() == 1


@pytest.mark.races
@pytest.mark.django_db(transaction=True)
def test_of_two_invitations_at_once_one_is_made(
    run_at_once: Callable[..., list[object]],
) -> None:
    reseller = ResellerFactory()

    results = run_at_once(
        *[lambda: invite(reseller=Reseller.objects.get(pk=reseller.pk))] * 2
    )

    assert {type(result) for result in results} == {Invitation, Refused}
    assert Message.objects.count() == 1


@pytest.mark.races
@pytest.mark.django_db(transaction=True)
def test_of_accepting_and_withdrawing_at_once_one_happens(
    run_at_once: Callable[..., list[object]],
) -> None:
    pk = invite().pk

    results = run_at_once(
        lambda: accept(Invitation.objects.get(pk=pk)),
        lambda: inviting.withdraw(Invitation.objects.get(pk=pk), by=None),
    )

    assert [type(result) for result in results].count(Refused) == 1, results
    invitation = Invitation.objects.get()
    assert Member.objects.count() == (invitation.accepted_at is not None)
    assert bool(invitation.accepted_at) != bool(invitation.withdrawn_at)


# --- Not too often --------------------------------------------------------------------


def test_one_address_is_not_flooded_by_taking_back_and_inviting_again() -> None:
    manager = MemberFactory(is_manager=True)
    for _again in range(5):
        invitation = invite(reseller=manager.reseller, by=manager.user)
        inviting.withdraw(invitation, by=manager.user)

    with pytest.raises(Refused, match="5 links within a day"):
        invite(reseller=manager.reseller, by=manager.user)
    invite("bob@example.com", reseller=manager.reseller, by=manager.user)

    with time_machine.travel(now() + timedelta(days=1, minutes=1)):
        invite(reseller=manager.reseller, by=manager.user)


def test_one_invitation_is_mailed_five_times_a_day() -> None:
    manager = MemberFactory(is_manager=True)
    invitation = invite(reseller=manager.reseller, by=manager.user)
    chosen = Invitation.objects.filter(pk=invitation.pk)
    start = now()
    mailed = []

    for minute in (2, 4, 6, 8, 10):
        with time_machine.travel(start + timedelta(minutes=minute)):
            again, _others = inviting.send_many_again(chosen, by=manager.user)
            mailed.append(len(again))
    with time_machine.travel(start + timedelta(minutes=12)):
        with pytest.raises(Refused, match="5 links within a day"):
            inviting.send_again(Invitation.objects.get(), by=None)
        with pytest.raises(Refused, match="5 links within a day"):
            inviting.correct(
                Invitation.objects.get(),
                email="victim@example.com",
                full_name="",
                reseller=manager.reseller,
                teams=[],
                engagement=Engagement.EMPLOYEE,
                until_on=None,
                by=manager.user,
            )

    assert mailed == [1, 1, 1, 1, 0]


def test_sending_again_counts_among_those_of_the_day(settings: Any) -> None:
    settings.INVITATIONS_A_DAY = 2
    manager = MemberFactory(is_manager=True)
    for name in ("ann", "bob"):
        invite(f"{name}@example.com", reseller=manager.reseller, by=manager.user)

    with (
        time_machine.travel(now() + timedelta(minutes=2)),
        pytest.raises(Refused, match="2 invitations within a day"),
    ):
        inviting.send_many_again(Invitation.objects.all(), by=manager.user)
    with pytest.raises(Refused, match="Go on tomorrow"):
        invite("eve@example.com", reseller=manager.reseller, by=manager.user)
    other = MemberFactory(is_manager=True)
    invite("eve@example.com", reseller=manager.reseller, by=other.user)
