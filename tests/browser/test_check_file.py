"""A file that somebody was handed: genuine, or what is wrong with it, told in the browser."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from typing import Any

from django.core.files.base import ContentFile
from django.db import connections
from django.urls import reverse
from django.utils.timezone import now
from playwright.sync_api import FilePayload, Page, expect

from certificates import serials
from certificates.claims import verify_url
from certificates.models import Certificate, CertificateState
from certificates.render import Design, render
from certificates.seal import seal
from tests.browser.journeys import Journey, run
from tests.certificates.conftest import a_claim
from tests.factories import CertificateFactory, StatementFactory

DROP = """async ([name, symbols]) => {
  const bytes = Uint8Array.from(atob(symbols), (symbol) => symbol.charCodeAt(0));
  const data = new DataTransfer();
  data.items.add(new File([bytes], name, {type: "application/pdf"}));
  for (const type of ["dragenter", "dragover", "drop"]) {
    document.body.dispatchEvent(
      new DragEvent(type, {dataTransfer: data, bubbles: true, cancelable: true}));
  }
}"""
WITHOUT_TLS = "Object.defineProperty(crypto, 'subtle', {value: undefined})"


def sealed(serial: str, **fields: Any) -> bytes:
    """A real file, made in a thread: Playwright's loop runs in this one."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(_sealed, serial, fields).result()


def _sealed(serial: str, fields: dict[str, Any]) -> bytes:
    claim = a_claim() | {"serial": serial} | fields
    try:
        return seal(render(claim, Design(), verify_url(serial)))
    finally:
        connections.close_all()


def issued(serial: str, pdf: bytes) -> Certificate:
    certificate: Certificate = CertificateFactory(
        serial=serial,
        public_claim=a_claim() | {"serial": serial},
        state=CertificateState.READY,
        pdf=ContentFile(pdf, name="certificates/of-a-test.pdf"),
        pdf_sha256=sha256(pdf).hexdigest(),
    )
    return certificate


def stated(body: str) -> bytes:
    """The file of a statement of standing, as far as the page reads it."""
    serial = body + serials.check_symbol(body)
    pdf = f"%PDF-1.7\n% Example\n/ID [(statement-{serial})]\n%%EOF".encode()
    StatementFactory(
        serial=serial,
        made_at=now(),
        pdf=ContentFile(pdf, name="statements/of-a-test.pdf"),
        pdf_sha256=sha256(pdf).hexdigest(),
    )
    return pdf


def saved_anew(pdf: bytes, folder: Path) -> bytes:
    """The file as another program writes it."""
    before, after = folder / "before.pdf", folder / "after.pdf"
    before.write_bytes(pdf)
    run("qpdf", "--warning-exit-0", before, after)
    return after.read_bytes()


def said_of(page: Page, pdf: bytes) -> str:
    """What the page says of a file that is chosen by its field."""
    file: FilePayload = {
        "name": "some.pdf",
        "mimeType": "application/pdf",
        "buffer": pdf,
    }
    page.get_by_label("Choose the PDF, or drop it here").set_input_files(file)
    result = page.locator("[data-result]")
    expect(result.locator(".callout-title")).to_be_visible()
    return str(result.get_attribute("data-said"))


def test_files_are_told_apart_in_the_browser(journey: Journey, tmp_path: Path) -> None:
    serial, other_serial = "8K3QZ7MXP4TD", "5K3QZ7MXP4TD"
    serial += serials.check_symbol(serial)
    other_serial += serials.check_symbol(other_serial)
    genuine, others = sealed(serial), sealed(other_serial, name="Nadia Haddad")
    issued(serial, genuine)
    issued(other_serial, others)
    statement = stated("A6BCDEFGHJKM")
    middle = len(genuine) // 2
    flipped = genuine[:middle] + bytes([genuine[middle] ^ 1]) + genuine[middle + 1 :]
    files = {
        "genuine": genuine,
        "added": genuine + b"\n% one more revision\n%%EOF\n",
        "changed": flipped,
        "other": others,
        "statement": statement,
        "changed-statement": statement.replace(b"Example", b"Exemple"),
        "sample": sealed(serials.SAMPLE),
        "unknown": b"%PDF-1.7\n1 0 obj<</Type/Catalog>>endobj\n%%EOF",
        "no-pdf": b"\x89PNG\r\n\x1a\n",
    }
    page = journey.person()
    page.goto(reverse("verify", args=[serials.shown(serial)]))

    said = {name: said_of(page, pdf) for name, pdf in files.items()}
    anew = said_of(page, saved_anew(genuine, tmp_path))
    added_to_other = said_of(page, others + b"\n%%EOF\n")

    assert said == {name: name for name in files}
    assert anew == "changed"
    assert added_to_other == "added"


def test_a_file_alone_leads_to_its_certificate(journey: Journey) -> None:
    """Without a serial, by dropping it, and where the browser has no WebCrypto."""
    pdf = b"%PDF-1.7\n/ByteRange [0 10 20 30]\n%%EOF"
    body = "8K3QZ7MXP4TD"
    serial = body + serials.check_symbol(body)
    issued(serial, pdf)
    page = journey.person()
    page.add_init_script(WITHOUT_TLS)
    page.goto(reverse("verify_form"))

    page.evaluate(
        DROP, ["some.pdf", "JVBERi0xLjcKL0J5dGVSYW5nZSBbMCAxMCAyMCAzMF0KJSVFT0Y="]
    )
    page.get_by_role("link", name="See the certificate").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("Valid")
    assert page.url.endswith(f"/c/{serials.shown(serial)}")
