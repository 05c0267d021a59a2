"""Tables of the resource types that are served: one row a type."""
