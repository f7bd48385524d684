"""What an operator does to a log's store: check it, repair it, back it up.

Never changes an entry; who may have said what, and whether a seal holds, is verification's to say.
"""
