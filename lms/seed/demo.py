"""People to try it with: made by the rules themselves, dated back from today."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.core.management.base import CommandError
from django.db import transaction
from django.utils.timezone import now
from wagtail.models import Site

from certificates.issuing import end
from certificates.models import Certificate, End
from content.models import Branding
from courses.check_paper import Answer, draw_paper, score_of
from courses.checks import start_attempt
from courses.dates import set_due_on
from courses.enrolling import editions_in_force
from courses.models import (
    Attempt,
    AttemptKind,
    EditionTopic,
    Enrolment,
    EvidenceKind,
    ProgrammePage,
    Source,
)
from courses.progress import record_evidence
from lms.mail.models import Message
from lms.people.accounts import make_person_hashed, set_channel_team
from lms.people.inviting import invite
from lms.people.membership import join, leave
from lms.people.models import Member, Reseller, Team, TeamMembership, User
from lms.people.signals import membership_changed
from lms.seed import cast
from lms.seed.cast import Coach, Person, Worker
from lms.seed.models import SeededItem
from sessions import days
from sessions.asking import ask_for_time
from sessions.booking import book_call, length_of, ready_topics
from sessions.earlier import wait_for_earlier
from sessions.hours import parse_hours, set_weekly_hours
from sessions.minutes import placed
from sessions.models import Booking, Outcome, PartOfDay, RoomKind, Trainer
from sessions.proposals import propose
from sessions.signoff import TopicWord, sign_off
from sessions.slots import free_slots
from sessions.trainers import make_trainer

SINCE = timedelta(days=60)  # when everybody joined
BACK = timedelta(weeks=5)  # how far a call is booked ahead, to be moved back
ELEANOR, MARCUS, MEI_LING = cast.TRAINERS
IN_TRAINING = {  # in how many days they are due: before, nobody misses them
    21: [cast.JONAS, cast.CHLOE],
    30: [cast.LIAM, cast.YUKI, cast.LUCIA],
    45: [cast.AMARA, cast.FATIMA],
}


def require_demo() -> None:
    """Stop with a sentence where demo people must not be."""
    if not (settings.DEMO and settings.DEBUG):
        raise CommandError(
            "Demo people have a known password: they are made with DEMO=1 "
            "and DEBUG=1 only."
        )


@transaction.atomic
def seed_demo() -> int:
    """Make the demo's people and their past, once; return how many people.

    What somebody did with them since is left alone, on any later day. Their mails
    so far are dropped, but for the invitation's: they tell of times moved back.
    """
    require_demo()
    if not SeededItem.objects.get_or_create(key="demo")[1]:
        return 0
    password = make_password(cast.PASSWORD)  # once: it is slow on purpose
    staff = _make_login(cast.STAFF, password)
    set_channel_team(staff, True, by=None)
    set_channel_team(_make_login(cast.COLLEAGUE, password), True, by=None)
    for coach in cast.TRAINERS:
        _make_trainer(coach, password)
    for name, parent in cast.SUBSIDIARY_OF.items():
        _make_reseller(name, parent)
    for worker in cast.WORKERS:
        _make_worker(worker, password)

    Branding.objects.get_or_create(
        site=Site.objects.get(is_default_site=True),
        defaults={"training_email": cast.TRAINING_EMAIL},
    )
    _let_it_happen(staff)
    Message.objects.exclude(recipient=None).filter(sent_at=None).update(
        dropped_at=now()
    )
    return 2 + len(cast.TRAINERS) + len(cast.WORKERS)


def _let_it_happen(staff: User) -> None:
    """Bring each of them into the state that they show."""
    _prepare(cast.AMARA, days_ago=3, first=1)

    _prepare(cast.YUKI, days_ago=9, first=1)
    _sign_off(_hold(cast.YUKI, MEI_LING, days_ago=6, first=1))
    start_attempt(_enrolment(cast.YUKI), _topics(_enrolment(cast.YUKI))[1].topic)

    _prepare(cast.FATIMA, days_ago=4)
    _prepare(cast.JONAS, days_ago=5)
    _book(cast.JONAS, ELEANOR, days=2)

    _prepare(cast.CHLOE, days_ago=8)
    _hold(cast.CHLOE, ELEANOR, days_ago=1)

    _prepare(cast.DIEGO, days_ago=11)
    _sign_off(_hold(cast.DIEGO, MARCUS, days_ago=4), again=["Upfront Planning"])

    _prepare(cast.OLGA, days_ago=30, first=1)
    _use_up_attempts(cast.OLGA, days_ago=29, place=1)
    overdue = _enrolment(cast.OLGA)
    set_due_on(overdue, now().date() - timedelta(days=5))

    for due, workers in IN_TRAINING.items():
        for worker in workers:
            set_due_on(_enrolment(worker), now().date() + timedelta(days=due))

    _qualify(cast.NADIA, MEI_LING, days_ago=12)
    _qualify(cast.BRUNO, MARCUS, days_ago=20)

    _qualify(cast.INGRID, ELEANOR, days_ago=20)
    left_on = now().date() - timedelta(days=10)
    leave(_enrolment(cast.INGRID).member, on=left_on, by=None)

    _qualify(cast.VIKTOR, MARCUS, days_ago=16)
    certificate = Certificate.objects.get(enrolment=_enrolment(cast.VIKTOR))
    end(certificate, End.REVOKED, why="Shown in the demo.", by=staff)

    _prepare(cast.GRACE, days_ago=7)
    _sign_off(_hold(cast.GRACE, MEI_LING, days_ago=1), at=now())

    exempt = _enrolment(cast.KWAME)
    for topic in _topics(exempt):
        record_evidence(
            exempt,
            topic.topic,
            EvidenceKind.EXEMPTION,
            by=staff,
            detail={"reason": "Shown in the demo."},
            at=now() - timedelta(days=15),
        )

    away = _enrolment(cast.TOMASZ).member
    away.away_from_on = now().date() - timedelta(days=3)
    away.away_until_on = now().date() + timedelta(days=18)
    away.save(update_fields=["away_from_on", "away_until_on"])

    _prepare(cast.LUCIA, days_ago=6)
    soon = (now() + timedelta(minutes=15)).replace(second=0, microsecond=0)
    soon -= timedelta(minutes=soon.minute % 5)
    _move(_book(cast.LUCIA, ELEANOR, days=2), soon)

    _let_days_differ()
    _let_them_wait()

    invited = cast.INVITED
    invite(
        invited.email,
        invited.name,
        Reseller.objects.get(name=invited.reseller),
        teams=[Team.objects.get(slug=invited.team)],
        engagement=invited.engagement,
        is_manager=invited.is_manager,
        by=User.objects.get(email=cast.AMARA.email),
    )


def _let_days_differ() -> None:
    """Give Eleanor an afternoon off, a day off, a date's own hours, and extra ones."""
    trainer = Trainer.objects.get(user__email=ELEANOR.email)
    today = now().astimezone(trainer.zone).date()
    monday = today + timedelta(days=7 - today.weekday())

    def on(days_after: int, start: int, end: int) -> tuple[datetime, datetime]:
        day = (monday + timedelta(days=days_after)).toordinal()
        return placed(trainer.zone, day, start * 60, end * 60)

    days.close(trainer, *on(3, 14, 17), by=trainer.user, title="Dentist")
    days.close(trainer, *on(4, 0, 24), by=trainer.user, title="Day off")
    days.open_extra(trainer, *on(5, 10, 12), by=trainer.user)
    wednesday = monday + timedelta(days=2)
    days.set_other_hours(trainer, wednesday, [(11 * 60, 19 * 60)], by=trainer.user)


