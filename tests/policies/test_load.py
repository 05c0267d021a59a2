"""Stacks from files: what the engine writes is read whole; everything else is refused with a sentence that helps."""

from __future__ import annotations

import json
import resource as process
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.graph import Graph
from policies.load import LoadError, from_document, load
from policies.model import SECRET_SIGNATURE, SIGNATURE, UNKNOWN, Resource, Secret, UnknownValue, gcp
from tests.policies.files import digest, export, state, urn, write

DB, KEY, BUCKET = gcp("sql/databaseInstance"), gcp("kms/cryptoKey"), gcp("storage/bucket")
CIPHERTEXT = {SIGNATURE: SECRET_SIGNATURE, "ciphertext": "v1:abc:def"}


def only(document: Any) -> Resource:
    (found,) = from_document(document).resources
    return found


@pytest.mark.parametrize("version", [3, 4])
def test_an_export_keeps_inputs_outputs_and_options_apart(version: int) -> None:
    """What was declared is judged; what the cloud filled in can be asked for."""
    made = state(
        DB,
        "main",
        {"settings": {"tier": "x"}},
        outputs={"settings": {"tier": "x", "ipConfiguration": {"ipv4Enabled": True}}, "selfLink": "l"},
        depends={"settings": [urn(KEY, "k")]},
        protect=True,
        ignoreChanges=["settings.diskSize"],
        parent=urn("hosting:data:Database", "d"),
        sourcePosition="project:///components/database.py#88",
    )
    found = only(export([made], version))
    assert found.get("settings") == {"tier": "x"}
    assert found.output("settings.ipConfiguration.ipv4Enabled") is True
    assert (found.type, found.name, found.id, found.custom) == (DB, "main", "main", True)
    assert (found.protect, found.ignore_changes) == (True, ("settings.diskSize",))
    assert found.parent == urn("hosting:data:Database", "d")
    assert found.property_dependencies == {"settings": (urn(KEY, "k"),)}
    assert found.dependencies == (urn(KEY, "k"),)
    assert found.position == "project:///components/database.py#88"
    assert found.graph is not None
    assert (found.graph.stack, found.graph.project) == ("prod", "secure-hosting")


def test_a_checkpoint_file_is_an_export() -> None:
    """The file of a local backend is the same state in another wrapper."""
    latest = export([state(DB, "main", {})])["deployment"]
    assert only({"version": 3, "checkpoint": {"stack": "prod", "latest": latest}}).name == "main"


@pytest.mark.parametrize(
    "document",
    [
        {"version": 3, "deployment": {"manifest": {}}},
        {"version": 3, "deployment": {"resources": None}},
        {"version": 3, "deployment": {}},
        {"version": 3, "checkpoint": {}},
        {"steps": []},
        {"steps": None, "changeSummary": {}},
        {"changeSummary": {"same": 4}},
    ],
)
def test_an_empty_stack_is_a_stack(document: Any) -> None:
    """Nothing yet, or nothing changed."""
    assert from_document(document).resources == []


def test_resources_waiting_for_deletion_are_no_part_of_the_stack() -> None:
    """A replaced resource lingers in the state until it is gone."""
    states = [state(DB, "main", {"a": 1}), state(DB, "main", {"a": 0}, delete=True)]
    assert only(export(states)).get("a") == 1


def test_what_was_read_and_not_declared_is_judged_by_its_outputs() -> None:
    """An external resource has no inputs of its own."""
    made = state(DB, "main", {}, outputs={"settings": {"tier": "x"}}, external=True)
    assert only(export([made])).text("settings.tier") == "x"
    del made["inputs"]
    assert only(export([made])).text("settings.tier") == "x"


def test_secrets_of_an_export_are_unknown_unless_shown() -> None:
    """Ciphertext tells nothing; `--show-secrets` gives JSON inside a string."""
    shown = {SIGNATURE: SECRET_SIGNATURE, "plaintext": '{"a":["b"]}'}
    found = only(export([state(DB, "main", {"rootPassword": CIPHERTEXT, "x": shown})]))
    assert found.has("rootPassword")
    with pytest.raises(UnknownValue):
        found.text("rootPassword")
    assert found.get("x") == {"a": ["b"]}
    assert found.show("x") == found.show("rootPassword") == "[secret]"


