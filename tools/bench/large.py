"""Large stacks of everything that the judge follows from resource to resource: `python -m tools.bench.large`.

Accounts that can become each other, grants of every shape, databases with users and jobs, keys, metrics and alerts,
networks. What the judge takes has to grow with the stack and no faster; the slowest rules are named.
"""

from __future__ import annotations

import datetime as dt
import sys
import time
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final

import typer

from policies import pack
from policies.graph import Graph
from policies.judge import Judge
from policies.load import from_document
from policies.model import gcp

PROJECT: Final = "example-prod"
_DAY: Final = dt.date(2026, 11, 27)
_PART: Final = 25
"""Resources that one part of a stack has."""
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)


def _urn(token: str, name: str) -> str:
    return f"urn:pulumi:large::bench::{token}::{name}"


def _state(short: str, name: str, inputs: Mapping[str, Any], **edges: str) -> dict[str, Any]:
    """A resource; `edges` maps a property to the URN it comes from."""
    token = gcp(short)
    return {
        "urn": _urn(token, name),
        "type": token,
        "custom": True,
        "id": f"{short}/{name}",
        "inputs": dict(inputs),
        "outputs": {"project": PROJECT, **inputs},
        "dependencies": sorted(edges.values()),
        "propertyDependencies": {key: [urn] for key, urn in edges.items()},
    }


def _identity(n: int) -> Iterator[dict[str, Any]]:
    """Two accounts, the first of which can become the second, and so on along the stack in chains of ten."""
    for kind in ("app", "job"):
        account = f"{kind}-{n}"
        yield _state("serviceaccount/account", account, {"accountId": account, "project": PROJECT})
    target = f"projects/{PROJECT}/serviceAccounts/app-{n + 1 if n % 10 else n}@{PROJECT}.iam.gserviceaccount.com"
    lend = {"role": "roles/iam.serviceAccountTokenCreator", "member": _member(f"app-{n}")}
    yield _state("serviceaccount/iAMMember", f"lend-{n}", {"serviceAccountId": target, **lend})
    for role, member in (("run.invoker", f"app-{n}"), ("cloudsql.client", f"job-{n}")):
        grant = {"project": PROJECT, "role": f"roles/{role}", "member": _member(member)}
        yield _state("projects/iAMMember", f"{role}-{n}", grant)
    strong = {"project": PROJECT, "role": "roles/resourcemanager.projectIamAdmin", "members": [_member(f"app-{n}")]}
    if n % 10 == 0:
        yield _state("projects/iAMBinding", f"rules-{n}", strong)


def _member(account: str) -> str:
    return f"serviceAccount:{account}@{PROJECT}.iam.gserviceaccount.com"


def _data(n: int) -> Iterator[dict[str, Any]]:
    """A key with its grant, a database with its user, a bucket with its binding, a secret with its policy."""
    ring = f"projects/{PROJECT}/locations/europe-west1/keyRings/main"
    key = f"{ring}/cryptoKeys/key-{n}"
    yield _state("kms/cryptoKey", f"key-{n}", {"name": f"key-{n}", "keyRing": ring, "rotationPeriod": "7776000s"})
    uses = {"cryptoKeyId": key, "role": "roles/cloudkms.cryptoKeyEncrypterDecrypter", "member": _member(f"app-{n}")}
    yield _state("kms/cryptoKeyIAMMember", f"key-use-{n}", uses)
    flags = [{"name": "cloudsql.enable_pgaudit", "value": "on"}]
    settings = {"databaseFlags": flags, "ipConfiguration": {"ipv4Enabled": False}, "tier": "db-custom-1-3840"}
    database = {"name": f"db-{n}", "databaseVersion": "POSTGRES_17", "encryptionKeyName": key, "settings": settings}
    yield _state("sql/databaseInstance", f"db-{n}", database)
    yield _state("sql/user", f"user-{n}", {"name": f"user-{n}", "instance": f"db-{n}", "type": "BUILT_IN"})
    yield _state("storage/bucket", f"bucket-{n}", {"name": f"bucket-{n}", "location": "EU"})
    read = {"bucket": f"bucket-{n}", "role": "roles/storage.objectViewer", "members": [_member(f"app-{n}")]}
    yield _state("storage/bucketIAMBinding", f"read-{n}", read)
    yield _state("secretmanager/secret", f"secret-{n}", {"secretId": f"secret-{n}"})
    policy = f'{{"bindings":[{{"role":"roles/secretmanager.secretAccessor","members":["{_member(f"app-{n}")}"]}}]}}'
    yield _state("secretmanager/secretIamPolicy", f"take-{n}", {"secretId": f"secret-{n}", "policyData": policy})


