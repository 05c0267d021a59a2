"""What becomes of the log bucket when a stack goes."""

from __future__ import annotations

import pytest

from components.log_archive import LogArchive, LogArchiveArgs
from tests.components import parts
from tests.recording import record


@pytest.mark.parametrize(
    ("protected", "lock", "policy"), [(True, True, "PREVENT"), (False, True, "ABANDON"), (False, False, "DELETE")]
)
def test_a_locked_bucket_is_let_go_of_and_never_deleted(protected: bool, lock: bool, policy: str) -> None:
    """Google refuses to delete it; a `destroy` that tried would end half-way."""

    def build() -> None:
        LogArchive(
            "logs",
            LogArchiveArgs(
                project=parts.project("audit"),
                key=parts.key(),
                region=parts.PRIMARY,
                sources=(parts.project(),),
                lock=lock,
                lock_acknowledged=lock,
                protected=protected,
            ),
        )

    bucket = record(build).one("gcp:logging/projectBucketConfig:ProjectBucketConfig").inputs
    assert (bucket["deletionPolicy"], bucket["locked"]) == (policy, lock)
