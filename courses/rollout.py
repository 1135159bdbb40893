"""An edition's way to its people: what happens to each, and doing it.

The preview and the doing ask the same function, `fates`. All here is safe to repeat
and may be killed anywhere: whom the edition has reached is asked of the rows.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.utils.timezone import now
from django.utils.translation import gettext as _
from django_tasks.base import TaskResultStatus
from django_tasks_db.models import DBTaskResult

from courses.completing import lock_person, suffices
from courses.cycles import begin_again
from courses.dates import set_counts_until
from courses.drafting import Proposal, in_force, lock_draft, unpin
from courses.editions import freeze
from courses.enrolling import audience_of, enrol, withdraw
from courses.keeping import kept
from courses.models import (
    GOING_ON,
    EditionDraft,
    EditionTopic,
    Enrolment,
    Evidence,
    EvidenceKind,
    Source,
)
from lms.audit.log import record
from lms.mail import outbox
from lms.people.models import Member, Reseller, Team, User

logger = logging.getLogger(__name__)

AT_ONCE = 200  # people; then other jobs have their turn
_STUCK = timedelta(minutes=10)  # a worker that was killed never says so


class Fate:
    """What an edition means to somebody in its programme or in its teams."""

    KEEP = "keep"
    REDO = "redo"
    GO_ON = "go-on"
    COMPLETE = "complete"
    JOIN = "join"
    LEAVE = "leave"


@dataclass(frozen=True)
class Person:
    """A member, and what the edition means to them.

    `topics` are those to redo: what a qualified person has to show for it, or what
    was shown by somebody in the middle and does not count any more.
    """

    member_pk: int
    fate: str
    enrolment_pk: int | None = None
    topics: tuple[int, ...] = ()

    @property
    def is_touched(self) -> bool:
        return self.fate != Fate.KEEP


@dataclass(frozen=True)
class _Cycle:
    pk: int
    member_pk: int
    number: int
    source: str
    completed: bool
    closed: bool
    qualifies: bool

    @property
    def is_open(self) -> bool:
        return not self.completed and not self.closed


def fates(proposal: Proposal, *, member: Member | None = None) -> list[Person]:
    """What the edition means to whom, ordered by person: four queries for any number.

    To one member, if given. Leaves out who is in it already, and who has left.
    """
    asked = {topic.topic_id: topic for topic in proposal.topics}
    changed_in = _last_changes(proposal)
    in_teams = audience_of(Team.objects.filter(pk__in=proposal.teams))
    if member is not None:
        in_teams = in_teams.filter(pk=member.pk)
    audience = list(in_teams.values_list("pk", flat=True))
    obliged = set(audience)
    cycles = _cycles(proposal, member)
    shown = _shown(proposal, asked, member)

    people = []
    for member_pk, own in cycles.items():
        standing = [cycle for cycle in own if not cycle.closed]
        if not standing:
            continue
        last = standing[-1]
        if last.number >= proposal.edition.number:
            continue
        people.append(
            _fate(
                last,
                proposal,
                shown[last.pk],
                {topic for topic, in_ in changed_in.items() if in_ > last.number},
                is_asked=_begun_by(own) != Source.TEAM or member_pk in obliged,
            )
        )
    here = {
        member_pk
        for member_pk, own in cycles.items()
        if any(not cycle.closed for cycle in own)
    }
    joining = [member_pk for member_pk in audience if member_pk not in here]
    return [*people, *(Person(member_pk, Fate.JOIN) for member_pk in joining)]


def _fate(
    last: _Cycle,
    proposal: Proposal,
    shown: dict[int, set[str]],
    changed: Collection[int],
    *,
    is_asked: bool,
) -> Person:
    """Decide by the newest cycle that stands."""
    counts: dict[int, set[str]] = {
        topic: {kind for kind in kinds if kind == EvidenceKind.EXEMPTION}
        if topic in changed
        else kinds
        for topic, kinds in shown.items()
    }
    missing = tuple(
        topic.topic_id
        for topic in proposal.topics
        if not suffices(topic, counts.get(topic.topic_id, set()))
    )
    if last.is_open:
        if not is_asked:
            return Person(last.member_pk, Fate.LEAVE, last.pk)
        if not missing:
            return Person(last.member_pk, Fate.COMPLETE, last.pk)
        lost = tuple(
            topic.topic_id
            for topic in proposal.topics
            if shown.get(topic.topic_id, set()) != counts.get(topic.topic_id, set())
        )
        return Person(last.member_pk, Fate.GO_ON, last.pk, lost)
    redoes = last.qualifies and is_asked and proposal.edition.redo_days is not None
    if redoes and missing:
        return Person(last.member_pk, Fate.REDO, last.pk, missing)
    return Person(last.member_pk, Fate.KEEP, last.pk)


def _last_changes(proposal: Proposal) -> dict[int, int]:
    """In which edition each topic was last marked as changed, by topic; one query."""
    rows = EditionTopic.objects.filter(
        edition__programme=proposal.edition.programme_id,
        edition__number__lt=proposal.edition.number,
        is_changed=True,
    ).order_by("edition__number")
    changes: dict[int, int] = dict(rows.values_list("topic_id", "edition__number"))
    for topic in proposal.topics:
        if topic.is_changed:
            changes[topic.topic_id] = proposal.edition.number
    return changes


def _cycles(proposal: Proposal, member: Member | None) -> dict[int, list[_Cycle]]:
    """All cycles of those who are here, by member, the oldest first; one query."""
    today = now().date()
    here = Member.objects.live().filter(reseller__in=Reseller.objects.live())
    rows = Enrolment.objects.filter(
        programme=proposal.edition.programme_id, member__in=here
    )
    if member is not None:
        rows = rows.filter(member=member)
    cycles: dict[int, list[_Cycle]] = defaultdict(list)
    values = rows.order_by("member__user", "member", "cycle").values_list(
        "pk",
        "member",
        "edition__number",
        "source",
        "completed_at",
        "withdrawn_at",
        "annulled_at",
        "valid_until",
        "counts_until",
    )
    for pk, member_pk, number, source, done, withdrawn, annulled, *days in values:
        cycles[member_pk].append(
            _Cycle(
                pk=pk,
                member_pk=member_pk,
                number=number,
                source=source,
                completed=done is not None,
                closed=bool(withdrawn or annulled),
                qualifies=done is not None and _counts_on(today, *days),
            )
        )
    return cycles


def _counts_on(day: date, until: date | None, counts: date | None) -> bool:
    """As `EnrolmentQuerySet.qualified` asks it, or from a later day on: renewed."""
    return all(day < end for end in (until, counts) if end is not None)


def _begun_by(cycles: Iterable[_Cycle]) -> str:
    """Who asked first, as `EnrolmentQuerySet.by_team` asks it."""
    asked = [cycle.source for cycle in cycles if cycle.source not in GOING_ON]
    return asked[-1] if asked else Source.EDITION


def _shown(
    proposal: Proposal, asked: Collection[int], member: Member | None
) -> dict[int, dict[int, set[str]]]:
    """What was shown, by enrolment and topic, of the topics asked; one query."""
    rows = Evidence.objects.filter(
        enrolment__programme=proposal.edition.programme_id,
        topic__in=asked,
        voided_at=None,
    )
    if member is not None:
        rows = rows.filter(enrolment__member=member)
    shown: dict[int, dict[int, set[str]]] = defaultdict(lambda: defaultdict(set))
    for enrolment, topic, kind in rows.order_by().values_list(
        "enrolment", "topic", "kind"
    ):
        shown[enrolment][topic].add(kind)
    return shown


# --- Doing it ----------------------------------------------------------------------


def go_on(draft_pk: int) -> bool:
    """Begin what is due, reach some people; tell whether to go on at once."""
    if not _start(draft_pk):
        return False
    draft = EditionDraft.objects.on_their_way().filter(pk=draft_pk)
    return any(_reach_some(each) for each in draft.select_related("edition__programme"))


@transaction.atomic
def _start(draft_pk: int) -> bool:
    """Publish what was put up, once its hour has come; tell whether it is in force.

    It waits until an earlier edition of the programme has reached everybody.
    """
    found = EditionDraft.objects.filter(pk=draft_pk).select_related("programme").first()
    if found is None:
        return False
    draft = lock_draft(found)
    if draft.edition_id is not None:
        return True
    if draft.starts_at is None or draft.starts_at > now() or draft.pinned is None:
        return False
    earlier = EditionDraft.objects.on_their_way().filter(programme=draft.programme_id)
    if earlier.exists():
        return False
    proposal = unpin(draft, draft.pinned)
    proposal.edition.effective_on = now().date()
    freeze(proposal.edition, proposal.topics, proposal.teams, by=draft.started_by)
    draft.edition = proposal.edition
    draft.people = sum(person.is_touched for person in fates(proposal))
    draft.save(update_fields=["edition", "people"])
    return True


def _reach_some(draft: EditionDraft) -> bool:
    """Touch some of those who wait for it; tell whether there may be more."""
    if draft.edition is None:
        return False
    proposal = in_force(draft.edition)
    waiting = [person for person in fates(proposal) if person.is_touched]
    if not waiting:
        EditionDraft.objects.filter(pk=draft.pk, finished_at=None).update(
            finished_at=now()
        )
        record(draft.started_by, "rolled_out", draft.edition)
        return False
    touched = 0
    for person in waiting:
        if touched == AT_ONCE:
            break
        member = Member.objects.select_related("user", "reseller").get(
            pk=person.member_pk
        )
        try:
            touched += touch(member, draft, proposal)
        except Exception:  # one person's trouble keeps nobody else waiting
            logger.exception("Edition %s, member %s", draft.edition_id, member.pk)
    return touched > 0


@transaction.atomic
def touch(member: Member, draft: EditionDraft, proposal: Proposal) -> bool:
    """Let one member go on as the edition in force asks; tell whether it did.

    What happens is asked again under the person's lock. Repeating is safe.
    """
    lock_person(member.user_id)
    person = next(iter(fates(proposal, member=member)), None)
    if person is None or not person.is_touched:
        return False
    edition, by = proposal.edition, draft.started_by
    due_on = None
    if person.enrolment_pk is None:
        due_on = enrol(member, edition.programme, source=Source.TEAM, by=by).due_on
    else:
        enrolment = Enrolment.objects.select_related("edition", "member").get(
            pk=person.enrolment_pk
        )
        if person.fate == Fate.LEAVE:
            withdraw(enrolment, by=by, why=_("No longer asked of their team"))
        else:
            due_on = _begin_again(enrolment, proposal, by=by)
    EditionDraft.objects.filter(pk=draft.pk).update(touched=F("touched") + 1)
    _tell(member, person, proposal, due_on)
    return True


def _begin_again(
    enrolment: Enrolment, proposal: Proposal, *, by: User | None
) -> date | None:
    """Go on in the edition with all that counts; return by when it is due.

    The qualified count until they have to be through. Who is in the middle keeps the
    day they had, or, while they are qualified still, has the edition's days in full.
    """
    edition = proposal.edition
    due_on = enrolment.due_on
    if edition.redo_days is not None:
        own = Enrolment.objects.filter(
            member=enrolment.member, programme=enrolment.programme_id
        )
        is_renewed = Q(pk=enrolment.pk, completed_at__isnull=False)
        qualified = own.filter(Q(pk__in=own.qualified().values("pk")) | is_renewed)
        ends = edition.effective_on + timedelta(days=edition.redo_days)
        for each in qualified.select_for_update(no_key=True):
            if each.pk != enrolment.pk and each.counts_until is None:
                continue
            set_counts_until(each, max(ends, each.counts_until or ends))
            due_on = each.counts_until
    successor = begin_again(
        enrolment,
        member=enrolment.member,
        edition=edition,
        keep=kept(enrolment, edition),
        why=_("The programme changed: edition %(number)d") % {"number": edition.number},
        by=by,
        source=Source.EDITION,
        due_on=due_on,
    )
    return successor.due_on


def _tell(
    member: Member, person: Person, proposal: Proposal, due_on: date | None
) -> None:
    """Write the person once, whatever is done again."""
    edition = proposal.edition
    titles = {topic.topic_id: topic.title for topic in proposal.topics}
    outbox.queue(
        f"edition-{edition.pk}-{member.user_id}",
        member.user,
        "courses/email/edition.txt",
        {
            "fate": person.fate,
            "edition": edition,
            "reseller": member.reseller,
            "topics": [titles[topic] for topic in person.topics],
            "due_on": due_on,
            "url": f"{settings.PUBLIC_URL}{edition.programme.url}",
        },
    )


def carry_on() -> None:
    """Ask the worker for what is due or was left half done; for the clock."""
    from courses.tasks import roll_out  # noqa: PLC0415  the task calls back

    due = EditionDraft.objects.put_up().filter(starts_at__lte=now())
    keys = [
        *due.values_list("pk", flat=True),
        *EditionDraft.objects.on_their_way().values_list("pk", flat=True),
    ]
    if not keys:
        return
    calls = DBTaskResult.objects.filter(
        task_path=roll_out.module_path,
        status__in=[TaskResultStatus.READY, TaskResultStatus.RUNNING],
        enqueued_at__gt=now() - _STUCK,
    )
    asked = {args["args"][0] for args in calls.values_list("args_kwargs", flat=True)}
    for pk in keys:
        if pk not in asked:
            roll_out.enqueue(pk)
