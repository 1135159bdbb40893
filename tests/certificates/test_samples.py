import subprocess

import pytest

from certificates import serials
from certificates.render import CannotRender, Design
from certificates.samples import claim_of_sample, sample
from certificates.seal import Fault, findings, serial_of
from tests.factories import ProgrammePageFactory, TopicPageFactory

pytestmark = pytest.mark.django_db


def text_of(pdf, tmp_path):
    path = tmp_path / "sample.pdf"
    path.write_bytes(pdf)
    said = subprocess.run(
        ["pdftotext", "-raw", path, "-"], check=True, capture_output=True, text=True
    ).stdout
    return " ".join(said.split())


def test_a_sample_is_sealed_and_says_that_it_is_one(tmp_path):
    pdf = sample(Design(), name="Mara Lindqvist", programme="User Support")

    assert [finding.fault for finding in findings(pdf)] == [Fault.SAMPLE]
    assert serial_of(pdf) == serials.SAMPLE
    text = text_of(pdf, tmp_path)
    assert "Mara Lindqvist" in text
    assert "User Support" in text
    assert "SAMP-1E00-0000-N" in text
    assert "SAMPLE" in text


def test_a_sample_lists_the_topics_of_the_programme_it_names():
    first, other = ProgrammePageFactory(), ProgrammePageFactory()
    TopicPageFactory(parent=first)
    topic = TopicPageFactory(parent=other)

    claim = claim_of_sample(programme=other.title.upper())

    assert claim["programme"]["title"] == other.title
    assert [each["title"] for each in claim["topics"]] == [topic.title]
    assert claim_of_sample()["programme"]["title"] == first.title


def test_a_sample_of_a_programme_that_is_none_has_topics_made_up():
    claim = claim_of_sample(programme="A programme to come")

    assert claim["programme"]["title"] == "A programme to come"
    assert len(claim["topics"]) == 3


def test_a_sample_with_letters_no_font_has_is_refused():
    with pytest.raises(CannotRender, match="ส"):
        sample(Design(), name="สมชาย")
