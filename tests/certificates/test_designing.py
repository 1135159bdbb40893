import dataclasses
import json
import re
import subprocess
from hashlib import sha256

import pytest
from django.db import IntegrityError, transaction

from certificates.claims import verify_url
from certificates.designing import colours_of, current_design, design_of
from certificates.issuing import issue
from certificates.models import CertificateDesign, DesignPicture, DesignRevision
from certificates.preparing import prepare
from certificates.render import Design, render
from lms.errors import Refused
from tests.certificates.pictures import full_design, in_cms, logo, put, signature
from tests.factories import EnrolmentFactory, TopicCompletionFactory

pytestmark = pytest.mark.django_db
VERIFY_URL = "https://qualifications.example.com/c/8K3Q-Z7MX-P4TD-H"


def publish(**words):
    """Change the design and publish it, as the CMS does."""
    design = CertificateDesign.objects.get()
    for name, value in words.items():
        setattr(design, name, value)
    design.save_revision().publish()
    return CertificateDesign.objects.get()


def full():
    return publish(
        logo=in_cms(logo()),
        signature=in_cms(signature(), "signature.jpg"),
        signatory="Eleanor Whitcombe",
        signatory_role="Head of Partner Training",
        has_issuer=False,
        ink="#4a1029",
        paper="#fdf9ee",
        foot="ByteKast Ltd, London",
    )


