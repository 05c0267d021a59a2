"""Virtual machines: how people sign in to them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from policies.model import Resource
from policies.rule import Finding, Sample, fail, rule, skip
from policies.rules._machines import (
    FROM_TEMPLATE,
    MACHINES,
    METADATA,
    METADATA_ITEM,
    inherited,
    metadata,
    switched_on,
)

_SSH = metadata("block-project-ssh-keys")


@rule(
    id="vm-blocks-project-ssh-keys",
    clause="AUT-4",
    title="Virtual machines refuse the project's SSH keys",
    severity="medium",
    types=MACHINES,
    decides=(_SSH,),
    fix='metadata={"block-project-ssh-keys": "TRUE"}',
    references=(
        "checkov:CKV_GCP_32",
        "trivy:GCP-0030",
        "kics:project_wide_ssh_keys_are_enabled_in_vm_instances",
        "prowler:compute_instance_block_project_wide_ssh_keys_disabled",
        "cis-gcp:4.3",
        "terrascan:AC_GCP_0039",
    ),
    sources=("https://cloud.google.com/compute/docs/connect/restrict-ssh-keys",),
    good=(
        {"metadata": {"block-project-ssh-keys": True}},
        *(Sample(t, {"metadata": {"block-project-ssh-keys": "TRUE"}}) for t in MACHINES),
    ),
    bad=(
        {},
        *(Sample(t, {"metadata": {"block-project-ssh-keys": "false"}}) for t in MACHINES),
        {"metadata": {"block-project-ssh-keys": "N"}},
    ),
    not_applicable=(Sample(FROM_TEMPLATE, {"metadata": {"role": "web"}}),),
)
def blocks_project_ssh_keys(machine: Resource) -> Iterator[Finding]:
    """One SSH key in the project's metadata opens every machine that does not refuse it."""
    if reason := inherited(_SSH)(machine):
        yield skip(reason)
    elif not switched_on(machine, _SSH):
        yield fail(machine, _SSH, f"is {machine.show(_SSH)}: keys in the project's metadata open this machine")


_OSLOGIN = metadata("enable-oslogin")


@rule(
    id="vm-keeps-os-login",
    clause="AUT-4",
    title="No virtual machine turns OS Login off for itself",
    severity="medium",
    types=MACHINES,
    decides=(_OSLOGIN,),
    absent="pass",
    fix='metadata={"enable-oslogin": "TRUE"}',
    references=(
        "checkov:CKV_GCP_34",
        "trivy:GCP-0036",
        "kics:os_login_is_disabled_for_vm_instance",
        "terrascan:AC_GCP_0038",
    ),
    sources=("https://cloud.google.com/compute/docs/oslogin/set-up-oslogin",),
    good=(
        {"metadata": {"enable-oslogin": True}},
        {},
        *(Sample(t, {"metadata": {"enable-oslogin": "TRUE"}}) for t in MACHINES),
    ),
    bad=(
        *(Sample(t, {"metadata": {"enable-oslogin": "FALSE"}}) for t in MACHINES),
        {"metadata": {"enable-oslogin": False}},
    ),
)
def keeps_os_login(machine: Resource) -> Iterator[Finding]:
    """A machine's own metadata wins over the project's: one line turns Google sign-in off and SSH keys on again."""
    if switched_on(machine, _OSLOGIN) is False:
        yield fail(machine, _OSLOGIN, f"is {machine.show(_OSLOGIN)}, which overrides the project's setting")


def _project_switch(holder: Resource, key: str) -> Iterator[Finding]:
    if holder.type == METADATA_ITEM:
        if (holder.text("key") or "").lower() != key:
            yield skip("is another metadata entry")
        elif not switched_on(holder, "value"):
            yield fail(holder, "value", f"is {holder.show('value')}")
    elif not switched_on(holder, metadata(key)):
        yield fail(holder, metadata(key), f"is {holder.show(metadata(key))}")


