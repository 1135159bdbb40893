"""What the log says, in words: one table for all that is ever written into it.

A test reads every call of `record` and fails on a verb that has no words here.
"""

from __future__ import annotations

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from lms.audit.models import Event

# By matter; after the verb, where the same is said of several, the kind of record.
VERBS: dict[Promise, dict[str, Promise]] = {
    _("Looks"): {
        "looked_at": _("Looked at"),
        "looked_at people.Reseller": _("Looked at a company’s people"),
        "read_log": _("Read the log"),
        "took_log": _("Took the log as a file"),
    },
    _("Person"): {
        "made an account": _("Account made"),
        "claimed an account": _("Account taken up"),
        "changed settings": _("Settings changed"),
        "renamed": _("Name changed"),
        "asked for a name": _("Asked for another name"),
        "asked no longer for a name": _("Asked no longer for another name"),
        "approved a name": _("Other name approved"),
        "refused a name": _("Other name refused"),
        "confirmed the name": _("Name confirmed for certificates"),
        "enabled": _("Account enabled"),
        "disabled": _("Account disabled"),
        "added a second factor": _("Second factor or passkey added"),
        "joined the channel team": _("Taken into the channel team"),
        "left the channel team": _("Taken out of the channel team"),
        "changed permissions": _("Permissions changed"),
        "turned a notice off": _("Notice turned off"),
        "turned a notice on": _("Notice turned on"),
        "reminded": _("Reminder sent"),
        "acknowledged": _("Handbook page acknowledged"),
        "downloaded own data": _("Own data downloaded"),
        "asked to be erased": _("Asked to be erased"),
        "refused to erase": _("Erasure refused"),
        "erased": _("Erased"),
        "renew_feed": _("New calendar address"),
        "end_feed": _("Calendar address ended"),
    },
    _("Membership"): {
        "invited": _("Invited"),
        "invited again": _("Invited again"),
        "corrected": _("Invitation corrected"),
        "withdrew": _("Invitation taken back"),
        "accepted": _("Invitation accepted"),
        "joined": _("Joined"),
        "teams set": _("Teams changed"),
        "made manager": _("Made manager"),
        "unmade manager": _("Manager no more"),
        "away set": _("Time away changed"),
        "planned end set": _("Planned end changed"),
        "left": _("Left"),
    },
    _("Company"): {
        "added": _("Company added"),
        "changed people.Reseller": _("Company changed"),
        "asked_statement": _("Statement of standing asked for"),
        "withdrew_statement": _("Statement of standing withdrawn"),
        "asked_audit_pack": _("Audit pack asked for"),
    },
    _("Programme"): {
        "enrolled": _("Added to a programme"),
        "asked": _("Asked for a programme"),
        "granted": _("Request granted"),
        "declined": _("Request declined"),
        "due date set": _("Due date changed"),
        "recorded": _("Step done"),
        "voided": _("Step taken back"),
        "gave_attempts": _("More attempts given"),
        "completed": _("Programme completed"),
        "withdrawn": _("Programme ended"),
        "annulled": _("Completion annulled"),
        "began_again": _("Programme begun again"),
        "transfer asked": _("Carrying over asked for"),
        "transfer confirmed": _("Carrying over confirmed"),
        "transfer refused": _("Carrying over refused"),
        "leaving undone": _("Taken back into a programme"),
    },
    _("Edition"): {
        "began_draft": _("Draft of an edition begun"),
        "saved_draft": _("Draft of an edition saved"),
        "dropped_draft": _("Draft of an edition dropped"),
        "put_up_edition": _("Edition put up"),
        "stopped_edition": _("Edition stopped"),
        "published": _("Edition published"),
        "rolled_out": _("Edition rolled out"),
    },
    _("Second person"): {
        "asked for a second person": _("Second person asked for"),
        "second person: granted": _("Second person agreed"),
        "second person: declined": _("Second person declined"),
        "second person: taken back": _("Question to a second person taken back"),
    },
    _("Call"): {
        "booked": _("Call booked"),
        "proposed": _("Times proposed"),
        "freed": _("Proposed time taken back"),
        "moved": _("Call moved"),
        "handed_over": _("Call handed over"),
        "cancelled": _("Call cancelled"),
        "joined training_sessions.Booking": _("Joined a call"),
        "said_missed": _("Call said to be missed"),
        "came_after_all": _("Came after all"),
        "disputed": _("Missed call disputed"),
        "settled": _("Dispute settled"),
        "signed_off": _("Call signed off"),
        "undid_sign_off": _("Sign-off undone"),
        "asked_for_time": _("Asked for a time"),
        "asks_on": _("Still asks for a time"),
        "waits_for_earlier": _("Waits for an earlier time"),
        "offered_earlier": _("Earlier time offered"),
    },
    _("Trainer"): {
        "make_trainer": _("Made trainer"),
        "changed training_sessions.Trainer": _("Trainer changed"),
        "let_go": _("Trainer no more"),
        "cannot_work": _("Cannot work"),
        "reopened": _("Time opened again"),
        "set_weekly_hours": _("Weekly hours changed"),
        "set_other_hours": _("Other hours set"),
        "cleared_other_hours": _("Other hours removed"),
        "added_off": _("Time off added"),
        "added_extra": _("Extra hours added"),
        "set_zone": _("Time zone changed"),
        "set_rules": _("Rules of booking changed"),
        "add_outside_calendar": _("Outside calendar added"),
        "remove_outside_calendar": _("Outside calendar removed"),
    },
    _("Certificate"): {
        "certificate_issued": _("Certificate issued"),
        "certificate_undone": _("Certificate undone"),
        "certificate_withdrawn": _("Certificate withdrawn"),
        "certificate_revoked": _("Certificate revoked"),
        "certificate_replaced": _("Certificate replaced"),
        "certificate_reason": _("Reason of a certificate’s end given"),
        "certificate_issued_anew": _("Certificate issued anew"),
        "certificate_name_corrected": _("Name on a certificate corrected"),
        "certificate_name_hidden": _("Name hidden in public"),
        "certificate_name_shown": _("Name shown in public"),
        "certificate_erased": _("Certificate erased"),
        "certificate_waits_for_letters": _("Certificate waits for letters"),
        "certificate_waits_for_help": _("Certificate waits for help"),
    },
}
KINDS: dict[str, Promise] = {
    "people.User": _("Person"),
    "people.Member": _("Membership"),
    "people.Invitation": _("Invitation"),
    "people.Reseller": _("Company"),
    "people.NameCorrection": _("Request for a name"),
    "people.Approval": _("Question to a second person"),
    "mail.Nudge": _("Reminder"),
    "content.HandbookPage": _("Handbook page"),
    "courses.Enrolment": _("Programme of a person"),
    "courses.Evidence": _("Step"),
    "courses.MoreAttempts": _("Attempts"),
    "courses.ProgrammeRequest": _("Request"),
    "courses.EditionDraft": _("Draft of an edition"),
    "courses.Edition": _("Edition"),
    "training_sessions.Booking": _("Call"),
    "training_sessions.TimeRequest": _("Request for a time"),
    "training_sessions.Trainer": _("Trainer"),
    "training_sessions.Feed": _("Calendar address"),
    "certificates.Certificate": _("Certificate"),
    "certificates.AuditPack": _("Audit pack"),
    "certificates.Statement": _("Statement"),
}
_WORDS = {key: words for table in VERBS.values() for key, words in table.items()}


def said(event: Event) -> str:
    """What was done, in words; the verb itself where an old one has none."""
    words = _WORDS.get(f"{event.verb} {event.target_type}") or _WORDS.get(event.verb)
    return str(words or event.verb.replace("_", " "))


def kind(event: Event) -> str:
    """What kind of record it was done to."""
    return str(KINDS.get(event.target_type, event.target_type))
