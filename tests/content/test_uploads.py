"""Uploads in the CMS: each of its doors says at the field what it refuses."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from wagtail.documents.models import Document
from wagtail.images.models import Image

from tests.bodies import PDF, document, picture_in
from tests.factories import UserFactory

SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
AJAX = {"HTTP_X_REQUESTED_WITH": "XMLHttpRequest"}
LIES = "This file is not what its name says"
OTHER = "We do not take files of this kind"
DOCUMENTS = [
    ("drawing.svg", SVG, OTHER),
    ("page.html", b"<script>alert(1)</script>", OTHER),
    ("drawing.pdf", SVG, LIES),
]
IMAGES = [
    ("drawing.svg", SVG, "Not a supported image format"),
    ("drawing.png", SVG, "extension does not match"),
    ("page.png", b"<script>alert(1)</script>", "extension does not match"),
    ("noise.png", b"\x00\x01" * 40, "corrupted"),
    ("hill.jpg", picture_in("PNG"), "extension does not match"),
    ("hill.gif", picture_in("GIF"), "Not a supported image format"),
]


@pytest.fixture(autouse=True)
def staff(client: Client, db: None, settings: Any, tmp_path: Any) -> None:
    settings.MEDIA_ROOT = tmp_path
    client.force_login(UserFactory(is_staff=True, is_superuser=True))


def send(client: Client, door: str, name: str, content: bytes, kind: str) -> str:
    """Upload through one of the CMS's three doors; return what it says."""
    file = SimpleUploadedFile(name, content)
    if door == "alone":
        url = reverse(f"wagtail{kind}:add")
        return client.post(url, {"title": name, "file": file}).text
    if door == "many":
        url = reverse(f"wagtail{kind}:add_multiple")
        answer = client.post(url, {"title": name, "files[]": file}, **AJAX)
        return str(answer.json().get("error_message", "taken"))
    prefix = {"docs": "document", "images": "image"}[kind] + "-chooser-upload"
    url = reverse(f"wagtail{kind}_chooser:create")
    fields = {f"{prefix}-title": name, f"{prefix}-file": file}
    return str(client.post(url, fields, **AJAX).json())


def content_of(row: Document | Image) -> bytes:
    with row.file.open("rb") as file:
        return bytes(file.read())


@pytest.mark.parametrize("door", ["alone", "many", "chooser"])
@pytest.mark.parametrize(("name", "content", "said"), DOCUMENTS)
def test_document_is_refused_at_every_door(
    client: Client, door: str, name: str, content: bytes, said: str
) -> None:
    assert said in send(client, door, name, content, "docs")
    assert not Document.objects.exists()


@pytest.mark.parametrize("door", ["alone", "many", "chooser"])
@pytest.mark.parametrize(("name", "content", "said"), IMAGES)
def test_image_is_refused_at_every_door(
    client: Client, door: str, name: str, content: bytes, said: str
) -> None:
    assert said in send(client, door, name, content, "images")
    assert not Image.objects.exists()


@pytest.mark.parametrize("door", ["alone", "many", "chooser"])
def test_true_file_is_taken_at_every_door(client: Client, door: str) -> None:
    send(client, door, "plan 🎬 ש.pdf", PDF, "docs")
    send(client, door, "hill.webp", picture_in("WEBP"), "images")

    assert content_of(Document.objects.get()) == PDF
    assert content_of(Image.objects.get()) == picture_in("WEBP")


def test_file_of_a_document_is_not_replaced_by_one_that_lies(client: Client) -> None:
    plan = document("plan.pdf")
    file = SimpleUploadedFile("plan.pdf", SVG)

    answer = client.post(
        reverse("wagtaildocs:edit", args=[plan.pk]), {"title": "Plan", "file": file}
    )

    plan.refresh_from_db()
    assert LIES in answer.text
    assert content_of(plan) == PDF


def test_title_of_a_document_changes_without_its_file(client: Client) -> None:
    plan = document("plan.pdf")

    client.post(reverse("wagtaildocs:edit", args=[plan.pk]), {"title": "A plan"})

    plan.refresh_from_db()
    assert plan.title == "A plan"


def test_image_of_too_many_points_is_refused(client: Client) -> None:
    huge = picture_in("PNG", size=(40_001, 1_000))

    said = send(client, "many", "hill.png", huge, "images")

    assert "too many pixels" in said


def test_file_that_is_too_large_is_refused_in_words(client: Client) -> None:
    large = PDF + b"0" * (25 * 1024 * 1024)

    assert "at most 25 MB" in send(client, "many", "plan.pdf", large, "docs")


def test_form_says_what_it_takes(client: Client) -> None:
    page = client.get(reverse("wagtaildocs:add_multiple")).text

    assert "captions (VTT)" in page
