"""The page itself: what happened, in one HTML file that asks nobody for anything."""

from __future__ import annotations

import base64
import hashlib

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from autoscaler.report import words
from autoscaler.report.counts import counted
from autoscaler.report.moments import MOST_TURNS, Moments
from autoscaler.report.panels import panels
from autoscaler.report.scales import in_words, time_marks
from autoscaler.simulate.measures import Measures
from autoscaler.simulate.run import Played

_FEW_TURNS = 30
_LOADER = PackageLoader("autoscaler.report", "page")
_PAGES = Environment(
    loader=_LOADER, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, auto_reload=False
)
_PAGES.filters |= {"in_words": in_words, "counted": counted}


def render(played: Played, measures: Measures, policy_text: str) -> str:
    """Write the page: the same bytes for the same run, for it holds no time but the trace's own.

    Args:
        played: What happened.
        measures: The same in numbers. How long the simulation took is left out.
        policy_text: The policy as people wrote it, shown as it is.

    Returns:
        A whole HTML document that loads nothing and runs no script but its own, whatever the texts in it say.
    """
    moments = Moments.of(played.timeline)
    script = _part("page.js")
    return _PAGES.get_template("page.html").render(
        measures=measures,
        moments=moments,
        panels=panels(moments),
        times=time_marks(moments.length_s),
        tiles=words.tiles(measures),
        rows=words.table(measures),
        most_turns=MOST_TURNS,
        few_turns=_FEW_TURNS,
        policy_lines=policy_text.expandtabs(2).splitlines(),
        style=_part("page.css"),
        script=script,
        script_hash=_hash(script),
    )


def _part(name: str) -> Markup:
    """Read what is ours, and needs no escaping."""
    return Markup(_LOADER.get_source(_PAGES, name)[0])  # noqa: S704 - files of this package, no user's text


def _hash(script: str) -> str:
    """Return what the page's own policy lets run: this script and no other."""
    return "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
