"""The design as editors change it, look at it, and put it in force."""

from datetime import UTC, datetime, timedelta
from html import unescape

import pytest
import time_machine
from django.contrib.auth.models import Group
from django.test import Client
from django.urls import reverse
from django.utils.timezone import now
from django_tasks_db.models import DBTaskResult

from certificates import sampling
from certificates.designing import current_design, design_of
from certificates.models import CertificateDesign, DesignSample, private_storage
from certificates.seal import Fault, findings
from content.permissions import grant_channel_team
from lms.people import accounts
from tests.certificates.pictures import in_cms, logo, signature
from tests.factories import DesignSampleFactory, ProgrammePageFactory, UserFactory

pytestmark = pytest.mark.django_db
EVIL = "<script>alert(1)</script> =1+1 {{ 7 }}"


@pytest.fixture
def editor():
    user = UserFactory()
    accounts.set_channel_team(user, True, by=None)
    grant_channel_team(Group.objects.get(name=accounts.CHANNEL_TEAM))
    return user


@pytest.fixture
def cms(editor):
    client = Client()
    client.force_login(editor)
    return client


def address(name="edit"):
    design = CertificateDesign.objects.get()
    return reverse(f"certificate_design:{name}", args=[design.pk])


WORDS = {
    **dict.fromkeys(["heading", "above_name", "below_name", "foot", "logo_text"], ""),
    **dict.fromkeys(["signatory", "signatory_role", "logo", "signature"], ""),
    "has_issuer": "on",
    "ink": "#16294f",
    "accent": "#84682c",
    "paper": "#ffffff",
}


def send(cms, **words):
    return cms.post(address(), WORDS | words)


def errors_of(response):
    return response.context["form"].errors


def test_the_menus_way_leads_to_the_one_design(cms):
    response = cms.get("/cms/certificates/design/")

    assert response.url == address()
    assert "Publish" in cms.get(address()).text
    assert "Unpublish" not in cms.get(address()).text


def test_a_draft_is_saved_and_changes_nothing(cms):
    before = current_design()

    response = send(cms, heading="Diploma")

    assert response.status_code == 302
    assert current_design() == before
    draft = CertificateDesign.objects.get().get_latest_revision_as_object()
    assert draft.heading == "Diploma"


def test_publishing_puts_it_in_force(cms):
    send(
        cms,
        heading="  Diploma \n of  honour",
        logo=in_cms(logo()).pk,
        signature=in_cms(signature(), "signature.jpg").pk,
        signatory="Eleanor Whitcombe",
        ink="#4A1029",
        paper="#fdf9ee",
        **{"action-publish": "yes"},
    )

    design = design_of(current_design())
    assert design.heading == "Diploma of honour"
    assert (design.ink, design.paper) == ("#4a1029", "#fdf9ee")
    assert len(design.pictures) == 2


def test_what_was_published_before_is_found_and_put_back(cms):
    send(cms, heading="First", **{"action-publish": "yes"})
    first = CertificateDesign.objects.get().latest_revision_id
    send(cms, heading="Second", **{"action-publish": "yes"})
    args = [CertificateDesign.objects.get().pk, first]

    history = cms.get(address("history"))
    old = cms.get(reverse("certificate_design:revisions_revert", args=args))
    cms.post(
        reverse("certificate_design:revisions_revert", args=args),
        WORDS | {"heading": "First", "action-publish": "yes"},
    )

    assert history.status_code == 200
    assert 'value="First"' in old.text
    assert design_of(current_design()).heading == "First"


@pytest.mark.parametrize(
    ("words", "field", "why"),
    [
        ({"ink": "navy"}, "ink", "#rrggbb"),
        ({"ink": "#12345"}, "ink", "#rrggbb"),
        ({"accent": "#b89b5e"}, "accent", "Too pale"),
        ({"accent": "#777777", "paper": "#ffffff"}, "accent", "Too pale"),
        ({"paper": "#000000"}, "paper", "valid choice"),
        ({"paper": "url(x)"}, "paper", "valid choice"),
        ({"paper": ""}, "paper", "Choose the paper"),
        ({"ink": ""}, "ink", "#rrggbb"),
        ({"foot": "x" * 10_000}, "foot", "at most 160"),
        ({"heading": "สวัสดี"}, "heading", "no letters for: ด ว ส"),
        ({"heading": "a\x00b"}, "heading", "Null characters"),
        ({"signatory_role": "Head"}, "signatory", "whose signature"),
        ({"logo": "999999"}, "logo", "valid choice"),
        ({"logo": "x"}, "logo", "valid choice"),
    ],
)
def test_what_cannot_be_is_refused_at_its_field(cms, words, field, why):
    response = send(cms, **words)

    assert why in unescape(str(errors_of(response)[field]))
    assert CertificateDesign.objects.get().latest_revision is None


