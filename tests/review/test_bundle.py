"""Evidence: reproducible byte for byte, and no change to it goes unnoticed or unnamed."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from review import bundle, statement
from review.compare import compare
from review.manifest import sha256
from review.policy import read
from review.problems import ReviewError
from review.verify import verify
from tests.recording import ROOT
from tests.review.making import BUCKET, RECORDED, policy, recorded, review_of, step

FILES = [
    "attestations.json",
    "clauses.json",
    "comment.md",
    "index.html",
    "inputs.json",
    "junit.xml",
    "manifest.json",
    "oscal-assessment-results.json",
    "oscal-catalog.json",
    "oscal-component-definition.json",
    "proofs.json",
    "results.sarif",
    "review.json",
    "seal.json",
    "statement.dsse.json",
    "statement.json",
    "versions.json",
    "waivers.json",
]


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Private and public key."""
    folder, key = tmp_path_factory.mktemp("keys"), Ed25519PrivateKey.generate()
    private, public = folder / "key.pem", folder / "key.pub"
    pem, none = serialization.Encoding.PEM, serialization.NoEncryption()
    private.write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, none))
    public.write_bytes(key.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo))
    return private, public


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, keys: tuple[Path, Path]) -> Path:
    """A signed bundle of the recorded run. Read only."""
    folder = tmp_path_factory.mktemp("bundle") / "made"
    sources = {"program": ROOT / "tests/review/programs/everything", "stack file": ROOT / "Pulumi.small.yaml"}
    assert bundle.make(recorded(commit="a" * 40), folder, sources=sources, key=keys[0]) == FILES
    return folder


@pytest.fixture
def copy(made: Path, tmp_path: Path) -> Path:
    """One to be tampered with."""
    return Path(shutil.copytree(made, tmp_path / "copy"))


def test_bundle_is_reproducible(made: Path, tmp_path: Path, keys: tuple[Path, Path]) -> None:
    """The same inputs give the same bytes, signature included."""
    sources = {"stack file": ROOT / "Pulumi.small.yaml", "program": ROOT / "tests/review/programs/everything"}
    bundle.make(recorded(commit="a" * 40), tmp_path / "again", sources=sources, key=keys[0])
    for name in FILES:
        assert (tmp_path / "again" / name).read_bytes() == (made / name).read_bytes(), name


def test_untouched_bundle_is_verified(made: Path, keys: tuple[Path, Path]) -> None:
    """With and without the key."""
    assert verify(made)[0] == []
    problems, proven = verify(made, key=keys[1])
    assert (problems, len(proven)) == ([], 2)