def _let_them_wait() -> None:
    """Marcus proposes times to Diego, Olga asks for one, Jonas for an earlier one."""
    diego, olga, jonas = map(_enrolment, (cast.DIEGO, cast.OLGA, cast.JONAS))
    marcus = Trainer.objects.get(user__email=MARCUS.email)
    topics = ready_topics(diego)
    slots = free_slots(
        diego, length_of(topics), after=now() + timedelta(days=3), trainer=marcus
    )
    by_day = {slot.starts_at.date(): slot.starts_at for slot in reversed(slots)}
    propose(marcus, diego, topics, sorted(by_day.values())[:2], request_key=uuid4())
    ask_for_time(
        olga,
        weekdays=[1, 3],
        parts=[PartOfDay.EVENING],
        note="After six, once the children are asleep.",
        time_zone=cast.OLGA.zone,
        by=olga.member.user,
    )
    call = Booking.objects.coming().get(enrolment=jonas)
    wait_for_earlier(call, by=jonas.member.user)


# --- Who they are ------------------------------------------------------------------


def _make_login(person: Person, password: str) -> User:
    return make_person_hashed(
        person.email,
        person.name,
        time_zone=person.zone,
        password=password,
        by=None,
    )


def _make_trainer(coach: Coach, password: str) -> None:
    trainer = make_trainer(
        _make_login(coach, password),
        programmes=ProgrammePage.objects.filter(section__in=coach.programmes),
        time_zone=coach.zone,
        room_kind=RoomKind(coach.room),
        room_url=coach.room_url,
        by=None,
    )
    set_weekly_hours(trainer, parse_hours(coach.hours))