def _project_examples(key: str) -> dict[str, Any]:
    return {
        "types": (METADATA, METADATA_ITEM),
        "decides": (metadata(key),),
        "fix": f'metadata={{"{key}": "TRUE"}}',
        "good": (
            {"metadata": {key: "true"}},
            {"metadata": {key: True}},
            Sample(METADATA_ITEM, {"key": key, "value": "TRUE"}),
        ),
        "bad": (
            {"metadata": {key: "false"}},
            {"metadata": {"role": "web"}},
            {},
            Sample(METADATA_ITEM, {"key": key, "value": "FALSE"}),
        ),
        "not_applicable": (Sample(METADATA_ITEM, {"key": "enable-osconfig", "value": "TRUE"}),),
    }


@rule(
    id="project-os-login",
    clause="AUT-4",
    title="The project signs people in to machines by OS Login",
    severity="medium",
    references=(
        "checkov:CKV_GCP_33",
        "trivy:GCP-0042",
        "kics:os_login_disabled",
        "prowler:compute_project_os_login_enabled",
        "cis-gcp:4.4",
        "terrascan:AC_GCP_0291",
    ),
    sources=("https://cloud.google.com/compute/docs/oslogin",),
    **_project_examples("enable-oslogin"),
)
def project_os_login(holder: Resource) -> Iterator[Finding]:
    """OS Login ties a shell to a Google identity: whoever leaves the company leaves the machines too."""
    yield from _project_switch(holder, "enable-oslogin")


@rule(
    id="project-os-login-2fa",
    clause="AUT-4",
    title="OS Login asks for a second factor",
    severity="low",
    references=("prowler:compute_project_os_login_2fa_enabled",),
    sources=("https://cloud.google.com/compute/docs/oslogin/set-up-oslogin#configure_users",),
    **_project_examples("enable-oslogin-2fa"),
)
def project_os_login_2fa(holder: Resource) -> Iterator[Finding]:
    """A stolen session must not be enough for a shell."""
    yield from _project_switch(holder, "enable-oslogin-2fa")


_SERIAL = metadata("serial-port-enable")


@rule(
    id="vm-serial-port-off",
    clause="HOS-4",
    title="Serial consoles of virtual machines are off",
    severity="medium",
    types=(*MACHINES, METADATA, METADATA_ITEM),
    decides=(_SERIAL,),
    absent="pass",
    fix='metadata={"serial-port-enable": "FALSE"}',
    references=(
        "checkov:CKV_GCP_35",
        "trivy:GCP-0032",
        "kics:vm_serial_ports_are_enabled_for_vm_instances",
        "prowler:compute_instance_serial_ports_in_use",
        "cis-gcp:4.5",
        "terrascan:AC_GCP_0037",
    ),
    sources=("https://cloud.google.com/compute/docs/troubleshooting/troubleshooting-using-serial-console",),
    good=(
        {"metadata": {"serial-port-enable": "FALSE"}},
        {},
        Sample(METADATA_ITEM, {"key": "serial-port-enable", "value": "false"}),
        Sample(METADATA_ITEM, {"key": "role", "value": "true"}),
    ),
    bad=(
        *(Sample(t, {"metadata": {"serial-port-enable": "TRUE"}}) for t in (*MACHINES, METADATA)),
        {"metadata": {"serial-port-enable": True}},
        {"metadata": {"serial-port-enable": "1"}},
        Sample(METADATA_ITEM, {"key": "serial-port-enable", "value": "true"}),
    ),
)
def serial_port_off(holder: Resource) -> Iterator[Finding]:
    """The interactive serial console knows no address restriction: it answers the whole internet."""
    item = holder.type == METADATA_ITEM
    if item and (holder.text("key") or "").lower() != "serial-port-enable":
        return
    path = "value" if item else _SERIAL
    if switched_on(holder, path):
        yield fail(holder, path, f"is {holder.show(path)}")
