"""A day in the life of four institutions, each its own process; the newcomer's first success.

Does not take short cuts: the institutions are ordinary adapters on ordinary nodes.
"""
