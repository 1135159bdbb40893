import pytest
from django.core.exceptions import ValidationError
from django.urls import reverse

from content.branding import contrast_on_white, validate_accent
from content.models import Branding
from tests.factories import home_page


@pytest.mark.parametrize(
    ("colour", "contrast"), [("#000000", 21), ("#ffffff", 1), ("#767676", 4.54)]
)
def test_contrast_is_counted_as_wcag_does(colour, contrast):
    assert contrast_on_white(colour) == pytest.approx(contrast, abs=0.01)


@pytest.mark.parametrize("colour", ["red", "#12345", "#1234567", "#ffcc00", "}x{"])
def test_accent_that_cannot_be_read_is_refused(colour):
    with pytest.raises(ValidationError):
        validate_accent(colour)


@pytest.mark.django_db
def test_style_sheet_has_the_sites_accent(client):
    site = home_page().get_site()
    Branding.objects.create(site=site, accent="#7a1f5c")

    response = client.get(reverse("branding_css"))

    assert response.content == b":root{--accent:#7a1f5c}\n"
    assert response["Content-Type"] == "text/css"
