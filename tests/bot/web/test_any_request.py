"""Whatever the API's own description allows, and what it does not: nothing breaks the server."""

import contextlib

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode

from tests.bot.web.conftest import Server

ADMIN = {"Authorization": "Bearer office-key"}
EXAMPLES = 30  # of each kind for each route


@pytest.mark.e2e
@pytest.mark.parametrize("mode", list(GenerationMode))
def test_nothing_that_is_asked_breaks_it(server: Server, mode: GenerationMode) -> None:
    described = schemathesis.openapi.from_url(f"{server.url}/openapi.json")
    answered = set[tuple[str, int]]()
    for operation in (found.ok() for found in described.get_all_operations()):

        @settings(max_examples=EXAMPLES, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
        @given(case=operation.as_strategy(generation_mode=mode))
        def asked(case: schemathesis.Case) -> None:
            if mode is GenerationMode.POSITIVE and isinstance(case.body, dict):  # few of all names are known
                case.body |= dict.fromkeys(case.body.keys() & {"model", "style"}, "weather")
            try:
                answer = case.call(headers=ADMIN, timeout=60)
            except (requests.exceptions.InvalidHeader, UnicodeEncodeError):  # nothing of the kind can be sent
                return
            answered.add((case.operation.label, answer.status_code))
            assert answer.status_code < 500, answer.content

        with contextlib.suppress(Unsatisfiable):  # a route that takes nothing can be asked nothing wrong
            asked()
    expected = 200 if mode is GenerationMode.POSITIVE else 400
    assert answered >= {("POST /v1/completions", expected), ("POST /v1/chat/completions", expected)}
