"""Ask this machine's web process whether it can serve; tell by the exit code.

For who looks after a container: standard library alone, and by the site's own name.
"""

import os
import sys
from http.client import HTTPConnection, HTTPException
from urllib.parse import urlsplit


def is_ready() -> bool:
    site = urlsplit(os.environ["PUBLIC_URL"]).netloc
    asked = HTTPConnection("127.0.0.1", int(os.environ["PORT"]), timeout=4)
    try:
        asked.request("GET", "/readyz", headers={"Host": site})
        return asked.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        asked.close()


if __name__ == "__main__":
    sys.exit(not is_ready())
