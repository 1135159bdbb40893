import gc
import os

from django.core.wsgi import get_wsgi_application
from django.template import Engine
from django.urls import get_resolver

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "lms.settings")
application = get_wsgi_application()

# Every view is loaded before gunicorn forks, and so are the addresses to look up and
# the template tags: shared memory, no slow first page, and a mistake in one of them
# stops the start. Else each process makes its first booking wait for them, under locks.
get_resolver().reverse_dict  # noqa: B018  # asked for is loaded
Engine.get_default()

# What is loaded now never goes: collecting garbage leaves it alone. Else a full round
# stops the process for the time of some twenty pages, and unshares that memory.
gc.collect()
gc.freeze()
