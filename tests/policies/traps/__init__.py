"""Small stacks that fall into each trap of the field, and the same stacks without it.

Written from the providers' documentation, not from the rules' examples. Each is judged twice: as the digest of a first
preview, where whatever comes from another resource is unknown, and as an export, where it is known.
"""
