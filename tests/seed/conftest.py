"""The seed made once for all tests of a module: each takes back what it changed."""

import pytest
from django.db import transaction

from lms.seed.content import seed_content


@pytest.fixture(scope="module")
def seeded(django_db_setup, django_db_blocker):
    with django_db_blocker.unblock(), transaction.atomic():
        seed_content()
        yield
        transaction.set_rollback(True)
