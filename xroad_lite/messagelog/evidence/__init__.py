"""Evidence bundles: a log, or some of its entries, in files that verify without us.

Does not know the registry: who may seal, and which authorities stamp, is for ``audit`` to ask.
"""
