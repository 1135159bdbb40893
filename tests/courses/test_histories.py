"""What must hold whatever happens to people, in whatever order.

Random histories, each drawn from a fixed seed: evidence, mistakes, exemptions,
editions, teams joined and left, leaving and coming back.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from random import Random
from typing import Any

import pytest
import time_machine
from django.db.models import Count
from django.utils.timezone import now

from certificates.models import Certificate
from courses.completing import suffices
from courses.drafting import (
    begin_draft,
    drop,
    fingerprint,
    proposal_of,
    put_up,
    save_draft,
)
from courses.editions import publish_edition
from courses.enrolling import follow_teams
from courses.models import (
    Enrolment,
    Evidence,
    EvidenceKind,
    ProgrammePage,
    TopicCompletion,
)
from courses.progress import progress_of, record_evidence, void_evidence
from courses.rollout import fates, go_on
from lms.errors import Refused
from lms.people.models import Member
from tests.factories import (
    MemberFactory,
    ProgrammePageFactory,
    TeamFactory,
    TeamMembershipFactory,
    TopicPageFactory,
    UserFactory,
)

PEOPLE = 3
STEPS = 20
SHOWN = [EvidenceKind.READ, EvidenceKind.CALL]


@dataclass
class History:
    """A programme, its people, and what chance does to them."""

    random: Random
    clock: Any
    programme: ProgrammePage
    users: list[Any]
    kept: set[int] = field(default_factory=set)
    done: list[str] = field(default_factory=list)

    def step(self) -> None:
        happens = self.random.choices(
            [
                self.show,
                self.finish,
                self.exempt,
                self.void,
                self.publish,
                self.change_team,
                self.come_or_go,
            ],
            weights=[8, 5, 1, 2, 4, 3, 2],
        )[0]
        self.done.append(happens.__name__)
        happens()
        self.clock.shift(timedelta(hours=1))

    def member(self) -> Member:
        user = self.random.choice(self.users)
        return Member.objects.filter(user=user).latest("pk")

    def enrolment(self) -> Enrolment | None:
        return Enrolment.objects.filter(member=self.member()).order_by("cycle").last()

    def show(self) -> None:
        if enrolment := self.enrolment():
            row = self.random.choice(list(enrolment.edition.topics.all()))
            kind = self.random.choice(SHOWN)
            record_evidence(enrolment, row.topic, kind, by=None)

    def finish(self) -> None:
        if enrolment := self.enrolment():
            for row in enrolment.edition.topics.all():
                for kind in SHOWN:
                    record_evidence(enrolment, row.topic, kind, by=None)

    def exempt(self) -> None:
        if enrolment := self.enrolment():
            row = self.random.choice(list(enrolment.edition.topics.all()))
            record_evidence(enrolment, row.topic, EvidenceKind.EXEMPTION, by=None)

    def void(self) -> None:
        live = list(Evidence.objects.filter(voided_at=None))
        if live:
            void_evidence(self.random.choice(live), by=None, why="A mistake")
            self.kept = completions()

    def publish(self) -> None:
        topics = list(self.programme.topics().values_list("pk", flat=True))
        chosen = self.random.sample(topics, 2)
        draft = begin_draft(self.programme, by=None)
        draft = save_draft(
            draft,
            seen=fingerprint(draft),
            summary="",
            effective_on=None,
            redo_days=self.random.choice([None, 1, 60]),
            renewal="all",
            changed=chosen[: self.random.randint(0, 2)],
            left_out=self.random.choice([[], [], chosen[1:]]),
            by=None,
        )
        try:
            draft = put_up(draft, seen=fingerprint(draft), by=None)
        except Refused:  # it asks the same
            drop(draft, by=None)
            return
        assert draft.starts_at
        self.clock.move_to(draft.starts_at)
        counted = sum(person.is_touched for person in fates(proposal_of(draft)))
        while go_on(draft.pk):
            pass
        draft.refresh_from_db()
        assert draft.finished_at
        assert (draft.people, draft.touched) == (counted, counted)

    def change_team(self) -> None:
        member = self.member()
        today = now().date()
        if not member.team_memberships.live().update(until_on=today):
            TeamMembershipFactory(
                member=member, team=self.programme.audience.get(), from_on=today
            )
        follow_teams(member, by=None)

    def come_or_go(self) -> None:
        member = self.member()
        if member.is_live:
            member.left_on = now().date()
            member.save()
        else:
            member = MemberFactory(
                user=member.user, reseller=member.reseller, joined_on=now().date()
            )
            TeamMembershipFactory(member=member, team=self.programme.audience.get())
        follow_teams(member, by=None)

    def check(self) -> None:
        enrolments = list(Enrolment.objects.select_related("edition"))
        for progress in progress_of(enrolments).values():
            assert 0 <= progress.done <= progress.required
            for topic in progress.topics:
                assert topic.is_complete == suffices(
                    topic.asked, shown_by(progress.enrolment, topic.asked.topic_id)
                )
            if progress.enrolment.is_open:
                assert progress.done < progress.required
        assert not more_than_one(Enrolment.objects.open(), "member", "programme")
        assert completions() >= self.kept
        self.kept = completions()
        standing = Certificate.objects.standing()
        assert not more_than_one(standing, "enrolment__member", "enrolment__programme")
        holders = set(standing.values_list("enrolment__member", flat=True))
        qualified = Enrolment.objects.qualified().values_list("member", flat=True)
        assert set(qualified) <= holders


def shown_by(enrolment: Enrolment, topic: int) -> set[str]:
    live = Evidence.objects.filter(enrolment=enrolment, topic=topic, voided_at=None)
    return set(live.values_list("kind", flat=True))


def completions() -> set[int]:
    """Completed enrolments that stand."""
    standing = Enrolment.objects.standing().filter(completed_at__isnull=False)
    return set(standing.values_list("pk", flat=True))


def more_than_one(rows: Any, *by: str) -> bool:
    counts = rows.order_by().values(*by).annotate(count=Count("pk"))
    return bool(counts.filter(count__gt=1).exists())


@pytest.mark.parametrize("seed", range(5))
def test_whatever_happens_progress_is_its_rows_and_nothing_earned_is_lost(
    db: None, seed: int
) -> None:
    with time_machine.travel("2026-03-02T09:00Z", tick=False) as clock:
        programme = ProgrammePageFactory(audience=[TeamFactory()], validity_months=24)
        TopicPageFactory.create_batch(3, parent=programme)
        publish_edition(programme, by=None)
        users = UserFactory.create_batch(PEOPLE)
        for user in users:
            member = MemberFactory(user=user)
            TeamMembershipFactory(member=member, team=programme.audience.get())
            follow_teams(member, by=None)
        history = History(Random(seed), clock, programme, users)

        for _ in range(STEPS):
            history.step()
            try:
                history.check()
            except AssertionError as broken:
                broken.add_note(f"after {history.done}")
                raise

    assert TopicCompletion.objects.exists()