def output_of(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def bytes_of(certificate):
    with certificate.pdf.open() as file:
        return file.read()


def objects_of(pdf):
    """The dictionaries of a PDF's objects, its streams' too."""
    read = json.loads(output_of("qpdf", "--json", "--json-key=qpdf", pdf))
    found = [
        each.get("value") or each["stream"]["dict"]
        for name, each in read["qpdf"][1].items()
        if name != "trailer"
    ]
    return [each for each in found if isinstance(each, dict)]


def test_there_is_one_design_from_the_start_and_it_is_the_first():
    assert CertificateDesign.objects.count() == 1
    assert design_of(current_design()) == Design()
    assert current_design() == current_design()


def test_a_draft_changes_nothing():
    before = current_design()

    design = CertificateDesign.objects.get()
    design.ink = "#4a1029"
    design.save_revision()

    assert current_design() == before


def test_what_is_published_is_in_force_at_once():
    first = current_design()

    full()

    design = design_of(current_design())
    assert current_design() != first
    assert (design.ink, design.paper) == ("#4a1029", "#fdf9ee")
    assert design.signatory == "Eleanor Whitcombe"
    assert design.logo is not None
    assert colours_of(current_design()) == ("#4a1029", "#84682c")


def test_the_same_design_published_again_is_kept_once():
    first = full().in_force

    publish(foot="Something else")
    again = publish(foot="ByteKast Ltd, London").in_force

    assert again == first
    assert DesignPicture.objects.count() == 2


def test_which_design_is_in_force_is_one_question(django_assert_num_queries):
    full()

    with django_assert_num_queries(1):
        current_design()


@pytest.mark.parametrize(("is_full", "queries"), [(False, 0), (True, 1)])
def test_a_design_is_read_in_one_query_at_most(
    django_assert_num_queries, is_full, queries
):
    revision = full().in_force if is_full else current_design()

    with django_assert_num_queries(queries):
        design_of(revision)


def test_what_is_kept_cannot_be_changed():
    full()

    for model in (DesignRevision, DesignPicture):
        kept = model.objects.order_by("pk").last()
        with pytest.raises(IntegrityError), transaction.atomic():
            model.objects.filter(pk=kept.pk).update(sha256="0" * 64)
        with pytest.raises(IntegrityError), transaction.atomic():
            kept.delete()


def test_a_design_whose_pictures_file_is_gone_is_not_put_in_force():
    before = current_design()
    image = in_cms(logo())
    image.file.storage.delete(image.file.name)

    with pytest.raises(Refused, match="gone"), transaction.atomic():
        publish(logo=image)

    assert current_design() == before


def test_designs_of_before_the_new_choices_are_read_still():
    old = DesignRevision.objects.create(
        sha256="a" * 64, facts={"ink": "#16294f", "accent": "#84682c"}
    )

    assert design_of(old) == Design()
    assert design_of(None) == Design()


def test_nothing_done_later_changes_a_certificate():
    """Neither the stored file, nor a render from the claim and the kept design."""
    edited = full()
    enrolment = EnrolmentFactory(completed=True)
    for asked in enrolment.edition.topics.all():
        TopicCompletionFactory(enrolment=enrolment, topic=asked.topic)
    certificate = issue(enrolment)
    assert prepare(certificate.pk)
    certificate.refresh_from_db()
    stored = bytes_of(certificate)
    url = verify_url(certificate.serial)
    rendered = render(certificate.public_claim, design_of(certificate.design), url)

    edited.signature.delete()
    put(edited.logo, logo("#0000ff"))
    publish(signatory="", ink="#000000", paper="#ffffff", heading="Diploma")
    user = certificate.enrolment.member.user
    user.full_name = "Somebody Else"
    user.save()
    programme = certificate.enrolment.programme
    programme.title = "Another Title"
    programme.save_revision().publish()

    certificate = type(certificate).objects.get(pk=certificate.pk)
    assert prepare(certificate.pk) is False  # it has its file
    assert bytes_of(certificate) == stored
    assert sha256(stored).hexdigest() == certificate.pdf_sha256
    again = render(certificate.public_claim, design_of(certificate.design), url)
    assert again == rendered
    assert current_design() != certificate.design


@pytest.fixture
def pdf(claim, tmp_path):
    path = tmp_path / "certificate.pdf"
    path.write_bytes(render(claim, design_of(full().in_force), VERIFY_URL))
    return path


def test_a_full_design_prints_its_words_and_speaks_its_pictures(pdf):
    text = " ".join(output_of("pdftotext", "-layout", pdf, "-").split())
    spoken = output_of("pdfinfo", "-struct-text", pdf)

    for words in ("Eleanor Whitcombe", "Head of Partner Training", "ByteKast Ltd"):
        assert words in text
    assert "BYTEKAST" not in text  # the logo says it
    assert spoken.count("Figure") == 3
    elements = objects_of(pdf)
    assert {each["/Alt"] for each in elements if each.get("/S") == "/Figure"} == {
        "u:ByteKast",
        "u:Signature of Eleanor Whitcombe",
        f"u:QR code that opens {VERIFY_URL}",
    }


def test_a_full_design_is_printed_in_what_archives_allow(pdf):
    images = [each for each in objects_of(pdf) if each.get("/Subtype") == "/Image"]

    assert len(images) == 4  # two, each with its mask
    assert {image["/Interpolate"] for image in images} == {False}
    assert {image["/ColorSpace"] for image in images} == {"/DeviceRGB", "/DeviceGray"}


def test_its_qr_code_is_read_on_tinted_paper(pdf):
    picture = pdf.with_suffix("")
    output_of("pdftoppm", "-r", "72", "-png", "-singlefile", pdf, picture)

    read = output_of("zbarimg", "--quiet", "--raw", picture.with_suffix(".png"))

    assert read.strip() == VERIFY_URL


def test_the_longest_texts_stay_clear_of_one_another(claim, tmp_path):
    """All texts at their limit, in wide letters, with as many topics as there may be."""

    def wide(letters):
        return ("Wagner MW " * 40)[:letters].strip()

    limits = {
        name: CertificateDesign._meta.get_field(name).max_length
        for name in ("heading", "above_name", "below_name", "foot")
    }
    design = dataclasses.replace(
        full_design(),
        has_issuer=True,
        **{name: wide(letters) for name, letters in limits.items()},
        signatory=wide(59) + "S",
        signatory_role=wide(60) + " Role",
    )
    claim["name"] = "W" * 120
    claim["reseller"] = wide(100)
    claim["programme"]["title"] = wide(100)
    topic = {
        "title": "Support Response Times & Resources",
        "completed_on": "2026-11-10",
    }
    claim["topics"] = [topic] * 18
    path = tmp_path / "certificate.pdf"

    path.write_bytes(render(claim, design, VERIFY_URL))

    words = re.findall(
        r'yMin="([\d.]+)" xMax="[\d.]+" yMax="([\d.]+)">([^<]+)<',
        output_of("pdftotext", "-bbox", path, "-"),
    )
    tops = {word: float(top) for top, _bottom, word in words}
    bottoms = {word: float(bottom) for _top, bottom, word in words}
    lines = {round(float(top)) for top, _bottom, word in words if word == "Wagner"}
    assert bottoms["Resources"] < tops["ISSUED"] - 20
    assert bottoms["Role"] < max(lines)  # the line at the foot
    assert max(lines) < 842 * 210 / 297 - 11.6 * 72 / 25.4  # above the frame
