"""Files for certificates, in a database of its own: `python -m tests.benchmarks.issuing`.

Prints, as JSON, the processor's milliseconds of each step from the row to the file; our
rendering and sealing beside the plain way, in pairs; and, with `workers` after it, how
much faster two processes are than one. The environment says which database.
"""

from __future__ import annotations

import io
import json
import sys
import time
from base64 import b64encode
from collections import defaultdict
from collections.abc import Callable
from statistics import median
from typing import Any

import segno

from tests.benchmarks.rush import prepare

PAIRS = 15
FILES = 60  # for each run of the command
RUNS = 3  # of each number of processes
FONTS = (
    ("Plain Sans", "normal", "fontpkg_noto_sans", "NotoSans[wdth,wght].ttf"),
    (
        "Plain Serif",
        "normal",
        "fontpkg_source_serif_4",
        "SourceSerif4[opsz,wght].ttf",
    ),
    (
        "Plain Serif",
        "italic",
        "fontpkg_source_serif_4",
        "SourceSerif4-Italic[opsz,wght].ttf",
    ),
)


def pending(count: int) -> list[int]:
    """So many certificates, each of somebody who completed four topics, without a file."""
    from certificates.issuing import issue  # noqa: PLC0415  once Django is set up
    from tests.factories import (  # noqa: PLC0415
        EditionFactory,
        EnrolmentFactory,
        MemberFactory,
        ResellerFactory,
        TopicCompletionFactory,
    )

    edition, reseller = EditionFactory(), ResellerFactory()
    made = []
    for number in range(count):
        member = MemberFactory(
            reseller=reseller, user__full_name=f"Mara Lindqvist {number}"
        )
        enrolment = EnrolmentFactory(completed=True, edition=edition, member=member)
        for row in edition.topics.all():
            TopicCompletionFactory(enrolment=enrolment, topic=row.topic)
        made.append(issue(enrolment).pk)
    return made


# --- The plain way ---------------------------------------------------------------------


def render_plainly(claim: dict[str, Any], url: str) -> bytes:
    """What a first attempt would do: the packages' variable fonts, all loaded anew.

    It draws no engraving, and makes no tags: a head start.
    """
    from importlib import import_module  # noqa: PLC0415

    from weasyprint import CSS, HTML  # noqa: PLC0415  ours has set it up before
    from weasyprint.text.fonts import FontConfiguration  # noqa: PLC0415

    from certificates.render import QR_ADDRESS, STYLES, Design, page  # noqa: PLC0415

    faces = "".join(
        f"@font-face {{ font-family: '{family}'; font-style: {style};"
        f" src: url('{(import_module(package).ROOT / 'files' / name).as_uri()}') }}"
        for family, style, package, name in FONTS
    )
    design = Design()
    colours = f":root {{ --ink: {design.ink}; --accent: {design.accent} }}"
    code = io.BytesIO()
    segno.make(url, error="m", micro=False).save(code, kind="svg", border=4, scale=4)
    picture = b64encode(code.getvalue()).decode()
    html = page(claim, url).replace(QR_ADDRESS, f"data:image/svg+xml;base64,{picture}")
    fonts = FontConfiguration()
    styles = STYLES.read_text().replace("Certificate S", "Plain S")
    css = CSS(string=faces + colours + styles, font_config=fonts)
    return bytes(HTML(string=html).write_pdf(stylesheets=[css], font_config=fonts))


def seal_plainly(pdf: bytes) -> bytes:
    """pyHanko as its manual begins: a PAdES signature by the same key, in a new field."""
    from pyhanko.pdf_utils.incremental_writer import (  # noqa: PLC0415
        IncrementalPdfFileWriter,
    )
    from pyhanko.sign import signers  # noqa: PLC0415
    from pyhanko.sign.fields import SigSeedSubFilter  # noqa: PLC0415

    from certificates import keys  # noqa: PLC0415
    from certificates.sealer import signer_of  # noqa: PLC0415

    metadata = signers.PdfSignatureMetadata(
        field_name="Plain", subfilter=SigSeedSubFilter.PADES, certify=True
    )
    sealed: io.BytesIO = signers.sign_pdf(
        IncrementalPdfFileWriter(io.BytesIO(pdf)),
        metadata,
        signer=signer_of(keys.seal_key()),
    )
    return sealed.getvalue()


