"""Encryption of exports before they leave the machine, with a key of their own that Cloud KMS wraps."""