def _make_reseller(name: str, parent: str | None) -> None:
    approved_on = now().date() - timedelta(days=400)
    if parent is None:
        Reseller.add_root(name=name, approved_on=approved_on)
    else:
        Reseller.objects.get(name=parent).add_child(name=name, approved_on=approved_on)


def _make_worker(worker: Worker, password: str) -> None:
    """Join two months ago, and follow what the team has to since then."""
    since = now() - SINCE
    member = join(
        _make_login(worker, password),
        Reseller.objects.get(name=worker.reseller),
        teams=[],
        engagement=worker.engagement,
        is_manager=worker.is_manager,
        by=None,
        on=since.date(),
    )
    team = Team.objects.get(slug=worker.team)
    TeamMembership.objects.create(member=member, team=team, from_on=since.date())
    for edition in editions_in_force():
        if edition.audience.filter(team=team).exists():
            Enrolment.objects.create(
                member=member,
                programme=edition.programme,
                edition=edition,
                source=Source.TEAM,
                enrolled_at=since,
            )
    membership_changed.send(Member, member=member, by=None)


# --- What they have done -----------------------------------------------------------


def _enrolment(worker: Worker) -> Enrolment:
    return Enrolment.objects.select_related("member__user", "edition").get(
        member__user__email=worker.email
    )


def _topics(enrolment: Enrolment, first: int | None = None) -> list[EditionTopic]:
    return list(enrolment.edition.topics.select_related("topic"))[:first]


def _prepare(worker: Worker, *, days_ago: int, first: int | None = None) -> None:
    """Read the first so many topics (all) and pass their checks, an hour for each.

    Every second check has an answer that is not right.
    """
    enrolment = _enrolment(worker)
    for order, topic in enumerate(_topics(enrolment, first)):
        at = now() - timedelta(days=days_ago) + order * timedelta(hours=1)
        _read(enrolment, topic, at=at)
        at += timedelta(minutes=20)
        attempt = _answer(enrolment, topic, at=at, wrong=order % 2)
        record_evidence(
            enrolment,
            topic.topic,
            EvidenceKind.CHECK,
            by=enrolment.member.user,
            detail={"attempt": attempt.pk, "score": attempt.score_percent},
            at=attempt.submitted_at,
        )


def _use_up_attempts(worker: Worker, *, days_ago: int, place: int) -> None:
    """Read the topic at that place, and fail all attempts at its check."""
    enrolment = _enrolment(worker)
    topic = _topics(enrolment)[place]
    at = now() - timedelta(days=days_ago)
    _read(enrolment, topic, at=at)
    for number in range(topic.topic.attempts_allowed or 0):
        at += timedelta(hours=1)
        _answer(enrolment, topic, at=at, wrong=4 - number)


def _read(enrolment: Enrolment, topic: EditionTopic, *, at: datetime) -> None:
    by = enrolment.member.user
    record_evidence(enrolment, topic.topic, EvidenceKind.READ, by=by, at=at)


def _answer(
    enrolment: Enrolment, topic: EditionTopic, *, at: datetime, wrong: int
) -> Attempt:
    """Hand in a check dated back; the first so many of its answers are not right."""
    paper = draw_paper(topic.topic)
    attempt = Attempt(
        enrolment=enrolment,
        topic=topic.topic,
        kind=AttemptKind.CHECK,
        started_at=at,
        submitted_at=at + timedelta(minutes=6),
        questions=paper.questions,
        key=paper.key,
        order=[question["id"] for question in paper.questions],
    )
    attempt.answers = {
        question["id"]: _mistaken(question, right) if number < wrong else right
        for number, question in enumerate(paper.questions)
        for right in [paper.key["questions"][question["id"]]["right"]]
    }
    attempt.score_percent = score_of(attempt, attempt.answers)
    attempt.passed = attempt.score_percent >= paper.key["pass_percent"]
    attempt.save()
    return attempt


