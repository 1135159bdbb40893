"""The state of everybody at once is the one that each cell shows by itself."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
import time_machine

from certificates.models import Certificate
from courses.models import (
    Attempt,
    Enrolment,
    Evidence,
    MoreAttempts,
    Preparation,
    TopicCompletion,
)
from lms import states
from lms.dashboards.everybody import (
    Counted,
    by_day,
    by_urgency,
    counted,
    counted_each,
)
from lms.dashboards.state import cells_of
from lms.people.models import Member, User
from sessions.models import Booking, BookingTopic
from tests.factories import (
    CertificateFactory,
    EditionFactory,
    EditionTopicFactory,
    EnrolmentFactory,
    MemberFactory,
    ResellerFactory,
    TopicPageFactory,
    TrainerFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 6, 10, 12, tzinfo=UTC)
TODAY = NOW.date()
DAY, HOUR = timedelta(days=1), timedelta(hours=1)


class World:
    """People in two programmes, each row of whom is drawn; all of it can be."""

    def __init__(self, seed: int, people: int) -> None:
        self.chance = Random(seed)
        self.staff = UserFactory()
        self.trainer = TrainerFactory(weekly_hours=[])
        self.editions = [self._edition(way) for way in Preparation]
        EditionTopicFactory(  # in the last of them, a call alone is asked for too
            edition=self.editions[-1], needs_read=False, needs_check=False
        )
        self.programmes = [edition.programme for edition in self.editions]
        self.asked = {row.pk: list(row.topics.all()) for row in self.editions}
        self.coming, self.past = NOW + DAY, NOW - DAY
        self.rows: dict[type, list] = {
            model: []
            for model in (
                *(Enrolment, Evidence, TopicCompletion, Attempt, MoreAttempts),
                *(Booking, BookingTopic, Certificate),
            )
        }
        self.members = self._members(people)
        for member in self.members:
            for edition in self.editions:
                self._draw_cycles(member, edition)
        for model, rows in self.rows.items():
            model.objects.bulk_create(rows)

    def one_of(self, *values):
        return self.chance.choice(values)

    def add(self, row):
        self.rows[type(row)].append(row)
        return row

    def _edition(self, preparation):
        edition = EditionFactory(topics=[], preparation=preparation)
        for needs_check, needs_call in ((True, True), (False, True), (True, False)):
            topic = TopicPageFactory(parent=edition.programme, attempts_allowed=2)
            EditionTopicFactory(
                edition=edition,
                topic=topic,
                needs_check=needs_check,
                needs_call=needs_call,
            )
        return edition

    def _members(self, people):
        reseller = ResellerFactory(approved_on=TODAY - 900 * DAY)
        users = User.objects.bulk_create(
            User(email=f"drawn{n}@example.com", full_name=f"Drawn {n}")
            for n in range(people)
        )
        return Member.objects.bulk_create(
            Member(
                user=user,
                reseller=reseller,
                joined_on=TODAY - 800 * DAY,
                left_on=self.one_of(None, TODAY, TODAY, TODAY + DAY),
                away_from_on=TODAY + DAY * self.chance.randint(-1, 1),
                away_until_on=TODAY + DAY * self.one_of(1, 1, 2),
            )
            if self.chance.random() < 0.15
            else Member(user=user, reseller=reseller, joined_on=TODAY - 800 * DAY)
            for user in users
        )

    def _draw_cycles(self, member, edition):
        ways = self.one_of(
            *([], ["open"], ["open"], ["open"], ["done"], ["done"], ["withdrawn"]),
            *(["annulled"], ["annulled", "open"], ["done", "open"], ["done", "done"]),
            *(["done", "withdrawn"], ["withdrawn", "open"], ["done", "open"]),
        )
        for cycle, way in enumerate(ways, 1):
            self._draw(member, edition, cycle, way)

    def _draw(self, member, edition, cycle, way):
        row = Enrolment(
            member=member,
            programme=edition.programme,
            edition=edition,
            cycle=cycle,
            source="team",
            due_on=self.one_of(None, None, -1, 0, 1),
        )
        if row.due_on is not None:
            row.due_on = TODAY + row.due_on * DAY
        if way == "withdrawn":
            row.withdrawn_at = NOW - DAY
        if way in ("done", "annulled"):
            row.completed_at = NOW - 300 * DAY
            row.valid_from = TODAY + DAY * self.one_of(-300, -300, 0, 1)
            row.annulled_at = NOW if way == "annulled" else None
            until = self.one_of(None, 0, 1, 90, 91, 200, 200)
            row.valid_until = until if until is None else TODAY + until * DAY
            counts = self.one_of(None, None, None, 0, 1, 100)
            row.counts_until = counts if counts is None else TODAY + counts * DAY
        self.add(row)
        self._draw_evidence(row)
        if way in ("open", "withdrawn"):
            self._draw_calls(row)
        if way == "done":
            self._draw_certificates(row)

    def _draw_evidence(self, row):
        most = self.one_of(0, 0, 0.2, 0.5, 0.9)
        exempt = self.one_of(0, 0, 0, 0.2, 1)
        for asked in self.asked[row.edition_id]:
            facts = {"enrolment": row, "topic_id": asked.topic_id}
            for kind, likely in (
                *(("read", most), ("check", most), ("call", most)),
                ("exemption", exempt),
            ):
                voided = {"voided_at": NOW} if self.chance.random() < 0.1 else {}
                if self.chance.random() < likely:
                    self.add(Evidence(**facts, kind=kind, **voided))
            if self.chance.random() < most / 2:
                voided = {"voided_at": NOW} if self.chance.random() < 0.1 else {}
                self.add(TopicCompletion(**facts, **voided))
            if asked.needs_check:
                self._draw_attempts(facts)

    def _draw_attempts(self, facts):
        empty = {"questions": [], "key": []}
        for _n in range(self.one_of(0, 0, 0, 1, 2, 3)):
            answered = {"submitted_at": NOW, "answers": [], "passed": False}
            self.add(Attempt(**facts, kind="check", **empty, **answered))
        if self.chance.random() < 0.2:
            self.add(Attempt(**facts, kind=self.one_of("check", "practice"), **empty))
        if self.chance.random() < 0.1:
            self.add(MoreAttempts(**facts, count=1, by=self.staff))

    def _draw_calls(self, row):
        free = list(self.asked[row.edition_id])
        for _n in range(self.one_of(0, 0, 0, 1, 1, 2, 3)):
            state = self.one_of("booked", "done", "done", "cancelled", "missed")
            about = self.chance.choice(free)
            if state == "booked":
                free.remove(about)
            is_past = state != "booked" or self.chance.random() < 0.4
            if is_past:
                self.past = starts_at = self.past - HOUR
            else:
                self.coming = starts_at = self.coming + HOUR
            call = Booking(
                enrolment=row,
                trainee_id=row.member.user_id,
                trainer=self.trainer,
                starts_at=starts_at,
                ends_at=starts_at + HOUR / 2,
                busy_until=starts_at + HOUR / 2,
                state=state,
                missed_by="trainee" if state == "missed" else "",
            )
            self.add(call)
            outcome = self.one_of("covered", "again", "again", "not_reached")
            self.add(
                BookingTopic(
                    booking=call,
                    topic_id=about.topic_id,
                    title=about.title,
                    minutes=20,
                    booked_for=row if state == "booked" else None,
                    outcome=outcome if state == "done" else "pending",
                )
            )

    def _draw_certificates(self, row):
        for ended_as in self.one_of(
            *([], [""], [""], [""], ["revoked"], ["withdrawn"], ["undone"]),
            *(["undone", ""], ["revoked", ""], ["replaced", ""], ["undone", "revoked"]),
        ):
            ready = {"state": "ready", "pdf_sha256": "0" * 64}
            self.add(
                CertificateFactory.build(
                    enrolment=row,
                    issued_at=NOW - 3 * DAY + HOUR * len(self.rows[Certificate]) / 1000,
                    release_at=NOW + self.one_of(-1, -1, -1, 0, 1) * HOUR,
                    ended_as=ended_as,
                    ended_at=NOW if ended_as else None,
                    **self.one_of(ready, ready, ready, {}),
                )
            )


@pytest.mark.parametrize("seed", [1, 2])
def test_everybody_is_counted_and_sorted_as_their_cells_say(
    seed, django_assert_num_queries
):
    with time_machine.travel(NOW, tick=False):
        world = World(seed, people=130)
        members = Member.objects.filter(pk__in=[row.pk for row in world.members])
        cells = cells_of(list(members.select_related("user")), world.programmes)
        asked = {key: cell for key, cell in cells.items() if cell.enrolment}

        with django_assert_num_queries(1):
            each = counted_each(members, world.programmes)
        with django_assert_num_queries(1):
            together = counted(members, world.programmes)
        in_state = {
            state: counted_each(members, world.programmes, state)
            for state in states.STATES
        }
        sorted_by = {
            (programme.pk, is_backwards): list(
                members.order_by(by_urgency(programme, is_backwards=is_backwards), "pk")
            )
            for programme in world.programmes
            for is_backwards in (False, True)
        }

    assert each == {
        member: counted_plainly(of_member(asked, member))
        for member, _programme in asked
    }
    assert together == Counted.of_many(each.values())
    for state, found in in_state.items():
        said = {member: row.in_state for member, row in found.items() if row.in_state}
        those = [key[0] for key, cell in asked.items() if cell.state is state]
        assert said == Counter(those), state
        if state.needs_attention:
            assert all(row.attention == row.in_state for row in found.values())
    for (programme, is_backwards), found in sorted_by.items():
        sign = -1 if is_backwards else 1
        places = {
            member: sign * states.BY_URGENCY.index(cell.state)
            for (member, of), cell in asked.items()
            if of == programme
        }
        last = len(states.STATES)
        assert [row.pk for row in found] == sorted(
            (row.pk for row in world.members),
            key=lambda pk, places=places: (places.get(pk, last), pk),
        )
    drawn = {cell.state for cell in asked.values()}
    missing = set(states.STATES) - drawn - {states.INVITED, states.NOT_REQUIRED}
    assert missing == set()  # each was tried


def of_member(asked, member):
    return [cell for key, cell in asked.items() if key[0] == member]


def counted_plainly(cells):
    return Counted(
        asked=len(cells),
        held=sum(cell.is_qualified for cell in cells),
        attention=sum(cell.state.needs_attention for cell in cells),
    )


def test_topic_that_asks_for_a_call_alone_is_ready_from_the_first():
    edition = EditionFactory(topics=[])
    EditionTopicFactory(edition=edition, needs_read=False, needs_check=False)
    enrolment = EnrolmentFactory(edition=edition)
    people = Member.objects.all()

    found = counted_each(people, [edition.programme], states.READY)

    assert found[enrolment.member_id].in_state == 1
    assert counted(people, [edition.programme]).attention == 0


def test_days_are_ends_of_what_counts_and_due_dates():
    ends = EnrolmentFactory(
        completed=True, valid_until=TODAY + 9 * DAY, counts_until=TODAY + 2 * DAY
    )
    stays = EnrolmentFactory(completed=True, edition=ends.edition, due_on=TODAY)
    due = EnrolmentFactory(edition=ends.edition, due_on=TODAY + DAY)
    none = MemberFactory()

    def sorted_by_day(*, is_backwards):
        day = by_day(ends.programme, is_backwards=is_backwards)
        return list(Member.objects.order_by(day, "pk"))

    last = [stays.member, none]  # nothing ends, nothing is due
    assert sorted_by_day(is_backwards=False) == [due.member, ends.member, *last]
    assert sorted_by_day(is_backwards=True) == [ends.member, due.member, *last]


def test_those_of_whom_somebody_has_to_think_come_first():
    needing = [each for each in states.STATES if each.needs_attention]

    assert set(states.BY_URGENCY) == set(states.STATES)
    assert set(states.BY_URGENCY[: len(needing)]) == set(needing)
