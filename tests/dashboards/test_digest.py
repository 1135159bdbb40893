"""The week in a manager's team, by mail on Monday morning."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django_tasks_db.models import DBTaskResult

from lms.dashboards import digest, tasks
from lms.mail import outbox
from lms.mail.kinds import DIGEST
from lms.mail.models import Message
from lms.people.accounts import set_channel_team
from lms.people.models import Member
from lms.people.mondays import waiting
from tests.factories import (
    CertificateFactory,
    EditionFactory,
    EnrolmentFactory,
    InvitationFactory,
    MemberFactory,
    NoticeOffFactory,
    ResellerFactory,
    TeamFactory,
    TeamMembershipFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db
MONDAY = datetime(2026, 11, 23, 8, tzinfo=UTC)  # eight o'clock in London
LATE = date(2026, 11, 3)


@pytest.fixture(autouse=True)
def clock() -> Any:
    with time_machine.travel(MONDAY, tick=False) as clock:
        yield clock


@pytest.fixture
def manager() -> Member:
    return MemberFactory(
        is_manager=True,
        user__full_name="Ada Manager",
        reseller=ResellerFactory(name="Northwind"),
    )


def late(manager: Member, **fields: Any) -> Any:
    fields.setdefault("member__reseller", manager.reseller)
    return EnrolmentFactory(due_on=LATE, **fields)


def sent(mailoutbox: Any) -> Any:
    digest.write_some()
    outbox.send_due()
    return mailoutbox[-1] if mailoutbox else None


def test_digest_says_who_is_late_and_what_is_new(
    manager: Member, mailoutbox: Any
) -> None:
    below = ResellerFactory(name="Northwind North", parent=manager.reseller)
    own = late(manager, member__user__full_name="Tess Trainee")
    title = own.edition.title
    ending = EnrolmentFactory(
        member=MemberFactory(reseller=below, user__full_name="Edna Ending"),
        edition=own.edition,
        completed=True,
        completed_at=datetime(2026, 1, 1, tzinfo=UTC),
        valid_until=date(2026, 12, 24),
    )
    CertificateFactory(enrolment=ending, release_at=MONDAY - timedelta(days=60))
    new = EnrolmentFactory(
        member=MemberFactory(reseller=below, user__full_name="Nora New"),
        edition=own.edition,
        completed=True,
    )
    CertificateFactory(enrolment=new, release_at=MONDAY - timedelta(days=3))
    MemberFactory(
        reseller=below, user__full_name="Jo Joined", joined_on=date(2026, 11, 16)
    )
    MemberFactory(
        reseller=below, user__full_name="Lea Left", left_on=date(2026, 11, 22)
    )
    InvitationFactory(reseller=below)
    InvitationFactory(reseller=below, expires_at=MONDAY - timedelta(days=2))

    mail = sent(mailoutbox)

    assert mail.to == [manager.user.email]
    assert mail.subject == "Northwind: 1 late, and the week in your team"
    lines = mail.body.splitlines()
    assert lines[2] == (
        "this was the week from 16 November to 22 November 2026 at Northwind and its "
        "subsidiaries."
    )
    assert [line for line in lines if line.startswith("- ")] == [
        f"- Tess Trainee: {title}, was due on 3 November 2026",
        f"- Edna Ending: {title}, until 24 December 2026",
        f"- Nora New: {title}",
        "- Jo Joined (Northwind North)",
        "- Lea Left (Northwind North)",
        "- 1 waits for an answer",
        "- 1 ran out without an answer",
    ]
    assert "http://localhost:8000/team/" in lines


def test_digest_says_what_is_needed_and_the_next_gap(
    manager: Member, mailoutbox: Any
) -> None:
    team = TeamFactory(name="Support")
    edition = EditionFactory(audience=[team])
    missing = MemberFactory(reseller=manager.reseller, user__full_name="Mia Missing")
    TeamMembershipFactory(member=missing, team=team)
    EnrolmentFactory(member=missing, edition=edition)
    soon = EditionFactory(audience=[team])
    EnrolmentFactory(
        member=missing,
        edition=soon,
        completed=True,
        completed_at=datetime(2026, 1, 1, tzinfo=UTC),
        valid_until=date(2027, 1, 14),
    )

    body = sent(mailoutbox).body

    assert (
        f"- {edition.title}: Everyone in Support. Not met now. Missing: Mia Missing.\n"
        f"- {soon.title}: Everyone in Support. Not met from 14 January 2027: Mia "
        "Missing, the qualification expires.\n"
    ) in body


def test_digest_tells_nothing_of_other_companies(mailoutbox: Any) -> None:
    top = ResellerFactory(name="Above")
    middle = MemberFactory(
        is_manager=True, reseller=ResellerFactory(name="Middle", parent=top)
    )
    set_channel_team(middle.user, True, by=None)  # reads all, but not in their digest
    elsewhere = MemberFactory(user=middle.user)  # a trainee in another company
    EnrolmentFactory(member=elsewhere, due_on=LATE)
    for reseller in (top, elsewhere.reseller):
        late(middle, member__reseller=reseller)
        InvitationFactory(reseller=reseller)
        certificate = CertificateFactory(
            enrolment__member__reseller=reseller, release_at=MONDAY - timedelta(days=3)
        )
        assert certificate.enrolment.member.reseller == reseller
        MemberFactory(reseller=reseller, joined_on=date(2026, 11, 16))
        MemberFactory(reseller=reseller, left_on=date(2026, 11, 22))

    assert sent(mailoutbox) is None


def test_nothing_to_say_is_not_sent_and_not_asked_again(
    manager: Member, mailoutbox: Any
) -> None:
    late(manager, member=manager)  # their own: that is told to them as a trainee

    assert sent(mailoutbox) is None

    assert Message.objects.get().dropped_at is not None
    assert not waiting(MONDAY, DIGEST).exists()


def test_each_manager_gets_one_a_week(
    clock: Any, manager: Member, mailoutbox: Any
) -> None:
    late(manager)
    other = MemberFactory(is_manager=True, reseller=manager.reseller)

    days = []
    for hour in range(24 * 15):
        clock.move_to(MONDAY + timedelta(hours=hour - 24))
        before = len(mailoutbox)
        sent(mailoutbox)
        days += [hour] * (len(mailoutbox) - before)

    assert days == [24, 24, 24 + 7 * 24, 24 + 7 * 24]
    assert {mail.to[0] for mail in mailoutbox} == {manager.user.email, other.user.email}


@pytest.mark.parametrize(
    ("zone", "at", "is_sent"),
    [
        ("Europe/London", MONDAY - timedelta(seconds=1), False),
        ("Europe/London", MONDAY, True),
        ("Europe/London", MONDAY + timedelta(hours=48, seconds=-1), True),
        ("Europe/London", MONDAY + timedelta(hours=48), False),
        ("Pacific/Kiritimati", datetime(2026, 11, 22, 18, tzinfo=UTC), True),
        ("Pacific/Kiritimati", datetime(2026, 11, 22, 17, 59, tzinfo=UTC), False),
        ("America/Los_Angeles", MONDAY, False),
        ("America/Los_Angeles", MONDAY.replace(hour=16), True),
    ],
)
def test_digest_comes_on_monday_morning_where_the_manager_is(
    clock: Any, zone: str, at: datetime, is_sent: bool, mailoutbox: Any
) -> None:
    manager = MemberFactory(is_manager=True, user__time_zone=zone)
    MemberFactory(is_manager=True, user__time_zone="Asia/Tokyo")
    late(manager)
    clock.move_to(at)

    assert (sent(mailoutbox) is not None) == is_sent


@pytest.mark.parametrize(
    "change",
    [
        {"is_manager": False},
        {"left_on": LATE},
        {"away_from_on": LATE, "away_until_on": date(2026, 11, 23)},
        {"reseller__ended_on": LATE},
        {"user__is_active": False},
    ],
    ids=lambda change: next(iter(change)),
)
def test_who_manages_nobody_or_is_away_gets_none(
    change: dict[str, Any], mailoutbox: Any
) -> None:
    late(MemberFactory(**({"is_manager": True} | change)))

    assert sent(mailoutbox) is None
    assert not Message.objects.exists()


def test_who_turned_it_off_gets_none(manager: Member, mailoutbox: Any) -> None:
    late(manager)
    NoticeOffFactory(person=manager.user, kind="digest")

    assert sent(mailoutbox) is None


def test_manager_of_two_companies_gets_a_mail_of_each(
    manager: Member, mailoutbox: Any
) -> None:
    second = MemberFactory(user=manager.user, is_manager=True, reseller__name="Contoso")
    late(manager, member__user__full_name="Nina North")
    late(second, member__user__full_name="Carla Contoso")

    sent(mailoutbox)

    first, other = sorted(mailoutbox, key=lambda mail: mail.subject, reverse=True)
    assert ["Nina North" in mail.body for mail in (first, other)] == [True, False]
    assert ["Carla Contoso" in mail.body for mail in (first, other)] == [False, True]


@pytest.mark.parametrize("people", [1, 30])
def test_digest_is_short_and_takes_as_many_queries_for_many(
    manager: Member, django_assert_max_num_queries: Any, people: int
) -> None:
    edition = EditionFactory()
    for member in MemberFactory.create_batch(people, reseller=manager.reseller):
        late(manager, member=member, edition=edition)

    with django_assert_max_num_queries(24):
        message = digest.write_to(manager, MONDAY)

    assert message is not None
    body = message.body
    assert body.count("was due on") == min(people, 10)
    assert ("and 20 more\n" in body) == (people == 30)


def test_clock_asks_the_worker_once_and_it_goes_on_until_all_are_written(
    monkeypatch: Any,
) -> None:
    monkeypatch.setattr(digest, "AT_ONCE", 2)
    for _manager in range(3):
        late(MemberFactory(is_manager=True))

    digest.carry_on()
    digest.carry_on()

    asked = DBTaskResult.objects.filter(task_path=tasks.write_digests.module_path)
    assert asked.count() == 1
    assert [digest.write_some(), digest.write_some()] == [True, False]
    assert Message.objects.count() == 3


@pytest.mark.races
@pytest.mark.django_db(transaction=True)
def test_two_workers_write_one(run_at_once: Any) -> None:
    with time_machine.travel(MONDAY, tick=False):
        manager = MemberFactory(is_manager=True, user=UserFactory())
        late(manager)

        answers = run_at_once(digest.write_some, digest.write_some)

    assert answers == [False, False]
    assert Message.objects.count() == 1