@pytest.mark.parametrize("name", FILES)
def test_a_changed_byte_is_found_and_named(copy: Path, name: str) -> None:
    """In every file of the bundle, anywhere in it, even without a key: file and byte."""
    data = (copy / name).read_bytes()
    for at in {0, len(data) // 3, len(data) // 2, len(data) - 1}:
        changed = bytearray(data)
        changed[at] ^= 1
        (copy / name).write_bytes(changed)
        problems, proven = verify(copy)
        assert proven == []
        assert any(p.startswith(f"{name}: ") for p in problems), problems
        if name not in ("manifest.json", "statement.json", "seal.json"):
            (problem,) = problems
            assert f"byte {at:,} " in problem, problem
    (copy / name).write_bytes(data)
    assert verify(copy)[0] == []


def test_named_byte_says_what_it_was(copy: Path) -> None:
    """Line, byte now and byte then."""
    path = copy / "waivers.json"
    assert path.read_bytes() == b"[]\n"
    path.write_bytes(b"{]\n")
    assert verify(copy)[0] == ["waivers.json: byte 0 (line 1) is '{' instead of '['"]


@pytest.mark.parametrize("name", FILES)
def test_missing_files_are_named(copy: Path, keys: tuple[Path, Path], name: str) -> None:
    """Whichever it is."""
    (copy / name).unlink()
    assert any(p.startswith(f"{name}: ") for p in verify(copy, key=keys[1])[0])


def test_added_files_cuts_and_links_are_named(copy: Path) -> None:
    """Also deep below."""
    (copy / "more").mkdir()
    (copy / "more" / "notes.txt").write_text("x")
    (copy / "link").symlink_to("index.html")
    (copy / "junit.xml").write_bytes((copy / "junit.xml").read_bytes()[:-100])
    problems, _ = verify(copy)
    assert "more/notes.txt: was added" in problems
    assert any(p.startswith("link: is a link") for p in problems)
    assert any(p.startswith("junit.xml: has ") for p in problems)


def test_consistent_forgery_fails_the_signature_alone(copy: Path, keys: tuple[Path, Path]) -> None:
    """Who rewrites file, manifest, statement and seal is caught by the key, and by nothing else."""
    (copy / "waivers.json").write_bytes(b"{}\n")
    data = {p.name: p.read_bytes() for p in copy.iterdir()}
    inner = (bundle.MANIFEST, bundle.STATEMENT, bundle.ENVELOPE, bundle.SEAL)
    data[bundle.MANIFEST] = bundle.described({n: d for n, d in data.items() if n not in inner})
    forged = json.loads(data[bundle.STATEMENT])
    for subject in forged["subject"]:
        subject["digest"]["sha256"] = sha256(data[subject["name"]])
    data[bundle.STATEMENT] = (json.dumps(forged, indent=1) + "\n").encode()
    data[bundle.SEAL] = bundle.described({n: data[n] for n in (bundle.STATEMENT, bundle.ENVELOPE)})
    for name, content in data.items():
        (copy / name).write_bytes(content)
    assert verify(copy)[0] == []
    assert verify(copy, key=keys[1])[0] == [
        "statement.dsse.json: signs another statement than the one beside it",
    ]
    stranger = Ed25519PrivateKey.generate()
    (copy / bundle.ENVELOPE).write_bytes(statement.sign(data[bundle.STATEMENT], stranger))
    assert "statement.dsse.json: has no signature by this key" in verify(copy, key=keys[1])[0]


def test_clauses_stand_verbatim(made: Path) -> None:
    """Text and digest as in SECURITY-POLICY.md, with resources, rules and outcomes."""
    written = {c["clause"]: c for c in json.loads((made / "clauses.json").read_text())}
    text = (ROOT / "SECURITY-POLICY.md").read_text()
    for clause in read(ROOT / "SECURITY-POLICY.md"):
        assert written[clause.id]["text"].strip() in text
        assert written[clause.id]["sha256"] == sha256(written[clause.id]["text"].encode())
    assert written["ENC-3"]["outcome"] == "fail"
    assert {c["rule"] for r in written["ENC-3"]["resources"] for c in r["checks"] if c["outcome"] == "fail"}
    assert written["DEV-1"]["outcome"] == "not judged"


def test_statement_names_inputs_commit_and_result(made: Path, keys: tuple[Path, Path]) -> None:
    """An in-toto test result; the envelope signs its pre-authentication encoding."""
    made_ = json.loads((made / "statement.json").read_text())
    assert made_["_type"] == "https://in-toto.io/Statement/v1"
    assert made_["predicate"]["result"] == "FAILED"
    assert "ENC-3" in made_["predicate"]["failedTests"]
    inputs = {c["name"]: c["digest"] for c in made_["predicate"]["configuration"]}
    assert inputs["digest"] == {"sha256": sha256((RECORDED / "change.digest.json").read_bytes())}
    assert inputs["commit"] == {"gitCommit": "a" * 40}
    assert {"events", "program", "stack file", "results"} <= inputs.keys()
    envelope = json.loads((made / "statement.dsse.json").read_text())
    assert base64.b64decode(envelope["payload"]) == (made / "statement.json").read_bytes()
    assert statement.encoding(b"hello").startswith(b"DSSEv1 28 application/vnd.in-toto+json 5 hello")


def test_inputs_count_by_content(tmp_path: Path) -> None:
    """A changed file of the program changes the digest; caches do not."""
    program = tmp_path / "program"
    program.mkdir()
    (program / "a.py").write_text("1")

    def digest() -> str:
        folder = tmp_path / f"out{len(list(tmp_path.iterdir()))}"
        bundle.make(recorded(), folder, sources={"program": program})
        return str(json.loads((folder / "inputs.json").read_text())["program"])

    first = digest()
    (program / "__pycache__").mkdir()
    (program / "__pycache__" / "a.pyc").write_text("x")
    assert digest() == first
    (program / "a.py").write_text("2")
    assert digest() != first


def test_nothing_is_written_over(made: Path) -> None:
    """A folder with something in it is refused."""
    with pytest.raises(ReviewError, match="not empty"):
        bundle.make(recorded(), made, sources={})


def test_previous_bundle_is_compared(made: Path, tmp_path: Path) -> None:
    """Against itself nothing changed; against a run without verdicts much disappeared."""
    bundle.make(recorded(commit="a" * 40), tmp_path / "next", sources={}, previous=made)
    found = json.loads((tmp_path / "next" / "comparison.json").read_text())
    assert {kind: len(entries) for kind, entries in found.items()} == dict.fromkeys(found, 0)


def test_a_previous_bundle_of_other_resources_is_compared_on_the_page(made: Path, tmp_path: Path) -> None:
    """What came and what is gone has one side only."""
    one = review_of(tmp_path / "run", [step("create", BUCKET, "other", new={})], {"policyEvent": policy("r", "other")})
    bundle.make(one, tmp_path / "next", sources={}, previous=made)
    found = json.loads((tmp_path / "next" / "comparison.json").read_text())
    assert found["new"]
    assert found["disappeared"]
    page = (tmp_path / "next" / "index.html").read_text()
    assert "not there → fail" in page
    assert "→ not there" in page


def test_comparison_tells_better_from_worse() -> None:
    """By clause, rule and resource."""

    def clauses(**outcomes: str) -> list[dict[str, object]]:
        checks = [{"rule": rule, "outcome": outcome} for rule, outcome in outcomes.items()]
        return [{"clause": "ACC-1", "sha256": "x", "resources": [{"resource": "r", "checks": checks}]}]

    found = compare(
        clauses(a="fail", b="pass", c="pass", d="waived", f="pass"),
        clauses(a="pass", b="undetermined", d="pass", e="pass", f="not_applicable"),
    )
    assert {kind: [e["rule"] for e in entries] for kind, entries in found.items() if kind != "clauses"} == {
        "better": ["a", "d"],
        "worse": ["b"],
        "changed": ["f"],
        "new": ["e"],
        "disappeared": ["c"],
    }


def test_other_keys_are_refused_with_a_sentence(tmp_path: Path) -> None:
    """A file that is no Ed25519 key signs nothing."""
    path = tmp_path / "key"
    path.write_text("no key")
    with pytest.raises(ReviewError, match="not an Ed25519 private key"):
        bundle.make(recorded(), tmp_path / "out", sources={}, key=path)
    assert not (tmp_path / "out").exists()


DRILL = {
    "schema": "secure-hosting/evidence/1",
    "job": "restore drill",
    "subject": "orders",
    "outcome": "pass",
    "started": "2026-11-27T02:10:00Z",
    "finished": "2026-11-27T02:31:00Z",
    "figures": {"rows": 41377, "seconds": 1260},
    "clauses": ["BAK-6", "BAK-2"],
}


def with_proofs(folder: Path, tmp_path: Path, *, drill: object = DRILL) -> Path:
    """A bundle with the evidence of a job, attestations and a list of parts."""
    job, register, parts = (tmp_path / name for name in ("drill.json", "attestations.yaml", "parts.json"))
    job.write_text(drill if isinstance(drill, str) else json.dumps(drill))
    rows = [{"clause": "DEV-3", "subject": "devices", "owner": "security-team", "expires": "2020-01-01"}]
    register.write_text(json.dumps({"attestations": rows}))
    parts.write_text('{"bomFormat": "CycloneDX"}')
    bundle.make(recorded(), folder, sources={}, jobs=[job], attestations=register, sbom=parts)
    return folder


def test_what_jobs_and_people_say_stands_with_its_clause(tmp_path: Path) -> None:
    """Copied as it is, with its digest, its figures on the page, and verified with the rest."""
    made = with_proofs(tmp_path / "made", tmp_path)
    assert (made / "jobs/drill.json").read_text() == json.dumps(DRILL)
    assert (made / "sbom.json").read_text() == '{"bomFormat": "CycloneDX"}'
    proofs = json.loads((made / "proofs.json").read_text())
    assert list(proofs) == ["BAK-2", "BAK-6", "DEV-3"]
    (drill,) = proofs["BAK-6"]
    assert (drill["title"], drill["file"]) == ("restore drill of orders: pass", "jobs/drill.json")
    assert drill["sha256"] == hashlib.sha256((made / "jobs/drill.json").read_bytes()).hexdigest()
    assert drill["facts"]["rows"] == "41377"
    assert proofs["DEV-3"][0]["facts"]["ended on"] == "2020-01-01"
    page = (made / "index.html").read_text()
    assert page.count('<a href="jobs/drill.json">') == 2
    assert "rows 41377" in page
    assert verify(made)[0] == []
    (made / "jobs/drill.json").write_text(json.dumps(DRILL).replace("41377", "41378"))
    assert any(p.startswith("jobs/drill.json: byte ") for p in verify(made)[0])


def test_bundle_with_proofs_is_reproducible(tmp_path: Path) -> None:
    """Wherever the evidence lay."""
    one = with_proofs(tmp_path / "one", tmp_path)
    (tmp_path / "elsewhere").mkdir()
    two = with_proofs(tmp_path / "two", tmp_path / "elsewhere")
    for path in sorted(p.relative_to(one) for p in one.rglob("*") if p.is_file()):
        assert (one / path).read_bytes() == (two / path).read_bytes()


@pytest.mark.parametrize(
    ("drill", "words"),
    [
        ("{", "is not JSON"),
        ([], "not a JSON object"),
        ({"job": "drill"}, "names no clause"),
        ({"clauses": []}, "names no clause"),
        ({**DRILL, "log": "postgres://shop:s3cretPassw0rd@10.0.0.1/shop"}, "looks like a credential"),
    ],
)
def test_evidence_that_cannot_stand_is_refused(tmp_path: Path, drill: object, words: str) -> None:
    """With a sentence, and nothing is written."""
    with pytest.raises(ReviewError, match=words):
        with_proofs(tmp_path / "made", tmp_path, drill=drill)
    assert not (tmp_path / "made").exists()


def test_signed_evidence_of_a_job_is_opened_and_copied_as_it_is(tmp_path: Path, keys: tuple[Path, Path]) -> None:
    """As `python -m jobs drill` writes it: result, checks that did not pass, and figures; the signature is checked."""
    from datetime import UTC, datetime

    from jobs.core import evidence as job

    when = datetime(2027, 1, 15, 4, 0, tzinfo=UTC)
    made = job.Evidence(
        job="drill",
        run="5b1d",
        clauses=("BAK-6",),
        started_at=when,
        finished_at=when,
        subjects=(job.Subject(name="orders", sha256="0" * 64),),
        checks=(
            job.Check(name="schema", outcome="passed"),
            job.Check(name="rows of invoices", outcome="failed", detail="41,200 instead of 41,377"),
        ),
        facts={"seconds": 1260},
    )
    path = tmp_path / "drill.json"
    path.write_bytes(job.sealed(made, job.FileSigner(keys[0])))
    bundle.make(recorded(), tmp_path / "made", sources={}, jobs=[path], jobs_key=keys[1])
    assert (tmp_path / "made/jobs/drill.json").read_bytes() == path.read_bytes()
    (proof,) = json.loads((tmp_path / "made/proofs.json").read_text())["BAK-6"]
    assert proof["title"] == "drill of orders: failed"
    assert proof["facts"]["failed:"] == "rows of invoices 41,200 instead of 41,377"
    assert (proof["facts"]["seconds"], proof["facts"]["signature"]) == ("1260", "checked")
    path.write_bytes(path.read_bytes().replace(b'"sig": "', b'"sig": "AAAA'))
    with pytest.raises(ReviewError, match=r"no signature by this key|no DSSE envelope"):
        bundle.make(recorded(), tmp_path / "other", sources={}, jobs=[path], jobs_key=keys[1])
    path.write_text(json.dumps(DRILL))
    with pytest.raises(ReviewError, match="is not signed"):
        bundle.make(recorded(), tmp_path / "other", sources={}, jobs=[path], jobs_key=keys[1])
