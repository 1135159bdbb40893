"""The next edition of a programme, from its first word until its hour comes."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from hashlib import sha256
from json import dumps
from typing import Any

from django.db import transaction
from django.utils.timezone import now
from django.utils.translation import gettext as _

from courses.editions import asked_of, edition_of, missing_for_edition
from courses.models import (
    DraftTopic,
    Edition,
    EditionDraft,
    EditionTopic,
    ProgrammePage,
    TopicPage,
)
from lms.audit.log import record
from lms.errors import Refused
from lms.people.models import Team, User

CAN_BE_STOPPED = timedelta(hours=1)
SUGGESTED_DAYS = 60

_NOT_PINNED = {"id", "programme", "number", "effective_on", "published_at"}
_EDITION = [
    each.attname
    for each in Edition._meta.concrete_fields
    if each.name not in _NOT_PINNED | {"published_by"}
]
_TOPIC = [
    each.attname
    for each in EditionTopic._meta.concrete_fields
    if each.name not in {"id", "edition"}
]


@dataclass(frozen=True)
class Proposal:
    """What an edition asks, in force or not: its rows may not be saved yet.

    `teams` are the keys of its audience. It has a number in any case.
    """

    edition: Edition
    topics: tuple[EditionTopic, ...]
    teams: tuple[int, ...]

    def pin(self) -> dict[str, Any]:
        """The same as JSON, from which `unpin` makes it again."""
        return {
            "edition": {name: getattr(self.edition, name) for name in _EDITION},
            "topics": [
                {name: getattr(topic, name) for name in _TOPIC} for topic in self.topics
            ],
            "teams": list(self.teams),
        }


def unpin(draft: EditionDraft, pinned: dict[str, Any]) -> Proposal:
    """What was put up; without what is gone since, against all our guards."""
    topics = [EditionTopic(**values) for values in pinned["topics"]]
    pages = TopicPage.objects.in_bulk([topic.topic_id for topic in topics])
    teams = Team.objects.filter(pk__in=pinned["teams"])
    kept = [topic for topic in topics if topic.topic_id in pages]
    for topic in kept:
        topic.topic = pages[topic.topic_id]
    return Proposal(
        Edition(programme=draft.programme, **pinned["edition"]),
        tuple(kept),
        tuple(teams.values_list("pk", flat=True)),
    )


def proposal_of(draft: EditionDraft) -> Proposal:
    """What the draft would ask: of its pages, or as it was put up, or as published."""
    if draft.edition is not None:
        return in_force(draft.edition)
    if draft.pinned is not None:
        proposal = unpin(draft, draft.pinned)
    else:
        proposal = _from_pages(draft)
    proposal.edition.number = draft.programme.editions.count() + 1
    return proposal


def in_force(edition: Edition) -> Proposal:
    """What a published edition asks; two queries."""
    return Proposal(
        edition,
        tuple(edition.topics.select_related("topic")),
        tuple(edition.audience.values_list("team", flat=True).order_by("team")),
    )


def _from_pages(draft: EditionDraft) -> Proposal:
    said = {row.topic_id: row for row in draft.topics.all()}
    pages = [
        page
        for page in draft.programme.topics().live()
        if not (page.pk in said and said[page.pk].is_left_out)
    ]
    topics = [asked_of(page, order) for order, page in enumerate(pages, start=1)]
    for topic in topics:
        if topic.topic_id in said:
            topic.is_changed = said[topic.topic_id].is_changed
    edition = edition_of(draft.programme)
    edition.renewal = draft.renewal
    edition.redo_days = draft.redo_days
    edition.summary = draft.summary
    teams = draft.programme.audience.order_by("pk").values_list("pk", flat=True)
    return Proposal(edition, tuple(topics), tuple(teams))


def edited_since(draft: EditionDraft) -> list[str]:
    """Titles of the pages that say something else than when it was put up."""
    if draft.pinned is None or draft.edition_id is not None:
        return []
    pinned, now_said = unpin(draft, draft.pinned), _from_pages(draft)
    before = {topic.topic_id: topic for topic in pinned.topics}
    titles = []
    if pinned.pin()["edition"] != now_said.pin()["edition"] or set(pinned.teams) != set(
        now_said.teams
    ):
        titles.append(draft.programme.title)
    for topic in now_said.topics:
        was = before.pop(topic.topic_id, None)
        if was is None or _but_order(was) != _but_order(topic):
            titles.append(topic.title)
    return [*titles, *(topic.title for topic in before.values())]


def _but_order(topic: EditionTopic) -> list[Any]:
    return [getattr(topic, name) for name in _TOPIC if name != "order"]


def fingerprint(draft: EditionDraft) -> str:
    """Of all that an editor sees of the draft: another one, another sight."""
    seen = [
        draft.pk,
        draft.effective_on,
        draft.starts_at,
        draft.edition_id,
        sorted(draft.topics.values_list("topic", "is_changed", "is_left_out")),
        proposal_of(draft).pin(),
    ]
    return sha256(dumps(seen, sort_keys=True, default=str).encode()).hexdigest()[:32]


def open_draft(programme: ProgrammePage) -> EditionDraft | None:
    """The draft of its next edition, put up or not."""
    draft: EditionDraft | None = (
        EditionDraft.objects.open()
        .filter(programme=programme)
        .select_related("programme")
        .first()
    )
    return draft


@transaction.atomic
def begin_draft(programme: ProgrammePage, *, by: User | None) -> EditionDraft:
    """Begin to gather the next edition; the one that is open, if there is one.

    Raises Refused before the first edition: that one needs no draft.
    """
    programme = _lock_programme(programme)
    if draft := open_draft(programme):
        return draft
    latest = programme.editions.order_by("number").last()
    if latest is None:
        raise Refused(_("Publish its first edition first."))
    draft = EditionDraft.objects.create(
        programme=programme,
        renewal=latest.renewal,
        redo_days=SUGGESTED_DAYS,
        begun_by=by,
    )
    record(by, "began_draft", draft, programme=programme.pk)
    return draft


@transaction.atomic
def save_draft(
    draft: EditionDraft,
    *,
    seen: str,
    summary: str,
    effective_on: date | None,
    redo_days: int | None,
    renewal: str,
    changed: Collection[int],
    left_out: Collection[int],
    by: User | None,
) -> EditionDraft:
    """Write down what an editor says of the draft, by the keys of topics.

    `seen` is the fingerprint of what they had before them. Raises Refused when
    somebody has changed it since, and once it is put up.
    """
    draft = lock_draft(draft)
    _require_seen(draft, seen)
    if draft.starts_at is not None:
        raise Refused(_("It is put up already. Stop it first, then change it."))
    draft.summary, draft.effective_on = summary, effective_on
    draft.redo_days, draft.renewal = redo_days, renewal
    draft.save(update_fields=["summary", "effective_on", "redo_days", "renewal"])
    own = draft.programme.topics().values_list("pk", flat=True)
    draft.topics.all().delete()
    DraftTopic.objects.bulk_create(
        DraftTopic(
            draft=draft,
            topic_id=topic,
            is_changed=topic in changed and topic not in left_out,
            is_left_out=topic in left_out,
        )
        for topic in own
        if topic in changed or topic in left_out
    )
    record(by, "saved_draft", draft, programme=draft.programme_id)
    return draft


@transaction.atomic
def put_up(draft: EditionDraft, *, seen: str, by: User | None) -> EditionDraft:
    """Let it come into force on its day, an hour from now at the earliest.

    What the pages say now is pinned: a later edit is not in it. Until its hour it can
    be stopped. Putting it up again changes nothing. Raises Refused, with all that is
    missing, and when it is not what the editor has seen.
    """
    draft = lock_draft(draft)
    if draft.starts_at is not None:
        return draft
    require_complete(draft, seen)
    draft.starts_at = begins_at(draft.effective_on)
    draft.started_by = by
    draft.pinned = proposal_of(draft).pin()
    draft.save(update_fields=["starts_at", "started_by", "pinned"])
    record(by, "put_up_edition", draft, programme=draft.programme_id)
    return draft


def require_complete(draft: EditionDraft, seen: str) -> None:
    """Refuse, with all that is missing, or when it is not what the editor has seen."""
    _require_seen(draft, seen)
    if missing := missing_for_draft(draft):
        raise Refused(" ".join(missing))


def begins_at(effective_on: date | None) -> datetime:
    """When an edition put up now comes into force: its day, or in an hour."""
    soonest = now() + CAN_BE_STOPPED
    if effective_on is None:
        return soonest
    return max(soonest, datetime.combine(effective_on, time(), UTC))


def missing_for_draft(draft: EditionDraft) -> list[str]:
    """Say, in a sentence each, why it cannot be put up."""
    proposal = proposal_of(draft)
    pages = [topic.topic for topic in proposal.topics]
    missing = missing_for_edition(draft.programme, pages)
    latest = draft.programme.editions.order_by("number").last()
    if latest and _asks_the_same(in_force(latest), proposal):
        missing.append(
            _("It asks the same as edition %(number)d: there is nothing to publish.")
            % {"number": latest.number}
        )
    if draft.effective_on and draft.effective_on < now().date():
        missing.append(_("Its day has passed: choose today or a later one."))
    return missing


def _asks_the_same(one: Proposal, other: Proposal) -> bool:
    """But for the words about it, and for corrections of the pages' text."""
    return _asks(one) == _asks(other)


