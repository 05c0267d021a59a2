"""Infrastructure mutation testing: weakens a recorded stack one input at a time and asks the judge whether it notices.

The mutators know what a property means to the cloud, from the provider's documentation; they know nothing of the rules.
"""
