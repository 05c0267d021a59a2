"""Vertex AI, Workbench, notebooks and TPUs: no public way in, machines with verified boot, a key of our own."""

from __future__ import annotations

from collections.abc import Iterator

from policies.model import Resource, View, gcp
from policies.rule import Finding, Sample, each, fail, rule
from policies.rules._facts import boolean
from policies.rules._keys import EXAMPLE_KEY, KEY, cmek, encrypted
from policies.rules._public import not_public

NOTEBOOK = gcp("notebooks/instance")
RUNTIME = gcp("notebooks/runtime")
WORKBENCH = gcp("workbench/instance")
ENDPOINT = gcp("vertex/aiEndpoint")
INDEX_ENDPOINT = gcp("vertex/aiIndexEndpoint")
TPU = gcp("tpu/v2Vm")
_VM = "virtualMachine.virtualMachineConfig"
_SPEC = "encryptionSpec.kmsKeyName"
_CMEK = ("https://cloud.google.com/vertex-ai/docs/general/cmek",)
_WORKBENCH_DOCS = ("https://cloud.google.com/vertex-ai/docs/workbench/instances/create",)

for _suffix, _type, _what, _refs in (
    ("dataset", "vertex/aiDataset", "datasets", ("checkov:CKV_GCP_92",)),
    ("metadata-store", "vertex/aiMetadataStore", "metadata stores", ("checkov:CKV_GCP_96",)),
    ("endpoint", "vertex/aiEndpoint", "endpoints", ("checkov:CKV2_GCP_24",)),
    ("feature-store", "vertex/aiFeatureStore", "feature stores", ("checkov:CKV2_GCP_25",)),
    ("tensorboard", "vertex/aiTensorboard", "tensorboards", ("checkov:CKV2_GCP_26",)),
    ("online-store", "vertex/aiFeatureOnlineStore", "online feature stores", ()),
    ("index", "vertex/aiIndex", "indexes", ()),
    ("index-endpoint", "vertex/aiIndexEndpoint", "index endpoints", ()),
):
    cmek(
        {gcp(_type): _SPEC},
        id=f"vertex-{_suffix}-own-key",
        title=f"Vertex AI {_what} are encrypted with a key of our own",
        fix='encryption_spec={"kms_key_name": key.id}',
        references=_refs,
        sources=_CMEK,
        why="Training data and models hold what they were made of. The key is fixed when the resource is made.",
    )

not_public(
    ("vertex/aiEndpointIam", "vertex/aiFeatureStoreIam", "vertex/aiFeatureStoreEntityTypeIam"),
    role="roles/aiplatform.user",
    id="vertex-not-public",
    title="Vertex AI endpoints and features are open to nobody outside",
    why="A public endpoint answers anyone at your cost; a public feature store shows the records behind the model.",
)

not_public(
    ("workbench/instanceIam", "notebooks/instanceIam", "notebooks/runtimeIam"),
    role="roles/notebooks.viewer",
    id="notebook-not-public",
    title="Notebooks are open to nobody outside",
    why="Whoever opens a notebook runs programs as its service account.",
)


@rule(
    id="notebook-own-key",
    clause="ENC-1",
    title="Disks of notebook instances are encrypted with a key of our own",
    severity="medium",
    types=(NOTEBOOK,),
    decides=("kmsKey",),
    fix='disk_encryption="CMEK", kms_key=key.id',
    references=("checkov:CKV2_GCP_21",),
    sources=_CMEK,
    graph=True,
    provenance=True,
    good=(
        (
            Sample(NOTEBOOK, {"diskEncryption": "CMEK", "kmsKey": EXAMPLE_KEY}, depends={"kmsKey": ("key",)}),
            Sample(KEY, {"name": "app"}, name="key"),
        ),
    ),
    bad=({}, {"diskEncryption": "GMEK", "kmsKey": EXAMPLE_KEY}, {"kmsKey": EXAMPLE_KEY}, {"diskEncryption": "CMEK"}),
)
def notebook_own_key(notebook: Resource) -> Iterator[Finding]:
    """The key is used only when the encryption says CMEK; the default is Google's own."""
    yield from encrypted(notebook, "kmsKey", graph=notebook.graph)
    if notebook.upper("diskEncryption") != "CMEK":
        yield fail(notebook, "diskEncryption", f"is {notebook.show('diskEncryption')}, not CMEK")


