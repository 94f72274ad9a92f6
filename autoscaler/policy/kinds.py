"""What pydantic finds wrong by itself, in the words of these files."""

from __future__ import annotations

from autoscaler.policy.examination import Entry

_WORDS = {
    "model_type": "is no mapping; write its keys below it, or {{key: value}}",
    "dict_type": "is no mapping; write names below it, each with its value",
    "tuple_type": "is no list; write [a, b], or lines that begin with a dash",
    "too_short": "is empty; at least one entry is needed",
    "too_long": "has more than {max_length} entries",
    "string_type": "is no text; quote it if it is meant as one",
    "string_too_short": "is empty",
    "string_too_long": "has more than {max_length} characters",
    "string_pattern_mismatch": "is no name: at most 63 letters, digits, _ . and -, the first a letter or a digit",
    "int_type": "is no whole number",
    "bool_type": "is neither true nor false",
    "literal_error": "is not {expected}",
    "enum": "is not {expected}",
    "path_type": "is no path",
    "greater_than": "is not above {gt}",
    "greater_than_equal": "is below {ge}",
    "less_than": "is not below {lt}",
    "less_than_equal": "is above {le}",
}
"""By pydantic's kind; every text with a pattern is a Name, and everything that may be too short needs one at least."""


def in_words(entry: Entry) -> str:
    """Say what is wrong; what is ours already is said as it is."""
    words = _WORDS.get(entry["type"])
    return words.format(**entry.get("ctx", {})) if words else str(entry["msg"])
