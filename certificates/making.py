"""One file from one claim: rendered, sealed, and looked at before anybody has it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.utils.translation import gettext as _

from certificates.render import Attached, Design, render
from certificates.seal import CannotSeal, Fault, findings, seal


def make(
    claim: dict[str, Any],
    design: Design,
    verify_url: str,
    *,
    attachments: Sequence[Attached] = (),
    is_sample: bool = False,
) -> bytes:
    """The sealed file, verified as a reader would, trusting our authorities alone.

    Raises CannotRender, KeyTrouble and CannotSeal.
    """
    sealed = seal(
        render(claim, design, verify_url, attachments=attachments, is_sample=is_sample)
    )
    allowed = {Fault.SAMPLE} if is_sample else set()
    for finding in findings(sealed):
        if finding.fault not in allowed:
            raise CannotSeal(
                _("What was sealed does not verify: %(finding)s")
                % {"finding": finding.text}
            )
    return sealed
