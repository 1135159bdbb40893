"""What every table that leaves as a file has to heed."""


def defused(cell: object) -> str:
    """The cell as text that no spreadsheet takes for a formula (OWASP: CSV injection)."""
    text = str(cell)
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text
