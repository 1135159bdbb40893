"""Every record about people says who sees it; a stranger sees none of it."""

import pytest
from django.apps import apps
from wagtail.models import Page

from lms.people.access import Access
from tests.factories import (
    AcknowledgementFactory,
    ApprovalFactory,
    AttemptFactory,
    AuditPackFactory,
    BoardTopicFactory,
    BookingTopicFactory,
    CallBoardFactory,
    CallFeedbackFactory,
    CallMessageFactory,
    CertificateFactory,
    CompanyIdentityFactory,
    DesignSampleFactory,
    DisputeFactory,
    EnrolmentDatesFactory,
    ErasureFactory,
    EventValuesFactory,
    EvidenceFactory,
    FeedFactory,
    InvitationFactory,
    InviteDraftFactory,
    MemberFactory,
    MessageFactory,
    MoreAttemptsFactory,
    NameConfirmationFactory,
    NameCorrectionFactory,
    NoticeOffFactory,
    NudgeFactory,
    OutsideBusyFactory,
    PostponementFactory,
    ProgrammeRequestFactory,
    QualitySampleFactory,
    ReadingPlaceFactory,
    SignalFactory,
    SignInFactory,
    StatementFactory,
    TeamFeedFactory,
    TeamMembershipFactory,
    TimeRequestFactory,
    TopicCompletionFactory,
    TransferFactory,
    UserFactory,
    WaitingFactory,
)

OURS = [
    "audit", "mail", "people", "content", "courses", "training_sessions",
    "certificates", "privacy",
]  # fmt: skip
ABOUT_NOBODY = {
    "Tag",
    "Team",
    "Branding",
    "Edition",
    "EditionAudience",
    "EditionTopic",
    "EditionDraft",
    "DraftTopic",
    "TopicTag",
    "HandbookTag",
    "HandbookVersion",
    "FreedTime",
    "DesignRevision",
    "DesignPicture",
    "CertificateDesign",
    "PublicKey",
    "Standstill",
    "ResellerDates",
    "IdentityProvider",
    "Link",
}

PRIVATE = {
    "AuditPack",
    "CallMessage",
    "CallFeedback",
    "CompanyIdentity",
    "DesignSample",
    "InviteDraft",
    "Message",
    "NoticeOff",
    "Feed",
    "TeamFeed",
    "OutsideCalendar",
    "OutsideBusy",
    "ReadingPlace",
    "SignIn",
    "Signal",
}


def records():
    for label in OURS:
        for model in apps.get_app_config(label).get_models():
            if not issubclass(model, Page) and model.__name__ not in ABOUT_NOBODY:
                yield model


@pytest.fixture
def rows(db):
    """At least one row of every record, none of them about the stranger."""
    draft = BoardTopicFactory()
    CallBoardFactory(booking=draft.topic.booking)
    for factory in (
        AcknowledgementFactory,
        ApprovalFactory,
        AttemptFactory,
        AuditPackFactory,
        CallMessageFactory,
        CallFeedbackFactory,
        CertificateFactory,
        CompanyIdentityFactory,
        DesignSampleFactory,
        DisputeFactory,
        EnrolmentDatesFactory,
        ErasureFactory,
        EventValuesFactory,
        EvidenceFactory,
        FeedFactory,
        TeamFeedFactory,
        InvitationFactory,
        InviteDraftFactory,
        MessageFactory,
        MoreAttemptsFactory,
        NameConfirmationFactory,
        NameCorrectionFactory,
        NoticeOffFactory,
        NudgeFactory,
        OutsideBusyFactory,
        PostponementFactory,
        ProgrammeRequestFactory,
        QualitySampleFactory,
        ReadingPlaceFactory,
        SignalFactory,
        SignInFactory,
        StatementFactory,
        TeamMembershipFactory,
        TimeRequestFactory,
        TopicCompletionFactory,
        TransferFactory,
        WaitingFactory,
    ):
        factory()


@pytest.mark.parametrize("is_manager", [False, True])
def test_stranger_sees_nobodys_rows(rows, is_manager):
    stranger = MemberFactory(is_manager=is_manager)
    own = {"User": {stranger.user}, "Member": {stranger}}
    if is_manager:
        own["Reseller"] = {stranger.reseller}

    for model in records():
        seen = set(model.objects.visible_to(Access(stranger.user)))
        assert model.objects.exists(), model
        assert seen == own.get(model.__name__, set()), model


def test_staff_see_every_row_but_what_is_private(rows):
    staff = Access(UserFactory(is_staff=True))

    for model in records():
        seen = set(model.objects.visible_to(staff))
        private = model.__name__ in PRIVATE
        assert seen == (set() if private else set(model.objects.all())), model


def test_person_sees_what_is_about_them(rows):
    for row in (EvidenceFactory(), TopicCompletionFactory(), AttemptFactory()):
        access = Access(row.enrolment.member.user)
        assert set(type(row).objects.visible_to(access)) == {row}
    topic = BookingTopicFactory()
    for user in (topic.booking.trainee, topic.booking.trainer.user):
        assert set(type(topic).objects.visible_to(Access(user))) == {topic}
        trainers = type(topic.booking.trainer).objects.visible_to(Access(user))
        assert set(trainers) == {topic.booking.trainer}


@pytest.mark.django_db
def test_manager_sees_their_peoples_evidence_and_not_their_answers():
    attempt = AttemptFactory()
    evidence = EvidenceFactory(enrolment=attempt.enrolment)
    reseller = attempt.enrolment.member.reseller
    manager = Access(MemberFactory(reseller=reseller, is_manager=True).user)

    assert set(type(evidence).objects.visible_to(manager)) == {evidence}
    more = MoreAttemptsFactory(enrolment=attempt.enrolment)
    for row in (attempt, more):
        assert not type(row).objects.visible_to(manager).exists()
