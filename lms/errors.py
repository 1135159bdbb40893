"""A rule's no, in words fit to show."""


class Refused(Exception):
    """A rule says no: nothing was written, and the text says what to do next.

    `text` is plain, translated, and shown to the person as it is. `source` names
    the policy section the rule stems from ("Policy 1.3"), where there is one.
    """

    def __init__(self, text: str, source: str = "") -> None:
        super().__init__(text)
        self.text = str(text)
        self.source = source

    def __str__(self) -> str:
        return f"{self.text} ({self.source})" if self.source else self.text
