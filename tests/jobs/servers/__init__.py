"""Servers on loopback that stand in for Google's. What they do not do is said in each."""
