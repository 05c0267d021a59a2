"""`make bench`: what the policy pack costs, as a ratio within one run on one machine."""
