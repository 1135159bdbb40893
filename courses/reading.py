"""What the pages of a programme show to the person who reads them."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import md5

from django.db.models import Prefetch, prefetch_related_objects
from django.http import HttpRequest
from django.utils.translation import gettext as _
from wagtail.models import Page

from content.kept import kept
from courses.editions import asked_of
from courses.enrolling import editions_in_force
from courses.models import (
    Edition,
    EditionAudience,
    EditionTopic,
    Enrolment,
    EvidenceKind,
    ProgrammePage,
    Source,
    TopicPage,
)
from courses.progress import (
    Progress,
    TopicProgress,
    progress_of,
    topics_of,
    untouched,
)
from lms.people.access import Access
from lms.people.models import Team, TeamMembership
from lms.walls import unscoped

AUDIENCE = Prefetch(
    "audience",
    queryset=EditionAudience.objects.select_related("team").order_by("team__order"),
)


@dataclass(frozen=True)
class OpenProgramme:
    """A programme that takes people, for whom it is, and how far the reader is."""

    page: ProgrammePage
    edition: Edition
    progress: Progress | None

    @property
    def teams(self) -> list[Team]:
        return [row.team for row in self.edition.audience.all()]


def open_programmes(access: Access | None) -> list[OpenProgramme]:
    """Programmes with an edition in force; two queries, three more for a member."""
    editions = [each for each in editions_in_force() if each.programme.live]
    prefetch_related_objects(editions, AUDIENCE)
    progress = {}
    if access and access.member:
        enrolments = (
            unscoped(Enrolment.objects, "of the membership switched to")
            .standing()
            .filter(member=access.member)
            .select_related("edition")
            .order_by("cycle")
        )
        latest = {each.programme_id: each for each in enrolments}
        progress = {
            each.enrolment.programme_id: each
            for each in progress_of(latest.values()).values()
        }
    return [
        OpenProgramme(each.programme, each, progress.get(each.programme_id))
        for each in editions
    ]


@dataclass(frozen=True)
class Reader:
    """What a programme asks of its reader.

    `edition` is the reader's own, or else the one in force; None before the first.
    `progress` is None for somebody who is not in the programme: then `topics` say
    what it would ask of them, or, without an edition, what the pages draft.
    """

    programme: ProgrammePage
    edition: Edition | None
    enrolment: Enrolment | None
    progress: Progress | None
    topics: tuple[TopicProgress, ...]

    @property
    def teams(self) -> list[Team]:
        """For whom the programme is; one query."""
        if self.edition is None:
            return []
        rows = EditionAudience.objects.filter(edition=self.edition)
        return list(Team.objects.filter(pk__in=rows.values("team")))

    @property
    def why(self) -> str:
        """Why the reader is in the programme, and by whom, in a sentence; one query."""
        if self.enrolment is None:
            return ""
        if self.enrolment.source == Source.TEAM:
            return _why_by_team(self.enrolment)
        if by := self.enrolment.enrolled_by:
            named = {
                Source.MANAGER: _("%(name)s, your manager, added you."),
                Source.SELF: _("You asked to take it, and %(name)s added you."),
                Source.STAFF: _("%(name)s of ByteKast added you."),
            }.get(Source(self.enrolment.source))
            if named:
                return named % {"name": by.full_name}
        return {
            Source.MANAGER: _("Your manager added you to this programme."),
            Source.SELF: _("You asked to take this programme."),
            Source.STAFF: _("ByteKast added you to this programme."),
            Source.EDITION: _("You are here because the programme has changed."),
            Source.RENEWAL: _("You are here to renew your qualification."),
            Source.TRANSFER: _("What you had earned before was carried over."),
        }[Source(self.enrolment.source)]

    @property
    def missing(self) -> list[tuple[str, list[TopicProgress]]]:
        """What is missing for the certificate: kinds of step, each with its topics."""
        kinds = [
            (EvidenceKind.READ, _("To read")),
            (EvidenceKind.CHECK, _("Checks to pass")),
            (EvidenceKind.CALL, _("To go through in a call")),
        ]
        lists = [
            (words, [topic for topic in self.topics if topic.is_missing(kind)])
            for kind, words in kinds
        ]
        return [(words, topics) for words, topics in lists if topics]


@dataclass(frozen=True)
class TopicReader(Reader):
    """A reader of one topic. `here` is None where it is not asked of them."""

    here: TopicProgress | None
    before: TopicProgress | None
    after: TopicProgress | None

    @property
    def mark(self) -> str:
        """A word for what is done, another one as soon as anything is.

        It tells an open page whether it still shows what is so.
        """
        done = [
            (topic.asked.topic_id, step.kind, step.at)
            for topic in self.topics
            for step in topic.steps
        ]
        ended = [(topic.completed_at, topic.exempted_at) for topic in self.topics]
        return md5(repr((done, ended)).encode(), usedforsecurity=False).hexdigest()

    @property
    def title(self) -> str:
        """What the topic is called where it is asked; empty where it is not."""
        return self.here.title if self.here else ""

    @property
    def asks_reading(self) -> bool:
        """Whether “I have read this” is for this reader."""
        return bool(self.enrolment and self.here and self.here.asked.needs_read)

    @property
    def has_call(self) -> bool:
        """Whether a call covers the topic for this reader."""
        return bool(self.here and self.here.asked.needs_call)

    @property
    def has_read(self) -> bool:
        return bool(self.here and self.here.is_done(EvidenceKind.READ))


def reader_of(
    page: ProgrammePage, access: Access | None, request: HttpRequest | None = None
) -> Reader:
    """What the programme asks of the reader: two queries for one who is in it.

    The third, its topics, is kept for all; `request` spares asking whether they hold.
    """
    return _reader(page.path, access, request, page)


def topic_reader_of(
    page: TopicPage, access: Access | None, request: HttpRequest | None = None
) -> TopicReader:
    """What the topic asks of the reader, and what stands around it; as many."""
    reader = _reader(page.path[: -Page.steplen], access, request)
    keys = [topic.asked.topic_id for topic in reader.topics]
    place = keys.index(page.pk) if page.pk in keys else None
    here, before, after = None, None, None
    if place is not None:
        here = reader.topics[place]
        before = reader.topics[place - 1] if place > 0 else None
        after = reader.topics[place + 1] if place + 1 < len(keys) else None
    elif reader.enrolment is None:
        here = untouched(asked_of(page))
    return TopicReader(**vars(reader), here=here, before=before, after=after)


def _reader(
    path: str,
    access: Access | None,
    request: HttpRequest | None,
    programme: ProgrammePage | None = None,
) -> Reader:
    """Read what the programme at that place of the page tree asks."""
    if programme is None:
        programme = kept(
            request,
            ("programme", path),
            lambda: ProgrammePage.objects.get(path=path),
        )
    enrolment = _enrolment_in(programme, access, request)
    if enrolment:
        asked = _kept_topics(enrolment.edition, request)
        progress = progress_of([enrolment], asked)[enrolment.pk]
        return Reader(
            programme=programme,
            edition=enrolment.edition,
            enrolment=enrolment,
            progress=progress,
            topics=progress.topics,
        )

    edition = programme.edition_on()
    asked = _kept_topics(edition, request) if edition else []
    drafts = [] if edition else programme.topics().live()
    topics = [*asked, *(asked_of(page) for page in drafts)]
    return Reader(
        programme=programme,
        edition=edition,
        enrolment=None,
        progress=None,
        topics=tuple(untouched(topic) for topic in topics),
    )


def _kept_topics(edition: Edition, request: HttpRequest | None) -> list[EditionTopic]:
    """What an edition asks for, which never changes, and its pages as they now are."""
    return kept(request, ("topics", edition.pk), lambda: topics_of([edition.pk]))


def _enrolment_in(
    programme: ProgrammePage,
    access: Access | None,
    request: HttpRequest | None,
) -> Enrolment | None:
    """The latest standing cycle of the membership that the reader has switched to."""
    if access is None or access.member is None:
        return None
    own = unscoped(Enrolment.objects, "of the membership switched to")
    standing = own.standing().filter(member=access.member, programme=programme.pk)
    enrolment = max(standing.order_by(), key=lambda each: each.cycle, default=None)
    if enrolment:
        pk = enrolment.edition_id
        enrolment.programme, enrolment.member = programme, access.member
        enrolment.edition = kept(
            request, ("edition", pk), lambda: Edition.objects.get(pk=pk)
        )
    return enrolment


def _why_by_team(enrolment: Enrolment) -> str:
    own = unscoped(TeamMembership.objects, "of the reader's own enrolment").live()
    own = own.filter(member=enrolment.member_id)
    asked = EditionAudience.objects.filter(edition=enrolment.edition_id)
    teams = Team.objects.filter(pk__in=own.values("team")).filter(
        pk__in=asked.values("team")
    )
    names = [team.name for team in teams]
    if not names:
        return _("You are here because of a team you were in.")
    return _("You are here because you are in %(teams)s.") % {
        "teams": _(" and ").join(names)
    }
