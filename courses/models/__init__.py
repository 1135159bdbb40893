"""Programmes, what they asked for from a date on, and what people have shown."""

from courses.models.checks import Attempt, AttemptKind, AttemptQuerySet, MoreAttempts
from courses.models.editions import (
    DraftTopic,
    Edition,
    EditionAudience,
    EditionDraft,
    EditionTopic,
    Renewal,
)
from courses.models.enrolments import (
    GOING_ON,
    Enrolment,
    EnrolmentDates,
    EnrolmentQuerySet,
    OfEnrolmentQuerySet,
    Postponement,
    ProgrammeRequest,
    Source,
    Transfer,
    qualifying,
)
from courses.models.evidence import Evidence, EvidenceKind, TopicCompletion
from courses.models.following import ReadingPlace
from courses.models.pages import (
    Preparation,
    PreviewMode,
    ProgrammeIndexPage,
    ProgrammePage,
    TopicPage,
    TopicTag,
)

__all__ = [
    "GOING_ON",
    "Attempt",
    "AttemptKind",
    "AttemptQuerySet",
    "DraftTopic",
    "Edition",
    "EditionAudience",
    "EditionDraft",
    "EditionTopic",
    "Enrolment",
    "EnrolmentDates",
    "EnrolmentQuerySet",
    "Evidence",
    "EvidenceKind",
    "MoreAttempts",
    "OfEnrolmentQuerySet",
    "Postponement",
    "Preparation",
    "PreviewMode",
    "ProgrammeIndexPage",
    "ProgrammePage",
    "ProgrammeRequest",
    "ReadingPlace",
    "Renewal",
    "Source",
    "TopicCompletion",
    "TopicPage",
    "TopicTag",
    "Transfer",
    "qualifying",
]