@pytest.mark.parametrize(
    ("accent", "is_taken"), [("#767676", True), ("#777777", False)]
)
def test_colours_are_taken_from_the_contrast_that_wcag_asks_for(cms, accent, is_taken):
    response = send(cms, accent=accent)

    assert (response.status_code == 302) == is_taken


@pytest.mark.parametrize("content", [b"<svg/>", logo()[:300], b"%PDF-1.7"])
def test_a_file_that_is_no_picture_is_refused_at_its_field(cms, content):
    response = send(cms, logo=in_cms(content, "logo.png").pk)

    assert "no PNG or JPEG" in str(errors_of(response)["logo"])


def test_signs_that_turn_the_direction_are_taken_out(cms):
    send(cms, heading="Diplo\u202ema\u2066", **{"action-publish": "yes"})

    assert design_of(current_design()).heading == "Diploma"


def preview(cms, **words):
    assert cms.post(address("preview_on_edit"), WORDS | words).json()["is_valid"]
    return cms.get(address("preview_on_edit"))


def test_the_preview_shows_what_is_typed_and_keeps_to_the_headers(cms):
    response = preview(
        cms, heading=EVIL[:60], ink="#4a1029", logo=in_cms(logo()).pk, has_issuer=""
    )

    assert response.status_code == 200
    assert "<script>" not in response.text
    assert EVIL[:60] in unescape(response.text)
    assert 'style="' not in response.text
    assert "<style" not in response.text
    assert "style-src 'self'" in response["Content-Security-Policy"]
    assert response["X-Frame-Options"] == "SAMEORIGIN"
    styles = reverse("certificates:design_styles", args=["4a1029-84682c-ffffff"])
    assert styles in response.text
    assert ":root { --ink: #4a1029;" in cms.get(styles).text
    assert CertificateDesign.objects.get().latest_revision is None


@pytest.mark.parametrize("mode", ["", "long", "arabic", "nonsense"])
def test_the_preview_has_a_name_of_each_kind(cms, mode):
    ProgrammePageFactory()
    preview(cms)

    response = cms.get(address("preview_on_edit"), {"mode": mode})

    assert response.status_code == 200
    assert ('dir="rtl"' in response.text) == (mode == "arabic")


def test_the_previews_fonts_are_those_of_the_certificates(cms):
    styles = reverse("certificates:design_styles", args=["16294f-84682c-ffffff"])
    font = reverse("certificates:design_font", args=["CertificateSerif-SemiBold"])

    assert font in cms.get(styles).text
    response = cms.get(font)
    assert response["Content-Type"] == "font/ttf"
    assert b"".join(response.streaming_content)[:4] == b"\x00\x01\x00\x00"


@pytest.mark.parametrize("colours", ["16294f-84682c", "x-y-z", "16294f-84682c-fffff;"])
def test_colours_that_are_none_have_no_styles(cms, colours):
    path = f"/certificates/design/styles/{colours}/"

    assert cms.get(path).status_code == 404


def test_editors_without_the_right_see_none_of_it(editor):
    colleague = UserFactory()
    accounts.set_channel_team(colleague, True, by=None)
    group = Group.objects.get(name=accounts.CHANNEL_TEAM)
    group.permissions.remove(
        *group.permissions.filter(codename__endswith="certificatedesign")
    )
    client = Client()
    client.force_login(colleague)

    assert client.get(address()).status_code == 302
    assert send(client, heading="Diploma").status_code == 302
    styles = reverse("certificates:design_styles", args=["16294f-84682c-ffffff"])
    assert client.get(styles).status_code == 403
    assert CertificateDesign.objects.get().latest_revision is None


