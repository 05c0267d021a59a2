"""The life of a stack with the real engine, the real pack and the local cloud."""

from __future__ import annotations

import pytest

from policies.model import gcp
from tests.e2e.sandbox import Sandbox

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


def test_first_preview_is_clean(empty: Sandbox) -> None:
    """A good stack raises no violation while most of its values are still unknown."""
    ran = empty.pulumi("preview")
    assert ran.code == 0, ran.said[-3000:]
    assert ran.policy_events() == []


def test_second_preview_is_clean_and_shows_no_change(hosted: Sandbox) -> None:
    """A stack applied once has nothing more to do."""
    ran = hosted.pulumi("preview", "--expect-no-changes")
    assert ran.code == 0, ran.said[-3000:]
    assert ran.policy_events() == []


def test_no_secret_stands_in_the_state_or_the_events(hosted: Sandbox) -> None:
    """What the engine keeps of generated passwords is ciphertext."""
    exported = hosted.pulumi("stack", "export").said
    versions = [r for r in hosted.state()["deployment"]["resources"] if "SecretVersion" in r["type"]]
    assert "4dabf18193072939515e22adb298388d" in exported or not versions
    for version in versions:
        assert "ciphertext" in version["inputs"]["secretData"]


def test_drift_is_seen_by_refresh(copy: Sandbox) -> None:
    """A change made past the code shows, and the next `up` would take it back."""
    shop = next(i for i, t in copy.cloud().items() if t == gcp("sql/databaseInstance"))
    copy.localcloud("set", shop, "settings.ipConfiguration.sslMode=ALLOW_UNENCRYPTED_AND_ENCRYPTED")
    refreshed = copy.pulumi("refresh", "--yes")
    assert refreshed.code == 0, refreshed.said
    assert "ALLOW_UNENCRYPTED_AND_ENCRYPTED" in copy.pulumi("stack", "export").said
    after = copy.pulumi("preview", "--diff")
    assert "ENCRYPTED_ONLY" in after.said


def test_destroy_is_refused_while_protected(copy: Sandbox) -> None:
    """The engine refuses, names the resource, and everything still exists."""
    before = copy.cloud()
    ran = copy.pulumi("destroy", "--yes")
    assert ran.code != 0
    assert "protected" in ran.said
    assert copy.cloud() == before


def test_program_refuses_to_run_without_the_pack(empty: Sandbox) -> None:
    """Nothing is previewed unjudged, and the message says what to set."""
    ran = empty.pulumi("preview", PULUMI_OPTION_POLICY_PACK="")
    assert ran.code != 0
    assert "CHG-7" in ran.said
    assert "PULUMI_OPTION_POLICY_PACK" in ran.said
