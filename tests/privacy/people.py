"""A person of whom everything is kept that can be, each word marked."""

from __future__ import annotations

import json
from datetime import date, timedelta

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.utils.timezone import now

from lms.mail.models import NoticeOff, Nudge
from lms.people.models import User
from sessions.models import BookingState
from tests.factories import (
    AcknowledgementFactory,
    ApprovalFactory,
    AttemptFactory,
    AuditPackFactory,
    BoardTopicFactory,
    BookingFactory,
    CallBoardFactory,
    CallFeedbackFactory,
    CallMessageFactory,
    CertificateFactory,
    CompanyIdentityFactory,
    DesignSampleFactory,
    DisputeFactory,
    EnrolmentDatesFactory,
    EnrolmentFactory,
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
    OutsideBusyFactory,
    OutsideCalendarFactory,
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
    TrainerFactory,
    TransferFactory,
    UserFactory,
    WaitingFactory,
)

MARK = "Xanthippe"


def person_with_all_kept() -> User:
    """Somebody who left their company; a row of every record is about them."""
    person = UserFactory(
        email=f"{MARK.lower()}@example.com",
        full_name=MARK,
        call_needs=MARK,
        private_email=f"{MARK.lower()}@home.example",
    )
    member = MemberFactory(user=person, left_on=date(2025, 1, 1))
    EmailAddress.objects.create(
        user=person, email=f"{MARK.lower()}@home.example", verified=True
    )
    Authenticator.objects.create(user=person, type="totp", data={"secret": MARK})
    TeamMembershipFactory(member=member)
    NameConfirmationFactory(user=person, name=MARK)
    NameCorrectionFactory(user=person, name=MARK, why=MARK, answer=MARK)
    InvitationFactory(
        email=f"{MARK.lower()}@example.com",
        full_name=MARK,
        accepted_by=person,
        accepted_at=now(),
    )
    InvitationFactory(email=f"{MARK.lower()}@home.example", full_name=MARK)
    MessageFactory(
        recipient=person,
        subject=MARK,
        body=MARK,
        attachments=[{"name": MARK, "type": "text/plain", "text": MARK}],
    )
    MessageFactory(subject="Your call", body=f"You meet {MARK}.", sent_at=now())
    SignInFactory(user=person, device=MARK)
    CompanyIdentityFactory(user=person, subject=MARK)
    NoticeOff.objects.create(person=person, kind="digest")
    Nudge.objects.create(
        person=person,
        member=member,
        kind="reminder",
        at=now(),
        until_at=now() + timedelta(days=3),
    )
    AcknowledgementFactory(member=member)

    enrolment = EnrolmentFactory(member=member, completed=True, closed_why=MARK)
    EnrolmentDatesFactory(enrolment=enrolment)
    PostponementFactory(enrolment=enrolment)
    TransferFactory(member=member, answer=MARK)
    ProgrammeRequestFactory(member=member, note=MARK, answer=MARK)
    EvidenceFactory(
        enrolment=enrolment,
        detail={"reason": MARK},
        voided_at=now(),
        voided_by=UserFactory(),
        voided_why=MARK,
    )
    TopicCompletionFactory(enrolment=enrolment)
    AttemptFactory(
        enrolment=enrolment,
        submitted_at=now(),
        answers={"1": MARK},
        score_percent=50,
        passed=False,
    )
    MoreAttemptsFactory(enrolment=enrolment, note=MARK)
    ReadingPlaceFactory(user=person)
    certificate = CertificateFactory(
        enrolment=enrolment, private_claim={"name": MARK}, missing_letters=MARK[:1]
    )
    ApprovalFactory(certificate=certificate, why=MARK)
    ApprovalFactory(kind="exempt", subject=f"enrolment:{enrolment.pk}", why=MARK)

    open_one = EnrolmentFactory(member=member)
    call = BookingFactory(
        enrolment=open_one,
        state=BookingState.MISSED,
        reason=MARK,
        room_url=f"https://{MARK.lower()}.example.com/",
        guest_name=MARK,
        guest_role=MARK,
        starts_at=now() - timedelta(days=3),
    )
    call.topics.update(note=MARK, private_note=MARK)
    MessageFactory(
        key=f"call:{call.pk}:booked",
        sent_at=now(),
        attachments=[{"name": "call.ics", "type": "text/calendar", "text": MARK}],
    )
    BoardTopicFactory(topic=call.topics.get(), note=MARK, private_note=MARK)
    CallBoardFactory(booking=call, question=MARK)
    CallFeedbackFactory(booking=call, missing=MARK)
    DisputeFactory(booking=call, by=person, text=MARK, answer=MARK)
    told = SignalFactory(to__booking=call, body=json.dumps({"sdp": MARK}))
    QualitySampleFactory(presence=told.to)
    CallMessageFactory(booking=call, text=MARK)
    CallMessageFactory(
        booking=call, by=call.trainer.user, to=person, text=f"Hello {MARK}"
    )
    TimeRequestFactory(enrolment=open_one, note=MARK, closed_at=now())
    WaitingFactory(booking=call, ended_at=now())
    FeedFactory(user=person)
    TeamFeedFactory(member=member)
    trainer = TrainerFactory(
        user=person, is_active=False, room_url=f"https://{MARK.lower()}.example.com/"
    )
    OutsideBusyFactory(
        calendar=OutsideCalendarFactory(
            trainer=trainer, name=MARK, url=f"https://{MARK.lower()}.example.com/c.ics"
        )
    )
    InviteDraftFactory(made_by=person, lines=[[1, MARK]])
    for factory in (
        ApprovalFactory,
        AuditPackFactory,
        StatementFactory,
        DesignSampleFactory,
    ):
        factory(asked_by=person)
    EventValuesFactory(
        event__about=person, event__actor=person, before=MARK, after=MARK
    )
    return person
