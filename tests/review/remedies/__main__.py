"""A pack that changes what it finds, for the one recording of that: ours has no rule that does."""

from typing import Any

from pulumi_policy import EnforcementLevel, PolicyPack, ResourceValidationArgs, ResourceValidationPolicy


def versioned(args: ResourceValidationArgs) -> dict[str, Any] | None:
    """Switches versions on."""
    if args.resource_type == "gcp:storage/bucket:Bucket" and not args.props.get("versioning"):
        return {**args.props, "versioning": {"enabled": True}}
    return None


PolicyPack(
    name="remedies",
    enforcement_level=EnforcementLevel.REMEDIATE,
    policies=[
        ResourceValidationPolicy(
            name="bucket-versioned", description="Buckets keep earlier versions of objects.", remediate=versioned
        )
    ],
)
