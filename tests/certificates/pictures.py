"""Pictures as editors upload them, for the tests of designs."""

from io import BytesIO
from math import sin

from django.core.files.base import ContentFile
from PIL import Image, ImageDraw
from wagtail.images.models import Image as CmsImage

from certificates.pictures import LOGO_BOX, SIGNATURE_BOX, printable
from certificates.render import Design


def logo(colour="#7a1f3d"):
    """A PNG with transparency around a square and a bar."""
    image = Image.new("RGBA", (900, 240), (0, 0, 0, 0))
    draw = ImageDraw.Draw(image)
    draw.rounded_rectangle((20, 20, 220, 220), 40, fill=colour)
    draw.rectangle((280, 90, 880, 150), fill=colour)
    return written(image, "PNG")


def signature():
    """A JPEG as a scanner makes it: dark blue on paper that is not quite white."""
    image = Image.new("RGB", (1200, 400), "#fcfcfa")
    line = [(100 + 4 * x, 200 + 90 * sin(x / 20)) for x in range(250)]
    ImageDraw.Draw(image).line(line, fill="#1b2a6b", width=9)
    return written(image, "JPEG")


def written(image, kind, **options):
    file = BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def in_cms(content, name="picture.png"):
    """The picture as it lies in the CMS, however it got there."""
    return put(CmsImage(title=name), content, name)


def put(image, content, name="picture.png"):
    """Give a picture of the CMS this file."""
    image.file.save(name, ContentFile(content), save=False)
    image.width, image.height = 900, 240  # whatever the file says
    image.save()
    return image


def full_design():
    """A design with all that there is to choose."""
    return Design(
        ink="#4a1029",
        paper="#fdf9ee",
        heading="Certificate of professional qualification",
        foot="ByteKast Ltd · 12 Example Street, London",
        logo=printable(BytesIO(logo()), LOGO_BOX),
        has_issuer=False,
        signatory="Eleanor Whitcombe",
        signatory_role="Head of Partner Training",
        signature=printable(BytesIO(signature()), SIGNATURE_BOX),
    )
