"""What the logs must not tell: links that open by themselves."""

import logging
import re

_SECRET = re.compile(r"/(join|welcome|calendar|notices/off|password/reset/key)/[^/\s]+")


class HideSecrets(logging.Filter):
    """Take the secret part out of addresses, which Django logs when it answers 4xx."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg = _SECRET.sub(r"/\1/…", record.getMessage())
        record.args = ()
        return True
