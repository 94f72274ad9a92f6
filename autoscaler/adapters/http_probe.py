"""Whether nodes answer HTTP themselves, asked past every balancer.

`GET /` on 5080 needs no login and says 200 as soon as AMS's root application serves; the vendor's own load balancer and
Kubernetes checks ask the same. It stays 200 while a node refuses load, so it proves life, not room.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus

import requests

_MOST_AT_ONCE = 100


class HttpProbe:
    """Asks nodes over HTTP."""

    def __init__(self, timeout_s: float) -> None:
        """Give each node `timeout_s` seconds for its whole answer."""
        self._timeout_s = timeout_s

    def answers(self, endpoints: Sequence[tuple[str, int]]) -> Mapping[str, bool]:
        """Ask `GET /` of each (ip, port), 100 at once, and return by ip whether it said 200 in time.

        An ip that is asked on several ports answers if it does on all of them. A redirect is no answer: the balancer's
        check does not follow it either.
        """
        if not endpoints:
            return {}
        with ThreadPoolExecutor(min(len(endpoints), _MOST_AT_ONCE), thread_name_prefix="probe") as pool:
            verdicts = list(pool.map(self._answers, endpoints))
        found: dict[str, bool] = {}
        for (ip, _), verdict in zip(endpoints, verdicts, strict=True):
            found[ip] = found.get(ip, True) and verdict
        return found

    def _answers(self, endpoint: tuple[str, int]) -> bool:
        ip, port = endpoint
        with requests.Session() as session:  # one for each: a kept connection would not prove that new ones are taken
            session.trust_env = False  # HTTP_PROXY must not answer in the node's place
            try:
                # Each step gets the whole time; `elapsed` then holds them together. The body is never read.
                with session.get(
                    f"http://{ip}:{port}/", timeout=self._timeout_s, allow_redirects=False, stream=True
                ) as response:
                    in_time = response.elapsed.total_seconds() <= self._timeout_s
                    return in_time and response.status_code == HTTPStatus.OK
            except requests.RequestException:
                return False
