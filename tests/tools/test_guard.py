"""The guard: a run counts only when its event log proves that the pack judged it as committed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from review import guard
from tests.tools import logs
from tools import events, pack, places
from tools.refusal import Refusal


def problems(tmp_path: Path, *given: logs.Event, finished: bool = True) -> list[str]:
    log = events.read(logs.write(tmp_path / "events.jsonl", list(given)))
    return guard.problems(log.ran, logs.PACK, finished=finished)


def test_judged_run_counts(tmp_path: Path) -> None:
    """Every resource and the stack were judged by the expected version with all rules on."""
    assert problems(tmp_path, *logs.good()) == []


def test_run_with_violations_of_mandatory_rules_was_judged(tmp_path: Path) -> None:
    """A stopped run never gets to the stack as a whole; that is no lack of proof."""
    stopped = [*logs.judged(logs.URN), logs.violation("key-rotates"), logs.error("preview failed"), logs.end()]
    assert problems(tmp_path, *stopped, finished=False) == []


def test_pack_that_did_not_run_is_found(tmp_path: Path) -> None:
    """No pack in the summary, and resources without a judgement."""
    found = problems(tmp_path, logs.pre(logs.URN), logs.pre(logs.OTHER), logs.end(version=None))
    assert found == [
        "the policy pack secure-hosting did not run",
        f"{logs.URN} and 1 more was registered without being judged",
    ]


def test_another_pack_does_not_stand_in(tmp_path: Path) -> None:
    """The name is checked, not just that some pack ran."""
    text = json.dumps(logs.good()).replace('"secure-hosting', '"other')
    assert "the policy pack secure-hosting did not run" in problems(tmp_path, *json.loads(text))


@pytest.mark.parametrize("version", ["1.1.9", "2.0.0", "1.2.0-dev"])
def test_other_version_is_found(tmp_path: Path, version: str) -> None:
    """The version is the one that PulumiPolicy.yaml names."""
    text = json.dumps(logs.good()).replace("1.2.0", version)
    assert problems(tmp_path, *json.loads(text)) == [f"the pack ran at version {version}; expected is 1.2.0"]


def test_letter_before_the_version_is_no_other_version(tmp_path: Path) -> None:
    """Some engines write the summary's version with a `v`."""
    assert problems(tmp_path, *logs.without("summaryEvent"), logs.end("v1.2.0")) == []


def test_unfinished_log_proves_nothing(tmp_path: Path) -> None:
    """Without the summary the run did not reach its end."""
    found = problems(tmp_path, *logs.without("summaryEvent"))
    assert found == ["the event log has no summary: the run did not finish, so it proves nothing"]


def test_empty_log_proves_nothing(tmp_path: Path) -> None:
    """An engine that died at once leaves a log without events."""
    assert problems(tmp_path, logs.error("boom")) != []


def test_resource_that_was_not_judged_is_named(tmp_path: Path) -> None:
    """One unjudged resource among judged ones is enough."""
    extra = logs.pre(logs.OTHER.replace("exports", "slipped-through"), op="update")
    [found] = problems(tmp_path, extra, *logs.good())
    assert found.endswith("slipped-through was registered without being judged")


@pytest.mark.parametrize("op", sorted(guard._NOT_ANALYSED))
def test_deletes_and_reads_need_no_judgement(tmp_path: Path, op: str) -> None:
    """The engine does not hand them to packs; rules about presence see the result."""
    assert problems(tmp_path, logs.pre(logs.OTHER.replace("exports", "gone"), op=op), *logs.good()) == []


def test_stack_that_was_not_judged_is_found(tmp_path: Path) -> None:
    """Graph rules run at the end; a run without them is no proof."""
    assert problems(tmp_path, *logs.without("policyAnalyzeStackSummaryEvent")) == [
        "the stack as a whole was not judged"
    ]


def test_disabled_rule_is_found_by_its_absence(tmp_path: Path) -> None:
    """The engine names every rule that is on; `bucket-closed` is not among them."""
    text = json.dumps(logs.good()).replace('"bucket-closed", ', "").replace('"bucket-closed"', '"labels"')
    assert problems(tmp_path, *json.loads(text)) == ["switched off: bucket-closed"]


def test_all_rules_disabled_is_found(tmp_path: Path) -> None:
    """`{"all": "disabled"}` leaves a pack that ran and judged nothing."""
    events_ = [*logs.judged(logs.URN, on=frozenset()), logs.pre(logs.URN), *logs.without("policyRemediateSummaryEvent")]
    assert "switched off: bucket-closed, key-rotates, labels" in problems(tmp_path, *events_)


def test_mandatory_rule_that_only_advised_is_found(tmp_path: Path) -> None:
    """A lowered level shows in the violation."""
    found = problems(tmp_path, logs.violation("key-rotates", level="advisory"), *logs.good())
    assert found == ["key-rotates is mandatory, but the run only advised"]


