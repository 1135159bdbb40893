"""Rendering a certificate, against plain WeasyPrint; and sending many in one ZIP.

Plain is what a first attempt would do: the packages' variable fonts, everything
loaded anew for each. It draws no engraving, so it is given a head start.
"""

import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from copy import copy
from statistics import median
from typing import Any

import fontpkg_noto_sans
import fontpkg_source_serif_4
from django.core.files.base import ContentFile

from certificates.claims import verify_url
from certificates.models import Certificate
from certificates.packs import pack
from certificates.render import QR_ADDRESS, STYLES, Design, page, qr_code, render
from certificates.serials import new_serial
from tests.benchmarks.figures import Figure

ROUNDS = 7
IN_A_ZIP = 500
FONTS = (
    ("Plain Sans", "normal", fontpkg_noto_sans, "NotoSans[wdth,wght].ttf"),
    (
        "Plain Serif",
        "normal",
        fontpkg_source_serif_4,
        "SourceSerif4[opsz,wght].ttf",
    ),
    (
        "Plain Serif",
        "italic",
        fontpkg_source_serif_4,
        "SourceSerif4-Italic[opsz,wght].ttf",
    ),
)


def _seconds(work: Callable[[], Any]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _render_plainly(claim: dict[str, Any], url: str, design: Design) -> bytes:
    from weasyprint import CSS, HTML  # noqa: PLC0415  after ours, which sets it up
    from weasyprint.text.fonts import FontConfiguration  # noqa: PLC0415

    faces = "".join(
        f"@font-face {{ font-family: '{family}'; font-style: {style};"
        f" src: url('{(package.ROOT / 'files' / name).as_uri()}') }}"
        for family, style, package, name in FONTS
    )
    colours = f":root {{ --ink: {design.ink}; --accent: {design.accent} }}"
    picture = b64encode(qr_code(url).encode()).decode()
    html = page(claim, url).replace(QR_ADDRESS, f"data:image/svg+xml;base64,{picture}")
    fonts = FontConfiguration()
    styles = STYLES.read_text().replace("Certificate S", "Plain S")
    css = CSS(string=faces + colours + styles, font_config=fonts)
    return bytes(HTML(string=html).write_pdf(stylesheets=[css], font_config=fonts))


def bench_render() -> Iterator[Figure]:
    claim = Certificate.objects.all()[0].public_claim
    url, design = verify_url(claim["serial"]), Design()
    ours, plain = [], []
    render(claim, design, url)  # loads what stays loaded
    _render_plainly(claim, url, design)
    for _ in range(ROUNDS):
        ours.append(_seconds(lambda: render(claim, design, url)))
        plain.append(_seconds(lambda: _render_plainly(claim, url, design)))
    yield Figure("certificate: render", median(ours) * 1000, "ms", 100)
    yield Figure(
        "certificate: times as fast as plain WeasyPrint",
        median(plain) / median(ours),
        "x",
        3,
        at_least=True,
    )


def bench_pack() -> Iterator[Figure]:
    one = Certificate.objects.all()[0]
    pdf = render(one.public_claim, Design(), verify_url(one.serial))
    storage = Certificate._meta.get_field("pdf").storage
    one.pdf.name = storage.save("certificates/benchmark.pdf", ContentFile(pdf))
    many = []
    for _ in range(IN_A_ZIP):
        each = copy(one)
        each.serial = new_serial()
        many.append(each)
    size = 0

    def send() -> None:
        nonlocal size
        size = sum(len(part) for part in pack(many))

    yield Figure(f"certificates: {IN_A_ZIP} in a ZIP", _seconds(send), "s", 1)
    yield Figure("certificates: that ZIP", size / 1e6, "MB", 50)
