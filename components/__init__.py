"""What is provisioned: one entity a file, each secure by construction, each naming the clauses it upholds.

Security settings are plain values in frozen arguments, checked before any resource exists, so that rules always see
them in a preview; only what flows from another resource is a `pulumi.Input`. Nothing here reads configuration.
"""
