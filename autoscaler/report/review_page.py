"""A comparison as one HTML file that asks nobody for anything and runs no script."""

from __future__ import annotations

from jinja2 import Environment, PackageLoader, StrictUndefined

from autoscaler.report.comparison import method, number, partings, proved, rows, suspected
from autoscaler.review.effective import difference
from autoscaler.simulate.compare.review import Review

_PAGES = Environment(
    loader=PackageLoader("autoscaler.report", "page"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    auto_reload=False,
)
_PAGES.filters["number"] = number
_PAGES.globals |= {
    "rows": rows,
    "partings": partings,
    "proved": proved,
    "suspected": suspected,
    "method": method,
    "difference": difference,
}


def page(review: Review) -> str:
    """Write the whole review; the same bytes for the same simulations."""
    return _PAGES.get_template("review.html").render(review=review) + "\n"
