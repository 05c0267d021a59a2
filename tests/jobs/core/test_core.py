"""What every job stands on: exit codes, settings, logs, evidence."""

from __future__ import annotations

import io
import json
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import pytest
import typer
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, SecretStr

from jobs.core import command, evidence, retry
from jobs.core.crc32c import crc32c
from jobs.core.log import Log, Trace
from jobs.core.problems import Exit, Forbidden, Found, Misconfigured, Refused, Unreachable
from jobs.core.settings import Settings, load
from review import statement
from tests.recording import ROOT

NOW = datetime(2027, 3, 1, 12, 0, tzinfo=UTC)


class Example(Settings):
    """Settings as a job has them."""

    bucket: str
    hours: Annotated[int, Field(ge=1)] = 26
    password: SecretStr | None = None


def test_flags_win_over_environment_and_environment_over_file(tmp_path: Path) -> None:
    """What is closest to the person decides."""
    file = tmp_path / "settings.yaml"
    file.write_text("bucket: of-file\nhours: 1\n")
    environment = {"JOBS_BUCKET": "of-environment", "JOBS_HOURS": "2"}
    found = load(Example, {"hours": 3, "bucket": None}, file=file, environment=environment)
    assert (found.bucket, found.hours) == ("of-environment", 3)


def test_a_secret_comes_from_a_file_and_is_never_shown(tmp_path: Path) -> None:
    """Neither by printing the settings nor by a message about them."""
    file = tmp_path / "password"
    file.write_text("hunter2\n")
    found = load(Example, {"bucket": "b"}, environment={"JOBS_PASSWORD_FILE": str(file)})
    assert found.password is not None
    assert found.password.get_secret_value() == "hunter2"
    assert "hunter2" not in repr(found)


def test_every_mistake_is_told_at_once_with_its_flag_and_variable() -> None:
    """No value is quoted: it could be a secret in the wrong place."""
    with pytest.raises(Misconfigured) as caught:
        load(Example, {"hours": "s3cret", "colour": "red"}, environment={})
    message = str(caught.value)
    assert "bucket (--bucket or JOBS_BUCKET): field required" in message
    assert "hours (--hours or JOBS_HOURS)" in message
    assert "colour: there is no such setting" in message
    assert "s3cret" not in message


@pytest.mark.parametrize(
    ("content", "says"),
    [(b"a: [", "is no YAML"), (b"- a", "not a list"), (b"\xff\xfe", "not UTF-8"), (None, "cannot be read")],
)
def test_settings_that_cannot_be_read_are_named(tmp_path: Path, content: bytes | None, says: str) -> None:
    """The file, and why."""
    file = tmp_path / "settings.yaml"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(Misconfigured, match=says) as caught:
        load(Example, {}, file=file, environment={})
    assert str(file) in str(caught.value)


def test_a_log_entry_is_one_json_object_with_its_trace() -> None:
    """In the fields by which Cloud Logging joins entries of one run."""
    stream = io.StringIO()
    trace = Trace.of({"TRACEPARENT": f"00-{'a' * 32}-{'b' * 16}-01", "GOOGLE_CLOUD_PROJECT": "prod"})
    Log("export", trace, stream).warning("tried\nagain", attempt=2)
    entry = json.loads(stream.getvalue())
    assert entry["severity"] == "WARNING"
    assert entry["message"] == "tried\nagain"
    assert entry["attempt"] == 2
    assert entry["logging.googleapis.com/trace"] == f"projects/prod/traces/{'a' * 32}"
    assert stream.getvalue().count("\n") == 1


@pytest.mark.parametrize("header", ["", "nonsense", "00-zz-bb-01"])
def test_without_a_trace_a_run_gets_its_own(header: str) -> None:
    """Two runs never share one."""
    assert Trace.of({"TRACEPARENT": header}).trace_id != Trace.of({"TRACEPARENT": header}).trace_id


def test_crc32c_is_castagnoli() -> None:
    """The check value of the polynomial, and of nothing."""
    assert crc32c(b"123456789") == 0xE3069283
    assert crc32c(b"") == 0


