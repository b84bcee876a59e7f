"""Tests of the adapters, and what their contract suites need to explain a failure."""

import pytest

pytest.register_assert_rewrite("tests.adapters.docker_host_contract")
