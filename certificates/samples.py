"""A certificate that proves nothing: to look at a design, and for validators."""

from __future__ import annotations

from typing import Any
from unicodedata import normalize

from django.utils.timezone import now
from django.utils.translation import gettext as _

from certificates import fonts, serials
from certificates.claims import (
    ISSUER,
    POLICY,
    canonical,
    direction_of,
    verify_url,
    words_of,
)
from certificates.making import make
from certificates.render import Attached, CannotRender, Design
from courses.models import ProgrammePage, TopicPage
from lms.people.names import one_line

NAME = "Wilhelmina Featherstonehaugh"


def sample(design: Design, *, name: str = NAME, programme: str = "") -> bytes:
    """A sealed file in this design, marked as a sample on its face and by its serial.

    `programme` is the title of one, whose topics it then lists; any other title is
    printed with topics made up, and none is the first programme there is. Raises
    CannotRender, `keyfiles.KeyTrouble` and `seal.CannotSeal`.
    """
    claim = claim_of_sample(name=name, programme=programme)
    if missing := fonts.missing_letters(words_of(claim)):
        raise CannotRender(
            _("No font has these letters: %(letters)s")
            % {"letters": " ".join(sorted(missing))}
        )
    said = Attached(
        "sample.json", canonical(claim), "What this sample says", "application/json"
    )
    return make(
        claim, design, verify_url(serials.SAMPLE), attachments=[said], is_sample=True
    )


def claim_of_sample(*, name: str = NAME, programme: str = "") -> dict[str, Any]:
    """What a sample says, as it is issued now. Two queries."""
    at = now()
    name = normalize("NFC", one_line(name) or NAME)
    title = normalize("NFC", one_line(programme))
    pages = ProgrammePage.objects.live().order_by("path")
    page = (pages.filter(title__iexact=title) if title else pages).first()
    topics: list[TopicPage] = list(page.topics().live()) if page else []
    return {
        "version": 1,
        "serial": serials.SAMPLE,
        "issuer": ISSUER,
        "issued_at": at.isoformat(timespec="seconds"),
        "issued_on": at.date().isoformat(),
        "language": "en-gb",
        "name": name,
        "direction": direction_of(name),
        "reseller": _("Example Company"),
        "programme": {
            "title": page.title if page else title or _("Example Programme"),
            "section": page.section if page else "",
            "edition": 1,
            "policy": POLICY,
        },
        "topics": [
            {"title": each, "completed_on": at.date().isoformat()}
            for each in [topic.title for topic in topics]
            or [_("First topic"), _("Second topic"), _("Third topic")]
        ],
        "valid_from": at.date().isoformat(),
        "valid_until": None,
        "salt": "0" * 32,
    }
