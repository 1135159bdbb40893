"""How people do in a topic's check: for its editors, who see no names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from django.db.models import Count, Q

from courses.check_paper import Json, is_paper, is_right
from courses.models import Attempt, AttemptKind, TopicPage

CHECK_REPORT = "courses_check_report"  # the address in the CMS
LATEST = 5000  # attempts that a report reads: enough to judge a question by
MOST_CHOICES = 12  # of one question, the most frequent first
FAILING_PERCENT = 40
FEWEST_PEOPLE = 5


@dataclass
class ChoiceFigures:
    """One of the answers, and how many gave it."""

    text: str
    is_right: bool
    count: int = 0


@dataclass
class QuestionFigures:
    """One question: how many answered it, how many rightly, and what they chose."""

    text: str
    kind: str
    answered: int = 0
    right: int = 0
    choices: dict[str, ChoiceFigures] = field(default_factory=dict)

    @property
    def right_percent(self) -> int:
        return 100 * self.right // max(self.answered, 1)

    @property
    def listed(self) -> list[ChoiceFigures]:
        """The answers, the most frequent first."""
        rows = sorted(self.choices.values(), key=lambda each: -each.count)
        return rows[:MOST_CHOICES]


@dataclass(frozen=True)
class Share:
    """Of those who tried a topic's check, how many have passed it by themselves."""

    topic: TopicPage
    people: int
    passed: int

    @property
    def passed_percent(self) -> int:
        return 100 * self.passed // max(self.people, 1)

    @property
    def failed_percent(self) -> int:
        return 100 - self.passed_percent if self.people else 0

    @property
    def is_failing(self) -> bool:
        """Over 40 % have failed it, of at least five people."""
        failed = self.people - self.passed
        is_over = 100 * failed > FAILING_PERCENT * self.people
        return self.people >= FEWEST_PEOPLE and is_over


def share_of(topic: TopicPage) -> Share:
    """How many tried the topic's check and passed it; one query."""
    (share,) = _shares([topic])
    return share


def failing_checks(topics: Iterable[TopicPage] | None = None) -> list[Share]:
    """Checks that over 40 % of the people who tried them fail, in the tree's order.

    Of `topics` (None: all that can be read) those that still have a check. A query,
    and one for the topics where they are not brought.
    """
    if topics is None:
        topics = TopicPage.objects.live().order_by("path")
    return [
        each for each in _shares(topics) if each.topic.questions and each.is_failing
    ]


def _shares(topics: Iterable[TopicPage]) -> list[Share]:
    topics = list(topics)
    person = "enrolment__member__user"
    counts = {
        row["topic"]: row
        for row in Attempt.objects.filter(
            topic__in=topics, kind=AttemptKind.CHECK, submitted_at__isnull=False
        )
        .order_by()
        .values("topic")
        .annotate(
            people=Count(person, distinct=True),
            have_passed=Count(person, distinct=True, filter=Q(passed=True)),
        )
    }
    nobody = {"people": 0, "have_passed": 0}
    return [
        Share(topic, row["people"], row["have_passed"])
        for topic in topics
        for row in [counts.get(topic.pk, nobody)]
    ]


def questions_of(topic: TopicPage) -> list[QuestionFigures]:
    """Each question as people answered it, those on the page first, in its order.

    One query: the latest attempts that counted. A reworded answer is another one.
    """
    attempts = Attempt.objects.filter(
        topic=topic, kind=AttemptKind.CHECK, submitted_at__isnull=False
    ).order_by("-submitted_at", "-pk")[:LATEST]
    figures: dict[str, QuestionFigures] = {
        block.id: QuestionFigures(block.value["text"], block.block_type)
        for block in topic.questions
    }
    for attempt in attempts:
        if not is_paper(attempt):
            continue
        for question in attempt.questions:
            name = attempt.key["questions"][question["id"]]["block"]
            known = figures.setdefault(
                name, QuestionFigures(question["text"], question["kind"])
            )
            _count(known, attempt, question)
    return list(figures.values())


def _count(figures: QuestionFigures, attempt: Attempt, question: Json) -> None:
    """Add one person's answer to the question."""
    key = attempt.key["questions"][question["id"]]
    given = attempt.answers.get(question["id"]) if attempt.answers else None
    texts = {option["id"]: option["text"] for option in question["options"]}
    figures.answered += 1
    figures.right += is_right(attempt, question, attempt.answers or {})
    if question["kind"] == "order":
        order = [texts[option] for option in given or ()]
        _choice(figures, " → ".join(order) or "–", given == key["right"]).count += 1
        return
    if question["kind"] == "match":
        lefts = {left["id"]: left["text"] for left in question["lefts"]}
        for left, option in dict(given or {}).items():
            text = f"{lefts[left]} → {texts[option]}"
            _choice(figures, text, key["right"][left] == option).count += 1
        return
    chosen = Counter(given or ())
    for option, text in texts.items():
        choice = _choice(figures, text, option in key["right"])
        choice.count += chosen[option]


def _choice(figures: QuestionFigures, text: str, is_right: bool) -> ChoiceFigures:
    return figures.choices.setdefault(text, ChoiceFigures(text, is_right))
