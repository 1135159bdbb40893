"""What is kept of people: every record and field, why, how long, what erasure does.

One table. The page about privacy, the download of one's own data and the tests of
erasure read it: a record about people or a field of one that is in none of its lists
fails a test.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from django.apps import apps
from django.db import models
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

Text = str | Promise

# Why
SIGNING_IN = _("To let you sign in, and nobody else.")
LEARNING = _(
    "To show who is qualified, which is what the programmes are for, and prove it."
)
HOLDING = _("To hold calls, and to know what was covered.")
TELLING = _("To tell you what you need to know, once.")
LOGGING = _("To find out what happened, and to show that nobody changed it afterwards.")

# How long
RECORD = _("With your record.")
MAIL = _("The words go some months after it was sent.")
NOTES = _("The words go a year after the call; the dates stay with your record.")
WHILE_USED = _("Until you take it away.")

# Why a field is not in the download
OURS = "how the system works"
OPENS = "whoever reads it could act as the person"
THEIRS = "another person"
ELSEWHERE = "stands in another part of the download"
KEY = "the right answers, which others are asked for"
UNSAID = "a draft, which is nobody's word before it is signed off"
ASK = "a trainer's own note, which may name others: read on request"


@dataclass(frozen=True)
class Kept:
    """A kind of record about people.

    `persons` are the lookups to the people whom it is about: the download has a row for
    each. Of its fields, `shown` are in the download; `left_out` are not, by the reason.
    `goes` are the fields that erasure empties, `rows_go` says that it deletes the row.
    `only` names the question that leaves out what nobody may see yet.
    """

    model: str
    title: Text
    why: Text
    how_long: Text
    persons: str
    shown: str
    left_out: Mapping[str, str] = field(default_factory=dict)
    goes: str = ""
    rows_go: bool = False
    only: str = ""

    @property
    def fate(self) -> Text:
        """What an erasure does with it."""
        if self.rows_go:
            return _("Goes when you are erased.")
        if self.goes:
            return _("When you are erased the words go, and the dates stay.")
        return _("Stays when you are erased, without your name.")

    @property
    def model_class(self) -> type[models.Model]:
        return apps.get_model(self.model)


ALL = [
    Kept(
        "people.User",
        _("Your account"),
        SIGNING_IN,
        RECORD,
        persons="pk",
        shown=(
            "email private_email full_name time_zone language call_needs is_staff is_active "
            "may_edit_content may_change_people joined_at last_login"
        ),
        left_out={OPENS: "password", OURS: "is_superuser groups user_permissions"},
        goes="email private_email full_name call_needs password",
    ),
    Kept(
        "account.EmailAddress",
        _("Your email addresses"),
        SIGNING_IN,
        WHILE_USED,
        persons="user",
        shown="email verified primary",
        rows_go=True,
    ),
    Kept(
        "mfa.Authenticator",
        _("Your passkeys and second factors"),
        SIGNING_IN,
        WHILE_USED,
        persons="user",
        shown="type created_at last_used_at",
        left_out={OPENS: "data"},
        rows_go=True,
    ),
    Kept(
        "people.CompanyIdentity",
        _("Your companies’ sign-ins that you linked"),
        SIGNING_IN,
        WHILE_USED,
        persons="user",
        shown="provider linked_at subject",
        rows_go=True,
    ),
    Kept(
        "people.Member",
        _("Companies you work or worked for, and when you were away"),
        LEARNING,
        RECORD,
        persons="user",
        shown=(
            "reseller engagement is_manager joined_on until_on left_on away_from_on "
            "away_until_on recorded_at left_recorded_at"
        ),
        left_out={OURS: "end_told_on"},
    ),
    Kept(
        "people.TeamMembership",
        _("Your teams"),
        LEARNING,
        RECORD,
        persons="member__user",
        shown="team from_on until_on recorded_at until_recorded_at",
        left_out={ELSEWHERE: "member"},
    ),
    Kept(
        "people.NameConfirmation",
        _("Your word that your name is right"),
        LEARNING,
        RECORD,
        persons="user",
        shown="name at",
        goes="name",
    ),
    Kept(
        "people.NameCorrection",
        _("Names you asked to be called by"),
        LEARNING,
        RECORD,
        persons="user",
        shown="name why asked_at withdrawn_at decided_at is_approved answer",
        left_out={THEIRS: "decided_by"},
        goes="name why answer",
    ),
    Kept(
        "people.Approval",
        _("What you asked a second person of the channel team to decide"),
        LOGGING,
        RECORD,
        persons="asked_by",
        shown="kind why asked_at outcome decided_at answer",
        left_out={ELSEWHERE: "subject words", THEIRS: "decided_by"},
    ),
    Kept(
        "people.Invitation",
        _("Invitations you accepted"),
        SIGNING_IN,
        _("The name and address go a year after it was used or ran out."),
        persons="accepted_by",
        shown=(
            "email full_name reseller engagement is_manager until_on created_at "
            "expires_at accepted_at"
        ),
        left_out={
            OPENS: "token_hash",
            THEIRS: "invited_by",
            OURS: "withdrawn_at",
            ELSEWHERE: "teams",
        },
        goes="email full_name",
    ),
    Kept(
        "people.InviteDraft",
        _("Lists of people to invite that you did not finish"),
        _("To lose nothing that you typed."),
        _("Until the last of them is invited or left out."),
        persons="made_by",
        shown="reseller teams engagement until_on lines sent_count changed_at",
        left_out={OURS: "member to_send"},
        rows_go=True,
    ),
    Kept(
        "mail.Message",
        _("Mail to you"),
        TELLING,
        MAIL,
        persons="recipient",
        shown="to kind subject body created_at sent_at",
        left_out={
            OURS: (
                "key is_secret writer send_after expires_at dropped_at tries error "
                "request"
            ),
            ELSEWHERE: "attachments",
        },
        goes="to subject body attachments",
    ),
    Kept(
        "people.SignIn",
        _("Where you are signed in"),
        SIGNING_IN,
        WHILE_USED,
        persons="user",
        shown="device began_at last_used_at",
        left_out={OPENS: "session_key"},
        rows_go=True,
    ),
    Kept(
        "mail.NoticeOff",
        _("Mail that you turned off"),
        TELLING,
        WHILE_USED,
        persons="person",
        shown="kind at",
    ),
    Kept(
        "mail.Nudge",
        _("When you were asked to go on"),
        TELLING,
        RECORD,
        persons="person",
        shown="kind at until_at",
        left_out={ELSEWHERE: "member about", THEIRS: "by"},
    ),
    Kept(
        "content.Acknowledgement",
        _("Handbook pages you have read"),
        LEARNING,
        RECORD,
        persons="member__user",
        shown="page version at",
        left_out={OURS: "revision", ELSEWHERE: "member"},
    ),
    Kept(
        "courses.Enrolment",
        _("Programmes you follow or followed"),
        LEARNING,
        RECORD,
        persons="member__user",
        shown=(
            "programme edition cycle source enrolled_at due_on completed_at valid_from "
            "valid_until counts_until withdrawn_at annulled_at closed_why"
        ),
        left_out={THEIRS: "enrolled_by", ELSEWHERE: "member"},
        goes="closed_why",
    ),
    Kept(
        "courses.EnrolmentDates",
        _("Your earlier due dates"),
        LEARNING,
        RECORD,
        persons="enrolment__member__user",
        shown="enrolment due_on counts_until until_at",
    ),
    Kept(
        "courses.Postponement",
        _("Due dates moved while you were away"),
        LEARNING,
        RECORD,
        persons="enrolment__member__user",
        shown="enrolment away_from_on away_until_on due_was_on due_on at",
    ),
    Kept(
        "courses.Transfer",
        _("What you brought from another company"),
        LEARNING,
        RECORD,
        persons="member__user",
        shown="enrolment asked_at decided_at is_confirmed answer",
        left_out={THEIRS: "decided_by"},
        goes="answer",
    ),
    Kept(
        "courses.ProgrammeRequest",
        _("Programmes you asked for"),
        LEARNING,
        RECORD,
        persons="member__user",
        shown="programme note asked_at answered_at is_granted answer",
        left_out={THEIRS: "answered_by", ELSEWHERE: "member"},
        goes="note answer",
    ),
    Kept(
        "courses.Evidence",
        _("What you read, passed and covered"),
        LEARNING,
        RECORD,
        persons="enrolment__member__user",
        shown="enrolment topic kind at detail voided_at voided_why",
        left_out={THEIRS: "by voided_by", OURS: "carried_from"},
        goes="detail voided_why",
    ),
    Kept(
        "courses.TopicCompletion",
        _("Topics you completed"),
        LEARNING,
        RECORD,
        persons="enrolment__member__user",
        shown="enrolment topic at voided_at",
    ),
    Kept(
        "courses.Attempt",
        _("Checks and exercises you tried"),
        LEARNING,
        RECORD,
        persons="enrolment__member__user",
        shown=(
            "enrolment topic kind started_at submitted_at questions answers "
            "score_percent passed"
        ),
        left_out={KEY: "key", OURS: "order"},
        goes="answers",
    ),
    Kept(
        "courses.MoreAttempts",
        _("More attempts that you were given"),
        LEARNING,
        RECORD,
        persons="enrolment__member__user",
        shown="enrolment topic count note at",
        left_out={THEIRS: "by"},
        goes="note",
    ),
    Kept(
        "courses.ReadingPlace",
        _("Where you stopped reading"),
        _("To bring you back there."),
        WHILE_USED,
        persons="user",
        shown="topic at",
        left_out={OURS: "block"},
        rows_go=True,
    ),
    Kept(
        "training_sessions.Booking",
        _("Your calls"),
        HOLDING,
        RECORD,
        persons="trainee trainer__user",
        shown=(
            "ref enrolment starts_at ends_at state origin created_at ended_at reason "
            "cause late missed_by trainee_joined_at trainer_joined_at "
            "trainee_linked_at trainer_linked_at room_kind guest_name guest_role "
            "signed_off_at"
        ),
        left_out={
            OPENS: "room_key request_key uid",
            THEIRS: "trainee trainer created_by ended_by signed_off_by room_url",
            OURS: "busy_until offer replaces proposed_until sequence",
        },
        goes="reason room_url guest_name guest_role",
    ),
    Kept(
        "training_sessions.BookingTopic",
        _("What was covered in your calls"),
        HOLDING,
        NOTES,
        persons="booking__trainee",
        shown="booking title minutes outcome criteria_met note",
        left_out={ASK: "private_note", OURS: "topic booked_for"},
        goes="note private_note",
    ),
    Kept(
        "training_sessions.Presence",
        _("When you were in the room of a call"),
        HOLDING,
        RECORD,
        persons="user",
        shown="booking joined_at seen_at left_at ended route",
        left_out={
            OURS: (
                "tab sign_in microphone camera screen audio_only signals_seen told "
                "sampled_at counted_from counted slow_until"
            )
        },
    ),
    Kept(
        "training_sessions.QualitySample",
        _("How good the connection was in your calls"),
        HOLDING,
        RECORD,
        persons="presence__user",
        shown="presence at loss_percent round_trip_ms bitrate_kbps route",
    ),
    Kept(
        "training_sessions.Signal",
        _("What the other side’s browser told yours to connect the two"),
        HOLDING,
        _("Until the call is over."),
        persons="to__user",
        shown="at",
        left_out={OURS: "to by key body"},
        rows_go=True,
    ),
    Kept(
        "training_sessions.CallMessage",
        _("What you and the other side wrote to each other in a call"),
        HOLDING,
        NOTES,
        persons="by to",
        shown="booking text at",
        left_out={OURS: "key"},
        goes="text",
    ),
    Kept(
        "training_sessions.CallBoard",
        _("What you wanted to ask in your calls"),
        HOLDING,
        NOTES,
        persons="booking__trainee",
        shown="booking question",
        left_out={OURS: "version"},
        goes="question",
    ),
    Kept(
        "training_sessions.BoardTopic",
        _("What your trainer types during a call, until it is signed off"),
        HOLDING,
        NOTES,
        persons="topic__booking__trainee",
        shown="topic saved_at",
        left_out={
            UNSAID: "outcome criteria_met note",
            ASK: "private_note",
            THEIRS: "saved_by",
            OURS: "version writer number",
        },
        rows_go=True,
    ),
    Kept(
        "training_sessions.CallFeedback",
        _("How you found your calls"),
        _("To make calls better. It is counted, and read without your name."),
        NOTES,
        persons="booking__trainee",
        shown="booking rating missing created_at",
        goes="missing",
    ),
    Kept(
        "training_sessions.Dispute",
        _("What you told us of a call you are said to have missed"),
        HOLDING,
        NOTES,
        persons="by",
        shown="booking text created_at settled_at answer",
        left_out={THEIRS: "settled_by"},
        goes="text answer",
    ),
    Kept(
        "training_sessions.TimeRequest",
        _("Times you asked for"),
        HOLDING,
        NOTES,
        persons="enrolment__member__user",
        shown="enrolment weekdays parts note time_zone created_at closed_at",
        left_out={THEIRS: "asked_by"},
        goes="note",
    ),
    Kept(
        "training_sessions.Waiting",
        _("Calls for which you wanted an earlier time"),
        HOLDING,
        RECORD,
        persons="booking__trainee",
        shown="booking created_at ended_at",
    ),
    Kept(
        "training_sessions.Feed",
        _("The address your calendar app reads"),
        HOLDING,
        WHILE_USED,
        persons="user",
        shown="created_at read_at",
        left_out={OPENS: "digest"},
        rows_go=True,
    ),
    Kept(
        "training_sessions.TeamFeed",
        _("The address your calendar app reads your team’s calls from"),
        HOLDING,
        WHILE_USED,
        persons="member__user",
        shown="created_at read_at",
        left_out={OPENS: "digest"},
        rows_go=True,
    ),
    Kept(
        "training_sessions.Trainer",
        _("How you hold calls"),
        HOLDING,
        RECORD,
        persons="user",
        shown=(
            "time_zone languages rest_minutes notice_hours horizon_days day_cap "
            "week_cap room_kind room_url is_active"
        ),
        left_out={OURS: "hours off extra programmes"},
        goes="room_url",
    ),
    Kept(
        "training_sessions.OutsideCalendar",
        _("Other calendars that say when you are busy"),
        HOLDING,
        WHILE_USED,
        persons="trainer__user",
        shown="name created_at tried_at read_at",
        left_out={OPENS: "url", OURS: "trainer etag modified error"},
        rows_go=True,
    ),
    Kept(
        "training_sessions.OutsideBusy",
        _("When they say you are busy"),
        HOLDING,
        WHILE_USED,
        persons="calendar__trainer__user",
        shown="starts_at ends_at",
        left_out={OURS: "calendar"},
        rows_go=True,
    ),
    Kept(
        "certificates.Certificate",
        _("Your certificates"),
        LEARNING,
        RECORD,
        persons="enrolment__member__user",
        only="released",
        shown=(
            "serial enrolment public_claim private_claim issued_at state "
            "missing_letters is_name_hidden ended_as ended_at ended_why erased_at"
        ),
        left_out={
            OURS: (
                "public_sha256 private_sha256 pdf_sha256 design status_index release_at "
                "trouble ready_at supersedes"
            ),
            ELSEWHERE: "pdf credential",
            THEIRS: "ended_by",
        },
        goes=(
            "public_claim private_claim credential missing_letters trouble pdf ended_why"
        ),
    ),
    Kept(
        "certificates.AuditPack",
        _("Audit packs you asked for"),
        LEARNING,
        RECORD,
        persons="asked_by",
        shown="asked_at day",
        left_out={
            OURS: "key top resellers done total beat_at trouble made_at sha256",
            THEIRS: "file",
        },
    ),
    Kept(
        "certificates.Statement",
        _("Statements you asked for"),
        LEARNING,
        RECORD,
        persons="asked_by",
        shown="serial reseller day asked_at",
        left_out={
            OURS: (
                "claim sha256 design done beat_at trouble pdf pdf_sha256 made_at "
                "withdrawn_at withdrawn_by"
            ),
        },
    ),
    Kept(
        "certificates.DesignSample",
        _("Samples of a design that you asked for"),
        LEARNING,
        RECORD,
        persons="asked_by",
        shown="asked_at",
        left_out={OURS: "key design trouble made_at file sha256"},
    ),
    Kept(
        "audit.Event",
        _("The log: what you did, and from where"),
        LOGGING,
        RECORD,
        persons="actor",
        only="told",
        shown="at verb target_type target_id system address agent",
        left_out={OURS: "ids request link", THEIRS: "about"},
        goes="address agent",
    ),
    Kept(
        "audit.Event",
        _("The log: what was done or seen of you"),
        LOGGING,
        RECORD,
        persons="about",
        only="told",
        shown="at verb target_type target_id system",
        left_out={OURS: "ids request link", THEIRS: "actor address agent"},
    ),
    Kept(
        "audit.EventValues",
        _("What was changed of you, before and after"),
        LOGGING,
        RECORD,
        persons="event__about",
        shown="event field before after",
        goes="before after",
    ),
    Kept(
        "privacy.Erasure",
        _("That you asked to be erased"),
        LOGGING,
        RECORD,
        persons="person",
        shown="asked_at is_ours done_at refused_at why_refused",
        left_out={THEIRS: "answered_by"},
        goes="why_refused",
    ),
]
