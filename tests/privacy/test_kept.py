"""The table of what is kept names every record and field about people."""

from django.apps import apps
from wagtail.models import Page

from lms.privacy import kept

ROOMS = [
    "audit", "mail", "people", "content", "courses", "training_sessions",
    "certificates", "privacy", "account", "mfa",
]  # fmt: skip
PERSONAL = {each.model: each for each in kept.ALL}
ABOUT_NOBODY = {
    "account.EmailConfirmation": "codes are signed, none is stored",
    "audit.Link": "the log's chain: digests",
    "people.Reseller": "a company",
    "people.ResellerDates": "of a company",
    "people.IdentityProvider": "of a company",
    "people.Team": "what the policy names",
    "content.Branding": "of the product",
    "content.HandbookTag": "of pages",
    "content.HandbookVersion": "of pages; who published it is in the log",
    "content.Tag": "of pages",
    "courses.TopicTag": "of pages",
    "courses.Edition": "what a programme asks; who published it is in the log",
    "courses.EditionAudience": "of editions",
    "courses.EditionTopic": "of editions",
    "courses.EditionDraft": "of editions to come",
    "courses.DraftTopic": "of editions to come",
    "training_sessions.FreedTime": "a time of nobody's any more",
    "certificates.CertificateDesign": "how certificates look",
    "certificates.DesignRevision": "how certificates looked",
    "certificates.DesignPicture": "how certificates looked",
    "certificates.PublicKey": "ours",
    "certificates.Standstill": "what our worker waits for",
}


def models():
    for room in ROOMS:
        for model in apps.get_app_config(room).get_models():
            if not issubclass(model, Page):
                yield model


def test_every_record_is_in_the_table_or_about_nobody():
    labels = {model._meta.label for model in models()}

    assert labels == PERSONAL.keys() | ABOUT_NOBODY.keys()
    assert not PERSONAL.keys() & ABOUT_NOBODY.keys()


def test_every_field_is_shown_or_left_out_with_a_reason():
    for each in kept.ALL:
        meta = each.model_class._meta
        fields = {field.name for field in (*meta.fields, *meta.many_to_many)}
        pointers = {lookup.split("__")[0] for lookup in each.persons.split()}
        left_out = " ".join(each.left_out.values()).split()
        said = [*each.shown.split(), *left_out]

        assert len(said) == len(set(said)), each.model
        assert set(said) | pointers | {"id"} == fields | ({"pk"} & pointers), each.model


def test_what_goes_are_fields():
    for each in kept.ALL:
        fields = {field.name for field in each.model_class._meta.fields}
        assert set(each.goes.split()) <= fields, each.model
