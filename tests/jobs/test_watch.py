"""The watch over exports and drills where nothing else would hear their silence: each that is missing is named."""

from __future__ import annotations

import base64
import io
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from jobs.core import evidence
from jobs.core.evidence import Check, Evidence, FileSigner
from jobs.core.http import Http
from jobs.core.log import Log
from jobs.core.problems import Exit, Misconfigured
from jobs.manifest import DUMP, MANIFEST, export_name
from jobs.storage.folder import FolderStore
from jobs.watch import Watch, run
from tests.jobs.cloud_fixtures import signing_key
from tests.jobs.parts import invoke

__all__ = ["signing_key"]
NOW = datetime.now(UTC)


def public(key: Path) -> str:
    """As a component writes it down."""
    private = serialization.load_pem_private_key(key.read_bytes(), password=None)
    assert isinstance(private, Ed25519PrivateKey)
    return base64.b64encode(private.public_key().public_bytes_raw()).decode()


class Stores:
    """Exports and evidence in folders."""

    def __init__(self, folder: Path, key: Path) -> None:
        self.folder, self.key = folder, key
        self.settings = Watch(
            source=f"file://{folder}/exports", evidence=f"file://{folder}/kept", names=("site",), signed_by=public(key)
        )

    def export(self, hours: float, *parts: str, name: str = "site") -> None:
        """Made so many hours ago."""
        made = export_name(name, NOW - timedelta(hours=hours), "0123456789abcdef")
        for part in parts or (DUMP, MANIFEST):
            FolderStore(self.folder / "exports").create(f"{made}/{part}", b"x")

    def drill(self, hours: float, outcome: str = "passed", *, key: Path | None = None, of: str = "site") -> None:
        """Ended so many hours ago."""
        at = NOW - timedelta(hours=hours)
        one = Evidence(
            job="drill",
            run=f"{hours:032.0f}",
            clauses=("BAK-6",),
            started_at=at,
            finished_at=at,
            subjects=(),
            checks=(Check.model_validate({"name": "all", "outcome": outcome}),),
            facts={"database": of},
        )
        name = evidence.object_name("drill/site", at, one.run)
        FolderStore(self.folder / "kept").create(name, evidence.sealed(one, FileSigner(key or self.key)))

    def found(self) -> tuple[Exit, str]:
        """Exit code and text of one run, and that the log says the same."""
        stream = io.StringIO()
        log = Log("watch", stream=stream)
        result = run(self.settings, log, Http(log), now=NOW)
        assert ("BAK-7" in stream.getvalue()) == (result.code is Exit.FOUND)
        return result.code, result.text


@pytest.fixture
def stores(tmp_path: Path, signing_key: Path) -> Stores:
    """With an export and a drill of this night."""
    made = Stores(tmp_path, signing_key)
    made.export(8)
    made.drill(3)
    return made


def test_what_goes_on_is_said(stores: Stores) -> None:
    """And a warning in a drill is no silence."""
    stores.drill(1, "warned")
    code, text = stores.found()
    assert (code, "drill that passed of site is of" in text) == (Exit.DONE, True)


def test_no_export_for_too_long_is_found(stores: Stores) -> None:
    """Half an export is none."""
    shutil.rmtree(stores.folder / "exports")
    stores.export(30)
    stores.export(2, DUMP)
    code, text = stores.found()
    assert (code, "the newest export of site is of" in text) == (Exit.FOUND, True)
    assert "drill" not in text


def test_no_drill_that_passed_is_found(stores: Stores, tmp_path: Path) -> None:
    """One that failed, one that another key signed, one of another database, and an old one are none."""
    shutil.rmtree(stores.folder / "kept")
    other = tmp_path / "other.pem"
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    other.write_bytes(Ed25519PrivateKey.generate().private_bytes(*form))
    stores.drill(30)
    stores.drill(2, "failed")
    stores.drill(1, key=other)
    stores.drill(4, of="shop")
    assert stores.found() == (
        Exit.FOUND,
        "there is no drill that passed of site; one is due every 26 hours",
    )


def test_each_database_is_looked_at(stores: Stores) -> None:
    """All that is missing is said at once."""
    stores.settings = stores.settings.model_copy(update={"names": ("site", "shop")})
    code, text = stores.found()
    assert code is Exit.FOUND
    assert text.splitlines() == [
        "there is no export of shop; one is due every 26 hours",
        "there is no drill that passed of shop; one is due every 26 hours",
    ]


def test_the_command_takes_its_flags(stores: Stores) -> None:
    """As the component writes them."""
    values = stores.settings
    words = [f"--source={values.source}", f"--evidence={values.evidence}", f"--signed-by={values.signed_by}"]
    code, document = invoke("watch", *words, "--names=site")
    assert (code, set(document["newest"]["site"])) == (0, {"export", "drill that passed"})
    code, document = invoke("watch", *words, "--names=,")
    assert (code, "names" in document["error"]) == (2, True)


@pytest.mark.parametrize("key", ["/nonexistent", "AAAA"])
def test_a_key_that_is_none_is_told(stores: Stores, key: str) -> None:
    """Rather than finding no drill."""
    stores.settings = stores.settings.model_copy(update={"signed_by": key})
    with pytest.raises(Misconfigured, match="public key"):
        stores.found()