def test_advisory_rule_may_advise(tmp_path: Path) -> None:
    """That is its own level."""
    assert problems(tmp_path, logs.violation("labels", level="advisory"), *logs.good()) == []


def test_undetermined_fact_may_be_advice(tmp_path: Path) -> None:
    """What cannot be decided before the first deployment stops it only under critical rules."""
    message = (
        "ENC-2 Keys rotate\n  where  x  orders\n  undetermined  rotationPeriod: is known only after the first `up`"
    )
    event = logs.violation("key-rotates", level="advisory", message=message)
    assert problems(tmp_path, event, *logs.good()) == []


@pytest.mark.parametrize(
    ("config", "found"),
    [
        ({"all": "disabled"}, ["pack.json sets all to disabled"]),
        ({"all": {"enforcementLevel": "advisory"}}, ["pack.json sets all to advisory"]),
        ({"key-rotates": "advisory"}, ["pack.json sets key-rotates to advisory"]),
        ({"key-rotates": {"enforcementLevel": "disabled", "days": 30}}, ["pack.json sets key-rotates to disabled"]),
        ({"labels": "advisory"}, []),
        ({"labels": "mandatory"}, []),
        ({"key-rotates": {"days": 30}}, []),
        ({}, []),
    ],
)
def test_configuration_may_tighten_but_not_lower(tmp_path: Path, config: object, found: list[str]) -> None:
    """Levels go up, never down; thresholds are the rules' own business."""
    file = tmp_path / "pack.json"
    file.write_text(json.dumps(config))
    assert guard.config_problems(file, logs.PACK) == found


def test_unreadable_configuration_is_a_problem(tmp_path: Path) -> None:
    """A file that cannot be read cannot be trusted."""
    (tmp_path / "pack.json").write_text("{")
    [found] = guard.config_problems(tmp_path / "pack.json", logs.PACK)
    assert "cannot be read" in found


def test_missing_log_is_refused(tmp_path: Path) -> None:
    """No log, no run."""
    with pytest.raises(Refusal, match="there is no event log"):
        events.read(tmp_path / "events.jsonl")


def test_log_with_a_broken_line_in_its_middle_is_refused(tmp_path: Path) -> None:
    """A line somebody cut could be the one that matters."""
    path = logs.write(tmp_path / "events.jsonl", logs.good())
    lines = path.read_text().splitlines()
    lines[2] = lines[2][:40]
    path.write_text("\n".join(lines))
    with pytest.raises(Refusal, match=":3 is not JSON"):
        events.read(path)


def test_log_cut_at_its_end_is_read_as_unfinished(tmp_path: Path) -> None:
    """`kill -9` leaves half a last line; what is there is read, and proves nothing."""
    path = logs.write(tmp_path / "events.jsonl", logs.good())
    path.write_text(path.read_text()[:-40])
    found = guard.problems(events.read(path).ran, logs.PACK)
    assert found == ["the event log has no summary: the run did not finish, so it proves nothing"]


def test_pack_that_is_missing_is_refused_before_anything_runs(tmp_path: Path) -> None:
    """With the line that brings it back."""
    with pytest.raises(Refusal, match="the policy pack is missing") as refused:
        pack.load(tmp_path / "policies")
    assert "git checkout -- policies" in str(refused.value)


def test_pack_that_does_not_import_is_refused_with_its_own_error(tmp_path: Path) -> None:
    """The last lines of the traceback are shown, and nothing is started."""
    folder = tmp_path / "policies"
    folder.mkdir()
    (folder / "PulumiPolicy.yaml").write_text("name: secure-hosting\nversion: 1.2.0\n")
    (folder / "__main__.py").write_text("import not_there\n")
    with pytest.raises(Refusal, match="does not load; nothing was started") as refused:
        pack.load(folder)
    assert "No module named 'not_there'" in str(refused.value)


def test_pack_is_listed_again_only_when_it_changed(tmp_path: Path) -> None:
    """Its listing is kept, so that a warm preview does not pay for it."""
    folder = tmp_path / "policies"
    folder.mkdir()
    (folder / "PulumiPolicy.yaml").write_text("version: 1.2.0\n")
    rule = {"rule": "key-rotates", "level": "mandatory", "scope": "resource"}
    script = f"import pathlib; pathlib.Path('runs').open('a').write('x'); print({json.dumps(json.dumps(rule))})\n"
    (folder / "__main__.py").write_text(script)
    for _ in range(3):
        assert pack.load(folder).resource_rules == {"key-rotates"}
    assert (tmp_path / "runs").read_text() == "x"
    (folder / "__main__.py").write_text(script + "\n")
    pack.load(folder)
    assert (tmp_path / "runs").read_text() == "xx"


def test_committed_pack_has_rules_and_a_version() -> None:
    """The real one loads as the guard needs it."""
    loaded = pack.load(places.PACK)
    assert loaded.version
    assert loaded.resource_rules <= set(loaded.levels)
    assert len(loaded.levels) >= 40
