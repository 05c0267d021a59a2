"""Disks: encrypted with a key of our own that stands nowhere in the code."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from policies.model import UNKNOWN, Resource, View, gcp
from policies.rule import Finding, Sample, each, fail, rule, skip, unsure
from policies.rules._keys import EXAMPLE_KEY, KEY, encrypted
from policies.rules._machines import FROM_IMAGE, FROM_TEMPLATE, INSTANCE, REGION_TEMPLATE, TEMPLATE

DISK: Final = gcp("compute/disk")
REGION_DISK: Final = gcp("compute/regionDisk")
IMAGE: Final = gcp("compute/image")
SNAPSHOT: Final = gcp("compute/snapshot")
_DOCS: Final = ("https://cloud.google.com/compute/docs/disks/customer-managed-encryption",)
_KEY_SAMPLE: Final = Sample(KEY, {"name": "app", "rotationPeriod": "7776000s"}, name="key")
_RAW_KEY: Final = "bm90IGEgcmVhbCBrZXksIG9ubHkgYW4gZXhhbXBsZSE="

_KEY_PATHS: Final = {
    DISK: "diskEncryptionKey.kmsKeySelfLink",
    REGION_DISK: "diskEncryptionKey.kmsKeyName",
    IMAGE: "imageEncryptionKey.kmsKeySelfLink",
    SNAPSHOT: "snapshotEncryptionKey.kmsKeySelfLink",
}


def _own_key(resource: Resource) -> Iterator[Finding]:
    path = _KEY_PATHS[resource.type]
    block = path.split(".")[0]
    supplied = any(resource.has(f"{block}.{raw}") for raw in ("rawKey", "rsaEncryptedKey"))
    if not resource.known(block) or not supplied:
        yield from encrypted(resource, path, graph=resource.graph)


@rule(
    id="disk-own-key",
    clause="ENC-1",
    title="Disks are encrypted with a key of our own",
    severity="medium",
    types=(DISK, REGION_DISK),
    decides=("diskEncryptionKey.kmsKeySelfLink",),
    graph=True,
    provenance=True,
    fix='disk_encryption_key={"kms_key_self_link": key.id}',
    references=(
        "checkov:CKV_GCP_37",
        "trivy:GCP-0034",
        "kics:disk_encryption_disabled",
        "terrascan:AC_GCP_0229",
    ),
    sources=_DOCS,
    good=(
        (
            Sample(
                DISK,
                {"diskEncryptionKey": {"kmsKeySelfLink": EXAMPLE_KEY}},
                depends={"diskEncryptionKey": ("key",)},
            ),
            _KEY_SAMPLE,
        ),
        {"diskEncryptionKey": {"rawKey": _RAW_KEY}},
        Sample(REGION_DISK, {"diskEncryptionKey": {"kmsKeyName": EXAMPLE_KEY}}),
    ),
    bad=({}, {"diskEncryptionKey": {}}, {"diskEncryptionKey": {"kmsKeySelfLink": ""}}, Sample(REGION_DISK, {})),
)
def disk_own_key(disk: Resource) -> Iterator[Finding]:
    """Google encrypts every disk; only a key of ours can be rotated, watched and taken away by us.

    A key supplied in the code counts here and fails the rule about plain keys.
    """
    yield from _own_key(disk)


@rule(
    id="image-own-key",
    clause="ENC-1",
    title="Images and snapshots are encrypted with a key of our own",
    severity="low",
    types=(IMAGE, SNAPSHOT),
    decides=("imageEncryptionKey.kmsKeySelfLink",),
    graph=True,
    provenance=True,
    fix='image_encryption_key={"kms_key_self_link": key.id}',
    sources=_DOCS,
    good=(
        (
            Sample(
                IMAGE,
                {"imageEncryptionKey": {"kmsKeySelfLink": EXAMPLE_KEY}},
                depends={"imageEncryptionKey": ("key",)},
            ),
            _KEY_SAMPLE,
        ),
        Sample(SNAPSHOT, {"snapshotEncryptionKey": {"kmsKeySelfLink": EXAMPLE_KEY}}),
    ),
    bad=({}, Sample(SNAPSHOT, {"sourceDisk": "app"})),
)
def image_own_key(resource: Resource) -> Iterator[Finding]:
    """A copy of the disk deserves the same key as the disk."""
    yield from _own_key(resource)


@rule(
    id="vm-boot-disk-own-key",
    clause="ENC-1",
    title="Boot disks of virtual machines are encrypted with a key of our own",
    severity="medium",
    types=(INSTANCE, TEMPLATE, REGION_TEMPLATE, FROM_TEMPLATE, FROM_IMAGE),
    decides=("bootDisk.kmsKeySelfLink",),
    graph=True,
    provenance=True,
    fix='boot_disk={"kms_key_self_link": key.id, ...}',
    references=(
        "checkov:CKV_GCP_38",
        "trivy:GCP-0033",
        "prowler:compute_instance_encryption_with_csek_enabled",
        "cis-gcp:4.7",
        "terrascan:AC_GCP_0036",
    ),
    sources=_DOCS,
    good=(
        (
            Sample(INSTANCE, {"bootDisk": {"kmsKeySelfLink": EXAMPLE_KEY}}, depends={"bootDisk": ("key",)}),
            _KEY_SAMPLE,
        ),
        {"bootDisk": {"diskEncryptionKeyRaw": _RAW_KEY}},
        Sample(
            TEMPLATE,
            {
                "disks": [
                    {"sourceImage": "debian-cloud/debian-12", "diskEncryptionKey": {"kmsKeySelfLink": EXAMPLE_KEY}},
                    {"source": "data", "boot": False},
                    {"type": "SCRATCH"},
                ]
            },
        ),
        (
            Sample(INSTANCE, {"bootDisk": {"source": "boot"}}, depends={"bootDisk": ("disk",)}),
            Sample(DISK, {"name": "boot", "diskEncryptionKey": {"kmsKeySelfLink": EXAMPLE_KEY}}, name="disk"),
        ),
    ),
    bad=(
        {},
        {"bootDisk": {"initializeParams": {"image": "debian-cloud/debian-12"}}},
        {"bootDisk": {"source": "boot"}},
        Sample(REGION_TEMPLATE, {"disks": [{"sourceImage": "debian-cloud/debian-12"}]}),
    ),
    not_applicable=(Sample(FROM_TEMPLATE, {}),),
)
def boot_disk_own_key(machine: Resource) -> Iterator[Finding]:
    """The boot disk holds the machine's identity and often its data. A disk made elsewhere is judged by its own key."""
    if machine.type in (TEMPLATE, REGION_TEMPLATE):
        yield from each(machine.views("disks"), _template_disk)
    elif machine.type != INSTANCE and not machine.has("bootDisk"):
        yield skip("takes its disks from a template or machine image")
    else:
        yield from _boot_disk(machine)