@pytest.mark.parametrize(
    "op", ["create", "update", "same", "replace", "create-replacement", "read", "import", "refresh"]
)
def test_a_digest_is_what_will_be_there_afterwards(op: str) -> None:
    """Each step that leaves a resource leaves its new state."""
    assert only(digest([state(DB, "main", {"a": 1})], op)).get("a") == 1


@pytest.mark.parametrize("op", ["delete", "delete-replaced", "discard", "discard-replaced", "read-discard"])
def test_steps_that_remove_leave_nothing(op: str) -> None:
    """What will be gone is not judged."""
    assert from_document(digest([state(DB, "main", {})], op)).resources == []


def test_a_replacement_counts_once_with_its_new_state() -> None:
    """Three steps of one replacement are one resource."""
    new, old = state(DB, "main", {"a": 1}), state(DB, "main", {"a": 0})
    steps = [
        {"op": "create-replacement", "urn": new["urn"], "oldState": old, "newState": new},
        {"op": "replace", "urn": new["urn"], "oldState": old, "newState": new},
        {"op": "delete-replaced", "urn": new["urn"], "oldState": old, "newState": old},
    ]
    assert only({"steps": steps}).get("a") == 1


def test_unknowns_and_masked_secrets_of_a_digest() -> None:
    """Unknowns raise when read, keep their edges, and masked secrets cannot be read either."""
    edges = {"encryptionKeyName": [urn(KEY, "k")]}
    made = [state(DB, "main", {"encryptionKeyName": UNKNOWN, "rootPassword": "[secret]"}, depends=edges)]
    found = only(digest(made))
    with pytest.raises(UnknownValue):
        found.get("encryptionKeyName")
    with pytest.raises(UnknownValue):
        found.get("rootPassword")
    assert found.is_secret("rootPassword")
    assert found.graph is not None
    assert found.graph.sources(found, "encryptionKeyName", KEY) == [urn(KEY, "k")]
    assert found.graph.sources(found, "encryptionKeyName", BUCKET) == []


def test_a_type_that_is_missing_is_read_from_the_urn() -> None:
    """Nested URNs end in the resource's own type."""
    made = state(DB, "main", {})
    del made["type"]
    made["urn"] = f"urn:pulumi:prod::secure-hosting::hosting:data:Database${DB}::main"
    assert only(export([made])).type == DB


GOOD = json.dumps(export([state(DB, "main", {"a": ["b"] * 50})]))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is empty"),
        (" \n", "is empty"),
        (GOOD[: len(GOOD) // 2], "cut short"),
        (GOOD[:-1], "cut short"),
        ("Previewing update (prod):\n", "is not JSON"),
        ('{"sequence":1}\n{"sequence":2}\n', "event log"),
        ("[]", "neither a stack export"),
        ("7", "neither a stack export"),
        ('{"resources": []}', "neither a stack export"),
        ('{"version": 2, "deployment": {"resources": []}}', "export version 2; this judge reads 3 to 4"),
        ('{"version": 99, "deployment": {"resources": []}}', "export version 99"),
        ('{"deployment": {"resources": []}}', "export version None"),
        ('{"version": 3, "deployment": null}', "deployment.resources is not a list"),
        ('{"version": 3, "deployment": {"resources": {"a": 1}}}', "deployment.resources is not a list"),
        ('{"version": 3, "deployment": {"resources": [7]}}', "resource 0 has no urn"),
        ('{"version": 3, "deployment": {"resources": [{"type": "t"}]}}', "resource 0 has no urn"),
        ('{"version": 3, "deployment": {"resources": [{"urn": "u", "inputs": []}]}}', "inputs is not an object"),
        ('{"version": 3, "deployment": {"resources": [{"urn": "u", "outputs": 1}]}}', "outputs is not an object"),
        ('{"version": 3, "deployment": {"resources": [{"urn": "u", "dependencies": "d"}]}}', "not a list of texts"),
        ('{"version": 3, "deployment": {"resources": [{"urn": "u", "ignoreChanges": [1]}]}}', "not a list of texts"),
        ('{"version": 3, "deployment": {"resources": [{"urn": "u", "propertyDependencies": []}]}}', "not an object"),
        ('{"steps": {}}', "steps is not a list"),
        ('{"steps": [1]}', "steps[0] is not an object"),
        ('{"steps": [{"op": "create", "newState": {}}]}', "has no urn"),
        ('{"version": 3, "checkpoint": 7}', "checkpoint"),
        ('{"a":' * 100000, "nested too deeply"),
        (
            '{"version":3,"deployment":{"resources":[{"urn":"u","inputs":' + '{"a":' * 900 + "1" + "}" * 901 + "]}}",
            "nested too deeply",
        ),
    ],
)
def test_what_is_no_stack_is_refused_with_a_reason(tmp_path: Path, text: str, says: str) -> None:
    """The message names the file and what is wrong with it."""
    file = write(tmp_path / "stack.json", text)
    with pytest.raises(LoadError) as refused:
        load(file)
    assert says in str(refused.value)
    assert str(file) in str(refused.value)


