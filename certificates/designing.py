"""The design in force, kept as it is for what is issued in it."""

from __future__ import annotations

import json
from hashlib import sha256

from certificates.models import DesignRevision
from certificates.render import Design


def current_design() -> DesignRevision:
    """The design as certificates are issued in it now; kept once, and for ever."""
    facts = Design().facts()
    text = json.dumps(facts, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    digest = sha256(text.encode()).hexdigest()
    kept, _is_new = DesignRevision.objects.get_or_create(
        sha256=digest, defaults={"facts": facts}
    )
    return kept


def design_of(revision: DesignRevision | None) -> Design:
    """What the renderer needs of it; certificates of old have the first design."""
    return Design.of_facts(revision.facts) if revision else Design()