def test_who_may_not_publish_saves_a_draft(editor, cms):
    group = Group.objects.get(name=accounts.CHANNEL_TEAM)
    group.permissions.remove(group.permissions.get(codename__startswith="publish_cert"))
    before = current_design()

    send(cms, heading="Diploma", **{"action-publish": "yes"})

    assert current_design() == before


# --- PDF sample --------------------------------------------------------------------


@pytest.fixture
def asked(cms, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        response = send(
            cms,
            heading="Diploma",
            logo=in_cms(logo()).pk,
            **{"action-sample": "yes"},
        )
    sample = DesignSample.objects.get()
    assert response.url == sample.get_absolute_url()
    return sample


def file_of(cms, sample):
    response = cms.get(f"{sample.get_absolute_url()}file/")
    return b"".join(response.streaming_content)


def test_a_sample_is_made_by_the_worker_of_the_draft_as_saved(cms, asked):
    assert DBTaskResult.objects.get().task_path == "certificates.tasks.make_sample"
    assert 'hx-trigger="every 2s"' in cms.get(asked.get_absolute_url()).text
    before = current_design()

    assert sampling.make(asked.pk)

    page = cms.get(asked.get_absolute_url())
    assert "hx-trigger" not in page.text
    assert asked.design != before == current_design()
    assert asked.design.facts["heading"] == "Diploma"
    pdf = file_of(cms, asked)
    assert [finding.fault for finding in findings(pdf)] == [Fault.SAMPLE]


def test_a_sample_asked_again_is_the_same_one(cms, asked, editor):
    assert sampling.make(asked.pk)
    assert sampling.make(asked.pk) is False

    draft = CertificateDesign.objects.get().get_latest_revision_as_object()

    assert sampling.ask(draft, by=editor) == asked


def test_a_sample_is_its_askers_alone_and_for_a_day(cms, asked):
    colleague = UserFactory()
    accounts.set_channel_team(colleague, True, by=None)
    other = Client()
    other.force_login(colleague)
    with time_machine.travel(datetime(2026, 11, 12, 9, tzinfo=UTC), tick=False) as time:
        DesignSample.objects.filter(pk=asked.pk).update(asked_at=now())
        assert sampling.make(asked.pk)
        name = DesignSample.objects.get().file.name

        assert other.get(asked.get_absolute_url()).status_code == 404
        assert other.get(f"{asked.get_absolute_url()}file/").status_code == 404
        time.shift(timedelta(days=1) - timedelta(seconds=1))
        sampling.carry_on()
        assert private_storage().exists(name)
        time.shift(timedelta(seconds=1))
        sampling.carry_on()

    assert not private_storage().exists(name)
    assert not DesignSample.objects.get().file


def test_a_sample_that_a_killed_worker_left_is_asked_for_again():
    sample = DesignSampleFactory()

    sampling.carry_on()
    sampling.carry_on()

    assert DBTaskResult.objects.get().args_kwargs["args"] == [sample.pk]


def test_a_sample_that_cannot_be_made_says_why(cms, asked, settings, tmp_path):
    (tmp_path / "keys").write_text("a file where the folder should be")
    settings.DATA_DIR = tmp_path

    assert sampling.make(asked.pk) is False

    assert "It could not be made" in cms.get(asked.get_absolute_url()).text


def test_a_sample_that_the_storage_has_lost_is_told_in_words(cms, asked):
    sampling.make(asked.pk)
    asked.refresh_from_db()
    asked.file.storage.delete(asked.file.name)

    response = cms.get(f"{asked.get_absolute_url()}file/", follow=True)

    assert response.redirect_chain == [(asked.get_absolute_url(), 302)]
    assert "cannot be read just now" in response.text


@pytest.mark.parametrize("samples", [1, 3])
def test_a_sample_is_shown_in_few_queries(
    cms, editor, django_assert_num_queries, samples
):
    shown, *_others = DesignSampleFactory.create_batch(samples, asked_by=editor)
    cms.get(shown.get_absolute_url())

    with django_assert_num_queries(7):
        cms.get(shown.get_absolute_url())