def _running(n: int) -> Iterator[dict[str, Any]]:
    """A service with its invoker, an export job with its schedule and the alert on its silence."""
    service = {"name": f"app-{n}", "template": {"serviceAccount": _member(f"app-{n}").partition(":")[2]}}
    yield _state("cloudrunv2/service", f"app-{n}", service)
    invoker = {"name": f"app-{n}", "role": "roles/run.invoker", "member": f"group:team-{n}@example.com"}
    yield _state("cloudrunv2/serviceIamMember", f"invoke-{n}", invoker)
    account = _member(f"job-{n}").partition(":")[2]
    template = {"serviceAccount": account, "containers": [{"image": "jobs", "args": ["export", f"db-{n}"]}]}
    yield _state("cloudrunv2/job", f"export-db-{n}", {"name": f"export-db-{n}", "template": {"template": template}})
    uri = f"https://run.googleapis.com/v2/projects/p/locations/l/jobs/export-db-{n}:run"
    yield _state("cloudscheduler/job", f"clock-{n}", {"schedule": "30 2 * * *", "httpTarget": {"uri": uri}})
    counted = f'run_googleapis_com:job_completed_execution_count{{job_name="export-db-{n}",result="succeeded"}}'
    query = f"(sum(increase({counted}[26h])) or vector(0)) < 0.5"
    yield _alert(f"silence-{n}", {"conditionPrometheusQueryLanguage": {"query": query, "duration": "0s"}})
    changes = {"name": f"changes-{n}", "filter": f'protoPayload.methodName="storage.{n}.setIamPermissions"'}
    yield _state("logging/metric", f"changes-{n}", changes)
    yield _alert(
        f"changes-{n}", {"conditionThreshold": {"filter": f'metric.type="logging.googleapis.com/user/changes-{n}"'}}
    )


def _alert(name: str, condition: Mapping[str, Any]) -> dict[str, Any]:
    channels = [f"projects/{PROJECT}/notificationChannels/mail"]
    return _state("monitoring/alertPolicy", name, {"conditions": [condition], "notificationChannels": channels})


def _network(n: int) -> Iterator[dict[str, Any]]:
    """A network with a subnet, a firewall rule and an address of its own."""
    yield _state("compute/network", f"net-{n}", {"name": f"net-{n}", "autoCreateSubnetworks": False})
    network = _urn(gcp("compute/network"), f"net-{n}")
    inputs = {"name": f"sub-{n}", "network": f"net-{n}", "region": "europe-west1", "ipCidrRange": "10.0.0.0/24"}
    yield _state("compute/subnetwork", f"sub-{n}", inputs, network=network)
    allowed = {"allows": [{"protocol": "tcp", "ports": ["443"]}], "sourceRanges": ["10.0.0.0/8"]}
    yield _state("compute/firewall", f"fw-{n}", {"name": f"fw-{n}", "network": f"net-{n}", **allowed}, network=network)


def stack(count: int) -> Graph:
    """A stack of about that many resources, in the shape of an export; one component makes it one of ours."""
    states: list[dict[str, Any]] = [
        {"urn": _urn("hosting:data:Database", "ours"), "type": "hosting:data:Database", "custom": False}
    ]
    for n in range(1, count // _PART + 1):
        for part in (_identity, _data, _running, _network):
            states += part(n)
    return from_document({"version": 3, "deployment": {"manifest": {}, "resources": states}})


def seconds(judge: Judge, graph: Graph) -> dict[str, float]:
    """Processor seconds by rule, those of the whole judgement under ""."""
    spent: dict[str, float] = {}
    whole = time.process_time()
    for rule in judge.rules:
        alone = Judge([rule], waivers=judge.waivers, today=judge.today, params=judge.params)
        started = time.process_time()
        for _ in alone.verdicts(graph):
            pass
        spent[rule.id] = time.process_time() - started
    spent[""] = time.process_time() - whole
    return spent


@app.command()
def main(
    sizes: Annotated[str, typer.Option(help="Resources, separated by commas.")] = "1000,5000,10000",
    slowest: Annotated[int, typer.Option(help="How many rules to name.")] = 5,
) -> None:
    """Processor seconds for each size, and the rules that take most of them."""
    judge = pack.make_judge(pack.rules(), {}, today=_DAY, waivers=None)
    for size in (int(word) for word in sizes.split(",")):
        started = time.process_time()
        graph = stack(size)
        read = time.process_time() - started
        started = time.process_time()
        verdicts = sum(1 for _ in judge.afresh().verdicts(graph))
        judged = time.process_time() - started
        spent = seconds(judge, stack(size))
        most = sorted(spent.items(), key=lambda item: -item[1])[1 : slowest + 1]
        named = ", ".join(f"{rule} {part:.2f}" for rule, part in most)
        print(
            f"{len(graph.resources):>6} resources: read {read:.2f} s, judged {judged:.2f} s "
            f"({1000 * judged / len(graph.resources):.2f} ms each, {verdicts} verdicts); slowest: {named}"
        )
        sys.stdout.flush()


if __name__ == "__main__":
    app()
