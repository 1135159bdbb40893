from io import BytesIO

import pytest
from PIL import Image, ImageChops, ImageCms, ImageFile

from certificates.pictures import LARGEST_FILE, LOGO_BOX, SIGNATURE_BOX, printable
from lms.errors import Refused
from tests.certificates.pictures import logo, signature, written


def opened(picture):
    return Image.open(BytesIO(picture.content))


def test_a_signature_loses_its_paper_and_keeps_its_ink():
    image = opened(printable(BytesIO(signature()), SIGNATURE_BOX))

    assert image.mode == "RGBA"
    assert image.getpixel((0, 0))[3] == 0  # between the waves
    *colour, alpha = max(image.get_flattened_data(), key=lambda dot: dot[3])
    assert alpha > 200
    assert colour[2] > colour[0]  # blue, as it was written


def test_a_picture_laid_on_white_looks_as_it_did():
    square = Image.new("RGB", (400, 60), "white")
    square.paste("#84682c", (10, 10, 200, 50))
    square.paste("#c9a0a0", (200, 10, 390, 50))

    image = opened(printable(BytesIO(written(square, "PNG")), (400, 60)))

    laid = Image.new("RGB", image.size, "white")
    laid.paste(image, mask=image.getchannel("A"))
    difference = ImageChops.difference(laid, square.crop((10, 10, 390, 50)))
    assert max(high for _low, high in difference.getextrema()) <= 8


def test_a_logo_with_transparency_stays_as_it_is_but_for_its_edges():
    image = opened(printable(BytesIO(logo()), (900, 240)))

    assert image.size == (861, 201)  # 20 to 880 and 20 to 220
    assert image.getpixel((100, 100)) == (0x7A, 0x1F, 0x3D, 255)
    assert image.getpixel((230, 100))[3] == 0


def test_a_picture_is_made_no_larger_than_it_is_printed():
    large = Image.new("RGB", (4000, 3000), "#123456")

    image = opened(printable(BytesIO(written(large, "JPEG")), LOGO_BOX))

    assert image.width <= LOGO_BOX[0]
    assert image.height <= LOGO_BOX[1]
    assert image.width / image.height == pytest.approx(4 / 3, rel=0.01)


@pytest.mark.parametrize("mode", ["L", "LA", "P", "1", "CMYK", "I;16"])
def test_pictures_of_every_kind_are_printed_in_the_pages_own_colours(mode):
    kind = "JPEG" if mode == "CMYK" else "PNG"
    dark = Image.new(mode, (300, 100))
    if mode in ("CMYK", "LA"):
        dark.paste((0, 0, 0, 255) if mode == "CMYK" else (0, 255), (0, 0, 300, 100))

    image = opened(printable(BytesIO(written(dark, kind)), LOGO_BOX))

    assert image.mode == "RGBA"
    assert "icc_profile" not in image.info


def test_colours_of_a_wider_profile_are_turned_into_the_pages():
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    odd = written(Image.new("RGB", (300, 90), "navy"), "PNG", icc_profile=profile)
    own = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    plain = written(Image.new("RGB", (300, 90), "#123456"), "PNG", icc_profile=own)

    assert opened(printable(BytesIO(plain), LOGO_BOX)).getpixel((9, 9))[3] > 0
    with pytest.raises(Refused, match="no PNG or JPEG"):
        printable(BytesIO(odd), LOGO_BOX)  # a profile for other numbers


def test_the_same_file_gives_the_same_bytes_and_tells_nothing_else():
    words = Image.Exif()
    words[0x010E] = "Taken at home"
    camera = written(Image.new("RGB", (400, 100), "navy"), "JPEG", exif=words)

    first = printable(BytesIO(camera), LOGO_BOX)

    assert first == printable(BytesIO(camera), LOGO_BOX)
    assert b"Taken at home" not in first.content


SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="300" height="90"/>'
BOMB = written(Image.new("1", (6000, 5000)), "PNG")


@pytest.mark.parametrize(
    ("content", "why"),
    [
        pytest.param(SVG, "no PNG or JPEG", id="svg"),
        pytest.param(b"", "no PNG or JPEG", id="nothing"),
        pytest.param(
            written(Image.new("RGB", (300, 90)), "GIF"), "no PNG or JPEG", id="gif"
        ),
        pytest.param(
            written(Image.new("RGB", (300, 90)), "WEBP"), "no PNG or JPEG", id="webp"
        ),
        pytest.param(logo()[:200], "no PNG or JPEG", id="cut short"),
        pytest.param(
            b"\x89PNG\r\n\x1a\n" + b"\x00" * 500, "no PNG or JPEG", id="lying"
        ),
        pytest.param(BOMB, "too large: at most 25 million", id="many dots"),
        pytest.param(b"\xff" * (LARGEST_FILE + 1), "too large: at most 5", id="large"),
        pytest.param(
            written(Image.new("RGB", (199, 90)), "PNG"), "at least 200", id="small"
        ),
        pytest.param(
            written(Image.new("RGB", (300, 90), "white"), "PNG"), "blank", id="blank"
        ),
        pytest.param(
            written(Image.new("RGBA", (300, 90), (9, 9, 9, 0)), "PNG"),
            "blank",
            id="all transparent",
        ),
    ],
)
def test_what_cannot_be_printed_is_refused_in_words(monkeypatch, content, why):
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)  # WeasyPrint's doing

    with pytest.raises(Refused, match=why):
        printable(BytesIO(content), LOGO_BOX)
