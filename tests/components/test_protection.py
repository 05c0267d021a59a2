"""Leaving: everything that a component protects can be named under `unprotected`, and nothing else can (CHG-5)."""

from __future__ import annotations

from typing import Any
from unittest import mock

import pytest

import config as program
from settings import protection
from tests.recording import record_stack


@pytest.mark.parametrize("stack", ["prod", "small", "render-only"])
def test_what_is_protected_can_be_named(stack: str) -> None:
    """A store that no name lets go of could never be left; a name that frees nothing would be a false permission."""
    asked: set[str] = set()
    known: set[str] = set()
    protects = program.Stack.protects

    def noted(self: Any, store: str) -> bool:
        asked.add(store)
        alone = isinstance(self, program.RenderStack)
        known.update(protection.on_render(self.render) if alone else protection.stores(self))
        return protects(self, store)

    with mock.patch.object(program.Stack, "protects", noted):
        record_stack(stack=stack)
    assert asked == known
