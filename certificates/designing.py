"""The design in force, kept as it is for what is issued in it.

A design is kept when it is published: as facts under their hash, and its pictures
under theirs. Certificates point there, so that nothing an editor does later, to the
design or to the pictures it was made from, changes what has been issued.
"""

from __future__ import annotations

import json
from functools import lru_cache
from hashlib import sha256
from io import BytesIO
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _
from wagtail.images.models import Image

from certificates.models import CertificateDesign, DesignPicture, DesignRevision
from certificates.pictures import (
    LARGEST_FILE,
    LOGO_BOX,
    SIGNATURE_BOX,
    Picture,
    printable,
)
from certificates.render import PICTURES, Design
from lms.errors import Refused

BOXES = dict(zip(PICTURES, (LOGO_BOX, SIGNATURE_BOX), strict=True))
_TEXTS = ("heading", "above_name", "below_name", "foot", "logo_text")
_PLAIN = (
    *_TEXTS,
    "has_issuer",
    "signatory",
    "signatory_role",
    "ink",
    "accent",
    "paper",
)


def current_design() -> DesignRevision:
    """The design as certificates are issued in it now; kept once, and for ever."""
    edited = CertificateDesign.objects.filter(live=True, in_force__isnull=False)
    published = edited.select_related("in_force").first()
    return (published and published.in_force) or keep(Design())


def design_of(revision: DesignRevision | None) -> Design:
    """What the renderer needs of it; certificates of old have the first design.

    One query more where it has pictures.
    """
    if revision is None:
        return Design()
    hashes = [revision.facts[name] for name in PICTURES if revision.facts.get(name)]
    kept = DesignPicture.objects.filter(sha256__in=hashes) if hashes else ()
    return Design.of_facts(
        revision.facts, {each.sha256: Picture.of(bytes(each.content)) for each in kept}
    )


def colours_of(revision: DesignRevision | None) -> tuple[str, str]:
    """Its ink and its accent."""
    facts = revision.facts if revision else {}
    return facts.get("ink", Design.ink), facts.get("accent", Design.accent)


@transaction.atomic
def keep(design: Design) -> DesignRevision:
    """Keep a design and its pictures, once and for ever."""
    for picture in design.pictures:
        DesignPicture.objects.get_or_create(
            sha256=picture.sha256, defaults={"content": picture.content}
        )
    facts = design.facts()
    text = json.dumps(facts, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    kept, _new = DesignRevision.objects.get_or_create(
        sha256=sha256(text.encode()).hexdigest(), defaults={"facts": facts}
    )
    return kept


def put_in_force(edited: CertificateDesign) -> None:
    """Keep what was published: certificates are issued in it from now on."""
    edited.in_force = keep(design_from(edited))
    edited.save(update_fields=["in_force"])


def design_from(edited: CertificateDesign) -> Design:
    """The design as it is edited, its pictures made ready to be printed.

    Raises Refused for a picture that cannot be.
    """
    plain: dict[str, Any] = {name: getattr(edited, name) for name in _PLAIN}
    pictures: dict[str, Any] = {
        name: printable_of(image, box)
        for name, box in BOXES.items()
        if (image := getattr(edited, name))
    }
    return Design(**plain, **pictures)


def printable_of(image: Image, box: tuple[int, int]) -> Picture:
    """A picture of the CMS, ready to be printed. Raises Refused."""
    try:
        with image.file.open("rb") as file:
            content = file.read(LARGEST_FILE + 1)
    except OSError:
        raise Refused(
            _("The file of this picture is gone: please choose another.")
        ) from None
    return _printable(content, box)


@lru_cache(maxsize=16)
def _printable(content: bytes, box: tuple[int, int]) -> Picture:
    """Kept for the previews, which ask for the same one again and again."""
    return printable(BytesIO(content), box)
