"""What the next edition asks, side by side with the one in force."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from courses.drafting import Proposal
from courses.models import EditionDraft, EditionTopic, Preparation, Renewal, TopicPage
from courses.progress import TopicProgress, untouched
from courses.rollout import Fate, Person
from lms.people.models import Team

_ASKS = ("needs_read", "needs_check", "needs_call", "call_minutes", "criteria")


@dataclass(frozen=True)
class TopicLine:
    """A topic: what is asked in it now, and what the next edition will ask.

    `was` of None: it is not in the edition in force. `will` of None: nor in the next.
    """

    page: TopicPage
    was: EditionTopic | None
    will: EditionTopic | None
    is_left_out: bool
    is_moved: bool

    @property
    def title(self) -> str:
        return self.will.title if self.will else self.page.title

    @property
    def before(self) -> TopicProgress | None:
        return untouched(self.was) if self.was else None

    @property
    def after(self) -> TopicProgress | None:
        return untouched(self.will) if self.will else None

    @property
    def is_changed(self) -> bool:
        """Whether the editor says that what was shown before does not count."""
        return bool(self.will and self.will.is_changed)

    @property
    def shows_criteria(self) -> bool:
        """Whether what the trainer ticks is worth a look: it differs."""
        return bool(
            self.will and (self.was is None or self.was.criteria != self.will.criteria)
        )

    @property
    def revisions(self) -> tuple[int, int] | None:
        """The texts then and now, where both are kept and they differ."""
        if not (self.was and self.will and self.was.revision_id):
            return None
        if self.will.revision_id in (None, self.was.revision_id):
            return None
        return self.was.revision_id, self.will.revision_id

    @property
    def words(self) -> list[str]:
        """What differs, in a word each."""
        if self.will is None:
            return [_("Left out") if self.is_left_out else _("Not published")]
        if self.was is None:
            return [_("New")]
        asks_else = any(
            getattr(self.was, name) != getattr(self.will, name) for name in _ASKS
        )
        found = [
            (self.will.is_changed, _("To be shown again")),
            (asks_else, _("Asks something else")),
            (self.was.title != self.will.title, _("Renamed")),
            (self.revisions is not None, _("Text edited")),
            (self.is_moved, _("Moved")),
        ]
        return [word for holds, word in found if holds]


@dataclass(frozen=True)
class Line:
    """What the programme asks in one respect, in words, then and next."""

    label: str
    before: str
    after: str

    @property
    def is_different(self) -> bool:
        return self.before != self.after


def topic_lines(was: Proposal, will: Proposal, draft: EditionDraft) -> list[TopicLine]:
    """All topics in the next edition's order, then those that are not in it."""
    before = {topic.topic_id: topic for topic in was.topics}
    after = {topic.topic_id: topic for topic in will.topics}
    both = [key for key in after if key in before]
    common = [key for key in before if key in after]
    moved = {one for one, other in zip(both, common, strict=True) if one != other}
    left_out = set(
        draft.topics.filter(is_left_out=True).values_list("topic_id", flat=True)
    )
    pages = {topic.topic_id: topic.topic for topic in (*was.topics, *will.topics)}
    for page in draft.programme.topics().filter(pk__in=left_out):
        pages.setdefault(page.pk, page)
    order = [*after, *(key for key in pages if key not in after)]
    return [
        TopicLine(
            page=pages[key],
            was=before.get(key),
            will=after.get(key),
            is_left_out=key in left_out,
            is_moved=key in moved,
        )
        for key in order
    ]


def programme_lines(was: Proposal, will: Proposal) -> list[Line]:
    """What holds for the programme as a whole."""
    teams = Team.objects.in_bulk([*was.teams, *will.teams])

    def names(keys: Iterable[int]) -> str:
        found = sorted(teams[key].name for key in keys if key in teams)
        return ", ".join(found) or _("Nobody by their team")

    one, other = was.edition, will.edition
    return [
        Line(_("Title"), one.title, other.title),
        Line(_("For whom"), names(was.teams), names(will.teams)),
        Line(_("Needed"), _need(one.need_count), _need(other.need_count)),
        Line(_("Days people have"), _days(one.due_days), _days(other.due_days)),
        Line(
            _("The qualification lasts"),
            _months(one.validity_months),
            _months(other.validity_months),
        ),
        Line(
            _("Before the call"),
            str(Preparation(one.preparation).label),
            str(Preparation(other.preparation).label),
        ),
        Line(
            _("At a renewal, people do"),
            str(Renewal(one.renewal).label),
            str(Renewal(other.renewal).label),
        ),
    ]


