"""A list of people to invite: what is good is sent once, and the rest is kept."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.utils.timezone import now

from lms.audit.models import Event
from lms.errors import Refused
from lms.jobs import queued
from lms.mail.models import Message
from lms.people import invite_lists, inviting
from lms.people.access import Access
from lms.people.judging import Defaults
from lms.people.models import Engagement, Invitation, InviteDraft, Member, User
from lms.people.pasting import Line
from lms.people.tasks import send_list
from tests.factories import MemberFactory, ResellerFactory, TeamFactory, UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def manager() -> Member:
    member: Member = MemberFactory(is_manager=True, reseller__name="North")
    return member


def begin(manager: Member, *lines: Line, **changes: Any) -> InviteDraft:
    words: dict[str, Any] = {
        "reseller": manager.reseller,
        "teams": [],
        "engagement": Engagement.EMPLOYEE,
        "until_on": None,
    }
    defaults = Defaults(**(words | changes))
    return invite_lists.begin(lines, defaults, Access(manager.user))


def people(count: int) -> list[Line]:
    return [Line(f"p{number}@example.com", f"P {number}") for number in range(count)]


def test_the_good_are_sent_and_the_rest_is_kept(manager: Member) -> None:
    support = TeamFactory(name="Support")
    end = now().date() + timedelta(days=90)
    draft = begin(
        manager,
        Line("ann@example.com", "Ann Lee", "Support"),
        Line("bob@"),
        Line("cy@example.com", engagement="contractor", until=f"{end}"),
    )

    count = invite_lists.send(draft, Access(manager.user))

    ann, cy = Invitation.objects.order_by("email")
    assert count == 2
    assert (ann.full_name, list(ann.teams.all())) == ("Ann Lee", [support])
    assert (ann.reseller, ann.invited_by) == (manager.reseller, manager.user)
    assert (cy.engagement, cy.until_on) == ("contractor", end)
    assert draft.lines == [[2, "bob@", "", "", "", "", ""]]
    assert {mail.to for mail in Message.objects.all()} == {ann.email, cy.email}
    assert Event.objects.filter(verb="invited", actor=manager.user).count() == 2


def test_the_link_of_a_list_lets_in_with_teams_and_planned_end(
    manager: Member,
) -> None:
    support = TeamFactory(name="Support")
    end = now().date() + timedelta(days=90)
    draft = begin(manager, Line("ann@example.com"), teams=[support], until_on=end)
    invite_lists.send(draft, Access(manager.user))
    found = re.search(r"/join/(\S+)/", Message.objects.get().body)
    assert found
    invitation = inviting.find_invitation(found[1])
    assert invitation

    member = inviting.accept(
        invitation,
        full_name="Ann Lee",
        password="correct horse battery",
        time_zone="Europe/Paris",
    )

    assert (member.reseller, member.until_on) == (manager.reseller, end)
    assert [row.team for row in member.team_memberships.all()] == [support]


def test_sending_again_invites_nobody_twice(manager: Member) -> None:
    draft = begin(manager, *people(3))
    same = InviteDraft.objects.get()
    other = begin(manager, *people(3))

    counts = [
        invite_lists.send(each, Access(manager.user)) for each in (draft, same, other)
    ]

    assert counts == [3, 0, 0]
    assert Invitation.objects.count() == Message.objects.count() == 3


def test_what_is_mended_is_sent_and_what_is_left_out_is_not(manager: Member) -> None:
    draft = begin(manager, Line("ann@"), Line("bob@example.com"))

    invite_lists.mend(draft, {1: Line("ann@example.com"), 99: Line("x@x.com")}, {2})
    invite_lists.send(draft, Access(manager.user))

    assert [each.email for each in Invitation.objects.all()] == ["ann@example.com"]
    assert draft.lines == []


def test_mending_a_line_that_was_sent_changes_nothing(manager: Member) -> None:
    draft = begin(manager, *people(1))
    invite_lists.send(draft, Access(manager.user))

    invite_lists.mend(draft, {1: Line("eve@example.com")})
    invite_lists.send(draft, Access(manager.user))

    assert Invitation.objects.get().email == "p0@example.com"


def test_an_earlier_invitation_that_ran_out_makes_room(manager: Member) -> None:
    invite_lists.send(begin(manager, *people(1)), Access(manager.user))
    with time_machine.travel(now() + timedelta(days=15), tick=False):
        invite_lists.send(begin(manager, *people(1)), Access(manager.user))

        assert [each.state for each in Invitation.objects.all()] == [
            "sent",
            "withdrawn",
        ]


def test_the_mail_says_who_invites_where_and_until_when(manager: Member) -> None:
    User.objects.filter(pk=manager.user.pk).update(full_name="Amara Okafor")
    with time_machine.travel("2026-11-22T12:00Z", tick=False):
        draft = begin(Member.objects.get(), Line("ann@example.com", "Ann Lee"))
        invite_lists.send(draft, Access(Member.objects.get().user))

    mail = Message.objects.get()
    assert mail.subject == "Join North on ByteKast Qualifications"
    assert mail.body.startswith(
        "Hello Ann Lee,\n\nAmara Okafor invites you to join North on ByteKast"
    )
    assert "until Sun 6 Dec, 12:00 (London)." in mail.body
    assert mail.is_secret


def test_names_bring_no_headers_into_the_mail(manager: Member, mailoutbox: Any) -> None:
    draft = begin(manager, Line("ann@example.com", "Ann\nBcc: eve@example.com"))
    invite_lists.send(draft, Access(manager.user))

    assert Invitation.objects.get().full_name == "Ann Bcc: eve@example.com"
    assert "\n" not in Message.objects.get().subject


# --- Long lists -----------------------------------------------------------------------


def test_a_long_list_is_left_to_the_worker_and_sent_to_its_end(
    manager: Member, monkeypatch: Any
) -> None:
    monkeypatch.setattr(invite_lists, "AT_ONCE", 4)
    draft = begin(manager, Line("bad"), *people(10))

    assert invite_lists.send(draft, Access(manager.user)) == 0
    assert (draft.to_send, Invitation.objects.count()) == (10, 0)
    assert invite_lists.send(draft, Access(manager.user)) == 0  # a second click
    for _again in range(2):
        invite_lists.go_on(draft.pk)

    draft.refresh_from_db()
    assert (draft.to_send, draft.sent_count, len(draft.lines)) == (0, 10, 1)
    assert Invitation.objects.count() == Message.objects.count() == 10


def test_ten_thousand_are_sent_at_two_hundred_a_time(
    manager: Member, django_assert_max_num_queries: Any
) -> None:
    draft = begin(manager, *people(10_000))
    InviteDraft.objects.update(to_send=10_000)

    with django_assert_max_num_queries(40):
        count = invite_lists.send_some(draft, Access(manager.user))

    assert (count, draft.to_send, len(draft.lines)) == (200, 9_800, 9_800)


def test_no_more_are_sent_in_a_day_than_may_be(
    manager: Member, settings: Any, monkeypatch: Any
) -> None:
    settings.INVITATIONS_A_DAY = 5
    monkeypatch.setattr(invite_lists, "AT_ONCE", 4)
    first, second = begin(manager, *people(3)), begin(manager, *people(8)[3:])
    access = Access(manager.user)

    assert invite_lists.send(first, access) == 3
    assert invite_lists.send(second, access) == 0  # the worker's
    invite_lists.go_on(second.pk)

    second.refresh_from_db()
    assert (second.to_send, second.sent_count, len(second.lines)) == (0, 2, 3)
    with pytest.raises(Refused, match="5 invitations within a day"):
        invite_lists.send(second, access)
    assert Invitation.objects.count() == Message.objects.count() == 5

    with time_machine.travel(now() + timedelta(days=1, minutes=1)):
        assert invite_lists.send(second, access) == 3


def test_who_manages_no_more_sends_no_more(manager: Member) -> None:
    draft = begin(manager, *people(2))
    InviteDraft.objects.update(to_send=2)
    Member.objects.update(is_manager=False)
    before = InviteDraft.objects.get()

    invite_lists.go_on(draft.pk)

    draft.refresh_from_db()
    assert (draft.to_send, Invitation.objects.count()) == (0, 0)
    assert draft.changed_at == before.changed_at  # nobody looked into it


def test_the_clock_asks_again_for_a_list_that_stands_still(manager: Member) -> None:
    begin(manager, *people(2))
    InviteDraft.objects.update(to_send=2)

    invite_lists.carry_on()
    assert queued(send_list) == []
    with time_machine.travel(now() + timedelta(minutes=3), tick=False):
        invite_lists.carry_on()
        invite_lists.carry_on()

    assert queued(send_list) == [[InviteDraft.objects.get().pk]]


@pytest.mark.parametrize(("days", "left"), [(13, 1), (14, 0)])
def test_a_list_that_nobody_touches_is_forgotten(
    manager: Member, days: int, left: int
) -> None:
    with time_machine.travel("2026-11-01T12:00Z", tick=False):
        begin(manager, *people(1))
    with time_machine.travel("2026-11-01T12:00Z", tick=False) as clock:
        clock.shift(timedelta(days=days))
        invite_lists.prune()

    assert InviteDraft.objects.count() == left


# --- Whose it is ----------------------------------------------------------------------


def test_a_list_is_its_makers_alone_in_the_membership_it_was_made_in(
    manager: Member,
) -> None:
    draft = begin(manager, *people(1))
    second = MemberFactory(user=manager.user, is_manager=True)
    colleague = MemberFactory(reseller=manager.reseller, is_manager=True)
    staff = UserFactory(is_staff=True, may_change_people=True)

    def seen(user: User, membership: int | None = None) -> list[InviteDraft]:
        return list(InviteDraft.objects.visible_to(Access(user, membership)))

    assert seen(manager.user, manager.pk) == [draft]
    assert seen(manager.user, second.pk) == []
    assert seen(colleague.user) == []
    assert seen(staff) == []


# --- At once --------------------------------------------------------------------------


@pytest.mark.races
@pytest.mark.django_db(transaction=True)
def test_of_two_clicks_at_once_one_sends(
    run_at_once: Callable[..., list[object]], manager: Member
) -> None:
    draft = begin(manager, *people(5))

    counts = run_at_once(
        *[
            lambda: invite_lists.send(
                InviteDraft.objects.get(pk=draft.pk), Access(manager.user)
            )
        ]
        * 2
    )

    assert sorted(map(str, counts)) == ["0", "5"]
    assert Invitation.objects.count() == Message.objects.count() == 5


@pytest.mark.races
@pytest.mark.django_db(transaction=True)
def test_of_two_lists_at_once_each_person_gets_one_invitation(
    run_at_once: Callable[..., list[object]], manager: Member
) -> None:
    colleague = MemberFactory(reseller=manager.reseller, is_manager=True)
    lists = [begin(manager, *people(5)), begin(colleague, *reversed(people(6)))]

    counts = run_at_once(
        *[
            lambda pk=each.pk, user=each.made_by: invite_lists.send(
                InviteDraft.objects.get(pk=pk), Access(user)
            )
            for each in lists
        ]
    )

    assert all(isinstance(count, int) for count in counts), counts
    assert Invitation.objects.count() == Message.objects.count() == 6


def test_a_subsidiary_is_named_on_the_line(manager: Member) -> None:
    iberia = ResellerFactory(name="Iberia", parent=manager.reseller)
    ResellerFactory(name="South")
    draft = begin(
        manager,
        Line("ann@example.com", company="Iberia"),
        Line("bob@example.com", company="South"),
    )

    invite_lists.send(draft, Access(manager.user))

    assert [each.reseller for each in Invitation.objects.all()] == [iberia]
