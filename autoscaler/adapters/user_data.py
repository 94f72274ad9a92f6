"""The boot script that makes an instance a node of the AMS cluster.

It does what the vendor's own user-data does and checks what that leaves unchecked: Ant-Media-Server #7838 (a prompt
that nobody answers leaves the node standalone), #4768 (anything but a full mongodb:// URI becomes a Redis address).
The script itself, `user_data.sh`, says the rest beside each step.
"""

from __future__ import annotations

import re
from importlib.resources import files

LIMIT = 16 * 1024
"""Bytes of user-data that EC2 takes, before base64."""

SECRET_ATTEMPTS = 15
"""Tries to read a secret: half a minute at least, two minutes when every one of them times out."""

REFERENCE = re.compile(r"(ssm|secretsmanager):[A-Za-z0-9_./:@+=,-]+")
URI_CHARACTERS = re.compile(r"[A-Za-z0-9._~%:/?@&=,+-]*")
HOST = r"[A-Za-z0-9.-]+(?::[0-9]{1,5})?"
USER = r"[^@:/?]+(?::[^@:/?]*)?@"
URI = re.compile(rf"mongodb(?:\+srv)?://(?:{USER})?{HOST}(?:,{HOST})*(?:/[^/?@]*)?(?:\?[^?@]*)?")


class UnusableUri(ValueError):
    """The MongoDB address cannot be handed to AMS. `hint` says what to do; neither text repeats the address."""

    def __init__(self, message: str, hint: str) -> None:
        """Say what is wrong and what to do about it."""
        super().__init__(f"{message} ({hint})")
        self.message = message
        self.hint = hint


class UserDataTooLarge(ValueError):
    """The rendered script exceeds what EC2 takes."""


def check_uri(mongodb_uri: str) -> None:
    """Raise UnusableUri unless AMS's scripts take the address whole.

    AMS expands it once more unquoted, pastes it into sed scripts and guesses the kind of database from it
    (change_server_mode.sh, conf/functions.sh), so only characters that survive all three pass. The `?` before options
    does: as a shell pattern it matches no file, and an unmatched pattern stays as it is.
    """
    if REFERENCE.fullmatch(mongodb_uri):
        return
    if not mongodb_uri.startswith(("mongodb://", "mongodb+srv://")):
        raise UnusableUri(
            "a node's MongoDB address must be a full mongodb:// URI",
            "AMS asks a question that nobody answers, or takes it for Redis; ssm:NAME and secretsmanager:ID also work",
        )
    if not URI_CHARACTERS.fullmatch(mongodb_uri):
        raise UnusableUri(
            "the MongoDB URI holds a character that AMS's shell scripts would not keep",
            "percent-encode all but letters, digits and . _ ~ % : / ? @ & = , + -",
        )
    if not URI.fullmatch(mongodb_uri):
        raise UnusableUri(
            "the MongoDB URI is not mongodb://[user:password@]host[:port][,...][/database][?options]",
            "percent-encode @ : / ? within user and password",
        )


def render(mongodb_uri: str, *, secret_attempts: int = SECRET_ATTEMPTS) -> str:
    """Return the boot script for a node of the cluster behind `mongodb_uri`.

    The URI is plain, or `ssm:NAME` (Parameter Store), or `secretsmanager:ID` (a secret that is the URI as a plain
    string): then it is read at boot by the aws CLI, and user-data holds no password. Raises UnusableUri, or
    UserDataTooLarge above 16 KiB.
    """
    check_uri(mongodb_uri)
    template = files("autoscaler.adapters").joinpath("user_data.sh").read_text(encoding="utf-8")
    script = template.replace("__SECRET_ATTEMPTS__", str(secret_attempts)).replace("__MONGODB__", f"'{mongodb_uri}'")
    size = len(script.encode())
    if size > LIMIT:
        raise UserDataTooLarge(f"the boot script has {size} bytes, EC2 takes {LIMIT}")
    return script
