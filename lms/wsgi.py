import gc
import os

from django.core.wsgi import get_wsgi_application
from django.urls import get_resolver

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "lms.settings")
application = get_wsgi_application()

# Every view is loaded before gunicorn forks: shared memory, no slow first page,
# and a mistake in one of them stops the start.
get_resolver().url_patterns  # noqa: B018  # asked for is loaded

# What is loaded now never goes: collecting garbage leaves it alone. Else a full round
# stops the process for the time of some twenty pages, and unshares that memory.
gc.collect()
gc.freeze()
