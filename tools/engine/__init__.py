"""The Pulumi engine: found on PATH, downloaded from its makers, or built from pinned Go modules, in this order."""
