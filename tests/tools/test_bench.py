"""The stacks that are measured are production's, only larger, with rows for what they add."""

from __future__ import annotations

from pathlib import Path

import yaml

from tools import places
from tools.bench import judge_bench, stacks


def test_a_larger_stack_has_a_row_for_every_database(tmp_path: Path) -> None:
    """Each copy of the model database is configured, used by two workloads, and has its row under the stack's name."""
    production = stacks.scaled(0)["config"]
    larger = yaml.safe_load(stacks.write(tmp_path, 3).read_text(encoding="utf-8"))["config"]
    added = set(larger["secure-hosting:databases"]) - set(production["secure-hosting:databases"])
    assert added == {"extra-0000", "extra-0001", "extra-0002"}
    assert len(larger["secure-hosting:workloads"]) == len(production["secure-hosting:workloads"]) + 6
    root = stacks.project(tmp_path, "large", 3)
    rows = yaml.safe_load((root / "data.yaml").read_text(encoding="utf-8"))
    assert set(rows["large"]) == {*rows["prod"], *added}
    assert (root / "tools" / "bench" / "program" / "__main__.py").exists()
    assert not (root / "Pulumi.prod.yaml").exists()
    kept = yaml.safe_load((places.ROOT / "policies" / "waivers.yaml").read_text(encoding="utf-8"))
    copied = yaml.safe_load((root / "policies" / "waivers.yaml").read_text(encoding="utf-8"))
    assert {w["stack"] for w in copied["waivers"]} == {"large"}
    assert len(copied["waivers"]) == len(kept["waivers"])


def test_both_programs_are_given_the_same_resources() -> None:
    """One resource of ours for each of Checkov's, of the same kinds, with the same arguments."""
    ours = judge_bench.export(16)["deployment"]["resources"]
    theirs = judge_bench.plan(16)["planned_values"]["root_module"]["resources"]
    assert len(ours) == len(theirs) == 16
    assert ours[0]["inputs"]["uniformBucketLevelAccess"] is theirs[0]["values"]["uniform_bucket_level_access"] is True
    assert theirs[0]["values"]["versioning"] == [ours[0]["inputs"]["versioning"]]