def _need(count: int | None) -> str:
    if count is None:
        return _("Everyone in its teams")
    return ngettext(
        "At least %(count)d person of each reseller",
        "At least %(count)d people of each reseller",
        count,
    ) % {"count": count}


def _days(count: int | None) -> str:
    if count is None:
        return _("No due date")
    return ngettext("%(count)d day", "%(count)d days", count) % {"count": count}


def _months(count: int | None) -> str:
    if count is None:
        return _("It does not expire")
    return ngettext("%(count)d month", "%(count)d months", count) % {"count": count}


@dataclass(frozen=True)
class Group:
    """People to whom the same happens; of the qualified, with the same topics."""

    fate: str
    topics: tuple[int, ...]
    count: int
    titles: tuple[str, ...]

    @property
    def words(self) -> str:
        """As a line of a list: “redo Escalating Tickets”."""
        if self.fate == Fate.REDO:
            topics = _(" and ").join(self.titles)
            return _("Qualified: they stay so, and redo %(topics)s") % {
                "topics": topics
            }
        return {
            Fate.KEEP: _("Nothing changes for them"),
            Fate.GO_ON: _("In the middle: they go on in the new edition"),
            Fate.COMPLETE: _("In the middle: the new edition completes them at once"),
            Fate.JOIN: _("Not in the programme yet: they are added to it"),
            Fate.LEAVE: _("In the middle: it is no longer asked of their team"),
        }[self.fate]

    @property
    def key(self) -> str:
        return "-".join([self.fate.replace("-", ""), *map(str, self.topics)])


_ORDER = (Fate.KEEP, Fate.REDO, Fate.GO_ON, Fate.COMPLETE, Fate.JOIN, Fate.LEAVE)


def is_in(person: Person, group: Group) -> bool:
    return _group_of(person) == (group.fate, group.topics)


def _group_of(person: Person) -> tuple[str, tuple[int, ...]]:
    return person.fate, person.topics if person.fate == Fate.REDO else ()


def groups_of(people: Iterable[Person], proposal: Proposal) -> list[Group]:
    """Count the people by what happens to them, the quietest first."""
    titles = {topic.topic_id: topic.title for topic in proposal.topics}
    counts = Counter(map(_group_of, people))
    groups = [
        Group(fate, topics, count, tuple(titles[topic] for topic in topics))
        for (fate, topics), count in counts.items()
    ]
    return sorted(groups, key=lambda each: (_ORDER.index(each.fate), -each.count))


def in_a_line(groups: Iterable[Group]) -> str:
    """37 people: 21 keep what they have, 12 redo Escalating Tickets, 4 …"""
    groups = list(groups)
    total = sum(group.count for group in groups)
    people = ngettext("%(count)d person", "%(count)d people", total) % {"count": total}
    parts = [_part(group) for group in groups]
    return f"{people}: {', '.join(parts)}" if parts else people


def _part(group: Group) -> str:
    words = {
        Fate.KEEP: ngettext("%(n)d keeps", "%(n)d keep", group.count),
        Fate.REDO: ngettext(
            "%(n)d redoes %(topics)s", "%(n)d redo %(topics)s", group.count
        ),
        Fate.GO_ON: _("%(n)d in the middle"),
        Fate.COMPLETE: ngettext(
            "%(n)d is complete with it", "%(n)d are complete with it", group.count
        ),
        Fate.JOIN: ngettext("%(n)d is added", "%(n)d are added", group.count),
        Fate.LEAVE: ngettext("%(n)d leaves it", "%(n)d leave it", group.count),
    }[group.fate]
    topics = _(" and ").join(group.titles)
    return words % {"n": group.count, "topics": topics}
