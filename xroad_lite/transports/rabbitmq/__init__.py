"""The transport over RabbitMQ, and the broker's topology; imports nothing before it is asked for.

``transport`` is what a node uses, ``topology`` the pure plan of a broker, ``administration`` makes
it so. Does not export: ``open_transport`` imports what an address needs.
"""
