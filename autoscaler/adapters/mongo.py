"""The connection to MongoDB that the other `mongo_*` files share: timeouts, and vendor errors made ours.

Every call is bounded: pymongo waits for ever on a server that is stopped or partitioned unless `timeoutMS` is set.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pymongo
from bson.errors import BSONError
from pymongo import ReadPreference, WriteConcern
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import OperationFailure, PyMongoError
from pymongo.read_concern import ReadConcern

from autoscaler.model.errors import ActionError, ConfigurationError, ObservationError, Problem

Document = dict[str, Any]
Client = pymongo.MongoClient[Document]

SOURCE = "mongodb"
DEFAULT_TIMEOUT = timedelta(seconds=2)
_VENDOR_ERRORS = (PyMongoError, BSONError)  # an over-long document is a BSONError, and no PyMongoError
_URI = re.compile(r"(mongodb(?:\+srv)?://)(?:\S*@)?([^\s/?]*)\S*")
_DRIVER_NOISE = re.compile(r" \(configured timeouts|, Timeout: |, full error: ")
_LONGEST = 200
_AUTHENTICATION_FAILED, _UNAUTHORIZED = 18, 13


def connect(uri: str, *, timeout: timedelta = DEFAULT_TIMEOUT, lazy: bool = False) -> Client:
    """Return a client for `uri`. Nothing is asked of the server yet, so it may be down.

    `timeout` bounds each call, retries by the driver included. `lazy`: it opens no connection before the first call.
    The caller closes the client.

    Raises:
        ConfigurationError: the URI cannot be used. It is not repeated in the message, for it holds the password.
    """
    milliseconds = timeout / timedelta(milliseconds=1)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)  # pymongo only warns of an unknown option, and ignores it
            return pymongo.MongoClient(
                uri,
                timeoutMS=milliseconds,
                serverSelectionTimeoutMS=milliseconds,
                connectTimeoutMS=milliseconds,
                appname="autoscaler",
                connect=not lazy,
            )
    except (PyMongoError, ValueError, TypeError, UserWarning) as error:
        raise ConfigurationError([_unusable(error)]) from None  # the vendor's message may quote parts of the password


def agreed(database: Database[Document], name: str) -> Collection[Document]:
    """Return a collection whose reads and writes a majority has agreed on: what a failover would take back is none."""
    return database.get_collection(
        name,
        read_preference=ReadPreference.PRIMARY,
        read_concern=ReadConcern("majority"),
        write_concern=WriteConcern("majority"),
    )


def _unusable(error: Exception) -> Problem:
    hint = "mongodb://USER:PASSWORD@HOST:27017/?authSource=admin, with the password percent-encoded"
    return Problem("mongodb.uri", 0, 0, "mongodb_uri", f"is no usable URI: {type(error).__name__}", hint)


def ping(client: Client) -> None:
    """Return when the server answers and lets us in; raises ObservationError when it does not."""
    with reading(client):
        client.admin.command("ping")


@contextmanager
def reading(client: Client) -> Iterator[None]:
    """Bound everything inside by one timeout of the client, and turn vendor errors into ObservationError."""
    try:
        with pymongo.timeout(client.options.timeout):
            yield
    except _VENDOR_ERRORS as error:
        raise ObservationError(SOURCE, explain(error)) from error


@contextmanager
def writing(client: Client, code: str) -> Iterator[None]:
    """Bound everything inside by one timeout of the client, and turn vendor errors into ActionError `code`."""
    try:
        with pymongo.timeout(client.options.timeout):
            yield
    except _VENDOR_ERRORS as error:
        raise ActionError(code, f"{SOURCE}: {explain(error)}") from error


def explain(error: Exception) -> str:
    """Say in one line what went wrong, without secrets and without the driver's description of the topology."""
    if isinstance(error, OperationFailure) and error.code == _AUTHENTICATION_FAILED:
        return "authentication failed (code 18)"
    if isinstance(error, OperationFailure) and error.code == _UNAUTHORIZED:
        return "the user lacks a permission (code 13)"  # MongoDB's own message quotes the whole command
    text = _DRIVER_NOISE.split(redact(str(error)), maxsplit=1)[0].replace("\n", " ")
    code = f" (code {error.code})" if isinstance(error, OperationFailure) and error.code is not None else ""
    return f"{type(error).__name__}: {text[:_LONGEST].strip()}{code}"


def redact(text: str) -> str:
    """Reduce every MongoDB URI in `text` to scheme and hosts: user, password and options may be secrets."""
    return _URI.sub(r"\1\2", text)
