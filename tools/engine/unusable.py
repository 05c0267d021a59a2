"""Why one source of the engine did not serve; the next one is tried."""


class Unusable(Exception):
    """One sentence for the list of what was tried."""
