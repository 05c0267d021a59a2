"""Leaving: everything that a component protects can be named under `unprotected`, and nothing else can (CHG-5)."""

from __future__ import annotations

import re

import pytest

from config import ConfigError
from tests.recording import protected, record_stack, stack_file

OUTLIVES = {
    "github:index/repository:Repository",
    "github:index/repositoryRuleset:RepositoryRuleset",
    "random:index/randomBytes:RandomBytes",
}
"""What no name lets go of, only `pulumi state unprotect`: the code, and the key of off-site exports that outlive us."""

REASON = {"reason": "the company moves to another place"}


@pytest.mark.parametrize("stack", ["prod", "small", "render-only"])
def test_what_is_protected_can_be_named(stack: str) -> None:
    """A store that no name lets go of could never be left; a name that frees nothing would be a false permission."""
    names = protected(stack)
    file = stack_file(stack)
    file["secure-hosting:unprotected"] = dict.fromkeys(sorted(names), REASON)
    left = record_stack(file, stack=stack)
    still = {one.type for one in left if one.custom and one.protect}
    assert still <= OUTLIVES
    file["secure-hosting:unprotected"] = {"something-else": REASON}
    with pytest.raises(ConfigError, match=r"there is (.*)") as refused:
        record_stack(file, stack=stack)
    [known] = re.findall(r"there is (.*)", str(refused.value))
    assert set(known.split(", ")) == names