def _asks(proposal: Proposal) -> dict[str, Any]:
    pinned = proposal.pin()
    for name in ("summary", "redo_days"):
        del pinned["edition"][name]
    for topic in pinned["topics"]:
        del topic["revision_id"]
        topic["is_changed"] = topic["is_changed"] and proposal.edition.pk is None
    return pinned


@transaction.atomic
def stop(draft: EditionDraft, *, by: User | None) -> EditionDraft:
    """Take back what was put up: it can be changed again. Repeating is safe.

    Raises Refused once it is in force.
    """
    draft = lock_draft(draft)
    if draft.edition_id is not None:
        raise Refused(_("It is in force already: what is wrong goes by the next one."))
    if draft.starts_at is not None:
        draft.starts_at = draft.started_by = draft.pinned = None
        draft.save(update_fields=["starts_at", "started_by", "pinned"])
        record(by, "stopped_edition", draft, programme=draft.programme_id)
    return draft


@transaction.atomic
def drop(draft: EditionDraft, *, by: User | None) -> None:
    """Forget the draft; the pages stay as they are. Raises Refused once put up."""
    draft = lock_draft(draft)
    if draft.starts_at is not None:
        raise Refused(_("It is put up already. Stop it first, then drop it."))
    record(by, "dropped_draft", draft, programme=draft.programme_id)
    draft.delete()


def lock_draft(draft: EditionDraft) -> EditionDraft:
    """Lock the programme, then the draft; Refused when the draft is gone."""
    _lock_programme(draft.programme)
    found = (
        EditionDraft.objects.select_for_update(of=("self",))
        .select_related("programme", "edition")
        .filter(pk=draft.pk)
        .first()
    )
    if found is None:
        raise Refused(_("Somebody has dropped this draft meanwhile."))
    return found


def _lock_programme(programme: ProgrammePage) -> ProgrammePage:
    locked: ProgrammePage = ProgrammePage.objects.select_for_update(of=("self",)).get(
        pk=programme.pk
    )
    return locked


def _require_seen(draft: EditionDraft, seen: str) -> None:
    if seen != fingerprint(draft):
        raise Refused(
            _(
                "Somebody has changed this draft or one of its pages meanwhile. Look at "
                "it again: nothing of yours is saved yet."
            )
        )
