"""Taking over what exists: `AFTER` unset makes it, `AFTER=left` leaves it to the cloud, `AFTER=1` imports it.

One bucket fits its description. The other one is described with more than it has: what an import changes is told.
"""

import os

import pulumi
import pulumi_gcp as gcp

phase = os.environ.get("AFTER", "")
cloud = gcp.Provider("cloud", project="example-recorded", region="europe-west1")
options = pulumi.ResourceOptions(provider=cloud)
api = gcp.projects.Service("api-storage", service="storage.googleapis.com", project="example-recorded", opts=options)
for name, labels in (("fits", {"owner": "data-team"}), ("differs", {"owner": "platform-team"})):
    if phase == "left":
        continue
    found = f"example-recorded-{name}" if phase == "1" else None
    gcp.storage.Bucket(
        name,
        name=f"example-recorded-{name}",
        location="EUROPE-WEST1",
        project="example-recorded",
        labels=labels if phase == "1" else {"owner": "data-team"},
        opts=pulumi.ResourceOptions(provider=cloud, depends_on=[api], import_=found, retain_on_delete=not phase),
    )
