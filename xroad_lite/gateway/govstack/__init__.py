"""GovStack's publish/subscribe API (version 2.0.0): rooms are domains, event types message types.

Holds no steward's key, and configures no broker: what agreements do not allow yet is proposed.
"""