@rule(
    id="workbench-own-key",
    clause="ENC-1",
    title="Disks of Workbench instances are encrypted with a key of our own",
    severity="medium",
    types=(WORKBENCH,),
    decides=("gceSetup.bootDisk.kmsKey",),
    fix='gce_setup={"boot_disk": {"disk_encryption": "CMEK", "kms_key": key.id}}',
    references=("checkov:CKV2_GCP_27",),
    sources=_CMEK,
    graph=True,
    provenance=True,
    good=(
        (
            Sample(WORKBENCH, {"gceSetup": {"bootDisk": {"kmsKey": EXAMPLE_KEY}}}, depends={"gceSetup": ("key",)}),
            Sample(KEY, {"name": "app"}, name="key"),
        ),
        {"gceSetup": {"bootDisk": {"kmsKey": EXAMPLE_KEY}, "dataDisks": {"kmsKey": EXAMPLE_KEY}}},
    ),
    bad=(
        {},
        {"gceSetup": {"bootDisk": {"diskEncryption": "GMEK"}}},
        {"gceSetup": {"bootDisk": {"kmsKey": EXAMPLE_KEY}, "dataDisks": {"diskSizeGb": "100"}}},
        {"gceSetup": {"bootDisk": {"kmsKey": EXAMPLE_KEY, "diskEncryption": "GMEK"}}},
    ),
)
def workbench_own_key(instance: Resource) -> Iterator[Finding]:
    """Boot disk and data disk each have a key; the data disk is where the work lies."""
    disks = ["gceSetup.bootDisk"] + (["gceSetup.dataDisks"] if instance.has("gceSetup.dataDisks") else [])
    for disk in disks:
        yield from encrypted(instance, f"{disk}.kmsKey", graph=instance.graph)
        if instance.upper(f"{disk}.diskEncryption", "CMEK") != "CMEK":
            yield fail(instance, f"{disk}.diskEncryption", "is not CMEK: the key is not used")


cmek(
    {RUNTIME: f"{_VM}.encryptionConfig.kmsKey"},
    id="notebook-runtime-own-key",
    title="Notebook runtimes are encrypted with a key of our own",
    references=("checkov:CKV2_GCP_35",),
    sources=_CMEK,
    why="The runtime's disk holds the notebooks and the data they loaded.",
)

boolean(
    {NOTEBOOK: "noPublicIp"},
    missing="is not set, and the default is a public address",
    id="notebook-no-public-address",
    clause="HOS-2",
    title="Notebook instances have no public address",
    severity="high",
    fix="no_public_ip=True",
    references=("checkov:CKV_GCP_89",),
    sources=("https://cloud.google.com/vertex-ai/docs/workbench/user-managed/create-user-managed-notebooks-instance",),
    why="A notebook runs any program. Reachable from the internet, it is an open terminal behind one password.",
)

boolean(
    {WORKBENCH: "gceSetup.disablePublicIp"},
    missing="is not set, and the default is a public address",
    id="workbench-no-public-address",
    clause="HOS-2",
    title="Workbench instances have no public address",
    severity="high",
    fix='gce_setup={"disable_public_ip": True}',
    references=("checkov:CKV2_GCP_28",),
    sources=_WORKBENCH_DOCS,
    why="A notebook runs any program. Reachable from the internet, it is an open terminal behind one password.",
)

boolean(
    {RUNTIME: f"{_VM}.internalIpOnly"},
    missing="is not set, and the default is a public address",
    id="notebook-runtime-no-public-address",
    clause="HOS-2",
    title="Notebook runtimes have no public address",
    severity="high",
    fix='virtual_machine={"virtual_machine_config": {"internal_ip_only": True}}',
    references=("checkov:CKV2_GCP_36",),
    sources=("https://cloud.google.com/vertex-ai/docs/workbench/managed/create-managed-notebooks-instance",),
    why="A notebook runs any program. Reachable from the internet, it is an open terminal behind one password.",
)

boolean(
    {NOTEBOOK: "shieldedInstanceConfig.enableVtpm"},
    absent="pass",
    id="notebook-vtpm",
    clause="HOS-4",
    title="Notebook instances are Shielded VMs",
    severity="medium",
    fix='shielded_instance_config={"enable_vtpm": True}',
    references=("checkov:CKV_GCP_126",),
    sources=("https://cloud.google.com/compute/shielded-vm/docs/shielded-vm",),
    why="Without a virtual trusted platform module the boot cannot be measured. The provider's default is true.",
)

boolean(
    {NOTEBOOK: "shieldedInstanceConfig.enableIntegrityMonitoring"},
    absent="pass",
    id="notebook-integrity",
    clause="HOS-4",
    title="Notebook instances monitor the integrity of their boot",
    severity="medium",
    fix='shielded_instance_config={"enable_integrity_monitoring": True}',
    references=("checkov:CKV_GCP_127",),
    sources=("https://cloud.google.com/compute/shielded-vm/docs/integrity-monitoring",),
    why="A changed boot loader is noticed at the next start. The provider's default is true.",
)

