"""Why somebody is in a programme, and who put them there, in words."""

from __future__ import annotations

from django.utils.translation import gettext as _

from courses.models import Enrolment, Source
from lms.mail.times import day


def source_words(enrolment: Enrolment, zone: str) -> str:
    """Say who or what put them there, and when; bring `enrolled_by` along."""
    words = {
        Source.TEAM: _("Asked by their team since %(day)s"),
        Source.MANAGER: _("Added by %(name)s on %(day)s"),
        Source.SELF: _("They asked; %(name)s added them on %(day)s"),
        Source.STAFF: _("Added by %(name)s (ByteKast) on %(day)s"),
        Source.EDITION: _("The programme changed on %(day)s"),
        Source.RENEWAL: _("To renew, since %(day)s"),
        Source.TRANSFER: _("Carried over on %(day)s"),
    }[Source(enrolment.source)]
    by = enrolment.enrolled_by
    return words % {
        "name": by.full_name if by else _("the system"),
        "day": day(enrolment.enrolled_at, zone),
    }