def _boot_disk(machine: Resource) -> Iterator[Finding]:
    graph, path, source = machine.graph, "bootDisk.kmsKeySelfLink", "bootDisk.source"
    supplied = any(machine.has(f"bootDisk.diskEncryptionKey{kind}") for kind in ("Raw", "Rsa"))
    if machine.known("bootDisk") and (supplied or machine.has(path) or not machine.has(source)):
        if not supplied:
            yield from encrypted(machine, path, graph=graph)
        return
    disks = graph.targets(machine, source, DISK) if graph else []
    nameless = graph is not None and not all(disk.known("name") for disk in graph.of(DISK))
    if not disks and (nameless or not machine.known(source)):
        yield unsure(machine, source, "cannot be told: the disk is not known yet")
    elif not any(disk.has("diskEncryptionKey") for disk in disks):
        yield from encrypted(machine, path, graph=graph)


def _template_disk(disk: View) -> Iterator[Finding]:
    disk.get("")
    if not disk.has("source") and disk.upper("type") != "SCRATCH":
        yield from encrypted(disk, "diskEncryptionKey.kmsKeySelfLink", graph=disk.resource.graph)


_SOURCE_KEYS: Final = ("sourceImageEncryptionKey", "sourceSnapshotEncryptionKey", "sourceDiskEncryptionKey")
_OWN_KEYS: Final = ("diskEncryptionKey", "imageEncryptionKey", "snapshotEncryptionKey")


@rule(
    id="disk-no-raw-key",
    clause="CHG-2",
    title="No disk key stands in the code",
    severity="high",
    types=(INSTANCE, DISK, REGION_DISK, IMAGE, SNAPSHOT, TEMPLATE, REGION_TEMPLATE, FROM_TEMPLATE, FROM_IMAGE),
    decides=("bootDisk.diskEncryptionKeyRaw",),
    absent="pass",
    fix='disk_encryption_key={"kms_key_self_link": key.id}',
    references=("trivy:GCP-0037",),
    sources=("https://cloud.google.com/compute/docs/disks/customer-supplied-encryption",),
    good=(
        {"bootDisk": {"kmsKeySelfLink": EXAMPLE_KEY}},
        {"bootDisk": {"initializeParams": {"sourceSnapshotEncryptionKey": {"kmsKeySelfLink": EXAMPLE_KEY}}}},
        Sample(DISK, {"diskEncryptionKey": {"kmsKeySelfLink": EXAMPLE_KEY}}),
    ),
    bad=(
        {"bootDisk": {"diskEncryptionKeyRaw": _RAW_KEY}},
        {"attachedDisks": [{"source": "a"}, {"source": "b", "diskEncryptionKeyRaw": _RAW_KEY}]},
        {"bootDisk": {"initializeParams": {"sourceImageEncryptionKey": {"rawKey": _RAW_KEY}}}},
        Sample(DISK, {"diskEncryptionKey": {"rawKey": _RAW_KEY}}),
        Sample(REGION_DISK, {"sourceSnapshotEncryptionKey": {"rawKey": _RAW_KEY}}),
        Sample(SNAPSHOT, {"snapshotEncryptionKey": {"rawKey": _RAW_KEY}}),
        Sample(TEMPLATE, {"disks": [{"sourceImageEncryptionKey": {"rawKey": _RAW_KEY}}]}),
    ),
)
def no_raw_key(resource: Resource) -> Iterator[Finding]:
    """A supplied key has to be kept, copied and typed by people, and lies in the state. Cloud KMS never gives keys out.

    The engine keeps these properties secret; that they are used at all is the finding, also where only a mask is left.
    """
    yield from _raw_keys(resource)
    for block in ("bootDisk", "attachedDisks", "disks"):
        yield from each(_blocks(resource, block), _raw_keys)


def _blocks(resource: Resource, path: str) -> list[View]:
    return resource.views(path) if resource.known(path) else [View(resource, UNKNOWN, path)]


def _raw_keys(view: View) -> Iterator[Finding]:
    if view.data is UNKNOWN:
        yield unsure(view, "")
        return
    places = ["diskEncryptionKeyRaw", *(f"{name}.rawKey" for name in (*_OWN_KEYS, *_SOURCE_KEYS))]
    for path in (*places, *(f"initializeParams.{name}.rawKey" for name in _SOURCE_KEYS)):
        if view.is_secret(path) or (view.known(path) and view.has(path)):
            yield fail(view, path, "holds a key: use a key of Cloud KMS instead")
        elif not view.known(path):
            yield unsure(view, path)