def _mistaken(question: dict[str, Any], right: Answer) -> Answer:
    """What somebody could have answered who was not right."""
    if isinstance(right, dict):
        partners = list(right.values())
        return dict(zip(right, [*partners[1:], partners[0]], strict=True))
    if question["kind"] == "order":
        return right[::-1]
    others = [each["id"] for each in question["options"] if each["id"] not in right]
    return others[:1]


def _book(
    worker: Worker, coach: Coach, *, days: int, first: int | None = None
) -> Booking:
    """Book the first free time from so many days on."""
    enrolment = _enrolment(worker)
    topics = _topics(enrolment, first)
    trainer = Trainer.objects.get(user__email=coach.email)
    after = now() + timedelta(days=days)
    slots = free_slots(enrolment, length_of(topics), after=after, trainer=trainer)
    return _book_at(slots[0].starts_at, enrolment, topics, trainer)


def _book_at(
    starts_at: datetime,
    enrolment: Enrolment,
    topics: Sequence[EditionTopic],
    trainer: Trainer,
) -> Booking:
    return book_call(
        enrolment,
        topics,
        starts_at=starts_at,
        request_key=uuid4(),
        by=enrolment.member.user,
        trainer=trainer,
    )


def _hold(
    worker: Worker, coach: Coach, *, days_ago: int, first: int | None = None
) -> Booking:
    """Hold a call at the latest time, of the trainer's hours, so many days ago.

    The rules book no past: it is booked some weeks ahead and moved back by as many.
    """
    enrolment = _enrolment(worker)
    topics = _topics(enrolment, first)
    trainer = Trainer.objects.get(user__email=coach.email)
    until = now() + BACK - timedelta(days=days_ago)
    slots = free_slots(
        enrolment,
        length_of(topics),
        after=until - timedelta(days=5),
        before=until,
        trainer=trainer,
    )
    held = Booking.objects.live().filter(trainer=trainer)
    for slot in reversed(slots):
        began_at = (slot.starts_at.astimezone(trainer.zone) - BACK).astimezone(UTC)
        busy_until = began_at + length_of(topics) + trainer.rest
        if not held.filter(starts_at__lt=busy_until, busy_until__gt=began_at).exists():
            booking = _book_at(slot.starts_at, enrolment, topics, trainer)
            return _move(booking, began_at, joined_at=began_at)
    raise CommandError(f"{coach.name} has no free time for the demo.")


def _move(
    booking: Booking, starts_at: datetime, joined_at: datetime | None = None
) -> Booking:
    by = starts_at - booking.starts_at
    booking.starts_at += by
    booking.ends_at += by
    booking.busy_until += by
    booking.trainee_joined_at = booking.trainer_joined_at = joined_at
    booking.save(
        update_fields=[
            "starts_at",
            "ends_at",
            "busy_until",
            "trainee_joined_at",
            "trainer_joined_at",
        ]
    )
    return booking


def _sign_off(
    booking: Booking,
    *,
    again: Collection[str] = (),
    at: datetime | None = None,
) -> None:
    """Say "covered", and "go over again" of those; `at` of None is after the call."""
    criteria = dict(booking.enrolment.edition.topics.values_list("topic", "criteria"))
    words = [
        TopicWord(
            topic,
            Outcome.AGAIN,
            tuple(criteria[topic.topic_id][:1]),
            note="Let us go through this once more, with an example of your own.",
        )
        if topic.title in again
        else TopicWord(topic, Outcome.COVERED, tuple(criteria[topic.topic_id]))
        for topic in booking.topics.all()
    ]
    at = at or booking.ends_at + timedelta(minutes=5)
    sign_off(booking, words, by=booking.trainer.user, at=at)


def _qualify(worker: Worker, coach: Coach, *, days_ago: int) -> None:
    _prepare(worker, days_ago=days_ago + 10)
    _sign_off(_hold(worker, coach, days_ago=days_ago))