# --- Measured ------------------------------------------------------------------------


def spent(work: Callable[[], Any]) -> float:
    """The processor's milliseconds: whatever else the machine does."""
    began = time.process_time()
    work()
    return (time.process_time() - began) * 1000


def beside_the_plain_way(claim: dict[str, Any]) -> dict[str, float]:
    from certificates.claims import verify_url  # noqa: PLC0415
    from certificates.render import Design, render  # noqa: PLC0415
    from certificates.seal import seal  # noqa: PLC0415

    url, design = verify_url(claim["serial"]), Design()
    pairs = []
    for _ in range(PAIRS + 1):
        pdfs: list[bytes] = []
        ours = spent(lambda: pdfs.append(render(claim, design, url)))  # noqa: B023
        ours_sealed = spent(lambda: seal(pdfs[0]))  # noqa: B023  called at once
        plain = spent(lambda: pdfs.append(render_plainly(claim, url)))  # noqa: B023
        plain_sealed = spent(lambda: seal_plainly(pdfs[1]))  # noqa: B023
        pairs.append((ours, ours_sealed, plain, plain_sealed))
    pairs = pairs[1:]  # the first loads what stays loaded
    return {
        "ours_render": median(pair[0] for pair in pairs),
        "ours_seal": median(pair[1] for pair in pairs),
        "plain_render": median(pair[2] for pair in pairs),
        "plain_seal": median(pair[3] for pair in pairs),
        "render_ratio": median(pair[2] / pair[0] for pair in pairs),
        "ratio": median((pair[2] + pair[3]) / (pair[0] + pair[1]) for pair in pairs),
    }


def timed(real: Callable[..., Any], took: list[float]) -> Callable[..., Any]:
    """The function, which notes what it takes."""

    def call(*args: Any, **kwargs: Any) -> Any:
        said: list[Any] = []
        took.append(spent(lambda: said.append(real(*args, **kwargs))))
        return said[0]

    return call


def steps(pks: list[int]) -> dict[str, float]:
    """Of each file, from its row to *ready*; the first is left out."""
    from certificates import making, preparing  # noqa: PLC0415

    took: dict[str, list[float]] = defaultdict(list)
    for module, name in (
        (preparing.fonts, "missing_letters"),
        (preparing, "credential_of"),
        (making, "render"),
        (making, "seal"),
        (making, "findings"),
        (preparing, "store"),
        (preparing, "prepare"),
    ):
        setattr(module, name, timed(getattr(module, name), took[name]))
    for pk in pks:
        if not preparing.prepare(pk):
            raise RuntimeError(f"Certificate {pk} was not made")
    return {name: median(times[1:]) for name, times in took.items()}


def workers() -> dict[str, float]:
    """How long the command takes with one process and with two, turn about."""
    from django.core.management import call_command  # noqa: PLC0415

    seconds: dict[int, list[float]] = defaultdict(list)
    for _ in range(RUNS):
        for count in (1, 2):
            pending(FILES)
            said = io.StringIO()
            began = time.perf_counter()
            call_command("issue_pending", workers=count, stdout=said)
            seconds[count].append(time.perf_counter() - began)
            if not said.getvalue().startswith(f"{FILES} of {FILES}"):
                raise RuntimeError(said.getvalue())
    return {
        "one": FILES / median(seconds[1]),
        "two": FILES / median(seconds[2]),
        "ratio": median(
            one / two for one, two in zip(seconds[1], seconds[2], strict=True)
        ),
    }


def main() -> None:
    prepare()
    from certificates import fonts  # noqa: PLC0415
    from certificates.models import Certificate  # noqa: PLC0415

    fonts.ensure_fonts()
    if sys.argv[1:] == ["workers"]:
        found: Any = workers()
    else:
        pks = pending(PAIRS + 1)
        claim = Certificate.objects.get(pk=pks[0]).public_claim
        found = {"beside": beside_the_plain_way(claim), "steps": steps(pks)}
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
