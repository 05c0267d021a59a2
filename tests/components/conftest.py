"""One recording of the production stack for all tests of components, and the parts to build a single one."""

from __future__ import annotations

import pytest

from tests.recording import Recording, record_stack


@pytest.fixture(scope="session")
def production() -> Recording:
    """Everything that `Pulumi.prod.yaml` becomes."""
    return record_stack()
