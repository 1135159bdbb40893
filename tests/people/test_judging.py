"""What becomes of each line of a list, and that it tells nothing of other companies."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils.timezone import now

from lms.people.access import Access
from lms.people.judging import Defaults, Guest, judge, resellers_of
from lms.people.models import Engagement, Member, Reseller
from lms.people.pasting import Line
from tests.factories import (
    InvitationFactory,
    MemberFactory,
    ResellerFactory,
    TeamFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def manager() -> Member:
    member: Member = MemberFactory(is_manager=True, reseller__name="North")
    return member


def judged(manager: Member, *lines: Line, **changes: Any) -> list[Guest]:
    words: dict[str, Any] = {
        "reseller": manager.reseller,
        "teams": [],
        "engagement": Engagement.EMPLOYEE,
        "until_on": None,
    }
    access = Access(manager.user)
    return judge(list(enumerate(lines, 1)), Defaults(**(words | changes)), access)


def words_of(manager: Member, *lines: Line, **changes: Any) -> list[str]:
    return [guest.word.key for guest in judged(manager, *lines, **changes)]


def test_each_line_has_its_word(manager: Member) -> None:
    here = MemberFactory(reseller=manager.reseller).user
    invited = InvitationFactory(reseller=manager.reseller)
    below = MemberFactory(reseller=ResellerFactory(parent=manager.reseller)).user
    left = MemberFactory(reseller=manager.reseller, left_on=now().date()).user
    run_out = InvitationFactory(reseller=manager.reseller, expires_at=now())
    TeamFactory(name="Support")

    assert words_of(
        manager,
        Line("new@example.com"),
        Line("NEW@example.com "),
        Line(here.email.upper()),
        Line(invited.email),
        Line(below.email),
        Line(left.email),
        Line(run_out.email),
        Line("new"),
        Line("a@example.com", teams="Support, Suport"),
        Line("b@example.com", company="South"),
        Line("c@example.com", engagement="boss"),
        Line("d@example.com", until="31/13/2027"),
        Line("e@example.com", name="!!!"),
    ) == [
        "new",
        "twice",
        "here",
        "invited",
        "elsewhere",
        "new",
        "new",
        "bad-address",
        "unknown-team",
        "unknown-company",
        "unknown-engagement",
        "bad-date",
        "bad-name",
    ]


def test_who_has_an_account_elsewhere_reads_like_nobody(manager: Member) -> None:
    elsewhere = MemberFactory().user
    alias = UserFactory()
    alias.emailaddress_set.create(email="alias@example.com", verified=True)
    foreign = InvitationFactory()
    strangers = [
        elsewhere.email,
        UserFactory().email,
        UserFactory(is_staff=True).email,
        alias.email,
        "alias@example.com",
        foreign.email,
        "nobody@example.com",
    ]

    guests = judged(manager, *map(Line, strangers))

    assert {(guest.word.key, guest.detail) for guest in guests} == {("new", "")}


def test_the_channel_team_is_told_where_somebody_is(manager: Member) -> None:
    elsewhere = MemberFactory(reseller__name="South").user
    staff = UserFactory(is_staff=True, may_change_people=True)
    defaults = Defaults(manager.reseller, [], Engagement.EMPLOYEE, None)

    (guest,) = judge([(1, Line(elsewhere.email))], defaults, Access(staff))

    assert (guest.word.key, guest.detail) == ("elsewhere", "South")


def test_a_foreign_company_reads_like_one_that_is_not(manager: Member) -> None:
    ResellerFactory(name="South")

    foreign, absent = judged(
        manager,
        Line("a@example.com", company="South"),
        Line("b@example.com", company="Nowhere"),
    )

    assert foreign.problems == absent.problems
    assert (foreign.reseller, absent.reseller) == (None, None)


def test_a_line_says_it_or_the_default_holds(manager: Member) -> None:
    support, analysts = TeamFactory(name="Support"), TeamFactory(name="Analysts")
    iberia = ResellerFactory(name="Iberia", parent=manager.reseller)
    later = now().date() + timedelta(days=30)

    own, default = judged(
        manager,
        Line("a@example.com", "", "analysts", "iberia", "Temp", "2099-01-01"),
        Line("b@example.com"),
        teams=[support],
        engagement=Engagement.CONTRACTOR,
        until_on=later,
    )

    assert (own.teams, own.reseller, own.engagement) == (
        [analysts],
        iberia,
        "temporary",
    )
    assert f"{own.until_on}" == "2099-01-01"
    assert (default.teams, default.reseller) == ([support], manager.reseller)
    assert (default.engagement, default.until_on) == ("contractor", later)


@pytest.mark.parametrize(("days", "word"), [(0, "bad-date"), (1, "new")])
def test_a_planned_end_is_still_to_come(manager: Member, days: int, word: str) -> None:
    day = now().date() + timedelta(days=days)

    assert words_of(manager, Line("a@example.com", until=f"{day}")) == [word]
    assert words_of(manager, Line("a@example.com"), until_on=day) == [word]


@pytest.mark.parametrize(
    "email",
    [
        "jos\u00e9@example.com",
        "\u0430nn@example.com",  # a Cyrillic a
        "ann@example.com\nBcc: eve@example.com",
        "ann@example.com%0aBcc:eve@example.com",
        "ann@example",
        "ann@@example.com",
        '"ann@example.com',
        f"{'a' * 65}@example.com" + "x" * 254,
        "",
    ],
)
def test_bad_addresses_are_told(manager: Member, email: str) -> None:
    assert words_of(manager, Line(email)) == ["bad-address"]


def test_an_ended_reseller_takes_nobody(manager: Member) -> None:
    Reseller.objects.filter(pk=manager.reseller.pk).update(ended_on=now().date())

    assert words_of(manager, Line("a@example.com")) == ["unknown-company"]
    assert not resellers_of(Access(manager.user)).exists()


@pytest.mark.parametrize("count", [1, 1000])
def test_any_number_of_lines_is_judged_by_seven_queries(
    manager: Member, django_assert_num_queries: Any, count: int
) -> None:
    here = MemberFactory(reseller=manager.reseller).user
    lines = [Line(f"p{number}@example.com") for number in range(count - 1)]

    # memberships, teams, companies, further addresses, logins, members, invitations
    with django_assert_num_queries(7):
        guests = judged(manager, *lines, Line(here.email))

    assert guests[-1].word.key == "here"
