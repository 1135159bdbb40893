from datetime import timedelta
from io import StringIO

import pytest
import time_machine
from django.core.management import call_command
from django.utils.timezone import now

from lms.people.models import User
from lms.privacy import retention
from lms.privacy.models import Erasure
from sessions.models import (
    BoardTopic,
    BookingState,
    BookingTopic,
    CallBoard,
    CallFeedback,
)
from tests.factories import (
    BoardTopicFactory,
    BookingFactory,
    CallBoardFactory,
    CallFeedbackFactory,
    CallMessageFactory,
    EnrolmentFactory,
    InvitationFactory,
    MemberFactory,
    MessageFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


def in_days(days):
    return time_machine.travel(now() + days * DAY, tick=False)


def test_words_of_mail_go_when_their_time_is_up(settings):
    settings.KEEP_MAIL_DAYS = 10
    sent = MessageFactory(sent_at=now())
    waiting = MessageFactory()

    with in_days(9):
        assert retention.apply()["mail"] == 0
    with in_days(11):
        assert retention.apply()["mail"] == 1
        assert retention.apply()["mail"] == 0

    sent.refresh_from_db()
    waiting.refresh_from_db()
    assert (sent.to, sent.subject, sent.body, sent.attachments) == ("", "", "", [])
    assert sent.sent_at
    assert waiting.body == "Hello."


def test_notes_go_after_the_call_and_outcomes_stay(settings):
    settings.KEEP_NOTES_DAYS = 10
    call = BookingFactory(state=BookingState.DONE)
    call.topics.update(note="Well done.", private_note="Shy.", outcome="covered")

    with time_machine.travel(call.ends_at + 9 * DAY, tick=False):
        retention.apply()
    assert BookingTopic.objects.get().note == "Well done."
    with time_machine.travel(call.ends_at + 11 * DAY, tick=False):
        retention.apply()

    topic = BookingTopic.objects.get()
    assert (topic.note, topic.private_note, topic.outcome) == ("", "", "covered")


def test_what_the_two_wrote_goes_after_the_call_and_that_they_did_stays(settings):
    settings.KEEP_NOTES_DAYS = 10
    line = CallMessageFactory()

    with time_machine.travel(line.booking.ends_at + 9 * DAY, tick=False):
        assert retention.apply()["messages"] == 0
    with time_machine.travel(line.booking.ends_at + 11 * DAY, tick=False):
        assert retention.apply()["messages"] == 1
        assert retention.apply()["messages"] == 0

    line.refresh_from_db()
    assert (line.text, line.by) == ("", line.booking.trainee)


def test_what_was_typed_beside_a_call_goes_with_its_notes(settings):
    settings.KEEP_NOTES_DAYS = 10
    draft = BoardTopicFactory(note="Well done.")
    call = draft.topic.booking
    CallBoardFactory(booking=call)
    CallFeedbackFactory(booking=call, missing="Time.", created_at=call.ends_at)

    for days, left in ((9, (1, 1, 1)), (11, (0, 0, 0))):
        with time_machine.travel(call.ends_at + days * DAY, tick=False):
            retention.apply()
        asked = CallBoard.objects.exclude(question="")
        missed = CallFeedback.objects.exclude(missing="")
        rows = (BoardTopic.objects, asked, missed)
        assert tuple(each.count() for each in rows) == left
    assert CallFeedback.objects.get().rating == 5


def test_name_and_address_of_an_old_invitation_go(settings):
    settings.KEEP_INVITATIONS_DAYS = 10
    old = [InvitationFactory(full_name="Ana", reseller__name=name) for name in "ab"]

    with in_days(14 + 11):
        assert retention.apply()["invitations"] == 2
        assert retention.apply()["invitations"] == 0

    for invitation in old:
        invitation.refresh_from_db()
        assert invitation.full_name == ""
        assert invitation.email.endswith("@example.invalid")


def leaver(**fields):
    user = UserFactory(joined_at=now(), last_login=now(), **fields)
    return MemberFactory(user=user, left_on=now().date()).user


def test_who_left_long_ago_is_told_and_then_erased(settings):
    settings.KEEP_RECORDS_DAYS = 100
    person, stays = leaver(), MemberFactory().user

    with in_days(69):
        assert retention.apply()["told"] == 0
    with in_days(72):
        assert retention.apply()["told"] == 1
        assert retention.apply()["told"] == 0
    assert "name, addresses" in person.messages.get().body
    with in_days(101):
        assert retention.apply()["records"] == 0  # 30 days from the mail
    with in_days(103):
        assert retention.apply()["records"] == 1
        assert retention.apply()["records"] == 0

    person.refresh_from_db()
    assert person.full_name == "Erased person"
    assert User.objects.get(pk=stays.pk).full_name == stays.full_name


def test_who_signs_in_meanwhile_is_kept(settings):
    settings.KEEP_RECORDS_DAYS = 100
    person = leaver()
    with in_days(72):
        retention.apply()

    User.objects.filter(pk=person.pk).update(last_login=now() + 80 * DAY)
    with in_days(103):
        assert retention.apply()["records"] == 0

    assert not Erasure.objects.exists()


def test_who_is_qualified_is_kept(settings):
    settings.KEEP_RECORDS_DAYS = 100
    person = leaver()
    EnrolmentFactory(
        member=person.memberships.get(),
        completed=True,
        valid_until=(now() + 200 * DAY).date(),
    )

    with in_days(150):
        assert retention.apply()["told"] == 0


@pytest.mark.parametrize("setting", ["RECORDS", "NOTES", "MAIL", "INVITATIONS"])
def test_nought_keeps_for_ever(settings, setting):
    setattr(settings, f"KEEP_{setting}_DAYS", 0)
    rules = [rule for rule in retention.RULES if setting in rule.setting]
    leaver()
    MessageFactory(sent_at=now())
    InvitationFactory()

    with in_days(10_000):
        assert [rule.found().count() for rule in rules] == [0] * len(rules)


def test_dry_run_counts_and_changes_nothing(settings):
    settings.KEEP_MAIL_DAYS = 10
    message = MessageFactory(sent_at=now())
    out = StringIO()

    with in_days(11):
        call_command("retention", "--dry-run", stdout=out)

    assert "1  The words of mail that was sent (10 days)" in out.getvalue()
    message.refresh_from_db()
    assert message.body == "Hello."


def test_more_than_are_taken_at_once_are_ended(settings, monkeypatch):
    settings.KEEP_MAIL_DAYS = 10
    monkeypatch.setattr(retention, "AT_ONCE", 2)
    MessageFactory.create_batch(5, sent_at=now())

    with in_days(11):
        assert retention.apply()["mail"] == 5


def test_name_of_a_guest_goes_after_the_call(settings):
    settings.KEEP_NOTES_DAYS = 10
    call = BookingFactory(guest_name="Rosa Lind", guest_role="Interpreter")

    with time_machine.travel(call.ends_at + 10 * DAY, tick=False):
        assert retention.apply()["guests"] == 0
    with time_machine.travel(call.ends_at + 10 * DAY + DAY / 24, tick=False):
        assert retention.apply()["guests"] == 1

    call.refresh_from_db()
    assert (call.guest_name, call.guest_role) == ("", "")
