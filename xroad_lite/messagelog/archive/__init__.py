"""Old entries in files of their own: cut into segments, sealed by a checkpoint, moved, read back.

Does not erase: the salts stay in the log, and with a salt its archived body is gone.
"""
