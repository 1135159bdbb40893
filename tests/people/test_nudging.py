"""One nudge to a person in three days, whoever asks."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import IntegrityError, transaction

from lms.mail.kinds import REMINDER
from lms.mail.models import Message, Nudge
from lms.people.models import Member, User
from lms.people.nudging import GAP, Ask, Nudged, nudge
from tests.factories import (
    MemberFactory,
    NoticeOffFactory,
    NudgeFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def clock() -> Any:
    with time_machine.travel(NOON, tick=False) as clock:
        yield clock


def ask(*members: Member, by: User | None = None) -> Nudged:
    asked = [Ask(member.user_id, member.pk, member.pk) for member in members]
    return nudge(asked, REMINDER, writer="reminder", by=by)


def test_nudge_queues_one_mail_and_writes_down_who_asked() -> None:
    member, manager = MemberFactory(), UserFactory()

    assert ask(member, by=manager) == Nudged(sent=1)

    row = Nudge.objects.get()
    assert (row.person, row.member, row.by) == (member.user, member, manager)
    assert (row.about, row.at, row.until_at) == ([member.pk], NOON, NOON + GAP)
    message = Message.objects.get()
    assert (message.key, message.kind) == (f"nudge:{row.pk}", "reminder")
    assert (message.recipient, message.expires_at) == (member.user, NOON + GAP)


def test_nudge_is_held_back_until_three_days_are_over(clock: Any) -> None:
    member = MemberFactory()
    ask(member)

    clock.move_to(NOON + GAP - timedelta(seconds=1))
    assert ask(member) == Nudged(lately=1, held_back_until=NOON + GAP)
    clock.move_to(NOON + GAP)
    assert ask(member) == Nudged(sent=1)

    assert Message.objects.count() == 2


def test_nudge_of_another_company_holds_back_too() -> None:
    first = MemberFactory()
    NudgeFactory(member=first)
    second = MemberFactory(user=first.user)

    assert ask(second).lately == 1


def test_person_of_two_companies_gets_one_mail_about_both() -> None:
    first = MemberFactory()
    second = MemberFactory(user=first.user)

    assert ask(first, second).sent == 1

    assert Nudge.objects.get().about == [first.pk, second.pk]


@pytest.mark.parametrize(
    ("changes", "result"),
    [
        ({"left_on": date(2026, 11, 23)}, Nudged(gone=1)),
        ({"left_on": date(2026, 11, 24)}, Nudged(sent=1)),
        ({"user__is_active": False}, Nudged(gone=1)),
        (
            {"away_from_on": date(2026, 11, 23), "away_until_on": date(2026, 12, 1)},
            Nudged(away=1),
        ),
        (
            {"away_from_on": date(2026, 11, 1), "away_until_on": date(2026, 11, 23)},
            Nudged(away=1),
        ),
        (
            {"away_from_on": date(2026, 11, 24), "away_until_on": date(2026, 12, 1)},
            Nudged(sent=1),
        ),
        (
            {"away_from_on": date(2026, 11, 1), "away_until_on": date(2026, 11, 22)},
            Nudged(sent=1),
        ),
    ],
)
def test_nudge_leaves_out_who_left_or_is_away(changes: Any, result: Nudged) -> None:
    assert ask(MemberFactory(**changes)) == result

    assert Message.objects.count() == Nudge.objects.count() == result.sent


def test_nudge_is_about_the_company_where_they_are_not_away() -> None:
    day = NOON.date()
    away = MemberFactory(away_from_on=day, away_until_on=day)
    here = MemberFactory(user=away.user)

    ask(away, here)

    assert Nudge.objects.get().about == [here.pk]


def test_nudge_leaves_out_who_turned_it_off() -> None:
    off = MemberFactory()
    NoticeOffFactory(person=off.user)
    other = MemberFactory()
    NoticeOffFactory(person=other.user, kind="digest")

    assert ask(off, other) == Nudged(sent=1, off=1)


def test_nobody_nudges_themselves() -> None:
    manager = MemberFactory(is_manager=True)

    assert ask(manager, by=manager.user) == Nudged()


@pytest.mark.parametrize("people", [1, 3])
def test_nudge_takes_nine_queries(django_assert_num_queries: Any, people: int) -> None:
    members = MemberFactory.create_batch(people)

    with django_assert_num_queries(9):  # savepoint, people, members, lately, off,
        ask(*members)  # nudges, log, mails, release


def test_database_refuses_a_second_nudge_within_three_days() -> None:
    first = NudgeFactory(at=NOON)

    with pytest.raises(IntegrityError), transaction.atomic():
        NudgeFactory(member=first.member, at=NOON + GAP - timedelta(seconds=1))
    NudgeFactory(member=first.member, at=NOON + GAP)

    assert Nudge.objects.count() == 2


@pytest.mark.races
@pytest.mark.django_db(transaction=True)
def test_of_managers_at_once_one_nudges_each_person(run_at_once: Any) -> None:
    members = MemberFactory.create_batch(4)
    managers = UserFactory.create_batch(4)

    def as_manager(number: int) -> Any:
        order = members if number % 2 else members[::-1]
        return lambda: ask(*order, by=managers[number])

    results = run_at_once(*map(as_manager, range(4)))

    assert all(isinstance(each, Nudged) for each in results), results
    assert sum(each.sent for each in results) == 4
    assert sum(each.lately for each in results) == 12
    assert Nudge.objects.count() == Message.objects.count() == 4


def test_words_say_what_became_of_whom() -> None:
    done = Nudged(sent=12, lately=3, away=1)

    assert done.words == "12 reminded, 3 reminded in the last three days, 1 away."
    assert Nudged().words == "There is nobody to remind."
    assert (Nudged(off=1) + Nudged(off=1, gone=1, done=1)).words == (
        "2 have turned reminders off, 1 cannot sign in, 1 has nothing to do."
    )
