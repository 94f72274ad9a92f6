"""The nouns: frozen records of standard-library types that every other layer speaks in."""