def test_files_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    """A missing file, a folder and bytes that are no text."""
    for file, says in ((tmp_path / "none.json", "No such file"), (tmp_path, "directory")):
        with pytest.raises(LoadError, match=says):
            load(file)
    (tmp_path / "bytes.json").write_bytes(b'{"steps": ["\xff\xfe\xfa"]}')
    with pytest.raises(LoadError, match="not text in UTF-8"):
        load(tmp_path / "bytes.json")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_what_other_shells_write_is_read(tmp_path: Path, encoding: str) -> None:
    """Redirecting on Windows adds a mark or two bytes a letter."""
    (tmp_path / "stack.json").write_text(GOOD, encoding=encoding)
    assert len(load(tmp_path / "stack.json").resources) == 1


@given(st.integers(0, len(GOOD) - 1))
def test_every_cut_is_refused(cut: int) -> None:
    """No prefix of a file passes for the file."""
    with pytest.raises(json.JSONDecodeError):
        json.loads(GOOD[:cut])


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=5)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(
                [
                    "version",
                    "deployment",
                    "checkpoint",
                    "latest",
                    "resources",
                    "steps",
                    "newState",
                    "urn",
                    "inputs",
                    "op",
                ]
            ),
            inner,
            max_size=4,
        ),
    ),
    max_leaves=20,
)


@given(JSON)
def test_any_document_is_a_stack_or_refused(document: Any) -> None:
    """Whatever JSON comes, the answer is a stack or a sentence, never a traceback."""
    with suppress(LoadError):
        assert isinstance(from_document(document), Graph)


@pytest.mark.slow
def test_a_file_of_two_hundred_megabytes_is_read_within_bounds(tmp_path: Path) -> None:
    """Reading takes at most eight times the file's size in memory."""
    text = "x" * 400
    one = json.dumps(
        state(DB, "main", {"settings": {"tier": text, "flags": [{"name": text}] * 3}, "secret": Secret("s")})
    )
    count = 200_000_000 // len(one)
    file = tmp_path / "huge.json"
    with file.open("w") as target:
        target.write('{"version": 3, "deployment": {"resources": [')
        for index in range(count):
            target.write(("," if index else "") + one.replace("::main", f"::r{index}"))
        target.write("]}}")
    assert file.stat().st_size > 190_000_000
    before = process.getrusage(process.RUSAGE_SELF).ru_maxrss
    assert len(load(file).resources) == count
    grown = (process.getrusage(process.RUSAGE_SELF).ru_maxrss - before) * 1024
    assert grown < 8 * file.stat().st_size


def test_what_stays_keeps_its_id_and_outputs() -> None:
    """The digest of a second preview tells the id and outputs of unchanged resources in the old state alone."""
    urn = "urn:pulumi:prod::p::gcp:monitoring/notificationChannel:NotificationChannel::mail"
    old = {"urn": urn, "id": "c/1", "inputs": {"type": "sms"}, "outputs": {"name": "c/1", "type": "sms"}}
    new = {"urn": urn, "inputs": {"type": "email"}}

    def read(op: str) -> Resource:
        step = {"op": op, "urn": urn, "oldState": old, "newState": new}
        return from_document({"steps": [step], "changeSummary": {op: 1}}).resources[0]

    for op in ("same", "update"):
        found = read(op)
        assert (found.id, found.output("name"), found.output("type")) == ("c/1", "c/1", "email")
        assert [r.urn for r in found.graph.find("c/1")] == [urn] if found.graph else False
    made = read("create-replacement")
    assert (made.id, made.output("name")) == (None, None)
