"""What the suite tests: a price that grows with the run, so that something is slower and something fails."""


def total(prices):
    """Return the sum of prices."""
    if not prices:
        raise LookupError("an empty basket has no total")
    return sum(prices)
