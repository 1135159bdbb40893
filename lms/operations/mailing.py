"""Mail and certificates: whether they leave, and whether mail arrives."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.core import signing
from django.db import transaction
from django.db.models import Count, Min, Q
from django.urls import reverse
from django.utils.timezone import now
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from certificates import standstill
from certificates.models import Certificate, CertificateState
from lms.mail import outbox
from lms.mail.models import REFUSED_FOR_GOOD, Message
from lms.operations.findings import Finding, age, bad, good, warn
from lms.operations.models import TestMail
from lms.people.models import User

LONGEST_WAIT = timedelta(minutes=10)
LONGEST_RETURN = timedelta(hours=1)
_SALT = "lms.operations.mailing"


def look_at_mail() -> Finding:
    """Whether mail leaves: the oldest that waits, and what fails; one query."""
    at = now()
    due = Q(send_after__lte=at, tries=0)
    fails = Q(tries__gt=0) & ~Q(error="") & ~Q(error__in=REFUSED_FOR_GOOD)
    found = (
        Message.objects.filter(sent_at=None, dropped_at=None)
        .exclude(expires_at__lte=at)
        .aggregate(
            due=Count("pk", filter=due),
            since=Min("send_after", filter=due),
            failing=Count("pk", filter=fails),
            failing_since=Min("created_at", filter=fails),
        )
    )
    if found["failing"]:
        return bad(
            ngettext(
                "%(count)d mail does not leave, written %(age)s ago: each try fails.",
                "%(count)d mails do not leave, the oldest written %(age)s ago: "
                "each try fails.",
                found["failing"],
            )
            % {"count": found["failing"], "age": age(at - found["failing_since"])},
            _("See to the mail server; all are sent by themselves once it answers."),
        )
    if not found["due"]:
        return good(_("No mail waits."))
    words = ngettext(
        "%(count)d mail has waited for %(age)s.",
        "%(count)d mails wait, the oldest for %(age)s.",
        found["due"],
    ) % {"count": found["due"], "age": age(at - found["since"])}
    if at - found["since"] > LONGEST_WAIT:
        return bad(words, _("See to the worker, which sends them."))
    return good(words)


def look_at_certificates() -> Finding:
    """Whether certificates get their files; two queries."""
    at = now()
    if stands := standstill.current():
        return bad(
            _("No certificate can be made, for %(age)s: %(words)s")
            % {"age": age(at - stands.since), "words": stands.words},
            _("It is tried again by itself once that is seen to."),
        )
    found = (
        Certificate.objects.standing()
        .filter(state=CertificateState.PENDING, erased_at=None)
        .aggregate(count=Count("pk"), since=Min("issued_at"))
    )
    if not found["count"]:
        return good(_("No certificate waits for its file."))
    words = ngettext(
        "%(count)d certificate has waited for its file for %(age)s.",
        "%(count)d certificates wait for their files, the oldest for %(age)s.",
        found["count"],
    ) % {"count": found["count"], "age": age(at - found["since"])}
    if at - found["since"] > LONGEST_WAIT:
        return warn(words, _("See to the worker; “manage.py issue_pending” helps it."))
    return good(words)


# --- A mail that is to come back -------------------------------------------------------


def look_at_round_trip() -> Finding:
    """Whether the last test mail arrived where somebody reads mail; one query."""
    at = now()
    step = _("Send one: “Send me a test mail” on the page, or “doctor --mail ADDRESS”.")
    newest = list(TestMail.objects.order_by("-sent_at")[:5])
    came = [mail for mail in newest if mail.came_at]
    if not newest:
        return warn(_("It was never tried whether mail arrives."), step)
    if newest[0].came_at is None and at - newest[0].sent_at > LONGEST_RETURN:
        return warn(
            _("The test mail sent %s ago has not come back.")
            % age(at - newest[0].sent_at),
            _("Look into that inbox and its spam, then into the mail server's log."),
        )
    if not came or came[0].came_at is None:
        return good(_("A test mail is under way."))
    return good(
        _("The last test mail came back %(age)s ago, %(length)s after it was sent.")
        % {
            "age": age(at - came[0].came_at),
            "length": age(came[0].came_at - came[0].sent_at),
        }
    )


@transaction.atomic
def send_test_mail(to: User | str) -> TestMail:
    """Send a mail the way that all mail goes, with a link that says it came."""
    mail = TestMail.objects.create(sent_at=now())
    outbox.queue(
        f"test-mail:{mail.pk}",
        to,
        "operations/email/test_mail.txt",
        {"link": settings.PUBLIC_URL + link_of(mail)},
        is_secret=True,
        expires_at=now() + timedelta(days=1),
    )
    return mail


def link_of(mail: TestMail) -> str:
    """The address, without host, that says that the mail came."""
    return reverse("dashboards:mail_came", args=[signing.dumps(mail.pk, salt=_SALT)])


def mail_of(word: str) -> TestMail | None:
    """The test mail that a link's secret word stands for."""
    try:
        pk = signing.loads(word, salt=_SALT, max_age=timedelta(days=7))
    except signing.BadSignature:
        return None
    return TestMail.objects.filter(pk=pk).first()


def note_came(mail: TestMail) -> None:
    """Write down that it came; the first time counts."""
    TestMail.objects.filter(pk=mail.pk, came_at=None).update(came_at=now())
