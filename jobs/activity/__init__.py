"""The log of what users do, as a hash chain (LOG-7): a library for applications, and what verifies and anchors it.

    from jobs.activity import Event
    from jobs.activity.table import TableLog

    TableLog("orders-api").append(connection, Event(actor="u-1042", action="invoice.read", subject="invoice/77"))

Each entry carries the digest of the one before it, so that an edited, dropped, swapped or inserted entry breaks the
chain from there on. Whoever rewrites a whole chain is found by its anchors: digests of its head, written every day to a
store that nobody can change. What happens after the newest anchor can be cut off unseen until the next one.
"""

from .entry import Entry, Event, Unfit, canonical, genesis, read

__all__ = ["Entry", "Event", "Unfit", "canonical", "genesis", "read"]