def test_retries_end_and_raise_what_failed_last(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each attempt is logged; a server's wish to wait is kept."""
    monkeypatch.setenv("JOBS_RETRY_SCALE", "0")
    stream, tried = io.StringIO(), []

    def fail() -> None:
        tried.append(1)
        raise retry.Again(f"attempt {len(tried)}", after=3)

    with pytest.raises(retry.Again, match="attempt 3"):
        retry.call(fail, what="GET it", log=Log("x", stream=stream), attempts=3)
    assert len(stream.getvalue().splitlines()) == 2


def test_a_missing_permission_says_which_and_where() -> None:
    """So that the grant can be written from the message."""
    error = Forbidden("storage.objects.create", "gs://exports")
    assert error.code == Exit.USAGE
    assert "storage.objects.create" in str(error)
    assert "gs://exports" in str(error)


def some_evidence(*outcomes: str) -> evidence.Evidence:
    """With one check for each outcome."""
    return evidence.Evidence.model_validate(
        {
            "job": "drill",
            "run": "c" * 32,
            "clauses": ["BAK-6"],
            "started_at": NOW,
            "finished_at": NOW,
            "subjects": [{"name": "orders/x/dump.enc", "sha256": "0" * 64}],
            "checks": [{"name": f"check {i}", "outcome": outcome} for i, outcome in enumerate(outcomes)],
        }
    )


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    """An Ed25519 key."""
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path = tmp_path / "key.pem"
    path.write_bytes(Ed25519PrivateKey.generate().private_bytes(*form))
    return path


@pytest.mark.parametrize(
    ("outcomes", "worst"),
    [((), "failed"), (("passed",), "passed"), (("passed", "warned"), "warned"), (("failed", "passed"), "failed")],
)
def test_evidence_is_as_good_as_its_worst_check(outcomes: tuple[str, ...], worst: str) -> None:
    """No check at all proves nothing."""
    assert some_evidence(*outcomes).outcome == worst


def test_the_reviews_verifier_accepts_a_jobs_envelope(key_file: Path) -> None:
    """Two rooms that share no code agree about the form."""
    one = some_evidence("passed")
    envelope = evidence.sealed(one, evidence.FileSigner(key_file))
    assert statement.problems(envelope, one.statement(), statement.load_key(key_file).public_key()) == []


@given(st.data())
def test_no_changed_byte_of_an_envelope_is_accepted(data: st.DataObject) -> None:
    """Either it cannot be read, or the signature does not fit, or it says the same."""
    key = Ed25519PrivateKey.from_private_bytes(b"k" * 32)

    class Signer:
        key_id = evidence.key_id(key.public_key())

        def sign(self, payload: bytes) -> bytes:
            return key.sign(payload)

    one = some_evidence("passed", "warned")
    envelope = bytearray(evidence.sealed(one, Signer()))
    place = data.draw(st.integers(0, len(envelope) - 1))
    envelope[place] ^= data.draw(st.integers(1, 255))
    try:
        assert evidence.opened(bytes(envelope), key.public_key()) == one
    except Found:
        return


def test_another_key_is_refused(key_file: Path) -> None:
    """A signature counts by whose it is."""
    envelope = evidence.sealed(some_evidence("passed"), evidence.FileSigner(key_file))
    with pytest.raises(Found, match="no signature by this key"):
        evidence.opened(envelope, Ed25519PrivateKey.generate().public_key())


def test_a_signing_key_that_is_none_is_named(tmp_path: Path) -> None:
    """With the command that makes one."""
    (tmp_path / "key").write_text("secret")
    with pytest.raises(Misconfigured, match="not an unencrypted Ed25519 private key"):
        evidence.FileSigner(tmp_path / "key")


@pytest.mark.parametrize(
    ("error", "code", "says"),
    [
        (None, 0, "fine"),
        (Found("rows differ"), 1, "rows differ"),
        (Misconfigured("no bucket", fix="--bucket"), 2, "no bucket"),
        (Unreachable("no answer"), 3, "no answer"),
        (Refused("is live"), 4, "is live"),
        (FileNotFoundError(2, "No such file or directory", "/some/file"), 3, "/some/file: No such file"),
        (signal.SIGTERM, 3, "interrupted by SIGTERM"),
    ],
)
def test_a_command_ends_with_its_exit_code_and_a_sentence(
    error: Exception | signal.Signals | None, code: int, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """With --json the same is one object on standard output; the log stays on standard error."""

    def work(log: Log) -> command.Result:
        if isinstance(error, signal.Signals):
            signal.raise_signal(error)
        elif error:
            raise error
        return command.Result("fine", {"rows": 3})

    for as_json in (False, True):
        with pytest.raises(typer.Exit) as ended:
            command.execute("example", work, as_json=as_json)
        out = capsys.readouterr().out
        assert ended.value.exit_code == code
        assert says in out or (as_json and code == 0)
    document: dict[str, Any] = json.loads(out)
    assert (document["exit"], document["job"]) == (code, "example")
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


def test_the_command_line_names_its_exit_codes() -> None:
    """`python -m jobs --help` is where a person looks first."""
    ran = subprocess.run([sys.executable, "-m", "jobs", "--help"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "4 refused for safety" in " ".join(ran.stdout.split())
