"""The room as the daemon opens it: which pages and hooks there are, and what becomes of them in a dry run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from autoscaler.adapters.refusals import RefusalWindow
from autoscaler.model.errors import ConfigurationError
from autoscaler.runtime.settings import WebSettings
from autoscaler.runtime.web.ams import AmsHook
from autoscaler.runtime.web.server import listen, serving


@contextmanager
def open_room(settings: WebSettings, window: RefusalWindow, *, dry_run: bool) -> Iterator[None]:
    """Listen while the context lasts. Raises ConfigurationError for a port in use.

    A dry run stands beside the daemon that it is compared with, so a port in use is no error there: it goes on
    without what it would have been told, which is then missing.
    """
    log = structlog.stdlib.get_logger("autoscaler")
    try:
        listener = listen(settings.listen)
    except ConfigurationError as error:
        if not dry_run:
            raise
        log.warning("web_unavailable", error=str(error))
        yield
        return
    token = settings.token.get_secret_value() if settings.token else ""
    window.open()
    log.info("listening", address=settings.listen, token=bool(token))
    with serving(listener, [AmsHook(window, token).route], window.close):
        yield
