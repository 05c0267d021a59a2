"""What waits for what in the production stack: nothing without a reason, so that an `up` takes its longest chain."""

from __future__ import annotations

from collections import Counter
from typing import Any

from tests.recording import Recorded, Recording
from tools.critical_path import Chain, critical

WAITED_FOR = {
    "gcp:projects/service:Service": "an API has to be enabled before anything of it is made",
    "gcp:kms/cryptoKeyIAMMember:CryptoKeyIAMMember": "a key has to be usable before anything is encrypted with it",
    "gcp:kms/keyRing:KeyRing": "a key lies in its ring",
    "gcp:servicenetworking/connection:Connection": "a private database does not mention its peering",
    "gcp:pubsub/topicIAMMember:TopicIAMMember": "Secret Manager checks that it may publish when a secret is made",
    "gcp:serviceaccount/account:Account": "names foretold still have to exist",
    "gcp:iam/workloadIdentityPool:WorkloadIdentityPool": "a principal set names its pool",
    "gcp:projects/iAMMember:IAMMember": "an agent acts, and a job works, only once it may",
    "gcp:storage/bucketIAMMember:BucketIAMMember": "a job works only once it may",
    "gcp:kms/cryptoKey:CryptoKey": "a job seals and signs only once it may",
    "gcp:cloudrunv2/jobIamMember:JobIamMember": "a schedule starts a job only once it may",
    "gcp:monitoring/monitoredProject:MonitoredProject": "metrics of another project are not visible before",
    "gcp:logging/metric:Metric": "an alert on a metric that is not there yet is refused",
    "gcp:identityplatform/config:Config": "Identity Platform is one configuration that providers add to",
}
"""What is waited for although no value comes from it, and why."""

SECONDS = {
    "gcp:sql/databaseInstance:DatabaseInstance": 600.0,
    "gcp:cloudfunctionsv2/function:Function": 120.0,
    "gcp:servicenetworking/connection:Connection": 60.0,
    "gcp:backupdisasterrecovery/backupVault:BackupVault": 60.0,
    "gcp:projects/service:Service": 20.0,
    "gcp:compute/network:Network": 20.0,
    "gcp:compute/subnetwork:Subnetwork": 20.0,
    "gcp:cloudrunv2/service:Service": 20.0,
    "gcp:cloudrunv2/job:Job": 20.0,
}
"""How long the slow ones take in the real cloud, as an order of magnitude; everything else takes two seconds."""


def unexplained(resource: Recorded) -> set[str]:
    """What a resource waits for although none of its values comes from there."""
    given = {urn for urns in resource.property_dependencies.values() for urn in urns}
    return set(resource.dependencies) - given


def chain(production: Recording, *, values_only: bool = False) -> Chain:
    """The longest chain, of everything or of what values alone ask for."""
    resources: list[dict[str, Any]] = [
        {
            "urn": one.urn,
            "custom": one.custom,
            "dependencies": [] if values_only else one.dependencies,
            "propertyDependencies": one.property_dependencies,
            "provider": one.provider,
        }
        for one in production
    ]
    return critical(resources, {one.urn: (0.0, SECONDS.get(one.type, 2.0)) for one in production})


def test_nothing_waits_without_a_reason(production: Recording) -> None:
    """Every dependency that no value explains is of a kind that has to be waited for."""
    kinds = {one.urn: one.type for one in production}
    needless = Counter(
        (one.name, kinds[urn]) for one in production for urn in unexplained(one) if kinds[urn] not in WAITED_FOR
    )
    assert needless == {}


def test_the_longest_chain_is_that_of_the_database_and_its_replica(production: Recording) -> None:
    """Waiting for permission costs little beside what the values alone ask for: less than a fifth."""
    whole, least = chain(production), chain(production, values_only=True)
    names = [urn.rpartition("::")[2] for urn, _ in whole.chain]
    assert names[names.index("orders") :][:2] == ["orders", "orders-lists"], names
    assert len(names) <= 10, names
    assert whole.seconds <= 1.2 * least.seconds, (whole.seconds, least.seconds)
