"""A small stack in the right order: services, keys and their grants, network and peering, a database, a bucket."""

import pulumi
import pulumi_gcp as gcp
import pulumi_random as random

region = "europe-west1"
config = pulumi.Config()
services = {
    name: gcp.projects.Service(name, service=f"{name}.googleapis.com", disable_on_destroy=False)
    for name in ("cloudkms", "compute", "servicenetworking", "sqladmin", "secretmanager", "iam")
}


def after(*resources: pulumi.Resource) -> pulumi.ResourceOptions:
    return pulumi.ResourceOptions(depends_on=list(resources))


ring = gcp.kms.KeyRing("ring", location=region, opts=after(services["cloudkms"]))
key = gcp.kms.CryptoKey("key", key_ring=ring.id, rotation_period="7776000s")
agent = gcp.projects.ServiceIdentity("agent", service="sqladmin.googleapis.com", opts=after(services["sqladmin"]))
usable = gcp.kms.CryptoKeyIAMMember(
    "usable", crypto_key_id=key.id, role="roles/cloudkms.cryptoKeyEncrypterDecrypter", member=agent.member
)
network = gcp.compute.Network("network", auto_create_subnetworks=False, opts=after(services["compute"]))
subnet = gcp.compute.Subnetwork("subnet", network=network.id, region=region, ip_cidr_range="10.0.0.0/24")
addresses = gcp.compute.GlobalAddress(
    "addresses", network=network.id, purpose="VPC_PEERING", address_type="INTERNAL", prefix_length=16
)
peering = gcp.servicenetworking.Connection(
    "peering",
    network=network.id,
    service="servicenetworking.googleapis.com",
    reserved_peering_ranges=[addresses.name],
    opts=after(services["servicenetworking"]),
)
suffix = random.RandomId("suffix", byte_length=3)
database = gcp.sql.DatabaseInstance(
    "database",
    name=pulumi.Output.concat("database-", suffix.hex),
    region=region,
    database_version="POSTGRES_16",
    deletion_protection=config.get_bool("protected") or False,
    encryption_key_name=key.id,
    settings={
        "tier": "db-custom-2-7680",
        "ip_configuration": {"ipv4_enabled": False, "private_network": network.id, "ssl_mode": "ENCRYPTED_ONLY"},
        "database_flags": [{"name": "cloudsql.iam_authentication", "value": "on"}],
    },
    opts=after(peering, usable),
)
password = random.RandomPassword("password", length=32)
user = gcp.sql.User("user", instance=database.name, name="app", password=password.result)
storage = gcp.storage.get_project_service_account_output()
storage_usable = gcp.kms.CryptoKeyIAMMember(
    "storage-usable",
    crypto_key_id=key.id,
    role="roles/cloudkms.cryptoKeyEncrypterDecrypter",
    member=storage.member,
)
bucket = gcp.storage.Bucket(
    "exports",
    location=region,
    uniform_bucket_level_access=True,
    public_access_prevention="enforced",
    encryption={"default_kms_key_name": key.id},
    opts=after(storage_usable),
)
account = gcp.serviceaccount.Account("writer", account_id="export-writer", opts=after(services["iam"]))
writes = gcp.storage.BucketIAMMember(
    "writes", bucket=bucket.name, role="roles/storage.objectCreator", member=account.member
)
secret = gcp.secretmanager.Secret(
    "secret", secret_id="database-password", replication={"auto": {}}, opts=after(services["secretmanager"])
)
version = gcp.secretmanager.SecretVersion("version", secret=secret.id, secret_data=password.result)
pulumi.export("database", database.connection_name)
pulumi.export("bucket", bucket.url)
pulumi.export("ssl", database.settings.ip_configuration.ssl_mode)
