"""Idempotency tokens: the same step of the same cycle always has the same one."""

from __future__ import annotations

from hashlib import sha256

from autoscaler.decide.view import View


def token(view: View, kind: str, subject: str) -> str:
    """Derive a token of 40 ASCII characters (EC2's ClientToken takes 64) from what makes the step that step."""
    memory = view.memory
    parts = (memory.origin, view.snapshot.group, str(memory.revision), kind, subject)
    digest = sha256("\0".join(parts).encode()).hexdigest()
    return f"{kind[:8]}-{digest[: 39 - len(kind[:8])]}"
