"""What the pack mends by itself where a company lets it: a setting that is too weak, a secret in plain text."""

import pulumi
import pulumi_gcp as gcp

cloud = gcp.Provider("cloud", project="example-recorded", region="europe-west1")
options = pulumi.ResourceOptions(provider=cloud)
api = gcp.projects.Service("api-storage", service="storage.googleapis.com", project="example-recorded", opts=options)
for name, inherited, labels in (
    ("open", "inherited", {"owner": "data-team"}),
    ("typed", "enforced", {"owner": "data-team", "password": "typed-by-hand"}),
):
    gcp.storage.Bucket(
        name,
        name=f"example-recorded-{name}",
        location="EUROPE-WEST1",
        project="example-recorded",
        public_access_prevention=inherited,
        labels=labels,
        opts=pulumi.ResourceOptions.merge(options, pulumi.ResourceOptions(depends_on=[api])),
    )
