"""What a certificate looks like: the design that editors change, and each as it was."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from django.core.files.storage import storages
from django.core.files.storage.base import Storage
from django.db import models
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _
from wagtail.models import DraftStateMixin, PreviewableMixin, RevisionMixin

from lms.constraints import AppendOnly
from lms.people.models import User

if TYPE_CHECKING:
    from lms.people.access import Access


def private_storage() -> Storage:
    return storages["private"]


class DesignRevision(models.Model):
    """A design as it was when certificates were issued in it: never changes.

    `facts` holds its texts, its colours and, by their hash, its pictures; `sha256` is
    the hash of the facts, so that each is kept once.
    """

    sha256 = models.CharField(max_length=64, unique=True)
    facts = models.JSONField()
    made_at = models.DateTimeField(default=now)

    wagtail_reference_index_ignore = True

    class Meta:
        ordering = ["pk"]
        constraints = [AppendOnly(name="design_revision_append_only")]

    def __str__(self) -> str:
        return f"{self.pk}: {self.sha256[:12]}"


class DesignPicture(models.Model):
    """A logo or a signature as it is printed, kept under its hash: never changes.

    Whatever becomes of the picture it was made from, certificates keep this one.
    """

    sha256 = models.CharField(max_length=64, unique=True)
    content = models.BinaryField()
    made_at = models.DateTimeField(default=now)

    wagtail_reference_index_ignore = True

    class Meta:
        ordering = ["pk"]
        constraints = [AppendOnly(name="design_picture_append_only")]

    def __str__(self) -> str:
        return f"{self.pk}: {self.sha256[:12]}"


class Paper(models.TextChoices):
    """The tint of the paper: all light enough for any ink, and for the QR code."""

    WHITE = "#ffffff", _("White")
    IVORY = "#fdf9ee", _("Ivory")
    MIST = "#f3f7fb", _("Mist: a breath of blue")
    SAGE = "#f4f8f3", _("Sage: a breath of green")


class DesignPreview(models.TextChoices):
    """Whose certificate the preview shows."""

    SHORT = "", _("A short name")
    LONG = "long", _("A long name, many topics")
    ARABIC = "arabic", _("A name in Arabic")


class CertificateDesign(DraftStateMixin, RevisionMixin, PreviewableMixin, models.Model):
    """How certificates look from now on: one for all, edited as a draft and published.

    Its fields are what was published last; `in_force` is that, kept for ever with its
    pictures, and None until something has been published. Certificates point there.
    """

    heading = models.CharField(
        max_length=60,
        blank=True,
        help_text=_("Empty: “Certificate of qualification”, in the holder’s language."),
    )
    above_name = models.CharField(
        _("line above the name"),
        max_length=80,
        blank=True,
        help_text=_("Empty: “This certifies that”, in the holder’s language."),
    )
    below_name = models.CharField(
        _("line below the name"),
        max_length=90,
        blank=True,
        help_text=_(
            "The programme follows it. Empty: “has completed every topic and is "
            "qualified in”, in the holder’s language."
        ),
    )
    foot = models.CharField(
        _("line at the foot"),
        max_length=160,
        blank=True,
        help_text=_("Small print, such as your company’s full name and address."),
    )
    logo = models.ForeignKey(
        "wagtailimages.Image",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        help_text=_(
            "At the top, up to 84 mm wide and 17 mm high: PNG or JPEG, best 1,000 dots "
            "wide or more. White around it is taken away, as if it were printed."
        ),
    )
    logo_text = models.CharField(
        _("what the logo says"),
        max_length=80,
        blank=True,
        help_text=_("For people who cannot see it. Empty: “ByteKast”."),
    )
    has_issuer = models.BooleanField(
        _("print “ByteKast” below the logo"),
        default=True,
        help_text=_("Turn it off where the logo says so itself."),
    )
    signatory = models.CharField(
        _("who signs"),
        max_length=60,
        blank=True,
        help_text=_("The full name, printed below the signature. Empty: nobody."),
    )
    signatory_role = models.CharField(
        _("as what"),
        max_length=70,
        blank=True,
        help_text=_("Such as: Head of Partner Training."),
    )
    signature = models.ForeignKey(
        "wagtailimages.Image",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        help_text=_(
            "A scan in dark ink on white paper will do: PNG or JPEG, best 600 dots wide "
            "or more. The paper is taken away."
        ),
    )
    ink = models.CharField(
        max_length=7,
        default="#16294f",
        help_text=_("The dark colour of names, titles and the frame, as #rrggbb."),
    )
    accent = models.CharField(
        max_length=7,
        default="#84682c",
        help_text=_(
            "The second colour, of small headings and the engraved lines, as #rrggbb."
        ),
    )
    paper = models.CharField(
        max_length=7,
        choices=Paper.choices,
        default=Paper.WHITE,
        help_text=_("Whoever prints it on white paper gets this tint printed too."),
    )
    in_force = models.ForeignKey(
        DesignRevision,
        null=True,
        editable=False,
        on_delete=models.PROTECT,
        related_name="+",
    )

    class Meta:
        verbose_name = _("certificate design")
        verbose_name_plural = _("certificate designs")

    def __str__(self) -> str:
        return str(_("Certificate design"))

    @property
    def preview_modes(self) -> list[tuple[str, Any]]:
        return DesignPreview.choices

    default_preview_size = "desktop"

    def serve_preview(self, request: HttpRequest, mode_name: str) -> HttpResponse:
        from certificates.previews import preview  # noqa: PLC0415  it knows the models

        return preview(request, self, mode_name)


SAMPLE_KEPT_FOR = timedelta(days=1)


class DesignSampleQuerySet(models.QuerySet["DesignSample"]):
    def visible_to(self, access: Access) -> DesignSampleQuerySet:
        """One's own alone, for staff."""
        return self.filter(asked_by=access.user) if access.is_staff else self.none()


class DesignSample(models.Model):
    """A PDF sample of a design, asked for by an editor, and its file for a day."""

    key = models.UUIDField(default=uuid4, unique=True, editable=False)
    design = models.ForeignKey(
        DesignRevision, on_delete=models.PROTECT, related_name="+"
    )
    asked_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    asked_at = models.DateTimeField(default=now)
    trouble = models.CharField(max_length=200, blank=True)
    made_at = models.DateTimeField(null=True)
    file = models.FileField(storage=private_storage, blank=True, max_length=200)
    sha256 = models.CharField(max_length=64, blank=True)

    objects = DesignSampleQuerySet.as_manager()
    wagtail_reference_index_ignore = True

    class Meta:
        ordering = ["-asked_at", "-pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(made_at=None, sha256="")
                | (Q(made_at__isnull=False) & ~Q(sha256="")),
                name="design_sample_made_has_hash",
            )
        ]

    def __str__(self) -> str:
        return str(self.key)

    def get_absolute_url(self) -> str:
        return reverse("certificates:design_sample", args=[self.key])

    @property
    def is_there(self) -> bool:
        """Whether its file can be fetched: made, and its day is not over."""
        return self.made_at is not None and bool(self.file) and not self.is_over

    @property
    def is_over(self) -> bool:
        return (self.made_at or self.asked_at) + SAMPLE_KEPT_FOR <= now()
