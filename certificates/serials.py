"""Serials: twelve random Crockford base32 symbols and a check symbol.

Stored without dashes, shown as XXXX-XXXX-XXXX-C. The check symbol (Luhn mod 32)
finds every single wrong symbol and nearly every swap of neighbours.
"""

import re
import secrets

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
LENGTH = 13

_LOOK_ALIKE = str.maketrans({"O": "0", "I": "1", "L": "1"})
_SEPARATORS = re.compile(r"[\s\u00ad\u2010-\u2015\u2212_.-]+")

# Symbols taken for one another by eye or by ear, for `suggestions`.
_CONFUSED = (
    *("0D", "0Q", "17", "1J", "2Z", "5S", "6G", "8B", "9G", "4A", "UV", "UW"),
    *("VY", "VW", "MN", "MW", "CG", "EF", "PR", "KX", "BD", "BP", "DT", "FS", "MH"),
)

SAMPLE = "SAMP1E000000N"  # valid, and nobody's


def new_serial() -> str:
    """A random serial with its check symbol: 60 bits, not to be guessed."""
    body = "".join(secrets.choice(ALPHABET) for _ in range(LENGTH - 1))
    return body + check_symbol(body)


def check_symbol(body: str) -> str:
    """The symbol which, after `body`, makes the Luhn sum a multiple of 32."""
    return ALPHABET[-_luhn_sum(body + ALPHABET[0]) % len(ALPHABET)]


def normalise(text: str) -> str:
    """What somebody typed, as it is stored: it need not be a valid serial.

    Lower case, O for 0, I and L for 1, spaces and any dashes are all understood.
    """
    return _SEPARATORS.sub("", text).upper().translate(_LOOK_ALIKE)


def is_valid(serial: str) -> bool:
    """Whether a normalised serial is well-formed and its check symbol matches."""
    return is_well_formed(serial) and _luhn_sum(serial) % len(ALPHABET) == 0


def is_well_formed(serial: str) -> bool:
    """Whether it has thirteen symbols, all of the alphabet."""
    return len(serial) == LENGTH and set(serial) <= set(ALPHABET)


def shown(serial: str) -> str:
    """The serial as people read it: XXXX-XXXX-XXXX-C."""
    return "-".join(serial[start : start + 4] for start in range(0, LENGTH, 4))


def suggestions(text: str) -> list[str]:
    """Valid serials one slip away from what was typed: seldom more than three.

    A slip is one symbol taken for a similar one, or two neighbours swapped. It is
    arithmetic alone: whether any such certificate exists is not asked.
    """
    typed = normalise(text)
    if len(typed) != LENGTH or is_valid(typed):
        return []
    found = [slip for slip in _slips(typed) if is_valid(slip)]
    return list(dict.fromkeys(found))


def _slips(typed: str) -> list[str]:
    swaps = [
        typed[:at] + typed[at + 1] + typed[at] + typed[at + 2 :]
        for at in range(LENGTH - 1)
    ]
    similar = [
        typed[:at] + other + typed[at + 1 :]
        for at, symbol in enumerate(typed)
        for pair in _CONFUSED
        if symbol in pair
        for other in pair.replace(symbol, "")
    ]
    return swaps + similar


def _luhn_sum(symbols: str) -> int:
    """Every second symbol from the right doubled, its two base-32 digits added."""
    total = 0
    for position, symbol in enumerate(reversed(symbols)):
        value = ALPHABET.index(symbol) * (1 + position % 2)
        total += sum(divmod(value, len(ALPHABET)))
    return total