boolean(
    {
        WORKBENCH: "gceSetup.shieldedInstanceConfig.enableSecureBoot",
        RUNTIME: f"{_VM}.shieldedInstanceConfig.enableSecureBoot",
        NOTEBOOK: "shieldedInstanceConfig.enableSecureBoot",
        TPU: "shieldedInstanceConfig.enableSecureBoot",
    },
    missing="is not set, and the default is off",
    id="notebook-secure-boot",
    clause="HOS-4",
    title="Notebooks and TPU machines start with secure boot",
    severity="low",
    fix='"shielded_instance_config": {"enable_secure_boot": True}',
    sources=("https://cloud.google.com/compute/shielded-vm/docs/shielded-vm#secure-boot",),
    why="Secure boot refuses a changed boot loader or kernel.",
)


@rule(
    id="vertex-endpoint-private",
    clause="HOS-2",
    title="Vertex AI endpoints are reached over a private network",
    severity="medium",
    types=(ENDPOINT,),
    decides=("network",),
    fix='network="projects/123/global/networks/main", or private_service_connect_config',
    references=("checkov:CKV2_GCP_33",),
    sources=("https://cloud.google.com/vertex-ai/docs/predictions/choose-endpoint-type",),
    graph=True,
    provenance=True,
    good=(
        (
            Sample(ENDPOINT, {"network": "projects/123/global/networks/main"}, depends={"network": ("network",)}),
            Sample("compute/network", {"name": "main"}, name="network"),
        ),
        {"privateServiceConnectConfig": {"enablePrivateServiceConnect": True}},
    ),
    bad=({}, {"privateServiceConnectConfig": {"enablePrivateServiceConnect": False}}),
)
def endpoint_private(endpoint: Resource) -> Iterator[Finding]:
    """Without a network the endpoint is an address on the internet, with nothing but a token before it."""
    if endpoint.has("network"):
        if not (endpoint.graph and endpoint.graph.sources(endpoint, "network")):
            endpoint.text("network")
    elif not endpoint.flag("privateServiceConnectConfig.enablePrivateServiceConnect"):
        yield fail(endpoint, "network", "is not set: the endpoint is public")


boolean(
    {INDEX_ENDPOINT: "publicEndpointEnabled"},
    want=False,
    absent="pass",
    id="vertex-index-endpoint-private",
    clause="HOS-2",
    title="Vertex AI index endpoints are not public",
    severity="medium",
    fix="public_endpoint_enabled=False",
    references=("checkov:CKV2_GCP_34",),
    sources=("https://cloud.google.com/vertex-ai/docs/vector-search/setup/setup",),
    why="A search over embeddings gives away the documents they were made of. The default is false.",
)


def _tpu(**config: object) -> dict[str, object]:
    return {"runtimeVersion": "tpu-vm-tf-2.13.0", "networkConfig": config}


@rule(
    id="tpu-no-public-address",
    clause="HOS-2",
    title="TPU machines have no public address",
    severity="medium",
    types=(TPU,),
    decides=("networkConfig.enableExternalIps",),
    fix='network_config={"enable_external_ips": False}',
    references=("checkov:CKV2_GCP_32",),
    sources=("https://cloud.google.com/tpu/docs/internet-access",),
    good=(
        _tpu(enableExternalIps=False),
        {"runtimeVersion": "v", "networkConfigs": [{"enableExternalIps": False}, {"enableExternalIps": "false"}]},
    ),
    bad=(
        _tpu(enableExternalIps=True),
        _tpu(canIpForward=True),
        {"runtimeVersion": "v"},
        {"runtimeVersion": "v", "networkConfigs": [{"enableExternalIps": False}, {}]},
    ),
)
def tpu_no_public_address(machine: Resource) -> Iterator[Finding]:
    """A TPU machine is a machine. The tools read a missing value as public, and so does this rule: it is not stated."""
    interfaces = machine.views("networkConfigs") or machine.views("networkConfig")
    if not interfaces:
        yield fail(machine, "networkConfig.enableExternalIps", "is not set")
        return

    def check(view: View) -> Iterator[Finding]:
        if not view.has("enableExternalIps") or view.flag("enableExternalIps"):
            yield fail(view, "enableExternalIps", f"is {view.show('enableExternalIps')}")

    yield from each(interfaces, check)
